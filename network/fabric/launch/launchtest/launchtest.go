// Package launchtest gives tests a Fabric network of their own. It is skipped over where Fabric's commands are not built:
// `make test-fabric` builds them and names them in VOLENS_FABRIC_BIN.
package launchtest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric/launch"
)

// Contract is the package of the chaincode program.
const Contract = "github.com/volens-ledger/volens/cmd/volens-chaincode"

// limit is for anything that a test waits for.
const limit = 10 * time.Minute

// Context ends with the test, or when it takes far too long.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

// Chaincode is the chaincode program: the one that VOLENS_FABRIC_CHAINCODE names, or it is built for the test.
func Chaincode(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("VOLENS_FABRIC_CHAINCODE"); path != "" {
		return path
	}
	return Program(t, Contract)
}

// Program builds a program for the test.
func Program(t testing.TB, pkg string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), filepath.Base(pkg))
	cmd := exec.CommandContext(Context(t), "go", "build", "-o", to, pkg) //nolint:gosec // the test names the package
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	return to
}

// Network brings a network up, on free ports and with what cfg leaves open, and removes it after the test. When the test
// fails it prints the ends of the logs.
func Network(t testing.TB, cfg launch.Config) *launch.Network {
	t.Helper()
	n := Down(t, cfg)
	if err := n.Up(Context(t)); err != nil {
		t.Fatal(err)
	}
	return n
}

// Down is Network without bringing it up.
func Down(t testing.TB, cfg launch.Config) *launch.Network {
	t.Helper()
	if cfg.Bin == "" {
		if cfg.Bin = os.Getenv("VOLENS_FABRIC_BIN"); cfg.Bin == "" {
			t.Skip("VOLENS_FABRIC_BIN names no folder with Fabric's commands; make test-fabric does")
		}
	}
	if cfg.Chaincode == "" {
		cfg.Chaincode = Chaincode(t)
	}
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "network")
	}
	n, err := launch.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			logs(t, n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		if err := n.Remove(ctx); err != nil {
			t.Error(err)
		}
	})
	return n
}

// Shared is the running network that VOLENS_FABRIC_NETWORK names, with an empty ledger of the test's own on it: the name of
// its chaincode. It is for tests that disturb nothing.
func Shared(t testing.TB) (n *launch.Network, chaincode string) {
	t.Helper()
	dir := os.Getenv("VOLENS_FABRIC_NETWORK")
	if dir == "" {
		t.Skip("VOLENS_FABRIC_NETWORK names no running network; make test-fabric does")
	}
	n, err := launch.Open(launch.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return n, Empty(t, n)
}

// Empty puts an empty ledger on a network: the name of its chaincode.
func Empty(t testing.TB, n *launch.Network) (chaincode string) {
	t.Helper()
	var b [6]byte
	_, _ = rand.Read(b[:]) //nolint:errcheck // never fails
	chaincode = "t" + hex.EncodeToString(b[:])
	if err := n.Deploy(Context(t), chaincode); err != nil {
		t.Fatal(err)
	}
	return chaincode
}

// Processes are the command lines of running processes that know a folder, by their arguments or environment.
func Processes(dir string) (found []string, err error) {
	all, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		return nil, err
	}
	for _, env := range all {
		e, envErr := os.ReadFile(env) //nolint:gosec // the kernel's
		c, cmdErr := os.ReadFile(filepath.Join(filepath.Dir(env), "cmdline"))
		if envErr == nil && cmdErr == nil && strings.Contains(string(e)+string(c), dir) {
			found = append(found, string(c))
		}
	}
	return found, nil
}

func logs(t testing.TB, n *launch.Network) {
	t.Helper()
	for _, name := range n.Names() {
		path, err := n.Log(name)
		if err != nil {
			continue
		}
		b, err := os.ReadFile(path) //nolint:gosec // the test's own folder
		if err != nil {
			continue
		}
		const end = 2000
		t.Logf("end of %s:\n%s", path, b[max(0, len(b)-end):])
	}
}

// Call is a transaction or a query of the chaincode by hand, as an operator can make it with Fabric's own command: what
// an organisation can do that does not keep to the gateway.
type Call struct {
	Org, User string   // who signs: "Hospital", "gateway"
	Endorsers []string // organisations whose peers are asked
	Chaincode string   // "" is launch.Chaincode
	Function  string
	Args      []string
	Messages  []consent.Message // the batch
	Query     bool              // ask the own organisation's peer only
}

// Run makes the call, waits until the transaction is committed, and returns what the command says.
func (c Call) Run(t testing.TB, n *launch.Network) (string, error) {
	t.Helper()
	input, err := json.Marshal(map[string][]string{"Args": append([]string{c.Function}, c.Args...)})
	if err != nil {
		t.Fatal(err)
	}
	if c.Chaincode == "" {
		c.Chaincode = launch.Chaincode
	}
	args := []string{"-C", launch.Channel, "-n", c.Chaincode, "-c", string(input)}
	if c.Messages != nil {
		var b wire.Batch
		for _, m := range c.Messages {
			b.Messages = append(b.Messages, string(m.Marshal()))
		}
		transient, err := json.Marshal(map[string]string{wire.Transient: base64.StdEncoding.EncodeToString(consent.Append(nil, b))})
		if err != nil {
			t.Fatal(err)
		}
		args = append(args, "--transient", string(transient))
	}
	if c.Query {
		return n.Command(Context(t), c.Org, c.User, append([]string{"chaincode", "query", "--hex"}, args...)...)
	}
	targets, err := n.Targets(c.Endorsers...)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"chaincode", "invoke", "--waitForEvent", "--waitForEventTimeout", "20s"}, append(append(args, n.Orderer()...), targets...)...)
	return n.Command(Context(t), c.Org, c.User, args...)
}

// Must is Run for calls that succeed.
func (c Call) Must(t testing.TB, n *launch.Network) string {
	t.Helper()
	out, err := c.Run(t, n)
	if err != nil {
		t.Fatalf("%s by %s with %v: %v", c.Function, c.Org, c.Endorsers, err)
	}
	return out
}

// Refuse is Run for calls that fail, and say so with this text.
func (c Call) Refuse(t testing.TB, n *launch.Network, text string) {
	t.Helper()
	out, err := c.Run(t, n)
	if err == nil {
		t.Fatalf("%s by %s with %v went through: %s", c.Function, c.Org, c.Endorsers, out)
	}
	if !strings.Contains(err.Error(), text) {
		t.Fatalf("%s by %s with %v: %v; want %q", c.Function, c.Org, c.Endorsers, err, text)
	}
}
