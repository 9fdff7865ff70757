package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// consents are a subject's consents by seq.
func consents(w *world, me *client.Client) map[consent.Uint64]api.Consent {
	w.t.Helper()
	list, err := me.Consents(context.Background())
	w.must(err)
	out := map[consent.Uint64]api.Consent{}
	for _, c := range list.Consents {
		out[c.Seq] = c
	}
	return out
}

// types limits a consent to resource types.
func types(c consent.Consent, codes ...string) consent.Consent {
	for _, code := range codes {
		c.Provisions[0].ResourceTypes = append(c.Provisions[0].ResourceTypes, consent.Coding{System: "http://hl7.org/fhir/resource-types", Code: code})
	}
	return c
}

func TestConsents(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	ask.ResourceTypes = []consent.Coding{{Code: "Observation"}}
	w.decides(rosa, ask, policies.Deny)

	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))) // 3
	if a := w.decides(rosa, ask, policies.Permit); len(a.Consents) != 1 || a.Consents[0] != "3" || a.Sentence.Text == "" || a.ConsentDecision != policies.ConsentPermit {
		t.Fatalf("%+v", a)
	}

	l := alice.Link()
	narrow := alice.Sign(&consent.ConsentGrant{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Replaces: 3, Salt: w.Rand.Hash(),
		Consent: types(consenttest.ResearchConsent(consenttest.RosaInstitute, 0), "Condition"),
	})
	w.submit(me, alice, narrow) // 4
	w.decides(rosa, ask, policies.Deny)
	other := ask
	other.ResourceTypes = []consent.Coding{{Code: "Condition"}}
	w.decides(rosa, other, policies.Permit)
	if _, err := me.Submit(ctx, alice.Revoke(3)); consent.CodeOf(err) != consent.WrongState {
		t.Fatalf("revoke what was replaced: %v", err)
	}

	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0))) // 5
	w.submit(me, alice, alice.RevokeAll())                                                            // 6
	w.decides(rosa, other, policies.Deny)
	got := consents(w, me)
	for seq, want := range map[consent.Uint64]consent.EntryStatus{3: consent.Replaced, 4: consent.Revoked, 5: consent.Revoked} {
		if c := got[seq]; c.Status != want || c.Ended == 0 || !c.Signed {
			t.Errorf("consent %d is %+v, want %v", seq, c, want)
		}
	}
	if got[4].Replaces != 3 || got[4].Commitment != consent.Commitment(narrow.Body) {
		t.Errorf("consent 4 is %+v", got[4])
	}
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))) // 7: not held back by revoke-all
	w.decides(rosa, ask, policies.Permit)
	again := alice.Revoke(7)
	w.submit(me, alice, again)
	first, err := me.Receipt(ctx, consent.Commitment(again.Body))
	w.must(err)
	second, err := me.Submit(ctx, again) // the receipt again, and nothing else
	if err != nil || second.Position != first.Position {
		t.Fatalf("the same revocation again: %+v, %v", second, err)
	}
	if st, err := me.Me(ctx); err != nil || st.Seq != alice.Seq || st.Prev != alice.Prev || st.State != consent.Active {
		t.Fatalf("%+v, %v", st, err)
	}
}

func TestPeriodsAndMaxUses(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	for _, p := range []consent.Period{{Start: w.Now - 2*hour, End: w.Now - hour}, {Start: w.Now + hour}} {
		c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
		c.Period = p
		w.submit(me, alice, alice.Grant(c))
		w.decides(rosa, ask, policies.Deny)
	}
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.MaxUses = 3
	w.submit(me, alice, alice.Grant(c)) // 5
	results := make(chan string, 20)
	for range cap(results) {
		go func() {
			a, err := rosa.Access(context.Background(), ask)
			if err != nil {
				results <- err.Error()
				return
			}
			results <- a.Decision.Decision
		}()
	}
	permits := 0
	for range cap(results) {
		switch r := <-results; r {
		case policies.Permit:
			permits++
		case policies.Deny:
		default:
			t.Fatal(r)
		}
	}
	if permits != 3 {
		t.Fatalf("%d permits of 3", permits)
	}
	if got := consents(w, me)[5]; got.Uses != 3 {
		t.Fatalf("%d uses shown", got.Uses)
	}
	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)))
	w.decides(rosa, ask, policies.Deny)
	w.Close()
	w.Open() // the count is the log's
	w.decides(w.Member(consenttest.RosaInstitute), ask, policies.Deny)
}

