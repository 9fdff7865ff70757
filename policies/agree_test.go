package policies_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/policies"
)

// oracleRuns is how many random questions both are asked: VOLENS_ORACLE_N, or few.
func oracleRuns(t *testing.T) int {
	t.Helper()
	if n, err := strconv.Atoi(os.Getenv("VOLENS_ORACLE_N")); err == nil {
		return n
	}
	if testing.Short() {
		return 2000
	}
	return 20000
}

func seed(t *testing.T) uint64 {
	t.Helper()
	s, err := strconv.ParseUint(os.Getenv("VOLENS_ORACLE_SEED"), 10, 64)
	if err != nil {
		s = uint64(time.Now().UnixNano())
	}
	t.Logf("VOLENS_ORACLE_SEED=%d", s)
	return s
}

var implicits = []policies.Implicit{
	policies.ImplicitDeny, policies.ImplicitBasicNormal, policies.ImplicitAllNormal, policies.ImplicitBreakGlassOnly,
}

// engines has one of each combination, patient ones: the machine may be busy.
func engines(t *testing.T, memo int) map[policies.Algorithm]map[policies.Implicit]*policies.Engine {
	t.Helper()
	out := map[policies.Algorithm]map[policies.Implicit]*policies.Engine{}
	for _, a := range []policies.Algorithm{policies.DenyOverrides, policies.MostRecent} {
		out[a] = map[policies.Implicit]*policies.Engine{}
		for _, i := range implicits {
			e, err := policies.New(policies.Config{Algorithm: a, Implicit: i, MemoEntries: memo, Timeout: time.Minute})
			if err != nil {
				t.Fatal(err)
			}
			out[a][i] = e
		}
	}
	return out
}

// TestOracleAgrees asks the engine and the oracle the same random questions.
func TestOracleAgrees(t *testing.T) {
	base, err := newOracle("codes")
	if err != nil {
		t.Fatal(err)
	}
	all, s, n, workers := engines(t, 0), seed(t), oracleRuns(t), runtime.GOMAXPROCS(0)
	for w := range workers {
		t.Run(strconv.Itoa(w), func(t *testing.T) {
			t.Parallel()
			counts := map[string]int{}
			for i := w; i < n; i += workers {
				c := chance{rand.New(rand.NewPCG(s, uint64(i)))}
				o := &oracle{
					algorithm: one1(c, []policies.Algorithm{policies.DenyOverrides, policies.MostRecent}),
					implicit:  one1(c, implicits), parents: base.parents,
				}
				req, records := c.request(), c.records()
				d, err := all[o.algorithm][o.implicit].Decide(context.Background(), req, records)
				if err != nil {
					t.Fatalf("question %d: %v", i, err)
				}
				counts[d.ConsentDecision+" "+d.Decision]++
				if diff := o.compare(c, d, req, records); diff != "" {
					j, err := json.MarshalIndent(map[string]any{"request": req, "records": records, "decision": d}, "", " ")
					t.Fatalf("question %d, %s, %s: %s\n%s (%v)", i, o.algorithm, o.implicit, diff, j, err)
				}
			}
			t.Log(counts)
		})
	}
}

var spelled = []string{policies.NoConsent, policies.ConsentPermit, policies.ConsentDeny}

// compare returns what differs, or "".
func (o *oracle) compare(c chance, d policies.Decision, req policies.Request, records []policies.Record) string {
	if len(req.Resources) == 0 {
		return o.compareBlind(c, d, req, records)
	}
	word, all := permits, policies.Permit
	for i, res := range req.Resources {
		w, rules := o.resource(records, req, res)
		got := d.Resources[i]
		want := policies.Deny
		if o.released(w, records, req) {
			want = policies.Permit
		} else {
			all = policies.Deny
		}
		if got.ConsentDecision != spelled[w] || got.Decision != want || strings.Join(short(got.Rules), " ") != strings.Join(rules, " ") {
			return fmt.Sprintf("resource %d: want %s %s %v", i, spelled[w], want, rules)
		}
		if w == denies || w == silent && word == permits {
			word = w
		}
	}
	if d.ConsentDecision != spelled[word] || d.Decision != all {
		return fmt.Sprintf("want %s %s", spelled[word], all)
	}
	return o.terms(d, records)
}

// short writes rules as the oracle does.
func short(rules []string) []string {
	var out []string
	for _, r := range rules {
		id, rest, _ := strings.Cut(r, "/provision[")
		out = append(out, id+"/"+strings.TrimSuffix(rest, "]"))
	}
	slices.Sort(out)
	return out
}

func (o *oracle) compareBlind(c chance, d policies.Decision, req policies.Request, records []policies.Record) string {
	w, want := o.blindly(records, req), policies.Deny
	if o.released(w, records, req) {
		want = policies.Permit
	}
	if d.ConsentDecision != spelled[w] || d.Decision != want {
		return fmt.Sprintf("want %s %s", spelled[w], want)
	}
	if want == policies.Deny {
		if len(d.Residual)+len(d.Obligations) > 0 {
			return "a denial has residual rules or obligations"
		}
		return ""
	}
	for range 8 {
		res := c.resource()
		if len(req.ResourceTypes) > 0 {
			asked := one1(c, req.ResourceTypes)
			if asked.System == policies.SystemResourceType {
				res.Type = asked.Code
			} else {
				res.Classes = append(res.Classes, asked)
			}
		}
		rw, _ := o.resource(records, req, res)
		if o.flows(d.Residual, res) != o.released(rw, records, req) {
			return fmt.Sprintf("the residual rules let flow: %v, the rules: %v, %+v", o.flows(d.Residual, res), o.released(rw, records, req), res)
		}
	}
	return o.terms(d, records)
}
