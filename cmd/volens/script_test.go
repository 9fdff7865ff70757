package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/volens-ledger/volens/cmd/volens/demo"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"volens": func() { os.Exit(run()) }})
}

// TestScripts runs every script of testdata. A script has the binary itself as volens and, unless its name begins with
// offline, a demo world of its own, which the environment tells of. Further commands:
//
//	exits CODE COMMAND…  the command must end with this code
//	json NAME PATH       sets a variable to a value of the JSON on the last standard output, e.g. json ID 0.id
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"json":  jsonValue,
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("VOLENS_PASSWORD", demo.Password)
			if strings.HasPrefix(filepath.Base(e.WorkDir), "script-offline") {
				return nil
			}
			return world(t, e)
		},
	})
}

// world starts a demo for a script.
func world(t *testing.T, e *testscript.Env) error {
	t.Helper()
	dir := filepath.Join(e.WorkDir, ".world")
	w, err := demo.Open(context.Background(), demo.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		return err
	}
	e.Defer(func() {
		if err := w.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	p, err := w.Settle(context.Background())
	if err != nil {
		return err
	}
	e.Setenv("VOLENS_SERVER", p.Server)
	e.Setenv("VOLENS_WALLET", p.Alice.Wallet)
	e.Setenv("VISITOR", p.Visitor)
	e.Setenv("LEDGER", p.Ledger.String())
	for name, s := range p.Members {
		e.Setenv(strings.ToUpper(name), "--member="+string(s.Member))
		e.Setenv(strings.ToUpper(name)+"_KEY", s.Key)
		e.Setenv(strings.ToUpper(name)+"_SUBJECT", s.Subject)
	}
	return nil
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND…")
	}
	want, err := strconv.Atoi(args[0])
	if err != nil {
		ts.Fatalf("exits: %v", err)
	}
	if got := code(ts, args[1:]); got != want {
		ts.Fatalf("ended with %d, not %d", got, want)
	}
}

// code runs a command and is what it ended with.
func code(ts *testscript.TestScript, args []string) int {
	var exit *exec.ExitError
	if err := ts.Exec(args[0], args[1:]...); errors.As(err, &exit) {
		return exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("run %s: %v", args[0], err)
	}
	return 0
}

// lineOf sets a variable to a line of a file, the first being 1.
func lineOf(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: line NAME FILE NUMBER")
	}
	lines := strings.Split(ts.ReadFile(args[1]), "\n")
	n, err := strconv.Atoi(args[2])
	ts.Check(err)
	if n < 1 || n > len(lines) {
		ts.Fatalf("line: %s has %d lines", args[1], len(lines))
	}
	ts.Setenv(args[0], lines[n-1])
}

func jsonValue(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: json NAME PATH")
	}
	var v any
	if err := json.Unmarshal([]byte(ts.ReadFile("stdout")), &v); err != nil {
		ts.Fatalf("json: %v", err)
	}
	for _, step := range strings.Split(args[1], ".") {
		switch at := v.(type) {
		case map[string]any:
			v = at[step]
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				ts.Fatalf("json: there is no element %s of %d", step, len(at))
			}
			v = at[i]
		default:
			v = nil
		}
	}
	if v == nil {
		ts.Fatalf("json: there is no %s", args[1])
	}
	ts.Setenv(args[0], fmt.Sprint(v))
}
