package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/network/journal"
)

// counter is a caller's state, fed by Replay and Extend alike: it must see every record once, in order.
type counter struct {
	t     *testing.T
	seen  int64
	bytes int
}

func (c *counter) feed(i int64, r journal.Record) error {
	if i != c.seen {
		c.t.Errorf("saw record %d, want %d", i, c.seen)
	}
	c.seen++
	c.bytes += len(r.Leaf) + len(r.Attachment)
	return nil
}

func (c *counter) extend(first int64, recs []journal.Record) ([]string, error) {
	for k, r := range recs {
		if err := c.feed(first+int64(k), r); err != nil {
			return nil, err
		}
	}
	return []string{fmt.Sprintf("count %d %d", c.seen, c.bytes)}, nil
}

// TestExtend checks the caller's state through restarts, one of them with a whole tail above the anchor: at each the
// signed extension lines say what the state says.
func TestExtend(t *testing.T) {
	cfg := newConfig(t, 4096)
	state := &counter{t: t}
	cfg.Extend = state.extend
	l := create(t, cfg)
	fill(t, l, 50)
	old := read(t, cfg.AnchorPath)
	fill(t, l, 60)
	want := l.Durable()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, anchor := range [][]byte{read(t, cfg.AnchorPath), old} {
		write(t, cfg.AnchorPath, anchor)
		again := &counter{t: t}
		cfg.Extend, cfg.Replay = again.extend, again.feed
		l := reopen(t, cfg)
		got := l.Durable()
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
		if d := cmp.Diff([]string{fmt.Sprintf("count %d %d", again.seen, again.bytes)}, got.Extension); d != "" {
			t.Error(d)
		}
		cp, err := journal.OpenCheckpoint(got.Note, cfg.Origin, cfg.Verifier)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(got, cp); d != "" {
			t.Error(d)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	failed := errors.New("no more")
	cfg.Replay = nil
	cfg.Extend = func(int64, []journal.Record) ([]string, error) { return nil, failed }
	l = reopen(t, cfg)
	if _, err := l.Append(t.Context(), sample(0)); !errors.Is(err, journal.ErrFenced) || !errors.Is(err, failed) {
		t.Errorf("append with an Extend that fails: %v", err)
	}
}

// TestConcurrent has writers and readers of every kind at once, over many segments.
func TestConcurrent(t *testing.T) {
	cfg := newConfig(t, 8192)
	l := create(t, cfg)
	const writers, each = 16, 60
	var group sync.WaitGroup
	var taken sync.Map
	for w := range writers {
		group.Go(func() {
			for k := range each {
				r := journal.Record{Leaf: fmt.Appendf(nil, "%d/%d", w, k), Attachment: bytes.Repeat([]byte{byte(w)}, k)}
				i, err := l.Append(t.Context(), r)
				if err != nil {
					t.Error(err)
					return
				}
				if _, dup := taken.LoadOrStore(i, r); dup {
					t.Errorf("number %d was given twice", i)
				}
				got, err := l.Read(i)
				if err != nil || !bytes.Equal(got.Leaf, r.Leaf) || !bytes.Equal(got.Attachment, r.Attachment) {
					t.Errorf("record %d reads as %q, %v", i, got, err)
				}
				if k%8 == 0 {
					inspect(t, l)
				}
			}
		})
	}
	<-l.Watch(writers*each - 1)
	group.Wait()
	if err := errors.Join(l.Sync(), l.Scrub(t.Context(), journal.ScrubOptions{}), l.Close()); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	seen := 0
	rep, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{Each: func(i int64, r journal.Record) error {
		mu.Lock()
		defer mu.Unlock()
		seen++
		want, _ := taken.Load(i)
		if d := cmp.Diff(want, r); d != "" {
			return errors.New(d)
		}
		return nil
	}})
	if err != nil || seen != writers*each || rep.Checkpoint.Size != writers*each || rep.Segments < 5 {
		t.Fatal(rep, seen, err)
	}
}

// inspect checks what an auditor sees at one moment.
func inspect(t *testing.T, l *journal.Log) {
	t.Helper()
	cp := l.Durable()
	old := (cp.Size + 1) / 2
	root, err := l.RootAt(old)
	if err != nil {
		t.Error(err)
	}
	p, err := l.ProveTree(cp.Size, old)
	if err == nil {
		err = tlog.CheckTree(p, cp.Size, cp.Root, old, root)
	}
	if err != nil {
		t.Error(err)
	}
	if err := l.Scan(t.Context(), old, cp.Size, func(int64, journal.Record) error { return nil }); err != nil {
		t.Error(err)
	}
}

// TestTiles rebuilds the tree from tiles and entry bundles alone, as a client of C2SP tlog-tiles does.
func TestTiles(t *testing.T) {
	l := create(t, newConfig(t, 16<<10))
	const n = 700
	fill(t, l, n)
	cp := l.Durable()
	var leaves []byte
	for at := int64(0); at < n; at += 256 {
		width := int(min(256, n-at))
		tile, err := l.ReadTile(tlog.Tile{H: 8, L: 0, N: at / 256, W: width})
		if err != nil {
			t.Fatal(err)
		}
		leaves = append(leaves, tile...)
		bundle, err := l.ReadEntries(t.Context(), at/256, width)
		if err != nil {
			t.Fatal(err)
		}
		for k := range int64(width) {
			size := int(binary.BigEndian.Uint16(bundle))
			if h := tlog.RecordHash(bundle[2 : 2+size]); !bytes.Equal(h[:], tile[k*tlog.HashSize:(k+1)*tlog.HashSize]) {
				t.Fatalf("entry %d is not what its tile says", at+k)
			}
			bundle = bundle[2+size:]
		}
		if len(bundle) != 0 {
			t.Fatalf("%d bytes behind the bundle", len(bundle))
		}
	}
	var stored []tlog.Hash
	memory := tlog.HashReaderFunc(func(ix []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(ix))
		for k, i := range ix {
			out[k] = stored[i]
		}
		return out, nil
	})
	for i := range int64(n) {
		h, err := tlog.StoredHashesForRecordHash(i, tlog.Hash(leaves[i*tlog.HashSize:]), memory)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, h...)
	}
	if root, err := tlog.TreeHash(n, memory); err != nil || root != cp.Root {
		t.Fatal(root, err)
	}
	up, err := l.ReadTile(tlog.Tile{H: 8, L: 1, N: 0, W: 2})
	if want, err2 := tlog.ReadTileData(tlog.Tile{H: 8, L: 1, N: 0, W: 2}, memory); err != nil || err2 != nil || !bytes.Equal(up, want) {
		t.Fatal(err, err2)
	}
	for _, bad := range []tlog.Tile{{H: 8, L: 0, N: 2, W: 189}, {H: 8, L: 0, N: 3, W: 1}, {H: 8, L: 1, N: 0, W: 3}, {H: 4, L: 0, N: 0, W: 1}, {H: 8, L: -1, N: 0, W: 1}} {
		if _, err := l.ReadTile(bad); !errors.Is(err, journal.ErrNotFound) {
			t.Errorf("tile %+v: %v", bad, err)
		}
	}
}

