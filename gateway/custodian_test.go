package gateway_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/api"
)

const clinic consent.MemberID = "other-clinic"

func TestEnrolment(t *testing.T) {
	ctx := context.Background()
	clock := newClock()
	w := start(t, func(c *node.Config) { c.Now = clock.now })
	hospital := w.Member(consenttest.CityHospital)
	for _, bad := range []api.Enrolment{{}, {LocalID: strings.Repeat("1", 129)}, {LocalID: "1", Days: -1}, {LocalID: "1", Days: 367}} {
		_, err := hospital.Enrol(ctx, bad)
		w.wants(err, consent.Malformed)
	}
	const day = 24 * hour
	for days, want := range map[int]consent.Millis{0: 14 * day, 1: day, 366: 366 * day} {
		before := consent.Millis(clock.now().UnixMilli())
		e, err := hospital.Enrol(ctx, api.Enrolment{LocalID: "days " + string(rune('a'+days%26)), Days: days})
		w.must(err)
		if got := e.CodeUntil - before; got < want || got > want+hour {
			t.Errorf("%d days come to %d ms", days, got)
		}
		if len(strings.ReplaceAll(e.Code, "-", "")) != 26 || e.Genesis.IsZero() || e.Key == "" || e.UsesKey == "" || e.Ledger != w.Ledger {
			t.Errorf("%+v", e)
		}
	}

	// One record has one subject, however many ask at once; every subject has its own slot.
	answers := make(chan error, 8)
	for range cap(answers) {
		go func() {
			_, err := hospital.Enrol(ctx, api.Enrolment{LocalID: "twins"})
			answers <- err
		}()
	}
	opened := 0
	for range cap(answers) {
		if err := <-answers; err == nil {
			opened++
		} else {
			w.wants(err, consent.Exists)
		}
	}
	if opened != 1 {
		t.Fatalf("%d subjects of one record", opened)
	}
	s, err := hospital.Search(ctx, api.SubjectQuery{LocalID: "twins"})
	if err != nil || s.State != consent.Opened || s.LocalID != "twins" || s.Slot != 3 {
		t.Fatalf("%+v, %v", s, err)
	}
}

func TestCodes(t *testing.T) {
	ctx := context.Background()
	clock := newClock()
	w := start(t, func(c *node.Config) { c.Now = clock.now })
	hospital := w.Member(consenttest.CityHospital)
	e, err := hospital.Enrol(ctx, api.Enrolment{LocalID: "p1", Days: 1})
	w.must(err)
	subject := func(e api.Enrolled) *consenttest.Subject {
		return w.Adopt(consenttest.Subject{
			Handle: e.Handle, Key: consenttest.Persona("alice"), KeySalt: w.Rand.Hash(), Code: e.Code, Slot: e.Slot, Seq: e.Seq, Prev: e.Prev,
		})
	}
	old := subject(e)
	clock.set(clock.now().AddDate(0, 0, 2))
	_, err = w.Client().Claim(ctx, old.Claim())
	w.wants(err, consent.Expired)
	hospital = w.memberAt(consenttest.CityHospital, clock)
	again, err := hospital.Code(ctx, api.SubjectQuery{LocalID: "p1"})
	w.must(err)
	_, err = w.Client().Claim(ctx, old.Claim())
	w.wants(err, consent.NotFound)
	alice := subject(again)
	claim := alice.Claim()
	_, err = w.Client().Claim(ctx, claim)
	w.must(err)
	alice.Moved(claim)
	same, err := w.Client().Claim(ctx, claim) // an answer that was lost
	if err != nil || same.Me.State != consent.Active {
		t.Fatalf("%+v, %v", same, err)
	}
	_, err = hospital.Code(ctx, api.SubjectQuery{LocalID: "p1"})
	w.wants(err, consent.WrongState)
	_, err = w.Client().Claim(ctx, subject(again).Claim())
	w.wants(err, consent.NotFound)
}

