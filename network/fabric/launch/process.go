package launch

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// process is one of the network's processes, as it is started.
type process struct {
	name       string
	operations string // address of its operations service, "" for a chaincode server
	admin      string // address of an orderer's administration, which opens last
	address    string
	program    func() string
	args       []string
	env        []string
}

// garbage lets Go's heaps grow before they are collected, unless the caller's environment says otherwise: they are small, and
// a tenth of the network's time went into collecting them.
const garbage = "GOGC=400"

// processes lists them in the order in which they start.
func (n *Network) processes() []process {
	bin := func(name string) func() string {
		return func() string { return filepath.Join(n.cfg.Bin, name) }
	}
	var ps []process
	for i := range ordererCount {
		ps = append(ps, process{
			name: ordererName(i), operations: n.ordererOperations(i), admin: n.ordererAdmin(i), address: n.ordererAddress(i), program: bin("orderer"),
			env: []string{"FABRIC_CFG_PATH=" + n.path("config", ordererName(i))},
		})
	}
	for _, o := range Orgs() {
		ps = append(ps, process{
			name: peerName(o), operations: n.peerOperations(o), address: n.peerAddress(o), program: bin("peer"), args: []string{"node", "start"},
			env: []string{"FABRIC_CFG_PATH=" + n.path("config", peerName(o))},
		})
	}
	for _, o := range Orgs() {
		dir := n.path("chaincode", lower(o.Name))
		ps = append(ps, process{
			name: serverName(o), address: n.serverAddress(o), program: func() string { return n.cfg.Chaincode },
			args: []string{
				"-address", n.serverAddress(o), "-cert", dir + "/server/server.crt", "-key", dir + "/server/server.key", "-client-ca", dir + "/client/ca.crt",
			},
		})
	}
	return ps
}

// Names lists the network's processes.
func (n *Network) Names() []string {
	var names []string
	for _, p := range n.procs {
		names = append(names, p.name)
	}
	return names
}

func (n *Network) proc(name string) (process, error) {
	for _, p := range n.procs {
		if p.name == name {
			return p, nil
		}
	}
	return process{}, fmt.Errorf("the network has no process %q; it has %s", name, strings.Join(n.Names(), ", "))
}

// Start starts a process unless it runs, and waits until it serves.
func (n *Network) Start(ctx context.Context, name string) error {
	p, err := n.proc(name)
	if err != nil {
		return err
	}
	if err := n.spawn(p); err != nil {
		return err
	}
	return n.await(ctx, p)
}

func (n *Network) spawn(p process) error {
	if n.pid(p.name) != 0 {
		return nil
	}
	args := p.args
	if p.operations == "" {
		id, err := os.ReadFile(n.path("chaincode", strings.TrimPrefix(p.name, "cc-"), "id"))
		if err != nil {
			return fmt.Errorf("start %s: the chaincode is not installed: %w", p.name, err)
		}
		args = append([]string{"-id", string(id)}, args...)
	}
	if err := os.MkdirAll(n.path("log"), 0o700); err != nil {
		return err
	}
	out, err := os.OpenFile(n.logFile(p.name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()                         //nolint:errcheck // the process has its own
	cmd := exec.Command(p.program(), args...) //nolint:gosec,noctx // it outlives this program on purpose
	cmd.Env = slices.Concat([]string{garbage}, os.Environ(), p.env, []string{"FABRIC_LOGGING_SPEC=warn"})
	cmd.Stdout, cmd.Stderr, cmd.Dir = out, out, n.cfg.Dir
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	pid := cmd.Process.Pid
	go func() { _ = cmd.Wait() }() //nolint:errcheck // only so that no zombie stays while this program runs
	return writeFile(n.path("pid", p.name), fmt.Appendf(nil, "%d %s\n", pid, bornAt(pid)))
}

// pid is the process id of a running process of the network, 0 when it does not run.
func (n *Network) pid(name string) int {
	b, err := os.ReadFile(n.path("pid", name))
	if err != nil {
		return 0
	}
	id, born, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	pid, err := strconv.Atoi(id)
	if err != nil || pid <= 1 || !alive(pid) || bornAt(pid) != born {
		return 0
	}
	return pid
}

// bornAt is when a process started, in the kernel's ticks; with its id it names a process for good. It is empty for a
// process that is gone, for one that is only waited for, and where there is no /proc.
func bornAt(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	const state, start = 0, 19
	if len(fields) <= start || fields[state] == "Z" {
		return "gone"
	}
	return fields[start]
}

// Kill ends a process at once, as a crash does, and waits until it is gone.
func (n *Network) Kill(ctx context.Context, name string) error {
	return n.end(ctx, name, os.Kill)
}

// Stop asks a process to end and waits until it has; after twenty seconds it is killed.
func (n *Network) Stop(ctx context.Context, name string) error {
	polite, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if err := n.end(polite, name, terminate); err == nil || !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return n.end(ctx, name, os.Kill)
}

// Pause stops a process from running without ending it, and Resume lets it run on.
func (n *Network) Pause(name string) error { return n.signal(name, pause) }

// Resume ends a Pause.
func (n *Network) Resume(name string) error { return n.signal(name, resume) }

func (n *Network) signal(name string, s os.Signal) error {
	if _, err := n.proc(name); err != nil {
		return err
	}
	pid := n.pid(name)
	if pid == 0 {
		return fmt.Errorf("%s does not run", name)
	}
	return send(pid, s)
}

func (n *Network) end(ctx context.Context, name string, s os.Signal) error {
	if _, err := n.proc(name); err != nil {
		return err
	}
	pid := n.pid(name)
	if pid == 0 {
		return nil
	}
	if err := send(pid, s); err != nil && n.pid(name) != 0 {
		return fmt.Errorf("end %s: %w", name, err)
	}
	return poll(ctx, "the end of "+name, func() bool { return n.pid(name) == 0 })
}

// poll asks until done says yes.
func poll(ctx context.Context, what string, done func() bool) error {
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for !done() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-t.C:
		}
	}
	return nil
}

// await waits until a process serves: its port, and Fabric's own health check where there is one. Neither alone would do for
// Fabric: a port opens before the ledger is ready, and health is reported before the port is open.
func (n *Network) await(ctx context.Context, p process) error {
	var gone bool
	err := poll(ctx, p.name+" to serve", func() bool {
		gone = n.pid(p.name) == 0
		return gone || serves(ctx, p)
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w; see %s", err, n.logFile(p.name))
	case gone:
		return fmt.Errorf("%s ended right after its start; see %s", p.name, n.logFile(p.name))
	}
	return nil
}

func serves(ctx context.Context, p process) bool {
	if !listens(ctx, p.address) || p.admin != "" && !listens(ctx, p.admin) {
		return false
	}
	if p.operations == "" {
		return true
	}
	code, _ := fetch(ctx, "http://"+p.operations+"/healthz")
	return code == http.StatusOK
}

func (n *Network) logFile(name string) string { return n.path("log", name+".log") }

// Log is the path of a process's log.
func (n *Network) Log(name string) (string, error) {
	p, err := n.proc(name)
	return n.logFile(p.name), err
}
