package launch

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"
)

// Up brings the network up: everything that is missing is made, everything that does not run is started, and it returns
// when a transaction would be endorsed. On a network that is up it changes nothing.
func (n *Network) Up(ctx context.Context) error {
	if n.cfg.Bin == "" || n.cfg.Chaincode == "" {
		return errors.New("bring the network up: the folder of Fabric's commands and the chaincode program must be named")
	}
	if err := n.remember(); err != nil {
		return err
	}
	steps := []struct {
		what string
		once bool // needed once in the life of the network
		do   func(context.Context) error
	}{
		{"keys and certificates", true, func(context.Context) error { return n.makeCrypto() }},
		{"configuration", false, func(context.Context) error { return n.configure() }},
		{"genesis block", true, n.genesisBlock},
		{"orderers and peers start", false, n.startNodes},
		{"orderers join the channel", true, n.joinOrderers},
		{"peers join the channel", true, n.joinPeers},
		{"chaincode is installed", true, n.install},
		{"chaincode starts", false, n.startServers},
		{"chaincode is agreed", true, func(ctx context.Context) error { return n.Deploy(ctx, Chaincode) }},
		{"organisations find each other", false, n.settle},
		{"chaincode answers on every peer", false, func(ctx context.Context) error { return n.answers(ctx, Chaincode) }},
	}
	for _, s := range steps {
		if s.once && n.done(s.what) {
			continue
		}
		n.cfg.Progress(s.what)
		if err := s.do(ctx); err != nil {
			return fmt.Errorf("%s: %w", s.what, err)
		}
		if err := n.mark(s.what); err != nil {
			return err
		}
	}
	return nil
}

// done and mark keep what need not be done again. A step that was cut off is done again, and its commands take "already
// done" for an answer.
func (n *Network) done(step string) bool {
	_, err := os.Stat(n.path("done", strings.ReplaceAll(step, " ", "-")))
	return err == nil
}

func (n *Network) mark(step string) error {
	return writeFile(n.path("done", strings.ReplaceAll(step, " ", "-")), nil)
}

func (n *Network) startNodes(ctx context.Context) error {
	return n.startAll(ctx, func(p process) bool { return p.operations != "" })
}

func (n *Network) startServers(ctx context.Context) error {
	return n.startAll(ctx, func(p process) bool { return p.operations == "" })
}

func (n *Network) startAll(ctx context.Context, which func(process) bool) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range n.procs {
		if !which(p) {
			continue
		}
		if err := n.spawn(p); err != nil {
			return errors.Join(err, g.Wait())
		}
		g.Go(func() error { return n.await(ctx, p) })
	}
	return g.Wait()
}

func (n *Network) genesisBlock(ctx context.Context) error {
	return n.run(ctx, []string{"FABRIC_CFG_PATH=" + n.path("config")}, nil, "configtxgen",
		"-configPath", n.path("config"), "-profile", "Volens", "-channelID", Channel, "-outputBlock", n.path(Channel+".block"))
}

func (n *Network) joinOrderers(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for i := range ordererCount {
		g.Go(func() error {
			tls := n.ordererDir(i) + "/tls/"
			return n.run(ctx, nil, []string{"already exists"}, "osnadmin", "channel", "join", "--channelID", Channel,
				"--config-block", n.path(Channel+".block"), "-o", n.ordererAdmin(i),
				"--ca-file", tls+"ca.crt", "--client-cert", tls+"server.crt", "--client-key", tls+"server.key")
		})
	}
	return g.Wait()
}

// joinPeers lets one peer join after the other: peers that join together fail each other's first probe and then wait.
func (n *Network) joinPeers(ctx context.Context) error {
	for _, o := range Orgs() {
		if err := n.peer(ctx, o, []string{"already exists"}, "channel", "join", "-b", n.path(Channel+".block")); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until every peer knows the others: before that, discovery finds no endorsers.
func (n *Network) settle(ctx context.Context) error {
	others := fmt.Sprint(len(Orgs()) - 1)
	for _, o := range Orgs() {
		if err := poll(ctx, peerName(o)+" to know the others", func() bool {
			return metric(ctx, n.peerOperations(o), metricsName(Channel)) == others
		}); err != nil {
			return err
		}
	}
	return nil
}

// Down ends every process of the network. What it has on disk stays, and Up goes on with it.
func (n *Network) Down(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range n.procs {
		g.Go(func() error { return n.Stop(ctx, p.name) })
	}
	return g.Wait()
}

// Remove ends every process and removes the network's folder, keys and ledger too.
func (n *Network) Remove(ctx context.Context) error {
	if err := n.Down(ctx); err != nil {
		return err
	}
	if !n.Exists() {
		return nil
	}
	return os.RemoveAll(n.cfg.Dir)
}
