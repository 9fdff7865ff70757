package uses_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
)

// recordSome opens the log, records n uses of three slots and closes it.
func recordSome(t *testing.T, k *kit, from, n int) {
	t.Helper()
	l, err := uses.Open(t.Context(), k.cfg)
	must(t, err)
	for i := from; i < from+n; i++ {
		record(t, l, consent.Uint64(i%3), i)
	}
	must(t, l.Close())
}

// wantWhole opens the log and has it prove n uses to everybody.
func wantWhole(t *testing.T, k *kit, n int64) {
	t.Helper()
	l, err := uses.Open(t.Context(), k.cfg)
	must(t, err)
	for slot := range consent.Uint64(3) {
		_, err := proof.Check(k.pinned, proof.Seen{}, handleOf(slot), slot, fetch(t, l, slot, proof.Seen{}, 0))
		must(t, err)
	}
	r, err := l.Verify(t.Context(), uses.VerifyOptions{Bodies: true})
	must(t, err)
	if r.Size != n || r.Opened != n {
		t.Fatalf("report %+v, want %d uses", r, n)
	}
	must(t, l.Close())
}

// copyTree copies a flat folder. Badger's value log is not used, two gigabytes long while it is open, and all hole: of it
// only the start is copied.
func copyTree(t *testing.T, from, to string) {
	t.Helper()
	must(t, os.MkdirAll(to, 0o700))
	entries, err := os.ReadDir(from)
	must(t, err)
	for _, e := range entries {
		in, err := os.Open(filepath.Join(from, e.Name()))
		must(t, err)
		info, err := in.Stat()
		must(t, err)
		out, err := os.Create(filepath.Join(to, e.Name()))
		must(t, err)
		var r io.Reader = in
		if filepath.Ext(e.Name()) == ".vlog" {
			r = io.LimitReader(in, 64<<10)
		}
		_, err = io.Copy(out, r)
		must(t, err)
		must(t, out.Truncate(info.Size()))
		must(t, errors.Join(in.Close(), out.Close()))
	}
}

// TestIndexLost does to the index what disks and people do. The log makes it anew from the segments.
func TestIndexLost(t *testing.T) {
	edit := func(t *testing.T, k *kit, fn func(txn *badger.Txn) error) {
		t.Helper()
		db, err := badger.Open(badger.DefaultOptions(k.cfg.IndexDir).WithLogger(nil))
		must(t, err)
		must(t, db.Update(fn))
		must(t, db.Close())
	}
	head := append([]byte{'h'}, make([]byte, 8)...)
	for _, c := range []struct {
		name string
		do   func(t *testing.T, k *kit)
	}{
		{"deleted", func(t *testing.T, k *kit) { must(t, os.RemoveAll(k.cfg.IndexDir)) }},
		{"manifest deleted", func(t *testing.T, k *kit) { must(t, os.Remove(filepath.Join(k.cfg.IndexDir, "MANIFEST"))) }},
		{"manifest cut", func(t *testing.T, k *kit) { must(t, os.Truncate(filepath.Join(k.cfg.IndexDir, "MANIFEST"), 3)) }},
		{"start did not survive", func(t *testing.T, k *kit) {
			must(t, os.WriteFile(filepath.Join(k.cfg.IndexDir, "OPENING"), nil, 0o600))
		}},
		{"head lost", func(t *testing.T, k *kit) {
			edit(t, k, func(txn *badger.Txn) error { return txn.Delete(head) })
		}},
		{"head altered", func(t *testing.T, k *kit) {
			edit(t, k, func(txn *badger.Txn) error {
				item, err := txn.Get(head)
				must(t, err)
				v, err := item.ValueCopy(nil)
				must(t, err)
				v[60] ^= 1
				return txn.Set(head, v)
			})
		}},
		{"head cut", func(t *testing.T, k *kit) {
			edit(t, k, func(txn *badger.Txn) error { return txn.Set(head, []byte("short")) })
		}},
		{"position altered", func(t *testing.T, k *kit) {
			edit(t, k, func(txn *badger.Txn) error { return txn.Set([]byte{'a'}, make([]byte, 50)) })
		}},
		{"zone lost", func(t *testing.T, k *kit) {
			edit(t, k, func(txn *badger.Txn) error { return txn.Delete(append([]byte{'t'}, make([]byte, 8)...)) })
		}},
		{"another log's", func(t *testing.T, k *kit) {
			o := newKit(t)
			recordSome(t, o, 0, 12)
			must(t, os.RemoveAll(k.cfg.IndexDir))
			copyTree(t, o.cfg.IndexDir, k.cfg.IndexDir)
		}},
		{"another log's, longer", func(t *testing.T, k *kit) {
			o := newKit(t)
			recordSome(t, o, 0, 50)
			must(t, os.RemoveAll(k.cfg.IndexDir))
			copyTree(t, o.cfg.IndexDir, k.cfg.IndexDir)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := newKit(t)
			recordSome(t, k, 0, 20)
			c.do(t, k)
			wantWhole(t, k, 20)
			recordSome(t, k, 20, 7)
			wantWhole(t, k, 27)
		})
	}
}

