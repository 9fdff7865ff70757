package vault_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/volens-ledger/volens/network/vault"
)

func benchVault(b *testing.B, subjects int) (vault.Config, *vault.Vault) {
	b.Helper()
	root := b.TempDir()
	cfg := vault.Config{Dir: filepath.Join(root, "vault"), EpochKeyPath: filepath.Join(root, "epoch.key")}
	must(b, vault.Init(context.Background(), cfg))
	v, err := vault.Open(context.Background(), cfg)
	must(b, err)
	for n := range subjects {
		seal(b, v, n, "")
	}
	must(b, v.Sync())
	return cfg, v
}

// BenchmarkSeal seals 500 bytes for known subjects: 1,000 stay in the cache, 100,000 mostly miss it.
func BenchmarkSeal(b *testing.B) {
	for _, subjects := range []int{1_000, 100_000} {
		_, v := benchVault(b, subjects)
		plain, aad := make([]byte, 500), make([]byte, 40)
		b.Run(fmt.Sprintf("subjects=%d", subjects), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n = (n + 7919) % subjects {
					if _, err := v.Seal(subject(n), plain, aad); err != nil {
						b.Error(err)
					}
				}
			})
		})
		must(b, v.Close())
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, subjects := range []int{1_000, 100_000} {
		_, v := benchVault(b, 0)
		sealed := make([][]byte, subjects)
		for n := range sealed {
			sealed[n] = seal(b, v, n, string(make([]byte, 500)))
		}
		must(b, v.Sync())
		b.Run(fmt.Sprintf("subjects=%d", subjects), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for n := 0; pb.Next(); n = (n + 7919) % subjects {
					if _, err := v.Open(subject(n), sealed[n], []byte("aad")); err != nil {
						b.Error(err)
					}
				}
			})
		})
		must(b, v.Close())
	}
}

// BenchmarkNewSubject makes a key and waits for it to be on disk, with 64 callers sharing fsyncs.
func BenchmarkNewSubject(b *testing.B) {
	_, v := benchVault(b, 0)
	next := make(chan int)
	go func() {
		for n := 0; ; n++ {
			next <- n
		}
	}()
	b.SetParallelism(64 / runtime.GOMAXPROCS(0))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			seal(b, v, <-next, "x")
			must(b, v.Sync())
		}
	})
	must(b, v.Close())
}

// BenchmarkMillion opens and rotates a vault of 1,000,000 subjects and says what memory each takes.
func BenchmarkMillion(b *testing.B) {
	const subjects = 1_000_000
	heap := func() float64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc)
	}
	cfg, v := benchVault(b, subjects)
	must(b, v.Rotate(context.Background()))
	must(b, v.Close())
	b.Run("open", func(b *testing.B) {
		for b.Loop() {
			v, err := vault.Open(context.Background(), cfg)
			must(b, err)
			must(b, v.Close())
		}
	})
	before := heap()
	v, err := vault.Open(context.Background(), cfg)
	must(b, err)
	perSubject := (heap() - before) / subjects
	b.Run("rotate", func(b *testing.B) {
		for b.Loop() {
			must(b, v.Rotate(context.Background()))
		}
		b.ReportMetric(perSubject, "B/subject")
	})
	b.Run("backup", func(b *testing.B) {
		for b.Loop() {
			must(b, v.Backup(new(bytes.Buffer)))
		}
	})
	must(b, v.Close())
}
