package node_test

import (
	"context"
	"sync"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// TestMaxUses lets a thousand requests at once meet a consent for one use, while other messages of the subject make the
// gateway read its state anew. One is permitted, on record and in the answers, and none after a restart.
func TestMaxUses(t *testing.T) {
	ctx := context.Background()
	w := nodetest.Start(t, nil)
	alice, me := w.Enrol("p1")
	once := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	once.MaxUses = 1
	grant := func(c consent.Consent) {
		m := alice.Grant(c)
		if _, err := me.Submit(ctx, m); err != nil {
			t.Error(err)
		}
		alice.Moved(m)
	}
	grant(once)
	rosa := w.Member(consenttest.RosaInstitute)
	ask := api.AccessRequest{Subject: w.Pseudonym(alice, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}}
	if _, err := rosa.Ledger(ctx); err != nil {
		t.Fatal(err)
	}

	const clients, each = 50, 20
	var group sync.WaitGroup
	answers := make([]int, clients)
	group.Add(1)
	go func() {
		defer group.Done()
		for range 20 {
			grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0))
		}
	}()
	for i := range clients {
		group.Add(1)
		go func() {
			defer group.Done()
			for range each {
				a, err := rosa.Access(ctx, ask)
				if err != nil {
					t.Error(err)
					return
				}
				if a.Decision.Decision == policies.Permit {
					answers[i]++
				}
			}
		}()
	}
	group.Wait()
	permits := 0
	for _, n := range answers {
		permits += n
	}
	if permits != 1 {
		t.Fatalf("%d answers permit, want 1", permits)
	}

	w.Close()
	w.Open()
	me, rosa = w.SignIn(alice), w.Member(consenttest.RosaInstitute)
	a, err := rosa.Access(ctx, ask)
	if err != nil || a.Decision.Decision == policies.Permit {
		t.Fatalf("after the restart: %v, %v", a.Decision.Decision, err)
	}
	st, err := me.Statement(ctx, proof.Seen{})
	if err != nil {
		t.Fatal(err)
	}
	recorded, permits := 0, 0
	for _, e := range verify(t, w, alice, st) {
		if e.Use.Kind != proof.Decision {
			continue
		}
		recorded++
		if e.Use.Decision == proof.Permit {
			permits++
		}
	}
	if recorded != clients*each+1 || permits != 1 {
		t.Fatalf("%d decisions and %d permits on record, want %d and 1", recorded, permits, clients*each+1)
	}
}