func TestRequestedConsents(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	rosa := w.Member(consenttest.RosaInstitute)
	ask := func(text string) api.ConsentRequest {
		c := consenttest.ResearchConsent(consenttest.RosaInstitute, w.Now+hour)
		c.TextHash = sha256.Sum256([]byte(text))
		return api.ConsentRequest{Subject: w.Pseudonym(alice, consenttest.RosaInstitute), Consent: c, Text: text}
	}
	yes, no := ask("May we?\nPlease."), ask("And this?")
	first, err := rosa.Ask(ctx, yes)
	w.must(err)
	second, err := rosa.Ask(ctx, no)
	w.must(err)
	l := alice.Link()
	w.submit(me, alice, alice.Sign(&consent.ConsentGrant{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: first.ID, Consent: first.Consent, Salt: w.Rand.Hash(),
	}))
	l = alice.Link()
	w.submit(me, alice, alice.Sign(&consent.ConsentDecline{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: second.ID, Consent: second.Consent, Salt: w.Rand.Hash(),
	}))
	third, err := rosa.Ask(ctx, ask("Once more?"))
	w.must(err)
	list, err := me.Requests(ctx)
	w.must(err)
	if len(list.Requests) != 3 {
		t.Fatalf("%+v", list)
	}
	for i, want := range []struct {
		asked    api.Asked
		answered consent.Uint64
	}{{third, 0}, {second, 4}, {first, 3}} {
		if r := list.Requests[i]; r.ID != want.asked.ID || r.Answered != want.answered || r.Text != want.asked.Text || r.Member != consenttest.RosaInstitute {
			t.Errorf("request %d: %+v, want %+v", i, r, want)
		}
	}
	if c := consents(w, me)[4]; c.Kind != "ConsentDecline" || c.Status != consent.Ended || c.Request != second.ID {
		t.Errorf("%+v", c)
	}
	w.decides(rosa, w.research(alice), policies.Permit)

	forged, long, loud := ask("x"), ask(strings.Repeat("word ", 5000)), ask("turn\u202eed")
	forged.Text = "another text"
	grabby := ask("x")
	grabby.Consent.Provisions[0].Recipients[0].Reference = "Organization/bob-practice"
	open := ask("x")
	open.Consent.Provisions[0].Recipients = nil
	for name, bad := range map[string]struct {
		r    api.ConsentRequest
		code consent.Code
	}{
		"another text": {forged, consent.Malformed}, "too long": {long, consent.TooLarge}, "bidirectional": {loud, consent.Malformed},
		"for another": {grabby, consent.Unauthorized}, "for anybody": {open, consent.Malformed},
	} {
		if _, err := rosa.Ask(ctx, bad.r); consent.CodeOf(err) != bad.code {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAttestAndConfirm(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	hospital := w.Member(consenttest.CityHospital)
	a, err := hospital.Attest(ctx, api.Attest{
		SubjectQuery: api.SubjectQuery{LocalID: "p1"}, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0),
		Evidence: sha256.Sum256([]byte("a scan")),
	})
	w.must(err)
	if a.Seq != 3 || a.Kind != "ConsentAttest" || a.Signed {
		t.Fatalf("%+v", a)
	}
	st, err := me.Me(ctx)
	w.must(err)
	alice.Seq, alice.Prev = st.Seq, st.Prev
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Permit)
	l := alice.Link()
	w.submit(me, alice, alice.Sign(&consent.ConsentConfirm{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: a.Seq, Commitment: a.Commitment, Salt: w.Rand.Hash(),
	}))
	if c := consents(w, me)[3]; !c.Signed || c.Status != consent.Live {
		t.Fatalf("%+v", c)
	}
	w.submit(me, alice, alice.Revoke(3))
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Deny)
}

