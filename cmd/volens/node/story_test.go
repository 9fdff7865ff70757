package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

var observation = json.RawMessage(`{"resourceType":"Observation","id":"bp","status":"final",
 "code":{"coding":[{"system":"http://loinc.org","code":"85354-9"}]},"subject":{"reference":"Patient/p1"}}`)

// verify checks every use of a subject offline and returns them.
func verify(t *testing.T, w *nodetest.World, s *consenttest.Subject, st proof.Statement) []proof.Entry {
	t.Helper()
	info, err := w.Client().Ledger(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(info.UsesKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proof.Check(proof.Log{Origin: node.UsesOrigin(w.Ledger), Verifier: v}, proof.Seen{}, s.Handle, s.Slot, st); err != nil {
		t.Fatal(err)
	}
	return st.Entries
}

func TestStory(t *testing.T) {
	ctx := context.Background()
	w := nodetest.Start(t, nil)
	w.Store["p1"] = []json.RawMessage{observation}
	alice, me := w.Enrol("p1")
	rosa := w.Member(consenttest.RosaInstitute)
	ask := api.AccessRequest{
		Subject: w.Pseudonym(alice, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/rosa"},
	}
	expect := func(want string) api.Access {
		t.Helper()
		a, err := rosa.Fetch(ctx, ask)
		if err != nil {
			t.Fatal(err)
		}
		if a.Decision.Decision != want || a.Use == nil || (len(a.Data) == 1) != (want == policies.Permit) {
			t.Fatalf("got %+v, want %s", a, want)
		}
		return a
	}
	expect(policies.Deny)
	grant := alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	if _, err := me.Submit(ctx, grant); err != nil {
		t.Fatal(err)
	}
	alice.Moved(grant)
	permitted := expect(policies.Permit)
	if revoke := alice.Revoke(3); true {
		if _, err := me.Submit(ctx, revoke); err != nil {
			t.Fatal(err)
		}
		alice.Moved(revoke)
	}
	expect(policies.Deny)

	st, err := me.Statement(ctx, proof.Seen{})
	if err != nil {
		t.Fatal(err)
	}
	es := verify(t, w, alice, st)
	if len(es) != 5 { // enrolment, pseudonym, deny, permit, deny
		t.Fatalf("%d uses, want 5: %+v", len(es), es)
	}
	if u := es[1].Use; u.Decision != proof.Permit || u.Requester != consenttest.RosaInstitute || len(u.Consents) != 1 || u.Consents[0] != 3 {
		t.Fatalf("the permit is on record as %+v", u)
	}
	cs, err := me.Consents(ctx)
	if err != nil || len(cs.Consents) != 1 || cs.Consents[0].Status != consent.Revoked {
		t.Fatalf("consents %+v, %v", cs, err)
	}

	aurel := w.Member(consenttest.AurelAudit)
	re, err := aurel.Replay(ctx, api.ReplayRequest{Index: permitted.Use.Index})
	if err != nil || !re.Same || re.Was != policies.Permit {
		t.Fatalf("replay %+v, %v", re, err)
	}
	page, err := aurel.AuditUses(ctx, api.AuditFilter{Requester: consenttest.RosaInstitute})
	if err != nil || len(page.Rows) != 3 {
		t.Fatalf("audit %+v, %v", page, err)
	}
	if st, err = me.Statement(ctx, proof.Seen{}); err != nil {
		t.Fatal(err)
	}
	if es := verify(t, w, alice, st); len(es) != 7 {
		t.Fatalf("the auditor's looks are not on record: %d uses", len(es))
	}

	// Restart: everything is still there, sessions are not.
	w.Close()
	w.Open()
	if _, err := me.Me(ctx); consent.CodeOf(err) != api.Unauthenticated {
		t.Fatalf("a session survived the restart: %v", err)
	}
	me, rosa = w.SignIn(alice), w.Member(consenttest.RosaInstitute)
	expect(policies.Deny)
	if st, err = me.Statement(ctx, proof.Seen{}); err != nil {
		t.Fatal(err)
	}
	verify(t, w, alice, st)
	if _, err := w.Member(consenttest.CityHospital).Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{LocalID: "p1"}, Reason: "request"}); err != nil {
		t.Fatal(err)
	}
	if _, err := rosa.Access(ctx, ask); !errors.Is(err, &consent.Error{Code: consent.NotFound}) {
		t.Fatalf("access to an erased subject: %v", err)
	}
	if _, err := me.Me(ctx); consent.CodeOf(err) != api.Unauthenticated {
		t.Fatalf("an erased subject is signed in: %v", err)
	}
}