// TestIndexBehind gives the log an index of some uses ago, as after a power cut.
func TestIndexBehind(t *testing.T) {
	k := newKit(t)
	recordSome(t, k, 0, 10)
	old := filepath.Join(k.root, "old")
	copyTree(t, k.cfg.IndexDir, old)
	recordSome(t, k, 10, 10)
	must(t, os.RemoveAll(k.cfg.IndexDir))
	copyTree(t, old, k.cfg.IndexDir)
	wantWhole(t, k, 20)
}

// TestKilled opens a copy of the files as they are while the log runs: all that was acknowledged is there.
func TestKilled(t *testing.T) {
	k := newKit(t)
	l := k.open()
	for i := range 30 {
		record(t, l, consent.Uint64(i%3), i)
		if i%7 > 0 {
			continue
		}
		c := *k
		root := filepath.Join(t.TempDir(), "copy")
		copyTree(t, k.cfg.Journal.Dir, filepath.Join(root, "log"))
		copyTree(t, k.cfg.IndexDir, filepath.Join(root, "index"))
		anchor, err := os.ReadFile(k.cfg.Journal.AnchorPath)
		must(t, err)
		c.cfg.Journal.Dir, c.cfg.IndexDir, c.cfg.Journal.AnchorPath = filepath.Join(root, "log"), filepath.Join(root, "index"), filepath.Join(root, "anchor")
		must(t, os.WriteFile(c.cfg.Journal.AnchorPath, anchor, 0o600))
		wantWhole(t, &c, int64(i+1))
	}
}

// TestTail has records above the anchor, as a kill between the two leaves them: they are kept, and signed with their slots.
func TestTail(t *testing.T) {
	for _, lose := range []bool{false, true} {
		k := newKit(t)
		recordSome(t, k, 0, 5)
		anchor, err := os.ReadFile(k.cfg.Journal.AnchorPath)
		must(t, err)
		recordSome(t, k, 5, 9)
		must(t, os.WriteFile(k.cfg.Journal.AnchorPath, anchor, 0o600))
		if lose {
			must(t, os.RemoveAll(k.cfg.IndexDir))
		}
		wantWhole(t, k, 14)
		recordSome(t, k, 14, 3)
		wantWhole(t, k, 17)
	}
}

