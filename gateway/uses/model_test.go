package uses_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/vault"
)

// model is what a use log must have on record, kept in a slice.
type model struct {
	k     *kit
	uses  []placed
	seen  map[consent.Uint64]proof.Seen
	slots []consent.Uint64
}

type placed struct {
	slot consent.Uint64
	n    int
}

// TestModel runs random uses, statements and restarts, with and without an index, against the model.
func TestModel(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 7))
			k := newKit(t)
			m := &model{k: k, seen: map[consent.Uint64]proof.Seen{}, slots: []consent.Uint64{0, 1, 2, 7, 64, 1000, 70_000}}
			for range 6 {
				l, err := uses.Open(t.Context(), k.cfg)
				must(t, err)
				for range 25 {
					m.step(t, l, r)
				}
				m.compare(t, l)
				must(t, l.Close())
				if r.IntN(2) == 0 {
					must(t, os.RemoveAll(k.cfg.IndexDir))
				}
			}
		})
	}
}

func (m *model) step(t *testing.T, l *uses.Log, r *rand.Rand) {
	t.Helper()
	slot := m.slots[r.IntN(len(m.slots))]
	if r.IntN(4) == 0 {
		m.state(t, l, slot, 1+r.IntN(4))
		return
	}
	var last *uses.Pending
	for range 1 + r.IntN(5) {
		n := len(m.uses)
		p, err := l.Begin(slot, sample(slot, n), inputOf(slot, n))
		must(t, err)
		if got := p.Receipt().Index; got != consent.Uint64(n) {
			t.Fatalf("record %d, want %d", got, n)
		}
		m.uses = append(m.uses, placed{slot, n})
		last = p
	}
	_, err := last.Wait(t.Context())
	must(t, err)
}

// state has the slot's wallet fetch and check what it has not seen, page by page.
func (m *model) state(t *testing.T, l *uses.Log, slot consent.Uint64, limit int) {
	t.Helper()
	seen := m.seen[slot]
	s := fetch(t, l, slot, seen, limit)
	after, err := proof.Check(m.k.pinned, seen, handleOf(slot), slot, s)
	must(t, err)
	var want []string
	for _, p := range slices.Backward(m.uses) {
		if p.slot == slot {
			want = append(want, fmt.Sprintf("request-%d", p.n))
		}
	}
	want = want[:len(want)-int(seen.UseSeq)]
	var got []string
	for _, e := range s.Entries {
		got = append(got, e.Use.RequestID)
	}
	if d := cmp.Diff(want, got); len(want)+len(got) > 0 && d != "" {
		t.Fatal(d)
	}
	m.seen[slot] = after
}

// fetch gets a whole statement in pages.
func fetch(t testing.TB, l *uses.Log, slot consent.Uint64, seen proof.Seen, limit int) uses.Statement {
	t.Helper()
	q := uses.Query{Since: seen.Size, After: seen.UseSeq, Limit: limit}
	s, err := l.Statement(context.Background(), slot, handleOf(slot), q)
	must(t, err)
	size := checkpointSize(t, s)
	for consent.Uint64(len(s.Entries)) < s.UseSeq-seen.UseSeq {
		more, err := l.Entries(context.Background(), slot, handleOf(slot), size, s.Entries[len(s.Entries)-1].Index, q)
		must(t, err)
		if len(more) == 0 {
			t.Fatalf("%d of %d entries came", len(s.Entries), s.UseSeq-seen.UseSeq)
		}
		s.Entries = append(s.Entries, more...)
	}
	return s
}

func checkpointSize(t testing.TB, s uses.Statement) (size consent.Uint64) {
	t.Helper()
	must(t, size.UnmarshalText([]byte(strings.Split(s.Checkpoint, "\n")[1])))
	return size
}

// compare looks at everything that the log says.
func (m *model) compare(t *testing.T, l *uses.Log) {
	t.Helper()
	for _, slot := range m.slots {
		m.state(t, l, slot, 3)
	}
	report, err := l.Verify(t.Context(), uses.VerifyOptions{Bodies: true})
	must(t, err)
	if report.Size != int64(len(m.uses)) || report.Opened != report.Size {
		t.Fatalf("report %+v of %d uses", report, len(m.uses))
	}
	for i, p := range m.uses {
		u, input, err := l.Open(consent.Uint64(i))
		must(t, err)
		if u.RequestID != fmt.Sprintf("request-%d", p.n) || !bytes.Equal(input, inputOf(p.slot, p.n)) || sha256.Sum256(input) != u.InputHash {
			t.Fatalf("use %d is %s with input %s", i, u.RequestID, input)
		}
	}
	for _, f := range []uses.Filter{
		{},
		{Decision: proof.Deny},
		{Requester: consenttest.BobPractice},
		{Purpose: "HRESCH"},
		{Emergency: true},
		{Kind: proof.Read},
		{From: sample(0, 20).Time, Until: sample(0, 60).Time},
		{Until: sample(0, 3).Time, Decision: proof.Permit},
	} {
		m.list(t, l, f)
	}
}

