package gateway_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// TestPending checks that while a message is on its way its subject is denied, on record, and nobody else.
func TestPending(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	bob, his := w.Enrol("p2")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.submit(his, bob, bob.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	rosa, hers, other := w.Member(consenttest.RosaInstitute), w.research(alice), w.research(bob)
	fence := w.Node.Replica.Fence(alice.Handle)
	a := w.decides(rosa, hers, policies.Deny)
	if !reason(a.Decision, "revocation-pending") {
		t.Fatalf("%+v", a.Decision)
	}
	w.decides(rosa, other, policies.Permit)
	if us := w.uses(alice, me); us[0].UseSeq != a.Use.UseSeq || us[0].Reasons[0].Code != "revocation-pending" {
		t.Fatalf("on record: %+v", us[0])
	}
	_, err := w.Member(consenttest.AurelAudit).Replay(context.Background(), api.ReplayRequest{Index: a.Use.Index})
	w.wants(err, consent.WrongState)
	fence.Drain(context.Background())
	fence.Lift()
	w.decides(rosa, hers, policies.Permit)
}

// TestRevokeWaits checks that a revocation is acknowledged after the answers that were decided before it are out, or cut
// off, and not while a reader could still answer.
func TestRevokeWaits(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	cut := make(chan struct{})
	view, err := w.Node.Replica.Enter(alice.Handle, func() { close(cut) })
	w.must(err)
	revoke := alice.Revoke(3)
	acknowledged := make(chan error)
	go func() {
		_, err := me.Submit(context.Background(), revoke)
		acknowledged <- err
	}()
	select {
	case err := <-acknowledged:
		t.Fatalf("acknowledged (%v) while an answer was on its way", err)
	case <-cut:
	}
	if !view.Cut() {
		t.Error("the reader may still answer")
	}
	w.must(<-acknowledged)
	view.Leave()
	alice.Moved(revoke)
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Deny)
}

// TestRefusedRevocation checks that a message that the ledger refuses causes no denial afterwards, whoever sent it.
func TestRefusedRevocation(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	_, err := me.Submit(context.Background(), alice.Revoke(9))
	w.wants(err, consent.NotFound)
	l := alice.Link()
	forged := w.SignOpen(&consent.RevokeAll{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: w.Rand.Hash()}, consent.Openings{KeySalt: &alice.KeySalt}, consenttest.Persona("mallory"))
	_, err = w.Member(consenttest.CityHospital).Submit(context.Background(), forged)
	w.wants(err, consent.BadSignature)
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Permit)
}

// TestRevokeUnderLoad asks without pause while consents come and go: no permit begins after an acknowledged revocation,
// and none is missing after an acknowledged grant.
func TestRevokeUnderLoad(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	stop := make(chan struct{})
	ended := make(chan error, 4)
	for range cap(ended) {
		go func() {
			for {
				select {
				case <-stop:
					ended <- nil
					return
				default:
				}
				if _, err := rosa.Access(ctx, ask); err != nil && consent.CodeOf(err) != consent.Unavailable && consent.CodeOf(err) != consent.Unknown {
					ended <- err
					return
				}
			}
		}()
	}
	for range 25 {
		grant := alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		w.submit(me, alice, grant)
		w.decides(rosa, ask, policies.Permit)
		w.submit(me, alice, alice.Revoke(alice.Seq))
		w.decides(rosa, ask, policies.Deny)
	}
	close(stop)
	for range cap(ended) {
		w.must(<-ended)
	}
	open := false // as the record has it: every permit lies between a grant and its revocation
	for _, u := range w.uses(alice, me) {
		open = open || u.Decision == policies.Permit
	}
	if !open {
		t.Error("nothing was ever permitted")
	}
}

// TestStale checks that a gateway that cannot follow the ledger denies everything, on record, and says so to those who
// watch it.
func TestStale(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	w.decides(rosa, ask, policies.Permit)
	block := make(chan struct{})
	w.Node.Gateway.OnErase(func() { <-block }) // the follower stands still after the next erasure
	bob, his := w.Enrol("p2")
	w.submit(his, bob, bob.Erase())
	late := alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0))
	landed := make(chan error)
	go func() {
		_, err := me.Submit(context.Background(), late)
		landed <- err
	}()
	for w.Node.Replica.Fresh() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	if a := w.decides(rosa, ask, policies.Deny); !reason(a.Decision, "stale") {
		t.Errorf("%+v", a.Decision)
	}
	if r := w.send("GET", "/readyz", "", nil); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("ready with %d: %s", r.StatusCode, r.body)
	}
	close(block)
	w.must(<-landed)
	alice.Moved(late)
	w.decides(rosa, ask, policies.Permit)
	if us := w.uses(alice, me); us[1].Reasons[0].Code != "stale" {
		t.Errorf("on record: %+v", us[1])
	}
}
