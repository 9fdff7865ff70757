package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/network/journal"
)

// closed makes a journal of n records and closes it.
func closed(t testing.TB, segment, n int64) journal.Config {
	t.Helper()
	cfg := newConfig(t, segment)
	l := create(t, cfg)
	fill(t, l, n)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// files reads the whole journal: the data folder's files by name, and the anchor as "../anchor".
func files(t testing.TB, cfg journal.Config) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	names, err := os.ReadDir(cfg.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		out[n.Name()] = read(t, filepath.Join(cfg.Dir, n.Name()))
	}
	out["../anchor"] = read(t, cfg.AnchorPath)
	return out
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// memory copies a journal to a disk in memory.
func memory(cfg journal.Config, content map[string][]byte) *memoryDisk {
	d := newMemoryDisk()
	for name, b := range content {
		n := &inode{now: bytes.Clone(b), stable: bytes.Clone(b)}
		d.now[filepath.Join(cfg.Dir, name)], d.stable[filepath.Join(cfg.Dir, name)] = n, n
	}
	return d
}

// lastRecord is the stretch of bytes that the last record takes in the last segment.
func lastRecord(t *testing.T, content map[string][]byte, i int64) (name string, from, to int) {
	t.Helper()
	b := journal.AppendRecord(nil, i, sample(i))
	for name, c := range content {
		if at := bytes.Index(c, b); at >= 0 && isSegment(name) {
			return name, at, at + len(b)
		}
	}
	t.Fatal("the last record is not there")
	return "", 0, 0
}

// TestTornTail tears the last record at every byte, with zeros or rubbish behind the tear. With the anchor of the commit
// before it is dropped; with the anchor that covers it the journal is refused, and the position named.
func TestTornTail(t *testing.T) {
	cfg := newConfig(t, 4096)
	l := create(t, cfg)
	fill(t, l, 20)
	before := read(t, cfg.AnchorPath)
	fill(t, l, 1)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	content := files(t, cfg)
	name, from, to := lastRecord(t, content, 20)
	for cut := from; cut <= to; cut++ {
		for _, rubbish := range []byte{0, 0xA5} {
			c := map[string][]byte{}
			for n, b := range content {
				c[n] = bytes.Clone(b)
			}
			for i := cut; i < to+40; i++ {
				c[name][i] = rubbish
			}
			torn := cut < to
			l, err := journal.Open(t.Context(), journal.OnDisk(cfg, memory(cfg, c)))
			var bad *journal.CorruptError
			if torn && (!errors.As(err, &bad) || bad.Index != 20 || bad.Offset != int64(from) || bad.File != name) {
				t.Fatalf("torn at %d of %d under its anchor: %v", cut-from, to-from, err)
			}
			if !torn && err != nil {
				t.Fatal(err)
			}
			if err == nil {
				_ = l.Close()
			}
			c["../anchor"] = before
			d := memory(cfg, c)
			want := int64(20)
			if !torn {
				want = 21
			}
			if got := check(t, cfg, d, want); got != want {
				t.Fatalf("torn at %d of %d: %d records, want %d", cut-from, to-from, got, want)
			}
			l = reopen(t, journal.OnDisk(cfg, d))
			fill(t, l, 30)
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			check(t, cfg, d, want+30)
		}
	}
}

// TestBitFlips flips one bit of every third byte that is in use, file by file. A start, a full scan and a verification must
// each refuse it with its position or be right all the same: the same size, the same root, the same records.
func TestBitFlips(t *testing.T) {
	cfg := closed(t, 4096, 70)
	content := files(t, cfg)
	rep, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{})
	if err != nil {
		t.Fatal(err)
	}
	step := 3
	if testing.Short() {
		step = 17
	}
	tally := map[string]int{}
	for name, b := range content {
		for at := 0; at < len(bytes.TrimRight(b, "\x00"))+16 && at < len(b); at += step {
			b[at] ^= 1 << (at % 8)
			for _, try := range []func(testing.TB, journal.Config, journal.Checkpoint) error{verified, scanned} {
				err := try(t, journal.OnDisk(cfg, memory(cfg, content)), rep.Checkpoint)
				switch {
				case err == nil:
					tally[filepath.Ext(name)+" harmless"]++
				case errors.Is(err, journal.ErrCorrupt) || errors.Is(err, journal.ErrForeign):
					tally[filepath.Ext(name)+" refused"]++
				default:
					t.Errorf("flip in %s at %d: %v", name, at, err)
				}
			}
			b[at] ^= 1 << (at % 8)
		}
	}
	if tally[".seg refused"] == 0 || tally[" harmless"] == 0 {
		t.Fatalf("tally %v", tally)
	}
	t.Log(tally)
}