func (m *model) list(t *testing.T, l *uses.Log, f uses.Filter) {
	t.Helper()
	var want, got []consent.Uint64
	for i, p := range slices.Backward(m.uses) {
		u := sample(p.slot, p.n)
		if (f.From == 0 || u.Time >= f.From) && (f.Until == 0 || u.Time < f.Until) && (f.Requester == "" || f.Requester == u.Requester) &&
			(f.Purpose == "" || f.Purpose == u.Purpose.Code) && (f.Decision == "" || f.Decision == u.Decision) &&
			(f.Kind == "" || f.Kind == u.Kind) && (!f.Emergency || u.Emergency != "") {
			want = append(want, consent.Uint64(i))
		}
	}
	for before := consent.Uint64(0); ; {
		p, err := l.List(t.Context(), consenttest.AurelAudit, f, before, 7)
		must(t, err)
		for _, r := range p.Rows {
			got = append(got, r.Index)
		}
		if before = p.Next; before == 0 {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("%+v: %s", f, d)
	}
}

// TestConcurrent has many clients record and wallets ask at once: every statement is from one snapshot.
func TestConcurrent(t *testing.T) {
	k := newKit(t)
	var told atomic.Int64
	k.cfg.Notify = func(uses.Use, uses.Receipt) { told.Add(1) }
	l, err := uses.Open(t.Context(), k.cfg)
	must(t, err)
	const clients, each, slots = 16, 40, 5
	var recording, asking sync.WaitGroup
	for c := range clients {
		recording.Go(func() {
			for n := range each {
				slot := consent.Uint64((c + n) % slots)
				if _, err := l.Record(t.Context(), slot, sample(slot, n), nil); err != nil {
					t.Error(err)
				}
			}
		})
	}
	stop := make(chan struct{})
	for slot := range consent.Uint64(slots) {
		asking.Go(func() {
			var seen proof.Seen
			for done := false; !done; {
				select {
				case <-stop:
					done = true
				default:
				}
				s := fetch(t, l, slot, seen, 50)
				var err error
				if seen, err = proof.Check(k.pinned, seen, handleOf(slot), slot, s); err != nil {
					t.Error(err)
					return
				}
			}
			if seen.UseSeq != clients*each/slots {
				t.Errorf("slot %d ends with use %d, want %d", slot, seen.UseSeq, clients*each/slots)
			}
		})
	}
	recording.Wait()
	close(stop)
	asking.Wait()
	_, err = l.Verify(t.Context(), uses.VerifyOptions{Bodies: true})
	must(t, err)
	must(t, l.Close())
	if told.Load() != clients*each {
		t.Fatalf("told of %d uses, want %d", told.Load(), clients*each)
	}
	_, err = l.Begin(0, sample(0, 0), nil)
	wantCode(t, err, consent.Unavailable)
}

// TestErase destroys a handle's key: the text is gone from every file, and every proof still holds.
func TestErase(t *testing.T) {
	k := newKit(t)
	l, err := uses.Open(t.Context(), k.cfg)
	must(t, err)
	var wallet proof.Seen
	for n := range 12 {
		record(t, l, consent.Uint64(n%2), n)
	}
	wallet, err = proof.Check(k.pinned, wallet, handleOf(1), 1, fetch(t, l, 1, wallet, 0))
	must(t, err)
	must(t, k.vault.Erase(vault.ID(handleOf(0))))
	must(t, k.vault.Rotate(t.Context()))
	check := func(l *uses.Log) {
		t.Helper()
		_, err := l.Statement(t.Context(), 0, handleOf(0), uses.Query{})
		wantCode(t, err, consent.Erased)
		_, err = l.Record(t.Context(), 0, sample(0, 99), nil)
		wantCode(t, err, consent.Erased)
		_, _, err = l.Open(0)
		wantCode(t, err, consent.Erased)
		report, err := l.Verify(t.Context(), uses.VerifyOptions{Bodies: true})
		must(t, err)
		if report.Erased != 6 || report.Opened != report.Size-6 {
			t.Fatalf("report %+v", report)
		}
		p, err := l.List(t.Context(), consenttest.AurelAudit, uses.Filter{}, 0, 0)
		must(t, err)
		if row := p.Rows[len(p.Rows)-1]; !row.Erased || row.Requester != "" || row.Purpose != nil {
			t.Fatalf("an erased use is listed as %+v", row)
		}
		wallet, err = proof.Check(k.pinned, wallet, handleOf(1), 1, fetch(t, l, 1, wallet, 0))
		must(t, err)
	}
	check(l)
	record(t, l, 1, 13)
	check(l)
	must(t, l.Close())
	must(t, os.RemoveAll(k.cfg.IndexDir))
	l, err = uses.Open(t.Context(), k.cfg)
	must(t, err)
	check(l)
	must(t, l.Close())
	for _, dir := range []string{k.cfg.Journal.Dir, k.cfg.IndexDir, k.cfg.Journal.AnchorPath} {
		must(t, filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			b, err := os.ReadFile(path)
			for _, canary := range []string{"canary", "rosa", "HRESCH", "TREAT", "request-"} {
				if bytes.Contains(b, []byte(canary)) {
					t.Errorf("%s holds %q", path, canary)
				}
			}
			return err
		}))
	}
}
