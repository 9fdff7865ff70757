package journal_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"github.com/volens-ledger/volens/network/journal"
)

// BenchmarkAppend has 64 writers, each waiting for its record to be durable before the next.
func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 2000} {
		b.Run(fmt.Sprintf("attachment=%d", size), func(b *testing.B) {
			l := create(b, newConfig(b, 0))
			rec := journal.Record{Leaf: bytes.Repeat([]byte{1}, 200), Attachment: bytes.Repeat([]byte{2}, size)}
			var writers sync.WaitGroup
			work := make(chan struct{})
			b.ReportAllocs()
			b.ResetTimer()
			for range 64 {
				writers.Add(1)
				go func() {
					defer writers.Done()
					for range work {
						if _, err := l.Append(b.Context(), rec); err != nil {
							b.Error(err)
						}
					}
				}()
			}
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			writers.Wait()
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "records/s")
			b.ReportMetric(2*float64(journal.Commits(l))/b.Elapsed().Seconds(), "fsyncs/s")
			b.ReportMetric(float64(b.N)/float64(journal.Commits(l)), "records/commit")
		})
	}
}

// million makes a closed journal of a million small records.
func million(b *testing.B) journal.Config {
	b.Helper()
	cfg := newConfig(b, 0)
	l := create(b, cfg)
	leaf, sealed := bytes.Repeat([]byte{1}, 120), bytes.Repeat([]byte{2}, 180)
	for i := range 1_000_000 {
		copy(leaf, fmt.Appendf(nil, "%d", i))
		if _, err := l.Enqueue(journal.Record{Leaf: leaf, Attachment: sealed}, journal.EnqueueOptions{}); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	return cfg
}

func BenchmarkMillion(b *testing.B) {
	cfg := million(b)
	b.Run("Verify", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if rep, err := journal.Verify(b.Context(), cfg, journal.VerifyOptions{}); err != nil || rep.Checkpoint.Size != 1_000_000 || rep.Stale {
				b.Fatal(rep, err)
			}
		}
	})
	b.Run("Open", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			l, err := journal.Open(b.Context(), cfg)
			if err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			if err := l.Close(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
	})
	l := reopen(b, cfg)
	b.Run("Scan", func(b *testing.B) {
		for b.Loop() {
			if err := l.Scan(b.Context(), 0, 1_000_000, func(int64, journal.Record) error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Read", func(b *testing.B) {
		var i int64
		for b.Loop() {
			i = (i + 7919*7919) % 1_000_000
			if _, err := l.Read(i); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("ProveRecord", func(b *testing.B) {
		var i int64
		for b.Loop() {
			i = (i + 7919*7919) % 1_000_000
			if _, err := l.ProveRecord(1_000_000, i); err != nil {
				b.Fatal(err)
			}
		}
	})
}
