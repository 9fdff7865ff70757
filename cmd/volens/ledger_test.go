package main

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// TestOperatorScripts runs the scripts about serve and ledger. Besides those of TestScripts they have the commands
//
//	same A B          fails unless the two are the same, and not empty
//	spoil FILE        changes the file's last byte
//	flip FILE OFFSET  changes one bit of the byte there
//	port NAME         sets a variable to a port that nobody listens on
//	agekey NAME FILE  sets a variable to a recovery key and writes its identity to the file
//	ready URL         waits until a node answers there
func TestOperatorScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/operator",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValue, "line": lineOf, "same": same, "spoil": spoil, "flip": flip, "port": port, "ready": ready,
			"agekey": ageKey,
		},
	})
}

// TestFabricScripts runs the scripts of testdata/fabric, each on a ledger of its own of a running network. PROFILE is the
// hospital's connection profile for it, NETWORK the network's folder; BIN has Fabric's commands and CONTRACT is the chaincode
// program, for scripts that bring up a network themselves, in net. They have besides
//
//	until CODE COMMAND…  runs the command until it ends with this code, ten seconds at most
//	nothing DIR          fails if a process knows the folder
func TestFabricScripts(t *testing.T) {
	n, chaincode := launchtest.Shared(t)
	contract := launchtest.Chaincode(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/fabric",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "json": jsonValue, "line": lineOf, "same": same, "port": port, "ready": ready, "until": until, "nothing": nothing,
		},
		Setup: func(e *testscript.Env) error {
			own, err := launch.Open(launch.Config{Dir: filepath.Join(e.WorkDir, "net")})
			if err != nil {
				return err
			}
			e.Defer(func() {
				if err := own.Remove(context.Background()); err != nil {
					t.Error(err)
				}
			})
			e.Setenv("BIN", os.Getenv("VOLENS_FABRIC_BIN"))
			e.Setenv("CONTRACT", contract)
			b, err := os.ReadFile(n.Profile("hospital"))
			if err != nil {
				return err
			}
			text := strings.Replace(string(b), "chaincode: "+launch.Chaincode+"\n", "chaincode: "+chaincode+"\n", 1)
			e.Setenv("NETWORK", n.Dir())
			e.Setenv("PROFILE", filepath.Join(e.WorkDir, "hospital.yaml"))
			return os.WriteFile(filepath.Join(e.WorkDir, "hospital.yaml"), []byte(text), 0o600)
		},
	})
}

func until(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := -1
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if got = code(ts, args[1:]); got == want {
			return
		}
	}
	ts.Fatalf("still ends with %d, not %d", got, want)
}

func nothing(ts *testscript.TestScript, _ bool, args []string) {
	left, err := launchtest.Processes(ts.MkAbs(args[0]))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("processes that are left: %q", left)
	}
}

func ageKey(ts *testscript.TestScript, _ bool, args []string) {
	id, err := age.GenerateX25519Identity()
	ts.Check(err)
	ts.Setenv(args[0], id.Recipient().String())
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte("# recovery\n"+id.String()+"\n"), 0o600))
}

func same(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 || args[0] == "" || args[0] != args[1] {
		ts.Fatalf("not the same: %q", args)
	}
}

func spoil(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[len(b)-1] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

func flip(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	at, err := strconv.Atoi(args[1])
	ts.Check(err)
	b, err := os.ReadFile(path)
	ts.Check(err)
	b[at] ^= 1
	ts.Check(os.WriteFile(path, b, 0o600))
}

func port(ts *testscript.TestScript, _ bool, args []string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	_, number, err := net.SplitHostPort(l.Addr().String())
	ts.Check(err)
	ts.Check(l.Close())
	ts.Setenv(args[0], number)
}

func ready(ts *testscript.TestScript, _ bool, args []string) {
	c, err := client.New(strings.TrimSpace(args[0]), client.Options{})
	ts.Check(err)
	for range 600 {
		if _, err = c.Ledger(context.Background()); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	ts.Fatalf("no node answers: %v", err)
}
