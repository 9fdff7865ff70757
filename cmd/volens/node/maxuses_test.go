package node_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// TestMaxUses lets fifty requests at once meet a consent for one use, twenty times, while another message of the subject
// makes the gateway read its state anew. Each consent permits once, in the answers and on record, and none after a restart.
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
	rosa := w.Member(consenttest.RosaInstitute)
	ask := api.AccessRequest{Subject: w.Pseudonym(alice, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}}
	if _, err := rosa.Access(ctx, ask); err != nil { // and so is signed in
		t.Fatal(err)
	}

	const rounds, atOnce = 20, 50
	for round := range rounds {
		grant(once)
		var permits atomic.Int64
		var group sync.WaitGroup
		start := make(chan struct{})
		for range atOnce {
			group.Add(1)
			go func() {
				defer group.Done()
				<-start
				a, err := rosa.Access(ctx, ask)
				if err != nil {
					t.Error(err)
				}
				if a.Decision.Decision == policies.Permit {
					permits.Add(1)
				}
			}()
		}
		close(start)
		grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0))
		group.Wait()
		if n := permits.Load(); n != 1 {
			t.Fatalf("round %d: %d answers permit, want 1", round, n)
		}
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
	if want := rounds*atOnce + 2; recorded != want || permits != rounds {
		t.Fatalf("%d decisions and %d permits on record, want %d and %d", recorded, permits, want, rounds)
	}
}
