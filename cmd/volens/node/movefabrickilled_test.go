package node_test

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
	"github.com/volens-ledger/volens/policies"
)

// importer is an import into a channel, in a process of its own.
type importer struct {
	cmd  *exec.Cmd
	over chan int64 // how many leaves the channel has, each time that there are more; closed at the end
	said strings.Builder
}

func startImporter(t *testing.T, k task) *importer {
	t.Helper()
	i := &importer{cmd: k.command(t), over: make(chan int64, 64)}
	out, err := i.cmd.StdoutPipe()
	if err == nil {
		err = i.cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(i.over)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			i.said.WriteString(lines.Text() + "\n")
			if text, ok := strings.CutPrefix(lines.Text(), told); ok {
				if n, err := strconv.ParseInt(text, 10, 64); err == nil {
					i.over <- n
				}
			}
		}
	}()
	return i
}

// TestFabricImportIsKilled kills, in the middle of a chunk, the import itself, its peer, an endorser's chaincode and the leader
// of the orderers. The import goes on where it was, by itself or run again. Until it is done everything is denied and every
// other message refused; then every leaf is there once, and every receipt from before holds.
func TestFabricImportIsKilled(t *testing.T) {
	if text := os.Getenv(child); text != "" {
		task{}.run(t, text)
		return
	}
	n := launchtest.Network(t, launch.Config{})
	w := nodetest.Start(t, nil)
	crowd := w.Crowd(450, 4) // six chunks
	m := moverOf(t, w)
	receipts := m.receipts(crowd)
	m.close()
	move := m.signed()
	k := task{Export: m.export, To: filepath.Dir(m.Cfg.Paths.Data), Profile: n.Profile("Hospital"), Chaincode: launch.Chaincode}
	kills := []string{"itself", "itself", "peer-hospital", "cc-trust", "the leader"}
	for len(kills) > 0 {
		i := startImporter(t, k)
		for over := range i.over {
			t.Logf("%d of %d leaves", over, move.Export.Size)
			if over == 0 || len(kills) == 0 {
				continue // the first chunk makes the ledger; the last ones come to the end
			}
			time.Sleep(100 * time.Millisecond) // into the next chunk
			i.kill(t, n, kills[0])
			kills = kills[1:]
		}
		if err := i.cmd.Wait(); (err == nil) != (len(kills) == 0) {
			t.Fatalf("%v, with %q to kill\n%s", err, kills, i.said.String())
		}
		if len(kills) == 3 {
			m.refused(n)
		}
	}
	m.moved(n, move, receipts)
}

// kill ends a process at once; those of the network are started again a second later.
func (i *importer) kill(t *testing.T, n *launch.Network, name string) {
	t.Helper()
	ctx := launchtest.Context(t)
	if name == "itself" {
		if err := i.cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for range i.over { // what it still said
		}
		return
	}
	if name == "the leader" {
		name = n.Leader(ctx)
	}
	t.Logf("kill %s", name)
	if err := n.Kill(ctx, name); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // the time for which it is away
	if err := n.Start(ctx, name); err != nil {
		t.Fatal(err)
	}
}

// receipts are those of messages that are on the ledger.
func (m *mover) receipts(of []consent.Message) (all []network.Receipt) {
	m.T.Helper()
	for _, msg := range of {
		r, err := m.Node.Ledger.Lookup(context.Background(), consent.Commitment(msg.Body))
		if err != nil {
			m.T.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// refused checks that nothing goes while the ledger is on its way: no consent and no withdrawal on the channel, no decision at
// the old node, no node of another organisation.
func (m *mover) refused(n *launch.Network) {
	t := m.T
	t.Helper()
	grant := launchtest.Call{
		Org: "Hospital", User: "gateway", Endorsers: []string{"Hospital", "Trust"}, Function: wire.Submit,
		Messages: []consent.Message{m.carol.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))},
	}
	grant.Refuse(t, n, string(consent.Unavailable))
	withdraw := launchtest.Call{
		Org: "Trust", User: "gateway", Endorsers: []string{"Trust", "Regulator"}, Function: wire.Withdraw,
		Messages: []consent.Message{m.alice.RevokeAll()},
	}
	withdraw.Refuse(t, n, string(consent.Unavailable))
	m.Open()
	for what, decision := range m.decisions() {
		if !strings.HasPrefix(decision, string(policies.Deny)) {
			t.Errorf("%s: %s", what, decision)
		}
	}
	m.World.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if trusted, err := m.trusted(ctx, n); err == nil {
		_ = trusted.Close(ctx)
		t.Error("a node starts on half a ledger")
	} else if !strings.Contains(err.Error(), "being taken over") {
		t.Error(err)
	}
}

// trusted starts a new node of the patients' trust.
func (m *mover) trusted(ctx context.Context, n *launch.Network) (*node.Node, error) {
	m.T.Helper()
	p := profileOf(m.T, n, "Trust", launch.Chaincode)
	cfg := m.Cfg
	cfg.Paths, cfg.Listen, cfg.Fabric = node.Under(m.T.TempDir()), "127.0.0.1:0", &p
	var genesis consent.Message
	readJSON(m.T, filepath.Join(m.export, "genesis.json"), &genesis)
	if err := node.InitFabric(ctx, cfg.Paths, genesis, "", sig.Key{}); err != nil {
		return nil, err
	}
	return node.Start(ctx, cfg)
}

// moved checks that the channel has the ledger: each leaf once and in its place, by the signed root, and every receipt from before.
func (m *mover) moved(n *launch.Network, move node.Move, receipts []network.Receipt) {
	t := m.T
	t.Helper()
	ctx := launchtest.Context(t)
	own := profileOf(t, n, "Hospital", launch.Chaincode)
	if r, err := move.ImportFabric(ctx, m.Cfg.Paths, own); err != nil || r.Leaves != 0 || r.Position != move.Export.Size+1 {
		t.Fatalf("again: %+v, %v", r, err)
	}
	trusted, err := m.trusted(ctx, n)
	if err != nil {
		t.Fatal(err)
	}
	log := trusted.Ledger.Log()
	if size := log.Durable().Size; size != int64(move.Export.Size)+1 {
		t.Errorf("the trust's node has %d leaves of %d", size, move.Export.Size+1)
	}
	if root, err := log.RootAt(int64(move.Export.Size)); err != nil || consent.Hash(root) != move.Export.Root {
		t.Errorf("its root is %s, not %s: %v", root, move.Export.Root, err)
	}
	if err := trusted.Close(ctx); err != nil {
		t.Error(err)
	}
	m.Cfg.Fabric = &own
	m.Open()
	m.proven(receipts...)
	m.holds()
}