// TestDerivedHashes spoils the hash file while the journal is open, and throws it away between two starts.
func TestDerivedHashes(t *testing.T) {
	cfg := newConfig(t, 16<<10)
	l := create(t, cfg)
	fill(t, l, 600)
	path := filepath.Join(cfg.Dir, "hashes")
	good := read(t, path)
	bad := bytes.Clone(good)
	for i := range bad {
		bad[i] ^= 1
	}
	cp := l.Durable()
	for name, use := range map[string]func() error{
		"read": func() error { _, err := l.Read(3); return err },
		"proof": func() error {
			p, err := l.ProveRecord(600, 300)
			if err != nil {
				return err
			}
			return tlog.CheckRecord(p, 600, cp.Root, 300, tlog.RecordHash(sample(300).Leaf))
		},
		"tile": func() error { _, err := l.ReadTile(tlog.Tile{H: 8, L: 0, N: 1, W: 256}); return err },
		"scan": func() error {
			return l.Scan(t.Context(), 0, 600, func(int64, journal.Record) error { return nil })
		},
		"root": func() error { _, err := l.RootAt(511); return err },
	} {
		write(t, path, bad)
		if err := use(); err != nil {
			t.Errorf("%s on a spoiled hash file: %v", name, err)
		}
		if !bytes.Equal(read(t, path), good) {
			t.Errorf("%s did not mend the hash file", name)
		}
	}
	_ = l.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	l = reopen(t, cfg)
	if !bytes.Equal(read(t, path), good) {
		t.Error("a start did not rebuild the hash file")
	}
	fill(t, l, 1)
}

// TestBackup backs up a journal at work, verifies the copy, restores it, and goes on there.
func TestBackup(t *testing.T) {
	cfg := newConfig(t, 4096)
	l := create(t, cfg)
	for _, n := range []int64{0, 1, 30, 200} {
		fill(t, l, n)
		dst := filepath.Join(t.TempDir(), strconv.FormatInt(n, 10))
		cp := l.Durable()
		if err := journal.Backup(t.Context(), l, dst); err != nil {
			t.Fatal(err)
		}
		if err := journal.Backup(t.Context(), l, dst); !errors.Is(err, journal.ErrExists) {
			t.Errorf("backup over a backup: %v", err)
		}
		copied := cfg
		copied.Dir, copied.AnchorPath, copied.Signer = dst, filepath.Join(dst, "anchor"), nil
		if rep, err := journal.Verify(t.Context(), copied, journal.VerifyOptions{}); err != nil || rep.Checkpoint.Root != cp.Root {
			t.Fatal(rep, err)
		}
		to := cfg
		to.Dir, to.AnchorPath = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "anchor")
		if err := journal.Restore(t.Context(), dst, to); err != nil {
			t.Fatal(err)
		}
		if err := journal.Restore(t.Context(), dst, to); !errors.Is(err, journal.ErrExists) {
			t.Errorf("restore over a journal: %v", err)
		}
		r := reopen(t, to)
		if d := cmp.Diff(cp, r.Durable()); d != "" {
			t.Error(d)
		}
		fill(t, r, 40)
		if err := r.Scan(t.Context(), 0, r.Durable().Size, func(i int64, r journal.Record) error {
			if !bytes.Equal(r.Leaf, sample(i).Leaf) {
				return fmt.Errorf("record %d is %q", i, r)
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		newer := to
		newer.Dir = filepath.Join(t.TempDir(), "data")
		if err := journal.Restore(t.Context(), dst, newer); !errors.Is(err, journal.ErrShorter) {
			t.Errorf("restore of an older backup under a newer anchor: %v", err)
		}
		spoil(t, dst)
		to.Dir, to.AnchorPath = filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "anchor")
		if err := journal.Restore(t.Context(), dst, to); !errors.Is(err, journal.ErrCorrupt) {
			t.Errorf("restore of a spoiled backup: %v", err)
		}
		if _, err := journal.Open(t.Context(), to); !errors.Is(err, journal.ErrMissing) {
			t.Errorf("open after a restore that was refused: %v", err)
		}
	}
}

// spoil flips a bit in the first segment.
func spoil(t *testing.T, dir string) {
	t.Helper()
	path := filepath.Join(dir, "00000000000000000000.seg")
	b := read(t, path)
	b[len(b)/3] ^= 4
	write(t, path, b)
}
