package launch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// run runs one of Fabric's commands. An output that has one of the fine texts is no failure: it says that the thing was
// done before.
func (n *Network) run(ctx context.Context, env, fine []string, name string, args ...string) error {
	_, err := n.output(ctx, env, fine, name, args...)
	return err
}

// output is run with what the command said; of an invocation that is its transaction and how it ended.
func (n *Network) output(ctx context.Context, env, fine []string, name string, args ...string) (string, error) {
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(n.cfg.Bin, name), args...) //nolint:gosec // the operator names the folder
	cmd.Env = append(os.Environ(), append(env, "FABRIC_LOGGING_SPEC=error:chaincodeCmd=info")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.cfg.Dir, &out, &out
	err := cmd.Run()
	text := strings.TrimSpace(out.String())
	for _, f := range fine {
		if strings.Contains(text, f) {
			return text, nil
		}
	}
	// osnadmin says what went wrong in its answer and ends well.
	if name == "osnadmin" && err == nil && !strings.HasPrefix(text, "Status: 2") {
		return "", fmt.Errorf("osnadmin %s: %s", strings.Join(args[:2], " "), text)
	}
	if err != nil {
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args[:min(3, len(args))], " "), err, text)
	}
	return text, nil
}

// Command runs Fabric's peer command as a user of an organisation, against the organisation's own peer, and returns what
// it said. The users are admin and gateway; o1 of Orderer asks the first organisation's peer.
func (n *Network) Command(ctx context.Context, org, user string, args ...string) (string, error) {
	if org == "Orderer" {
		env := []string{"CORE_PEER_LOCALMSPID=" + ordererMSP, "CORE_PEER_MSPCONFIGPATH=" + n.ordererDir(0) + "/msp"}
		return n.output(ctx, append(n.as(Orgs()[0], admin)[:1], env...), nil, "peer", args...)
	}
	o, ok := orgNamed(org)
	if !ok {
		return "", fmt.Errorf("the network has no organisation %q", org)
	}
	return n.output(ctx, n.as(o, user), nil, "peer", args...)
}

// peer runs the peer command as an organisation's administrator.
func (n *Network) peer(ctx context.Context, o Org, fine []string, args ...string) error {
	return n.run(ctx, n.as(o, admin), fine, "peer", args...)
}

// as is the environment in which the peer command speaks to o's peer as one of its users.
func (n *Network) as(o Org, user string) []string {
	return []string{"FABRIC_CFG_PATH=" + n.path("config", peerName(o)), "CORE_PEER_MSPCONFIGPATH=" + n.userDir(o, user) + "/msp"}
}

// Orderer is how the peer command is told where to order: the first orderer that runs.
func (n *Network) Orderer() []string {
	at := 0
	for at < ordererCount-1 && n.pid(ordererName(at)) == 0 {
		at++
	}
	return []string{"-o", n.ordererAddress(at), "--tls", "--cafile", n.ordererCA()}
}

// Targets is how the peer command is told which organisations' peers it asks.
func (n *Network) Targets(names ...string) ([]string, error) {
	var args []string
	for _, name := range names {
		o, ok := orgNamed(name)
		if !ok {
			return nil, fmt.Errorf("the network has no organisation %q", name)
		}
		args = append(args, n.targets(o)...)
	}
	return args, nil
}

// targets names the peers of organisations for a command that asks several.
func (n *Network) targets(orgs ...Org) []string {
	var args []string
	for _, o := range orgs {
		args = append(args, "--peerAddresses", n.peerAddress(o), "--tlsRootCertFiles", n.peerDir(o)+"/tls/ca.crt")
	}
	return args
}
