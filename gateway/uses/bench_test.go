package uses_test

import (
	"context"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
)

func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// BenchmarkRecord has 64 goroutines record uses of 100,000 handles. The first pass, which makes the keys, is not timed.
func BenchmarkRecord(b *testing.B) {
	const handles, clients = 100_000, 64
	k := newKit(b)
	k.cfg.Journal.SegmentBytes = 64 << 20
	l := k.open()
	input := make([]byte, 1000)
	run := func(n int64) {
		var next atomic.Int64
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for {
					i := next.Add(1)
					if i > n {
						return
					}
					slot := consent.Uint64(uint64(i) * 2654435761 % handles)
					u := sample(0, 0)
					u.Handle = benchHandle(slot)
					if _, err := l.Record(context.Background(), slot, u, input); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
	}
	run(handles)
	b.ReportAllocs()
	b.ResetTimer()
	cpu := cpuTime()
	run(int64(b.N))
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "uses/s")
}

func benchHandle(slot consent.Uint64) (h consent.SubjectID) {
	h[0], h[1], h[2], h[3] = 1, byte(slot>>16), byte(slot>>8), byte(slot)
	return h
}

// BenchmarkStatement reads a page of 100 uses.
func BenchmarkStatement(b *testing.B) {
	k := newKit(b)
	l := k.open()
	for n := range 300 {
		record(b, l, consent.Uint64(n%3), n)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := l.Statement(context.Background(), 1, handleOf(1), uses.Query{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen opens a log of 1,000,000 uses of 100,000 handles, with its index and without. It needs 2 GB of disk and
// runs only when asked: VOLENS_BENCH_OPEN=1.
func BenchmarkOpen(b *testing.B) {
	if os.Getenv("VOLENS_BENCH_OPEN") == "" {
		b.Skip("set VOLENS_BENCH_OPEN=1")
	}
	const handles, total = 100_000, 1_000_000
	k := newKit(b)
	k.cfg.Journal.SegmentBytes = 64 << 20
	l, err := uses.Open(context.Background(), k.cfg)
	must(b, err)
	input := make([]byte, 200)
	var last *uses.Pending
	for i := range uint64(total) {
		slot := consent.Uint64(i % handles)
		u := sample(0, 0)
		u.Handle = benchHandle(slot)
		if last, err = l.Begin(slot, u, input); err != nil {
			b.Fatal(err)
		}
	}
	_, err = last.Wait(context.Background())
	must(b, err)
	must(b, l.Close())
	for _, c := range []struct {
		name   string
		before func()
	}{
		{"indexed", func() {}},
		{"rebuild", func() { must(b, os.RemoveAll(k.cfg.IndexDir)) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				c.before()
				l, err := uses.Open(context.Background(), k.cfg)
				must(b, err)
				b.StopTimer()
				must(b, l.Close())
				b.StartTimer()
			}
		})
	}
}
