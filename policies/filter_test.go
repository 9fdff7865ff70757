package policies_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/policies"
)

// TestLensSeesWhatIsRelevant decides from all consents and from those that the request's lens sees, with what is left of the
// others, and wants the same decision, word for word; and every consent that is relevant must be seen.
func TestLensSeesWhatIsRelevant(t *testing.T) {
	s, dropped := seed(t), 0
	for _, a := range []policies.Algorithm{policies.DenyOverrides, policies.MostRecent} {
		e := newEngine(t, policies.Config{Algorithm: a, Implicit: policies.ImplicitAllNormal})
		for i := range oracleRuns(t) / 20 {
			c := chance{rand.New(rand.NewPCG(s, uint64(i)))}
			req, records := c.request(), c.records()
			lens, rest := e.Lens(req), policies.Rest{}
			var seen []policies.Record
			for _, r := range records {
				shape := e.Shape(r.Consent)
				f, digest := policies.FilterOf(r.Consent)
				if back, err := policies.ParseFilter(f.Append(nil)); err != nil || back != f || shape.Filter() != f || shape.Digest() != digest {
					t.Fatalf("question %d: %+v, %+v, %+v, %v", i, f, back, shape.Filter(), err)
				}
				sees := lens.Sees(f)
				switch {
				case sees:
					seen = append(seen, r)
				case policies.Relevant(req, shape):
					t.Fatalf("question %d: a relevant consent is not seen", i)
				case r.Status == policies.Active:
					lens.LeaveOut(&rest, f)
				}
			}
			dropped += len(records) - len(seen)
			want := decide(t, e, req, records...)
			got, err := e.DecideSeen(t.Context(), req, seen, rest)
			if err != nil {
				t.Fatal(err)
			}
			got.Memo, want.Memo = false, false
			if diff := cmp.Diff(want, got); diff != "" {
				t.Fatalf("question %d: %s", i, diff)
			}
		}
	}
	if dropped == 0 {
		t.Error("nothing was left out")
	}
	if _, err := policies.ParseFilter(make([]byte, policies.FilterSize+1)); err == nil {
		t.Error("a filter of another length was read")
	}
}
