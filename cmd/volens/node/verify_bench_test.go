package node_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
)

// BenchmarkVerifySignatures verifies a ledger of signed consents in full, and beside it verifies just the same messages, in
// memory, on all processors: "ratio" is the one over the other, "cpu-ratio" the same of the processor time, which does not
// depend on who else is at work.
func BenchmarkVerifySignatures(b *testing.B) {
	ctx := context.Background()
	w := nodetest.Start(b, nil)
	messages := w.Crowd(200, 100)
	w.Close()
	var ledger, bare, ledgerCPU, bareCPU time.Duration
	for b.Loop() {
		began, cpu := time.Now(), cpuTime(b)
		r, err := node.Verify(ctx, w.Cfg.Paths, node.VerifyOptions{Signatures: true})
		if err != nil || r.Signatures.Messages < int64(len(messages)) {
			b.Fatal(r, err)
		}
		ledger, ledgerCPU = ledger+time.Since(began), ledgerCPU+cpuTime(b)-cpu
		began, cpu = time.Now(), cpuTime(b)
		verifyAll(b, w.Ledger, messages)
		bare, bareCPU = bare+time.Since(began), bareCPU+cpuTime(b)-cpu
	}
	b.ReportMetric(float64(len(messages)*b.N)/ledger.Seconds(), "records/s")
	b.ReportMetric(float64(ledger)/float64(bare), "ratio")
	b.ReportMetric(float64(ledgerCPU)/float64(bareCPU), "cpu-ratio")
}

// cpuTime is what this process has used.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func verifyAll(b *testing.B, ledger consent.Hash, messages []consent.Message) {
	b.Helper()
	var next atomic.Int64
	var group sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		group.Add(1)
		go func() {
			defer group.Done()
			for i := next.Add(1) - 1; i < int64(len(messages)); i = next.Add(1) - 1 {
				if _, err := consent.Verify(ledger, messages[i]); err != nil {
					b.Error(err)
				}
			}
		}()
	}
	group.Wait()
}
