package policies_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// TestNarrowingChangesNothing decides on consents as they are and as the request sees them, and wants the same decision, word
// for word.
func TestNarrowingChangesNothing(t *testing.T) {
	s := seed(t)
	for _, a := range []policies.Algorithm{policies.DenyOverrides, policies.MostRecent} {
		cfg := policies.Config{Algorithm: a, Implicit: policies.ImplicitBasicNormal, MemoEntries: -1}
		narrow, whole := newEngine(t, cfg), newEngine(t, cfg)
		whole.AskWhole()
		for i := range oracleRuns(t) / 20 {
			c := chance{rand.New(rand.NewPCG(s, uint64(i)))}
			req, records := c.request(), c.records()
			got, want := decide(t, narrow, req, records...), decide(t, whole, req, records...)
			got.InputDigest, want.InputDigest = "", ""
			if d := cmp.Diff(answer(want), answer(got)); d != "" {
				t.Fatalf("question %d: %s", i, d)
			}
		}
	}
}

// TestPeopleShareAnswers gives every person a consent of her own, which no other equals, and wants nearly all of them to be
// answered by what was asked for others.
func TestPeopleShareAnswers(t *testing.T) {
	e, asked := newEngine(t, policies.Config{}), 0
	for i := range 200 {
		own := grant("c1", "TREAT")
		own.Consent.Period = consent.Period{Start: consent.Millis(1600000000000 + i), End: consent.Millis(1800000000000 + i)}
		own.Consent.Provisions[0].Recipients = []consent.Recipient{
			{Reference: "Organization/city-hospital"}, {Reference: fmt.Sprintf("Practitioner/%d", i)},
		}
		own.Consent.Provisions = append(own.Consent.Provisions, consent.Provision{
			Effect: consent.Deny, Data: []consent.DataReference{{Meaning: "instance", Reference: fmt.Sprintf("DocumentReference/%d", i)}},
		})
		req := ask("TREAT")
		req.Resources = []policies.Resource{{Type: "Observation", ID: fmt.Sprint(i)}}
		if d := decide(t, e, req, own); d.Decision != policies.Permit {
			t.Fatalf("person %d: %s", i, answer(d))
		} else if !d.Memo {
			asked++
		}
		req.Resources = []policies.Resource{{Type: "DocumentReference", ID: fmt.Sprint(i)}}
		if d := decide(t, e, req, own); d.Decision != policies.Deny {
			t.Fatalf("person %d's own document: %s", i, answer(d))
		}
	}
	if asked != 1 {
		t.Errorf("OPA was asked %d times", asked)
	}
}
