package launch_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// Up twice is up; two networks stand beside each other; down leaves no process; what was committed is there again.
func TestUpDownUp(t *testing.T) {
	began := time.Now()
	n := launchtest.Network(t, launch.Config{})
	t.Logf("up after %.1f s", time.Since(began).Seconds())
	ctx := launchtest.Context(t)
	_, genesis := consenttest.NewWorld(t.Name())
	trust := launchtest.Call{Org: "Trust", User: "gateway", Endorsers: []string{"Trust", "Regulator"}, Function: wire.Submit}
	put := trust
	put.Messages = append(put.Messages, genesis)
	put.Must(t, n)

	first := pids(t, n)
	if err := n.Up(ctx); err != nil {
		t.Fatalf("up again: %v", err)
	}
	if diff := cmp.Diff(first, pids(t, n)); diff != "" {
		t.Fatalf("up again started other processes:\n%s", diff)
	}
	for _, p := range n.Status(ctx) {
		t.Logf("%-15s %3d MiB", p.Name, p.Memory>>20)
	}
	other := launchtest.Network(t, launch.Config{})
	put.Must(t, other)

	if err := n.Down(ctx); err != nil {
		t.Fatal(err)
	}
	for _, p := range n.Status(ctx) {
		if p.PID != 0 {
			t.Errorf("%s runs after down", p.Name)
		}
	}
	if left, err := launchtest.Processes(n.Dir()); err != nil || len(left) > 0 {
		t.Fatalf("processes that are left: %q, %v", left, err)
	}
	for _, p := range other.Status(ctx) {
		if !p.Serves {
			t.Errorf("%s of the other network does not serve any more", p.Name)
		}
	}
	began = time.Now()
	if err := n.Up(ctx); err != nil {
		t.Fatal(err)
	}
	t.Logf("up again after %.1f s", time.Since(began).Seconds())
	put.Refuse(t, n, "exists")
}

func pids(t *testing.T, n *launch.Network) map[string]int {
	t.Helper()
	ids := map[string]int{}
	for _, p := range n.Status(launchtest.Context(t)) {
		if !p.Serves {
			t.Fatalf("%s does not serve", p.Name)
		}
		ids[p.Name] = p.PID
	}
	return ids
}

// What Open and the others refuse, without any network.
func TestRefusals(t *testing.T) {
	if _, err := launch.Open(launch.Config{}); err == nil {
		t.Error("opened a network of no folder")
	}
	if _, err := launch.Open(launch.Config{Dir: t.TempDir(), Custodians: map[string]string{"x": "Nobody"}}); err == nil {
		t.Error("opened a network with a custodian of nobody")
	}
	dir := t.TempDir()
	n, err := launch.Open(launch.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if n.Exists() {
		t.Error("an empty folder is a network")
	}
	ctx := launchtest.Context(t)
	for name, err := range map[string]error{
		"up without programs": n.Up(ctx), "start of nobody": n.Start(ctx, "nobody"), "kill of nobody": n.Kill(ctx, "nobody"),
		"pause of what does not run": n.Pause("o1"), "start before install": n.Start(ctx, "cc-trust"),
	} {
		if err == nil {
			t.Errorf("%s went through", name)
		}
	}
	if err := n.Down(ctx); err != nil {
		t.Errorf("down of what is not up: %v", err)
	}
	// A process id that the kernel gave to somebody else since is not the network's.
	if err := os.MkdirAll(filepath.Join(dir, "pid"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	pid := fmt.Appendf(nil, "%d 1\n", other.Process.Pid)
	if err := os.WriteFile(filepath.Join(dir, "pid", "o1"), pid, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := n.Status(ctx)[0]; s.PID != 0 {
		t.Errorf("took process %d, which is somebody else's, for its own", s.PID)
	}
	if err := os.WriteFile(filepath.Join(dir, "network.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := launch.Open(launch.Config{Dir: dir}); err == nil {
		t.Error("opened a network whose file is torn")
	}
}
