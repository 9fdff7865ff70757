package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
)

// flaky is a ledger whose answers to the next submissions are lost, before or after they arrived.
type flaky struct {
	network.Ledger
	lost    atomic.Int32
	arrives bool
}

func (f *flaky) Submit(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	if f.lost.Add(-1) < 0 {
		return f.Ledger.Submit(ctx, v)
	}
	if f.arrives {
		if r, err := f.Ledger.Submit(ctx, v); err != nil {
			return r, err
		}
	}
	return network.Receipt{}, consent.Errorf(consent.Unknown, "the answer was lost")
}

// TestUnknownOutcome checks that a subject is denied from a revocation whose outcome is not known until it is, and that the
// revocation is carried through.
func TestUnknownOutcome(t *testing.T) {
	for name, arrives := range map[string]bool{"it arrived": true, "it did not": false} {
		t.Run(name, func(t *testing.T) {
			ctx := context.Background()
			w := start(t, nil)
			alice, me := w.Enrol("p1")
			bob, his := w.Enrol("p2")
			for i, s := range []*consenttest.Subject{alice, bob} {
				c := me
				if i == 1 {
					c = his
				}
				w.submit(c, s, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
			}
			rosa, ask, other, token := w.Member(consenttest.RosaInstitute), w.research(alice), w.research(bob), w.patient(alice)
			l := &flaky{Ledger: w.Node.Ledger, arrives: arrives}
			w.Node.Gateway.Through(l)
			l.lost.Store(1000)
			revoke := alice.Revoke(3)
			if r := w.post(api.PathMessages, token, revoke); r.problem(t).Code != consent.Unknown || r.StatusCode != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "" {
				t.Fatalf("%d %s", r.StatusCode, r.body)
			}
			w.Node.Gateway.Settle(ctx) // still lost
			if a := w.decides(rosa, ask, policies.Deny); !reason(a.Decision, "revocation-pending") {
				t.Fatalf("%+v", a.Decision)
			}
			w.decides(rosa, other, policies.Permit)
			l.lost.Store(0)
			w.Node.Gateway.Settle(ctx)
			for range 2 { // Sweep may have the message in its hands just now; asking the ledger by sending it again waits for that
				_, err := me.Submit(ctx, revoke)
				w.must(err)
			}
			alice.Moved(revoke)
			if a := w.decides(rosa, ask, policies.Deny); a.ConsentDecision != policies.NoConsent {
				t.Errorf("%+v", a.Decision)
			}
			if consents(w, me)[3].Status != consent.Revoked {
				t.Error("the revocation was lost")
			}
			w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
			for { // the fence of an attempt that Sweep made may be on its way up
				a, err := rosa.Access(ctx, ask)
				w.must(err)
				if a.Decision.Decision == policies.Permit {
					break
				}
				if !reason(a.Decision, "revocation-pending") {
					t.Fatalf("%+v", a.Decision)
				}
			}
		})
	}
}

// TestFailureMeanwhile checks that nothing is acknowledged once some storage failed, not even what was asked before, and is
// on the disk of another.
func TestFailureMeanwhile(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	rosa, ask, token := w.Member(consenttest.RosaInstitute), w.research(alice), w.patient(alice)
	_, err := rosa.Access(t.Context(), ask) // signed in before storage fails
	w.must(err)
	var asked atomic.Int32
	w.Node.Gateway.Break(func() error {
		if asked.Add(1) == 1 { // when the request comes in
			return nil
		}
		return errors.New("a disk failed")
	})
	if r := w.post(api.PathMessages, token, alice.Revoke(3)); r.problem(t).Code != consent.Fenced {
		t.Errorf("a message: %d %s", r.StatusCode, r.body)
	}
	asked.Store(0)
	if _, err := rosa.Access(t.Context(), ask); consent.CodeOf(err) != consent.Fenced {
		t.Errorf("a decision: %v", err)
	}
	asked.Store(0)
	if _, err := rosa.Batch(t.Context(), []api.AccessRequest{ask}); consent.CodeOf(err) != consent.Fenced {
		t.Errorf("a batch of decisions: %v", err)
	}
}

// TestCut checks that an answer whose connection was cut does not arrive.
func TestCut(t *testing.T) {
	w := start(t, nil)
	w.Node.Gateway.HandleCut("/cut")
	res, err := http.Get(w.Node.URL() + "/cut")
	if err == nil {
		w.must(res.Body.Close())
		t.Fatalf("the answer arrived: %d", res.StatusCode)
	}
	if r := w.send(http.MethodGet, "/healthz", "", nil); r.StatusCode != http.StatusOK {
		t.Errorf("another connection: %d", r.StatusCode)
	}
}