func TestPreview(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))) // 3
	uses, position := w.Node.Uses.Count(), w.Node.Ledger.Position()
	treat := consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)
	narrow := types(consenttest.ResearchConsent(consenttest.RosaInstitute, 0), "Condition")
	research, treatment := consent.Coding{Code: "HRESCH"}, consent.Coding{Code: "TREAT"}
	observation := []policies.Resource{{Type: "Observation", ID: "1"}}
	for name, tc := range map[string]struct {
		p    api.Preview
		want string
	}{
		"as it is":                  {api.Preview{Member: consenttest.RosaInstitute, Purpose: research}, policies.Permit},
		"for another purpose":       {api.Preview{Member: consenttest.RosaInstitute, Purpose: treatment}, policies.Deny},
		"when it is revoked":        {api.Preview{Member: consenttest.RosaInstitute, Purpose: research, Revoke: []consent.Uint64{3}}, policies.Deny},
		"before a consent":          {api.Preview{Member: consenttest.BobPractice, Purpose: treatment}, policies.Deny},
		"with a consent":            {api.Preview{Member: consenttest.BobPractice, Purpose: treatment, Consent: &treat}, policies.Permit},
		"with an emergency":         {api.Preview{Member: consenttest.BobPractice, Purpose: consent.Coding{Code: "BTG"}, Consent: &treat}, policies.Deny},
		"in the place of another":   {api.Preview{Member: consenttest.RosaInstitute, Purpose: research, Consent: &narrow, Replaces: 3, Resources: observation}, policies.Deny},
		"beside another":            {api.Preview{Member: consenttest.RosaInstitute, Purpose: research, Consent: &narrow, Resources: observation}, policies.Permit},
		"of a revocation of others": {api.Preview{Member: consenttest.RosaInstitute, Purpose: research, Revoke: []consent.Uint64{4}}, policies.Permit},
	} {
		d, err := me.Preview(ctx, tc.p)
		if err != nil || d.Decision.Decision != tc.want {
			t.Errorf("%s: %s, %v, want %s (%+v)", name, d.Decision.Decision, err, tc.want, d.Reasons)
		}
	}
	if w.Node.Uses.Count() != uses || w.Node.Ledger.Position() != position {
		t.Error("a preview left a trace")
	}
	_, err := me.Preview(ctx, api.Preview{Member: "nobody", Purpose: research})
	w.wants(err, consent.NotFound)
}

func TestKeys(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	next, salt, l := consenttest.Persona("alice's next key"), w.Rand.Hash(), alice.Link()
	old := alice.Key
	w.submit(me, alice, w.SignOpen(&consent.KeyRotate{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, KeyCommit: consent.KeyCommitment(salt, next.Address()), Salt: w.Rand.Hash(),
	}, consent.Openings{KeySalt: &alice.KeySalt, NewKeySalt: &salt}, old, next))
	_, err := me.Me(ctx)
	w.wants(err, api.Unauthenticated) // the old key's session went with it
	_, err = w.Client().SignIn(ctx, func() api.SignIn {
		in := w.prove(old)
		in.Handle, in.KeySalt = &alice.Handle, &alice.KeySalt
		return in
	}())
	w.wants(err, consent.Unauthorized)
	alice.Key, alice.KeySalt = next, salt
	me = w.SignIn(alice)

	friend, helper, lost := consenttest.Persona("friend"), consenttest.Persona("helper"), consenttest.Persona("alice's last key")
	guardians := consent.Guardians{Addresses: []consent.Address{friend.Address(), helper.Address()}, Threshold: 2, Salt: w.Rand.Hash()}
	l = alice.Link()
	w.submit(me, alice, alice.Sign(&consent.GuardiansSet{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, GuardianCommit: consent.GuardianCommitment(guardians), Salt: w.Rand.Hash(),
	}))
	begin := func(signers ...sig.Key) consent.Message {
		l := alice.Link()
		return w.SignOpen(&consent.RecoveryBegin{
			Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, KeyCommit: consent.KeyCommitment(salt, lost.Address()), Salt: w.Rand.Hash(),
		}, consent.Openings{Guardians: &guardians}, signers...)
	}
	_, err = w.Client().Claim(ctx, begin(friend))
	w.wants(err, consent.NotFound) // one answer for whatever does not go together
	m := begin(friend, helper)
	claimed, err := w.Client().Claim(ctx, m) // guardians have nothing to sign in with
	w.must(err)
	alice.Moved(m)
	if claimed.Me.State != consent.Recovering || claimed.Me.Deadline == 0 || len(claimed.Me.Delegations) != 0 {
		t.Fatalf("%+v", claimed.Me)
	}
	l = alice.Link()
	finish := w.SignOpen(&consent.RecoveryFinish{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: w.Rand.Hash()}, consent.Openings{NewKeySalt: &salt}, lost)
	_, err = w.Client().Claim(ctx, finish)
	w.wants(err, consent.TooEarly)
	l = alice.Link()
	w.submit(me, alice, alice.Sign(&consent.RecoveryVeto{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: w.Rand.Hash()}))
	_, err = w.Client().Claim(ctx, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.wants(err, consent.Malformed)
}

func TestExports(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Permit)
	b, err := me.UsesCSV(ctx)
	w.must(err)
	rows, err := csv.NewReader(strings.NewReader(string(b))).ReadAll()
	if err != nil || len(rows) != 5 || rows[1][2] != "export" || rows[2][3] != string(consenttest.RosaInstitute) {
		t.Fatalf("%v, %v", rows, err)
	}
	b, err = me.UsesJSON(ctx)
	w.must(err)
	var st proof.Statement
	w.must(json.Unmarshal(b, &st))
	info, err := me.Ledger(ctx)
	w.must(err)
	v, err := note.NewVerifier(info.UsesKey)
	w.must(err)
	if _, err := proof.Check(proof.Log{Origin: node.UsesOrigin(w.Ledger), Verifier: v}, proof.Seen{}, alice.Handle, alice.Slot, st); err != nil || len(st.Entries) != 5 {
		t.Fatalf("%d uses in the export: %v", len(st.Entries), err)
	}
}

