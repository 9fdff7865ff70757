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
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, filepath.Join(n.cfg.Bin, name), args...) //nolint:gosec // the operator names the folder
	cmd.Env = append(os.Environ(), append(env, "FABRIC_LOGGING_SPEC=error")...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = n.cfg.Dir, &out, &errs
	err := cmd.Run()
	text := strings.TrimSpace(out.String() + errs.String())
	for _, f := range fine {
		if strings.Contains(text, f) {
			return nil
		}
	}
	// osnadmin says what went wrong in its answer and ends well.
	if name == "osnadmin" && err == nil && !strings.HasPrefix(out.String(), "Status: 2") {
		return fmt.Errorf("osnadmin %s: %s", strings.Join(args[:2], " "), text)
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args[:min(3, len(args))], " "), err, text)
	}
	return nil
}

// peer runs the peer command as an organisation's administrator.
func (n *Network) peer(ctx context.Context, o Org, fine []string, args ...string) error {
	return n.run(ctx, n.as(o, admin), fine, "peer", args...)
}

// as is the environment in which the peer command speaks to o's peer as one of its users.
func (n *Network) as(o Org, user string) []string {
	return []string{"FABRIC_CFG_PATH=" + n.path("config", peerName(o)), "CORE_PEER_MSPCONFIGPATH=" + n.userDir(o, user) + "/msp"}
}

func (n *Network) orderer() []string {
	return []string{"-o", n.ordererAddress(0), "--tls", "--cafile", n.ordererCA()}
}

// targets names the peers of organisations for a command that asks several.
func (n *Network) targets(orgs ...Org) []string {
	var args []string
	for _, o := range orgs {
		args = append(args, "--peerAddresses", n.peerAddress(o), "--tlsRootCertFiles", n.peerDir(o)+"/tls/ca.crt")
	}
	return args
}