// TestAnotherCustodian checks that a custodian serves its own subjects through its own gateway alone.
func TestAnotherCustodian(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	w.together(&consent.MemberAdmit{
		Member: clinic, Name: "Other Clinic", Roles: []consent.Role{consent.Custodian}, Keys: []consent.Address{consenttest.Persona(string(clinic)).Address()}, Salt: w.Rand.Hash(),
	})
	alice, _ := w.Enrol("p1")
	other, q := w.Member(clinic), api.SubjectQuery{Handle: &alice.Handle}
	count := w.Node.Uses.Count()
	calls := map[string]func() error{
		"enrol":  func() error { _, err := other.Enrol(ctx, api.Enrolment{LocalID: "p1"}); return err },
		"search": func() error { _, err := other.Search(ctx, q); return err },
		"record": func() error { _, err := other.Search(ctx, api.SubjectQuery{LocalID: "p1"}); return err },
		"code":   func() error { _, err := other.Code(ctx, q); return err },
		"pseudonym": func() error {
			_, err := other.Pseudonym(ctx, api.PseudonymQuery{SubjectQuery: q, Member: clinic})
			return err
		},
		"attest": func() error {
			_, err := other.Attest(ctx, api.Attest{SubjectQuery: q, Consent: consenttest.ResearchConsent(clinic, 0)})
			return err
		},
		"erase": func() error {
			_, err := other.Erase(ctx, api.EraseSubject{SubjectQuery: q, Reason: "request"})
			return err
		},
	}
	for name, call := range calls {
		if err := call(); consent.CodeOf(err) != consent.NotFound {
			t.Errorf("%s: %v", name, err)
		}
	}
	l := alice.Link()
	forged := w.Sign(&consent.Erase{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Reason: "court", Salt: w.Rand.Hash()}, consenttest.Persona(string(clinic)))
	if _, err := other.Submit(ctx, forged); err == nil {
		t.Error("another custodian erased a subject")
	}
	if w.Node.Uses.Count() != count {
		t.Error("who may not look left a trace of looking")
	}
}

func TestErasure(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	hospital := w.Member(consenttest.CityHospital)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	ask := w.research(alice)
	w.submit(me, alice, alice.Erase()) // by herself
	_, err := w.Member(consenttest.RosaInstitute).Access(ctx, ask)
	w.wants(err, consent.NotFound)
	_, err = hospital.Search(ctx, api.SubjectQuery{LocalID: "p1"})
	w.wants(err, consent.NotFound)
	_, err = hospital.Search(ctx, api.SubjectQuery{Handle: &alice.Handle})
	w.wants(err, consent.Erased)
	erase := alice.Erase()
	_, err = hospital.Submit(ctx, erase)
	w.wants(err, consent.Erased)
	if _, err := w.Client().SignIn(ctx, func() api.SignIn {
		in := w.prove(alice.Key)
		in.Handle, in.KeySalt = &alice.Handle, &alice.KeySalt
		return in
	}()); consent.CodeOf(err) != consent.Unauthorized {
		t.Errorf("an erased subject signs in: %v", err)
	}

	again, _ := w.Enrol("p1") // the record can be enrolled again, under a new handle and slot
	if again.Handle == alice.Handle || again.Slot == alice.Slot {
		t.Fatalf("the handle or the slot came back: %+v", again)
	}
	done, err := hospital.Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{LocalID: "p1"}, Reason: "retention"})
	if err != nil || done.Pending != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	_, err = hospital.Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{LocalID: "p1"}, Reason: "retention"})
	w.wants(err, consent.NotFound)
	w.Close()
	w.Open()
	_, err = w.Member(consenttest.CityHospital).Search(ctx, api.SubjectQuery{LocalID: "p1"})
	w.wants(err, consent.NotFound)
	// An auditor still sees that uses were, and nothing else of them.
	page, err := w.Member(consenttest.AurelAudit).AuditUses(ctx, api.AuditFilter{})
	w.must(err)
	for _, r := range page.Rows {
		if !r.Erased || r.Requester != "" || r.Time%60_000 != 0 {
			t.Errorf("%+v", r)
		}
	}
}

// TestEraseAgain checks that an erasure whose answer was lost gives its receipt.
func TestEraseAgain(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	erase := alice.Erase()
	w.submit(me, alice, erase)
	r, err := w.Member(consenttest.CityHospital).Submit(context.Background(), erase)
	if err != nil || r.Commitment != consent.Commitment(erase.Body) {
		t.Fatalf("%+v, %v", r, err)
	}
}

func TestFirstFree(t *testing.T) {
	for n := range consent.Uint64(70) {
		asked := 0
		got, err := gateway.FirstFree(func(i consent.Uint64) (bool, error) { asked++; return i < n, nil })
		if err != nil || got != n || asked > 16 {
			t.Errorf("%d taken: %d after %d questions, %v", n, got, asked, err)
		}
	}
	if _, err := gateway.FirstFree(func(consent.Uint64) (bool, error) { return false, errStop }); err == nil {
		t.Error("no error")
	}
}

// TestAttestElsewhere checks that an attested consent cannot be entered for who is not there.
func TestAttestElsewhere(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	h := w.Rand.Handle()
	_, err := w.Member(consenttest.CityHospital).Attest(ctx, api.Attest{
		SubjectQuery: api.SubjectQuery{Handle: &h}, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0), Evidence: sha256.Sum256(nil),
	})
	w.wants(err, consent.NotFound)
}