// TestRefused opens logs whose journal is not what its anchor signs. Nothing mends that.
func TestRefused(t *testing.T) {
	t.Run("records lost", func(t *testing.T) {
		k := newKit(t)
		recordSome(t, k, 0, 20)
		segments, err := filepath.Glob(filepath.Join(k.cfg.Journal.Dir, "*.seg"))
		must(t, err)
		must(t, os.Truncate(segments[0], 4000))
		if _, err := uses.Open(t.Context(), k.cfg); !errors.Is(err, journal.ErrShorter) {
			t.Fatalf("error %v, want %v", err, journal.ErrShorter)
		}
	})
	t.Run("slots not those of the leaves", func(t *testing.T) {
		k := newKit(t)
		recordSome(t, k, 0, 2)
		jc := k.cfg.Journal
		var leaf proof.Leaf
		jc.Replay = func(_ int64, r journal.Record) (err error) {
			leaf, err = proof.ParseLeaf(r.Leaf)
			return err
		}
		var attachment [60]byte
		attachment[0] = 1
		jc.Extend = func(int64, []journal.Record) ([]string, error) {
			return []string{proof.SlotsLine(1, consent.Hash{1})}, nil
		}
		j, err := journal.Open(t.Context(), jc)
		must(t, err)
		leaf.UseSeq, leaf.Prev = 2, leaf.Hash()
		_, err = j.Append(t.Context(), journal.Record{Leaf: leaf.Marshal(), Attachment: attachment[:]})
		must(t, err)
		must(t, j.Close())
		if _, err := uses.Open(t.Context(), k.cfg); !errors.Is(err, journal.ErrCorrupt) {
			t.Fatalf("error %v, want %v", err, journal.ErrCorrupt)
		}
	})
	t.Run("a folder that is not the index's", func(t *testing.T) {
		k := newKit(t)
		recordSome(t, k, 0, 2)
		precious := filepath.Join(k.cfg.IndexDir, "thesis.txt")
		must(t, os.WriteFile(precious, []byte("x"), 0o600))
		must(t, os.WriteFile(filepath.Join(k.cfg.IndexDir, "OPENING"), nil, 0o600))
		if _, err := uses.Open(t.Context(), k.cfg); err == nil {
			t.Fatal("opened")
		}
		if _, err := os.Stat(precious); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("open twice", func(t *testing.T) {
		k := newKit(t)
		l := k.open()
		record(t, l, 0, 0)
		if _, err := uses.Open(t.Context(), k.cfg); err == nil {
			t.Fatal("opened twice")
		}
		record(t, l, 0, 1)
	})
}

// brokenVault fails to make keys durable.
type brokenVault struct{ uses.Sealer }

func (brokenVault) Sync() error { return errors.New("disk on fire") }

func TestRecordRefused(t *testing.T) {
	k := newKit(t)
	l := k.open()
	record(t, l, 1, 0)
	bad := func(slot consent.Uint64, fn func(u *uses.Use), input []byte) error {
		u := sample(slot, 0)
		fn(&u)
		_, err := l.Record(t.Context(), slot, u, input)
		return err
	}
	wantCode(t, bad(proof.MaxSlots, func(*uses.Use) {}, nil), consent.Malformed)
	wantCode(t, bad(1, func(u *uses.Use) { u.Handle = handleOf(2) }, nil), consent.Conflict)
	wantCode(t, bad(1, func(u *uses.Use) { u.Handle = consent.SubjectID{} }, nil), consent.Malformed)
	wantCode(t, bad(1, func(u *uses.Use) { u.Decision = "maybe" }, nil), consent.Malformed)
	wantCode(t, bad(1, func(u *uses.Use) { u.Kind = "" }, nil), consent.Malformed)
	wantCode(t, bad(1, func(u *uses.Use) { u.Time = 0 }, nil), consent.Malformed)
	wantCode(t, bad(1, func(*uses.Use) {}, make([]byte, uses.MaxInput+1)), consent.TooLarge)
	wantCode(t, bad(1, func(u *uses.Use) { u.Client = string(make([]byte, uses.MaxUse)) }, nil), consent.TooLarge)
	for _, slot := range []consent.Uint64{1, proof.MaxSlots, proof.MaxSlots + 5} {
		_, err := l.Statement(t.Context(), slot, handleOf(9), uses.Query{})
		if slot == 1 {
			wantCode(t, err, consent.NotFound)
			_, err = l.Entries(t.Context(), slot, handleOf(9), 1, 0, uses.Query{})
			wantCode(t, err, consent.NotFound)
		} else {
			must(t, err)
		}
	}
	_, err := l.Statement(t.Context(), 1, handleOf(1), uses.Query{Since: 2})
	wantCode(t, err, consent.Conflict)
	_, err = l.Entries(t.Context(), 1, handleOf(1), 9, 0, uses.Query{})
	wantCode(t, err, consent.NotFound)
	_, _, err = l.Open(1)
	wantCode(t, err, consent.NotFound)
	record(t, l, 1, 1)
}

// TestFull refuses for want of space, and goes on when there is some: that is no fault.
func TestFull(t *testing.T) {
	k := newKit(t)
	recordSome(t, k, 0, 3)
	k.cfg.Journal.FreeReserve = 1 << 60
	l := k.open()
	_, err := l.Record(t.Context(), 0, sample(0, 3), nil)
	wantCode(t, err, consent.Full)
	must(t, l.Fenced())
	must(t, l.Close())
	k.cfg.Journal.FreeReserve = 0
	recordSome(t, k, 3, 3)
	wantWhole(t, k, 6)
}

// TestFenced records nothing any more after the first fault.
func TestFenced(t *testing.T) {
	k := newKit(t)
	recordSome(t, k, 0, 3)
	k.cfg.Vault = brokenVault{k.vault}
	l := k.open()
	record(t, l, 0, 3) // its key is durable
	if _, err := l.Record(t.Context(), 50, sample(50, 4), nil); err == nil {
		t.Fatal("a use was recorded under a key that may be lost")
	}
	wantCode(t, l.Fenced(), consent.Fenced)
	if _, err := l.Record(t.Context(), 0, sample(0, 5), nil); err == nil {
		t.Fatal("recorded behind the fence")
	}
	_, err := proof.Check(k.pinned, proof.Seen{}, handleOf(0), 0, fetch(t, l, 0, proof.Seen{}, 0))
	must(t, err)
}
