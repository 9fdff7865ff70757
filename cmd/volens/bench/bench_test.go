package bench_test

import (
	"context"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/volens-ledger/volens/cmd/volens/bench"
	"github.com/volens-ledger/volens/cmd/volens/node"
)

func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// TestDecisions runs the decision benchmark small: what it measures works, whatever it measures.
func TestDecisions(t *testing.T) {
	for _, kind := range []string{"forms", "unique", "named"} {
		o := bench.Options{
			Dir: t.TempDir(), Clients: number("CLIENTS", 8), For: time.Duration(number("MS", 300)) * time.Millisecond,
			Shape: bench.Shape{Subjects: number("SUBJECTS", 50), Consents: number("CONSENTS", 10), Forms: 200, Members: 10, Unique: kind != "forms", Named: kind == "named"},
		}
		if err := bench.Make(context.Background(), node.Under(o.Dir), o.Shape, nil); err != nil {
			t.Fatal(err)
		}
		r, err := bench.Decisions(context.Background(), "decisions", o)
		if err != nil {
			t.Fatal(err)
		}
		if r.Rate <= 0 || r.P50 <= 0 {
			t.Fatalf("nothing was measured: %+v", r)
		}
		t.Logf("%s %+v", kind, r)
	}
}

func TestConsents(t *testing.T) {
	o := bench.Options{Dir: t.TempDir(), Clients: number("CLIENTS", 4), For: time.Duration(number("MS", 300)) * time.Millisecond}
	if err := bench.Make(context.Background(), node.Under(o.Dir), bench.Shape{Members: 1}, nil); err != nil {
		t.Fatal(err)
	}
	rs, err := bench.Consents(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rs {
		if r.Rate <= 0 {
			t.Fatalf("nothing was measured: %+v", r)
		}
		t.Logf("%+v", r)
	}
}
