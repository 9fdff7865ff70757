package journal_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/network/journal"
)

// newConfig describes a journal of its own, with small segments unless size says otherwise.
func newConfig(t testing.TB, size int64) journal.Config {
	t.Helper()
	skey, vkey, err := note.GenerateKey(rand.Reader, "journal.example/test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	return journal.Config{
		Dir: filepath.Join(dir, "data"), AnchorPath: filepath.Join(dir, "anchor"), Origin: "journal.example/test",
		Signer: signer, Verifier: verifier, SegmentBytes: size,
	}
}

func create(t testing.TB, cfg journal.Config) *journal.Log {
	t.Helper()
	if err := journal.Init(cfg); err != nil {
		t.Fatal(err)
	}
	return reopen(t, cfg)
}

func reopen(t testing.TB, cfg journal.Config) *journal.Log {
	t.Helper()
	l, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// sample is record i of every test: sizes vary, either part may be empty.
func sample(i int64) journal.Record {
	leaf := fmt.Appendf(nil, "leaf %d %0*d", i, int(i%7)*5, i)
	sealed := fmt.Appendf(nil, "attachment %d %0*d", i, int(i%11)*9, i)
	if i%13 == 5 {
		leaf = nil
	}
	if i%5 == 3 {
		sealed = nil
	}
	return journal.Record{Leaf: leaf, Attachment: sealed}
}

func fill(t testing.TB, l *journal.Log, n int64) {
	t.Helper()
	var last *journal.Pending
	for i := l.Durable().Size; n > 0; n, i = n-1, i+1 {
		p, err := l.Enqueue(sample(i), journal.EnqueueOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if p.Index() != i {
			t.Fatalf("index %d, want %d", p.Index(), i)
		}
		last = p
	}
	if last != nil {
		if err := last.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestRootsAndProofs compares every tree of up to 300 records, and sampled proofs in each, with tlog on an in-memory copy.
func TestRootsAndProofs(t *testing.T) {
	cfg := newConfig(t, 4096)
	l := create(t, cfg)
	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(ix))
		for k, i := range ix {
			out[k] = stored[i]
		}
		return out, nil
	})
	roots := make([]tlog.Hash, 301)
	for n := range int64(300) {
		fill(t, l, 1)
		h, err := tlog.StoredHashes(n, sample(n).Leaf, memory)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
		if roots[n+1], err = tlog.TreeHash(n+1, memory); err != nil {
			t.Fatal(err)
		}
		if cp := l.Durable(); cp.Size != n+1 || cp.Root != roots[n+1] {
			t.Fatalf("after %d records: size %d root %v, want root %v", n+1, cp.Size, cp.Root, roots[n+1])
		}
	}
	for size := int64(1); size <= 300; size++ {
		for i := size % 3; i < size; i += 1 + size/9 {
			p, err := l.ProveRecord(size, i)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, size, roots[size], i, tlog.RecordHash(sample(i).Leaf)); err != nil {
				t.Fatalf("record %d of %d: %v", i, size, err)
			}
			q, err := l.ProveTree(size, i+1)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckTree(q, size, roots[size], i+1, roots[i+1]); err != nil {
				t.Fatalf("tree %d in %d: %v", i+1, size, err)
			}
		}
	}
}