// TestPages checks that uses come in pages, and that what was verified is not sent again.
func TestPages(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	bob, other := w.Enrol("p2")
	rosa, ask, another := w.Member(consenttest.RosaInstitute), w.research(alice), w.research(bob)
	for range 12 {
		_, err := rosa.Batch(ctx, []api.AccessRequest{ask, another, ask})
		w.must(err)
	}
	first, err := me.Uses(ctx, api.UsesQuery{Limit: 10})
	w.must(err)
	if len(first.Entries) != 10 {
		t.Fatalf("%d entries", len(first.Entries))
	}
	all := first.Entries
	for all[len(all)-1].Use.UseSeq > 1 {
		p, err := me.UsesPage(ctx, api.UsesQuery{Limit: 10, Before: all[len(all)-1].Index, Size: consent.Uint64(w.Node.Uses.Count())})
		w.must(err)
		all = append(all, p.Entries...)
	}
	if len(all) != 26 { // enrolment, pseudonym, 24 decisions
		t.Fatalf("%d uses", len(all))
	}
	_, err = other.UsesPage(ctx, api.UsesQuery{Before: all[3].Index, Size: consent.Uint64(w.Node.Uses.Count())})
	w.wants(err, consent.NotFound)
	none, err := me.Uses(ctx, api.UsesQuery{After: 26, Since: consent.Uint64(w.Node.Uses.Count())})
	if err != nil || len(none.Entries) != 0 {
		t.Fatalf("%d entries again, %v", len(none.Entries), err)
	}
}

// TestEvidence checks that a patient gets the messages that a consent stands on, whoever signed them, and nobody else's.
func TestEvidence(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	attested, err := w.Member(consenttest.CityHospital).Attest(ctx, api.Attest{
		SubjectQuery: api.SubjectQuery{Handle: &alice.Handle}, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0), Evidence: consent.Hash{1},
	})
	w.must(err)
	alice.Seq, alice.Prev = attested.Seq, attested.Commitment
	l := alice.Link()
	w.submit(me, alice, alice.Sign(&consent.ConsentConfirm{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: attested.Seq, Commitment: attested.Commitment, Salt: w.Rand.Hash(),
	}))
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.BobPractice, 0)))
	given := alice.Seq
	w.submit(me, alice, alice.Revoke(attested.Seq))
	w.submit(me, alice, alice.RevokeAll())
	for seq, want := range map[consent.Uint64][]string{
		attested.Seq: {"ConsentAttest", "ConsentConfirm", "ConsentRevoke", "RevokeAll"}, given: {"ConsentGrant", "RevokeAll"},
	} {
		ev, err := me.Evidence(ctx, seq)
		w.must(err)
		var got []string
		for _, p := range ev.Messages {
			got = append(got, consent.TypeOf(p.Message.Body))
			if p.Receipt.Commitment != consent.Commitment(p.Message.Body) || len(p.Message.Sigs) != 1 || len(p.Receipt.Checkpoint) == 0 {
				t.Errorf("%d: %+v", seq, p)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d: %q", seq, got)
		}
	}
	_, other := w.Enrol("p2")
	for _, c := range []struct {
		me  *client.Client
		seq consent.Uint64
	}{{me, 0}, {me, 1}, {me, 2}, {me, attested.Seq + 1}, {me, 1 << 40}, {other, attested.Seq}} {
		_, err := c.me.Evidence(ctx, c.seq)
		w.wants(err, consent.NotFound)
	}
}