// verified verifies. Where the newest anchor slot is spoiled the one before decides, and the rest counts as tail.
func verified(t testing.TB, cfg journal.Config, want journal.Checkpoint) error {
	t.Helper()
	rep, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{})
	if err != nil {
		return err
	}
	if rep.Size != want.Size || rep.Root != want.Root {
		return fmt.Errorf("verified as %+v", rep)
	}
	return nil
}

// scanned opens, reads every record and proves every leaf.
func scanned(t testing.TB, cfg journal.Config, want journal.Checkpoint) error {
	t.Helper()
	l, err := journal.Open(t.Context(), cfg)
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }()
	cp := l.Durable()
	if cp.Size != want.Size || cp.Root != want.Root {
		return fmt.Errorf("opened with %d records, root %v", cp.Size, cp.Root)
	}
	for i := range cp.Size {
		r, err := l.Read(i)
		if err != nil {
			return err
		}
		if !bytes.Equal(r.Leaf, sample(i).Leaf) || !bytes.Equal(r.Attachment, sample(i).Attachment) {
			return fmt.Errorf("record %d is %q", i, r)
		}
		p, err := l.ProveRecord(cp.Size, i)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(p, cp.Size, cp.Root, i, tlog.RecordHash(r.Leaf)); err != nil {
			return fmt.Errorf("a wrong proof: %w", err)
		}
	}
	return l.Scan(t.Context(), 0, cp.Size, func(int64, journal.Record) error { return nil })
}

// TestAlteredLeaf alters a leaf and mends its checksum, as somebody with the disk and time would.
func TestAlteredLeaf(t *testing.T) {
	for _, victim := range []int64{3, 65} { // in a sealed segment, and in the active one
		cfg := closed(t, 4096, 70)
		content := files(t, cfg)
		rep, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{})
		if err != nil {
			t.Fatal(err)
		}
		name, from, to := lastRecord(t, content, victim)
		r := sample(victim)
		r.Leaf = bytes.ToUpper(r.Leaf)
		copy(content[name][from:to], journal.AppendRecord(nil, victim, r))
		_, err = journal.Verify(t.Context(), journal.OnDisk(cfg, memory(cfg, content)), journal.VerifyOptions{})
		var bad *journal.CorruptError
		if !errors.As(err, &bad) || bad.Index != victim || bad.Offset != int64(from) || bad.File != name {
			t.Errorf("verify: %v, want record %d at %d of %s", err, victim, from, name)
		}
		if err := scanned(t, journal.OnDisk(cfg, memory(cfg, content)), rep.Checkpoint); !errors.As(err, &bad) || bad.Index != victim {
			t.Errorf("scan: %v, want record %d", err, victim)
		}
	}
}

// TestRefusals starts on folders that are not what the anchor says.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(t *testing.T, cfg *journal.Config)
		want  error
	}{
		{"nothing at all", func(t *testing.T, cfg *journal.Config) {
			cfg.Dir, cfg.AnchorPath = t.TempDir()+"/data", t.TempDir()+"/anchor"
		}, journal.ErrMissing},
		{"no anchor", func(t *testing.T, cfg *journal.Config) { cfg.AnchorPath += ".elsewhere" }, journal.ErrMissing},
		{"no folder", func(t *testing.T, cfg *journal.Config) { cfg.Dir += ".elsewhere" }, journal.ErrShorter},
		{"empty folder", func(t *testing.T, cfg *journal.Config) { cfg.Dir = t.TempDir() }, journal.ErrShorter},
		{"another origin", func(t *testing.T, cfg *journal.Config) { cfg.Origin += "x" }, journal.ErrForeign},
		{"another key", func(t *testing.T, cfg *journal.Config) {
			o := newConfig(t, 0)
			cfg.Signer, cfg.Verifier = o.Signer, o.Verifier
		}, journal.ErrForeign},
		{"another journal's anchor", func(t *testing.T, cfg *journal.Config) {
			o := newConfig(t, 4096)
			o.Signer, o.Verifier = cfg.Signer, cfg.Verifier
			l := create(t, o)
			for range 30 {
				if _, err := l.Append(t.Context(), journal.Record{Leaf: []byte("other")}); err != nil {
					t.Fatal(err)
				}
			}
			_ = l.Close()
			cfg.AnchorPath = o.AnchorPath
		}, journal.ErrCorrupt},
		{"a newer anchor", func(t *testing.T, cfg *journal.Config) {
			keep := files(t, *cfg)
			l := reopen(t, *cfg)
			fill(t, l, 40)
			_ = l.Close()
			newer := read(t, cfg.AnchorPath)
			if err := os.RemoveAll(cfg.Dir); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(cfg.Dir, 0o700); err != nil {
				t.Fatal(err)
			}
			for name, b := range keep {
				write(t, filepath.Join(cfg.Dir, name), b)
			}
			write(t, cfg.AnchorPath, newer)
		}, journal.ErrShorter},
		{"first segment missing", func(t *testing.T, cfg *journal.Config) { drop(t, cfg, 0) }, journal.ErrShorter},
		{"middle segment missing", func(t *testing.T, cfg *journal.Config) { drop(t, cfg, 1) }, journal.ErrShorter},
		{"last segment missing", func(t *testing.T, cfg *journal.Config) { drop(t, cfg, -1) }, journal.ErrShorter},
		{"last segment truncated", func(t *testing.T, cfg *journal.Config) {
			names := segments(t, cfg)
			if err := os.Truncate(names[len(names)-1], 200); err != nil {
				t.Fatal(err)
			}
		}, journal.ErrShorter},
		{"sealed segment truncated", func(t *testing.T, cfg *journal.Config) {
			if err := os.Truncate(segments(t, cfg)[0], 2000); err != nil {
				t.Fatal(err)
			}
		}, journal.ErrCorrupt},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := closed(t, 4096, 70)
			c.spoil(t, &cfg)
			if l, err := journal.Open(t.Context(), cfg); !errors.Is(err, c.want) {
				_ = l.Close()
				t.Errorf("open: %v, want %v", err, c.want)
			}
			if _, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{}); !errors.Is(err, c.want) {
				t.Errorf("verify: %v, want %v", err, c.want)
			}
		})
	}
}

