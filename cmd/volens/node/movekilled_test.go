package node_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/fabric"
)

// child is set in the process that imports for a test: what it imports, and where to.
const child = "VOLENS_IMPORT_CHILD"

// task is an import in a process of its own.
type task struct {
	Export, To         string
	After              int64  // leaves, after which it kills itself; 0: it does not
	Profile, Chaincode string // of a channel; "" is an embedded ledger
}

// command is the process, which is the test itself.
func (k task) command(t *testing.T) *exec.Cmd {
	t.Helper()
	b, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$") //nolint:gosec // the test itself
	cmd.Env = append(os.Environ(), child+"="+string(b))
	return cmd
}

// told is how the process says how many leaves are over.
const told = "over: "

// run is what the process does.
func (k task) run(t *testing.T, text string) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		t.Fatal(err)
	}
	e, err := node.OpenExport(t.Context(), k.Export, nil)
	if err != nil {
		t.Fatal(err)
	}
	m := node.Move{Export: e, Progress: func(done, _ int64) {
		fmt.Println(told + strconv.FormatInt(done, 10))
		if k.After > 0 && done >= k.After {
			_ = syscall.Kill(syscall.Getpid(), syscall.SIGKILL)
			time.Sleep(time.Minute)
		}
	}}
	readJSON(t, filepath.Join(k.Export, "opening.json"), &m.Opening)
	if k.Profile == "" {
		_, err = m.ImportEmbedded(t.Context(), node.Under(k.To))
	} else {
		var p fabric.Profile
		if p, err = fabric.ReadProfile(k.Profile); err == nil {
			p.Chaincode = k.Chaincode
			_, err = m.ImportFabric(t.Context(), node.Under(k.To), p)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// signed is the move of a closed ledger, whose opening is a file of the export then.
func (m *mover) signed() node.Move {
	m.T.Helper()
	move := m.move()
	b, err := json.Marshal(move.Opening)
	if err == nil {
		err = os.WriteFile(filepath.Join(m.export, "opening.json"), b, 0o600)
	}
	if err != nil {
		m.T.Fatal(err)
	}
	return move
}

// TestImportIsKilled: an import that is killed again and again goes on where it was, and until it is done no node starts.
func TestImportIsKilled(t *testing.T) {
	if text := os.Getenv(child); text != "" {
		task{}.run(t, text)
		return
	}
	m := bulk(t, 600, 4) // more than three runs of leaves
	move := m.signed()
	to := t.TempDir()
	kills := 0
	for after := int64(1); ; after += 1000 {
		out, err := task{Export: m.export, To: to, After: after}.command(t).CombinedOutput()
		if err == nil {
			break
		}
		if !strings.Contains(err.Error(), "killed") {
			t.Fatalf("%v\n%s", err, out)
		}
		kills++
		cfg := m.Cfg
		cfg.Paths, cfg.Listen = node.Under(to), "127.0.0.1:0"
		if n, err := node.Start(t.Context(), cfg); err == nil {
			_ = n.Close(t.Context())
			t.Fatal("a node starts on half a ledger")
		} else if !strings.Contains(err.Error(), "not whole") {
			t.Fatal(err)
		}
	}
	if kills < 3 {
		t.Fatalf("killed %d times", kills)
	}
	rep, err := node.Verify(t.Context(), node.Under(to), node.VerifyOptions{State: true})
	if err != nil || rep.Size != int64(move.Export.Size)+1 {
		t.Fatalf("%+v, %v", rep, err)
	}
}
