package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/volens-ledger/volens/network/journal"
)

// ledgerOn is a journal on a disk in memory.
func ledgerOn(t *testing.T, d *memoryDisk) journal.Config {
	t.Helper()
	cfg := journal.OnDisk(newConfig(t, 4096), d)
	if err := journal.Init(cfg); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// check opens what is on d, demands at least the acknowledged records, each as it was, and verifies the whole.
func check(t *testing.T, cfg journal.Config, d *memoryDisk, acked int64) int64 {
	t.Helper()
	l, err := journal.Open(t.Context(), journal.OnDisk(cfg, d))
	if err != nil {
		t.Fatal(err)
	}
	size := l.Durable().Size
	if size < acked {
		t.Fatalf("%d records acknowledged, %d left", acked, size)
	}
	err = l.Scan(t.Context(), 0, size, func(i int64, r journal.Record) error {
		if want := sample(i); !bytes.Equal(want.Leaf, r.Leaf) || !bytes.Equal(want.Attachment, r.Attachment) {
			return fmt.Errorf("record %d is %q, want %q", i, r, want)
		}
		return nil
	})
	if err := errors.Join(err, l.Close()); err != nil {
		t.Fatal(err)
	}
	rep, err := journal.Verify(t.Context(), journal.OnDisk(cfg, d), journal.VerifyOptions{})
	if err != nil || rep.Checkpoint.Size != size || rep.Tail != 0 || rep.Stale {
		t.Fatalf("verify: %+v %v", rep, err)
	}
	return size
}

var errPower = errors.New("the power is off")

// TestPowerCut cuts the power at a step drawn by lot, again and again on the same disk, while bursts are appended. No
// acknowledged record may be lost, and whatever is there must verify.
func TestPowerCut(t *testing.T) {
	const lives = 12
	seeds := uint64(40)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			d := newMemoryDisk()
			cfg := ledgerOn(t, d)
			for range lives {
				acked := live(t, cfg, d, r)
				d = d.cut(r)
				check(t, cfg, d, acked)
			}
		})
	}
}

// live appends until the power goes at a random step, and returns how many records were acknowledged.
func live(t *testing.T, cfg journal.Config, d *memoryDisk, r *rand.Rand) (acked int64) {
	t.Helper()
	left, off := 1+r.IntN(150), false
	d.hook = func(step, _ string) (error, error) {
		if left--; left < 0 && step != "lock" {
			off = true
		}
		if off {
			return errPower, nil
		}
		return nil, nil
	}
	l, err := journal.Open(t.Context(), journal.OnDisk(cfg, d))
	if err != nil {
		return 0
	}
	defer func() { _ = l.Close() }()
	acked = l.Durable().Size
	for i := acked; ; {
		var last *journal.Pending
		for range 1 + r.IntN(12) {
			p, err := l.Enqueue(sample(i), journal.EnqueueOptions{})
			if err != nil {
				return acked
			}
			last = p
			i++
		}
		if err := last.Wait(t.Context()); err != nil {
			return acked
		}
		acked = i
	}
}

// TestFence makes every step go wrong once, each time at every one of its occurrences, without and with its effect.
// From then on nothing may be acknowledged, and after a restart everything acknowledged must be there.
func TestFence(t *testing.T) {
	for _, step := range []string{"write", "sync", "truncate", "rename", "syncdir"} {
		for _, persisted := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/persisted=%v", step, persisted), func(t *testing.T) {
				t.Parallel()
				stride := 1
				if testing.Short() {
					stride = 9
				}
				for n := 1; fenceAt(t, step, n, persisted); n += stride {
				}
			})
		}
	}
}

// fenceAt breaks the n-th such step of a run that seals segments too. It says whether the run had that many.
func fenceAt(t *testing.T, step string, n int, persisted bool) bool {
	t.Helper()
	d := newMemoryDisk()
	cfg := ledgerOn(t, d)
	l, err := journal.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	seen, file := 0, ""
	d.mu.Lock()
	d.hook = func(s, name string) (error, error) {
		if s != step || name == "hashes" || name == "spare" && s != "write" && s != "sync" {
			return nil, nil
		}
		if seen++; seen != n {
			return nil, nil
		}
		file = name
		if persisted {
			return nil, syscall.EIO
		}
		return syscall.EIO, nil
	}
	d.mu.Unlock()
	acked, failed := int64(0), false
	for i := range int64(80) {
		_, err := l.Append(t.Context(), sample(i))
		switch {
		case err == nil && failed:
			t.Fatalf("%s %d of %s went wrong, and record %d was acknowledged after it", step, n, file, i)
		case err == nil:
			acked = i + 1
		case !errors.Is(err, journal.ErrFenced) || !errors.Is(err, syscall.EIO):
			t.Fatalf("append after a fault: %v", err)
		default:
			failed = true
		}
	}
	if failed != (file != "") || (l.Fenced() != nil) != failed {
		t.Fatalf("%s %d of %q went wrong, failed %v, fenced %v", step, n, file, failed, l.Fenced())
	}
	if err := l.Close(); (err != nil) != failed {
		t.Fatal(err)
	}
	d.mu.Lock()
	d.hook = nil
	d.mu.Unlock()
	check(t, cfg, d.cut(rand.New(rand.NewPCG(uint64(n), 2))), acked)
	return file != ""
}
