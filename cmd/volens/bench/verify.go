package bench

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/journal"
)

// Verify measures the offline check of a ledger that Make made.
func Verify(ctx context.Context, o Options) (Result, error) {
	_, id, err := node.ReadGenesis(node.Under(o.Dir))
	if err != nil {
		return Result{}, err
	}
	lc, err := node.LedgerConfig(node.Under(o.Dir), id)
	if err != nil {
		return Result{}, err
	}
	cpu, begin := cpuTime(), time.Now()
	rep, err := journal.Verify(ctx, lc.Journal(), journal.VerifyOptions{})
	took := time.Since(begin)
	return Result{
		Name: "ledger verify", Subjects: o.Shape.Subjects, Consents: o.Shape.Subjects * o.Shape.Consents, Rate: float64(rep.Checkpoint.Size) / took.Seconds(),
		CPU: (cpuTime() - cpu).Seconds(), RSS: rss(), Note: fmt.Sprintf("%d records in %.2f s", rep.Checkpoint.Size, took.Seconds()),
	}, err
}

// Startup measures how long a node takes from nothing to ready.
func Startup(ctx context.Context, o Options) (Result, error) {
	begin := time.Now()
	s, err := o.start(ctx)
	took := time.Since(begin)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Name: "start to ready", Subjects: o.Shape.Subjects, Consents: o.Shape.Subjects * o.Shape.Consents, RSS: rss(),
		Note: fmt.Sprintf("%.2f s at %d records", took.Seconds(), s.n.Ledger.Position()),
	}
	return r, s.close(ctx)
}

// rss is the resident memory of this process.
func rss() int64 {
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			n, err := strconv.ParseInt(f[1], 10, 64)
			if err == nil {
				return n << 10
			}
		}
	}
	return 0
}
