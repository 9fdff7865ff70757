package node_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
)

// childEnv makes the test binary a node: it holds the node's configuration.
const childEnv = "VOLENS_TEST_NODE"

type childConfig struct {
	Paths  node.Paths
	Listen string
}

func TestMain(m *testing.M) {
	if text := os.Getenv(childEnv); text != "" {
		os.Exit(serveChild(text))
	}
	os.Exit(m.Run())
}

func serveChild(text string) int {
	var c childConfig
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		var n *node.Node
		if n, err = node.Start(context.Background(), node.Config{Paths: c.Paths, Listen: c.Listen, SignIns: 1 << 20, FreeReserve: -1, Evaluation: 10 * time.Second}); err == nil {
			err = n.Wait(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, "node:", err)
	return 1
}

// The model: a subject's live consents, each with the purposes it permits, a bit each.
type (
	action struct {
		subject  int
		op       string // is, grant, narrow, revoke, all, access
		purposes int
		seq      consent.Uint64 // of the grant
		ends     consent.Uint64 // what narrow or revoke ends
		live     string         // for is
	}
	result struct {
		ok  bool   // a message: it is on the ledger; an access: permit
		why string // of a denial
	}
)

// lives is a set of live consents in text, so that states compare.
type lives map[consent.Uint64]int

func parseLives(s string) lives {
	l := lives{}
	for _, f := range strings.Fields(s) {
		seq, purposes, _ := strings.Cut(f, ":")
		n, _ := strconv.ParseUint(seq, 10, 64)
		l[consent.Uint64(n)], _ = strconv.Atoi(purposes)
	}
	return l
}

func (l lives) String() string {
	var list []string
	for seq, purposes := range l {
		list = append(list, fmt.Sprintf("%d:%d", seq, purposes))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

func (l lives) apply(a action) {
	switch a.op {
	case "all":
		clear(l)
	case "revoke":
		delete(l, a.ends)
	case "narrow":
		delete(l, a.ends)
		l[a.seq] = a.purposes
	case "grant":
		l[a.seq] = a.purposes
	}
}

var consentModel = porcupine.Model{
	Partition: func(h []porcupine.Operation) [][]porcupine.Operation {
		by := map[int][]porcupine.Operation{}
		for _, o := range h {
			s := o.Input.(action).subject
			by[s] = append(by[s], o)
		}
		var out [][]porcupine.Operation
		for _, ops := range by {
			out = append(out, ops)
		}
		return out
	},
	Init: func() any { return "" },
	Step: func(state, in, out any) (bool, any) {
		s, a, r := state.(string), in.(action), out.(result)
		switch {
		case a.op == "is":
			return true, a.live
		case a.op == "access":
			permitted := false
			for _, purposes := range parseLives(s) {
				permitted = permitted || purposes&a.purposes != 0
			}
			return r.ok == permitted, s
		case !r.ok:
			return true, s
		}
		l := parseLives(s)
		l.apply(a)
		return true, l.String()
	},
}

var purposeCodes = []string{"HRESCH", "TREAT", "HPAYMT"}

// distil leaves out each access during which another one began and ended with the same answer to the same question: where
// the shorter one has its point, the longer one can have its own. What is left is linearizable exactly if all of it is, and
// the search does not grow with how many waited together while the node was paused.
func distil(h []porcupine.Operation) []porcupine.Operation {
	type answer struct {
		purposes int
		ok       bool
	}
	slices.SortFunc(h, func(x, y porcupine.Operation) int { return cmp.Compare(y.Call, x.Call) })
	ends := map[answer][]int64{} // of the accesses that began later
	var kept []porcupine.Operation
	for _, o := range h {
		if in := o.Input.(action); in.op == "access" {
			a := answer{in.purposes, o.Output.(result).ok}
			if slices.ContainsFunc(ends[a], func(end int64) bool { return end <= o.Return }) {
				continue
			}
			ends[a] = append(ends[a], o.Return)
		}
		kept = append(kept, o)
	}
	return kept
}

// round lets the clients work and checks what they saw.
func (a *arena) round(clients, ops int, trouble func()) {
	a.history = a.history[:0]
	for i, c := range a.subjects {
		a.record(clients+i, action{subject: i, op: "is", live: c.live.String()}, a.now(), result{ok: true})
	}
	var left atomic.Int64
	left.Store(int64(ops))
	var group sync.WaitGroup
	for id := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			for left.Add(-1) >= 0 {
				subject := rand.IntN(len(a.subjects))
				if c := a.subjects[subject]; rand.IntN(4) == 0 && c.mu.TryLock() {
					a.change(id, subject)
					c.mu.Unlock()
				} else {
					a.access(id, subject)
				}
			}
		}()
	}
	if trouble != nil {
		trouble()
	}
	group.Wait()
	for _, h := range consentModel.Partition(a.history) {
		got := porcupine.CheckOperationsTimeout(consentModel, distil(h), 5*time.Minute)
		if got == porcupine.Ok {
			continue
		}
		for _, o := range slices.Backward(h) {
			a.t.Logf("%12d %12d %+v %+v", o.Call, o.Return, o.Input, o.Output)
		}
		a.t.Fatalf("the history of these %d operations is %s", len(h), got)
	}
}

// TestLinearizable lets 64 clients grant, narrow, revoke, revoke all and ask for the same few subjects, while the node is
// paused, killed and started again: once a revocation is acknowledged no permit starts. VOLENS_LINEAR_OPS makes it longer.
func TestLinearizable(t *testing.T) {
	total, perRound := 6000, 2000
	if n, err := strconv.Atoi(os.Getenv("VOLENS_LINEAR_OPS")); err == nil {
		total = n
	}
	a := newArena(t)
	rounds, kills := 0, 0
	for done := 0; done < total; done += perRound {
		var trouble func()
		switch rounds % 5 {
		case 1, 3:
			kills++
			trouble = func() {
				time.Sleep(time.Duration(50+rand.IntN(300)) * time.Millisecond)
				a.kill()
				a.start()
			}
		case 2:
			trouble = func() {
				time.Sleep(50 * time.Millisecond)
				_ = a.child.Process.Signal(syscall.SIGSTOP)
				time.Sleep(500 * time.Millisecond)
				_ = a.child.Process.Signal(syscall.SIGCONT)
			}
		}
		a.round(64, perRound, trouble)
		rounds++
	}
	t.Logf("%d operations in %d rounds with %d kills, %d denials that say nothing, %s", total, rounds, kills, a.spared.Load(), time.Since(a.began).Round(time.Second))
}
