package consent_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

// ledger runs every message twice and compares the leaves byte for byte.
type ledger struct {
	t    *testing.T
	w    *consenttest.World
	st   *consenttest.Memory
	done []step
	log  consent.Tree // of a host that takes a ledger over
}

// step is one accepted message: what was read, and what came of it.
type step struct {
	m    consent.Message
	tx   consent.Tx
	read map[string][]byte
	out  consent.Outcome
}

// reads notes which keys are read.
type reads struct {
	consent.Reader
	seen map[string][]byte
}

func (r reads) Get(key string) ([]byte, error) {
	b, err := r.Reader.Get(key)
	r.seen[key] = b
	return b, err
}

func newLedger(t *testing.T) *ledger {
	t.Helper()
	return newLedgerOf(t, t.Name())
}

func newLedgerOf(t *testing.T, seed string) *ledger {
	t.Helper()
	w, genesis := consenttest.NewWorld(seed)
	l := &ledger{t: t, w: w, st: consenttest.NewMemory()}
	l.must(genesis)
	for _, m := range w.Members() {
		l.must(m)
	}
	return l
}

func (l *ledger) submit(m consent.Message) error {
	l.t.Helper()
	// What a host stores and reads back must verify as well: go through both wire forms.
	again, err := consent.Unmarshal(m.Marshal())
	if err != nil {
		l.t.Fatalf("unmarshal what was marshalled: %v", err)
	}
	text, err := json.Marshal(again)
	if err != nil {
		l.t.Fatal(err)
	}
	var m2 consent.Message
	if err := json.Unmarshal(text, &m2); err != nil {
		l.t.Fatalf("read %s: %v", text, err)
	}
	v, err := consent.Verify(l.w.Ledger, m2)
	if err != nil {
		return err
	}
	tx := consent.Tx{ID: "tx", Time: l.w.Now, Log: l.log}
	r := reads{l.st, map[string][]byte{}}
	a, errA := consent.Run(tx, r, v)
	b, errB := consent.Run(tx, l.st, v)
	if consent.CodeOf(errA) != consent.CodeOf(errB) || string(a.Leaf.Marshal()) != string(b.Leaf.Marshal()) {
		l.t.Fatal("two runs of one message differ")
	}
	if errA != nil {
		return errA
	}
	parsed, err := consent.ParseLeaf(a.Leaf.Marshal())
	if err != nil {
		l.t.Fatal(err)
	}
	if d := cmp.Diff(a.Leaf, parsed); d != "" {
		l.t.Fatalf("a parsed leaf differs: %s", d)
	}
	if ev, err := consent.EventOf(parsed); err != nil || ev != a.Event {
		l.t.Fatalf("the leaf's event is %+v, %v; want %+v", ev, err, a.Event)
	}
	if _, err := consent.Apply(tx, l.st, v); err != nil {
		l.t.Fatalf("apply on the strict state: %v", err)
	}
	l.st.Commit()
	l.done = append(l.done, step{again, tx, r.seen, a})
	return nil
}

func (l *ledger) must(m consent.Message) {
	l.t.Helper()
	if err := l.submit(m); err != nil {
		l.t.Fatalf("%s: %v", consent.TypeOf(m.Body), err)
	}
}

func (l *ledger) refuse(code consent.Code, m consent.Message) {
	l.t.Helper()
	before := l.st.Snapshot()
	err := l.submit(m)
	if !errors.Is(err, &consent.Error{Code: code}) {
		l.t.Fatalf("%s: got %v (code %q), want code %q", consent.TypeOf(m.Body), err, consent.CodeOf(err), code)
	}
	l.st.Rollback()
	if !slices.Equal(before, l.st.Snapshot()) {
		l.t.Fatal("a refusal changed the state")
	}
}

// alice returns a claimed subject.
func (l *ledger) alice() *consenttest.Subject {
	l.t.Helper()
	s, open := l.w.Open()
	l.must(open)
	claim := s.Claim()
	l.must(claim)
	s.Moved(claim)
	return s
}

func (l *ledger) did(s *consenttest.Subject, m consent.Message) {
	l.t.Helper()
	l.must(m)
	s.Moved(m)
}