func segments(t *testing.T, cfg *journal.Config) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(cfg.Dir, "*.seg"))
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	return names
}

func drop(t *testing.T, cfg *journal.Config, k int) {
	t.Helper()
	names := segments(t, cfg)
	if err := os.Remove(names[(k+len(names))%len(names)]); err != nil {
		t.Fatal(err)
	}
}

func TestInitAndLock(t *testing.T) {
	cfg := newConfig(t, 0)
	create(t, cfg)
	if err := journal.Init(cfg); !errors.Is(err, journal.ErrExists) {
		t.Errorf("a second init: %v", err)
	}
	if _, err := journal.Open(t.Context(), cfg); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("a second open: %v", err)
	}
	if _, err := journal.Verify(t.Context(), cfg, journal.VerifyOptions{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("verify of an open journal: %v", err)
	}
	other := newConfig(t, 0)
	other.AnchorPath = cfg.AnchorPath
	if err := journal.Init(other); !errors.Is(err, journal.ErrExists) {
		t.Errorf("init over an anchor: %v", err)
	}
	inside := newConfig(t, 0)
	inside.AnchorPath = filepath.Join(inside.Dir, "checkpoint")
	if err := journal.Init(inside); err == nil || !strings.Contains(err.Error(), "outside") {
		t.Errorf("init with the anchor in the data folder: %v", err)
	}
}

// TestFull lets the disk fill up: ordinary records are refused, priority ones live on the reserve, nothing fences, and
// service returns with the space.
func TestFull(t *testing.T) {
	d := newMemoryDisk()
	cfg := newConfig(t, 4096)
	cfg.FreeReserve = 1 << 20
	cfg = journal.OnDisk(cfg, d)
	if err := journal.Init(cfg); err != nil {
		t.Fatal(err)
	}
	l := reopen(t, cfg)
	fill(t, l, 10)
	spare := 1 // segments the disk still has room for, the ballast not counted
	d.mu.Lock()
	d.free = 1000
	d.hook = func(step, name string) (error, error) {
		switch {
		case step == "remove" && name == "ballast":
			spare++
		case step == "reserve" && spare == 0:
			return syscall.ENOSPC, nil
		case step == "reserve":
			spare--
		}
		return nil, nil
	}
	d.mu.Unlock()
	refused, saved := 0, int64(0)
	for range 400 {
		if _, err := l.Append(t.Context(), sample(0)); errors.Is(err, journal.ErrFull) {
			refused++
		}
		p, err := l.Enqueue(sample(1), journal.EnqueueOptions{Priority: true})
		if errors.Is(err, journal.ErrFull) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		saved++
	}
	if refused < 390 || saved < 50 || saved > 300 {
		t.Fatalf("%d ordinary refused, %d urgent kept", refused, saved)
	}
	if _, err := l.Read(5); err != nil {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.free, d.hook = 1<<40, nil
	d.mu.Unlock()
	if _, err := l.Append(t.Context(), sample(0)); err != nil || l.Fenced() != nil {
		t.Fatal(err, l.Fenced())
	}
}

func TestTooLarge(t *testing.T) {
	l := create(t, newConfig(t, 4096))
	for _, r := range []journal.Record{
		{Leaf: make([]byte, journal.MaxLeaf+1)}, {Attachment: make([]byte, journal.MaxAttachment+1)}, {Attachment: make([]byte, 4000)},
	} {
		if _, err := l.Append(t.Context(), r); !errors.Is(err, journal.ErrTooLarge) {
			t.Error(err)
		}
	}
	fill(t, l, 3)
}
