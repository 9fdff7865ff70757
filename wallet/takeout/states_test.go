package takeout_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/wallet/takeout"
)

const hour = consent.Millis(3600 * 1000)

// attested is the evidence of a consent that the custodian entered.
func attested(l *ledger, k consent.Consent) (*consenttest.Subject, takeout.Evidence) {
	s, e := given(l)
	link := s.Link()
	m := l.Sign(&consent.ConsentAttest{
		Handle: link.Handle, Seq: link.Seq, Prev: link.Prev, Evidence: l.Rand.Hash(), Consent: k, Salt: l.Rand.Hash(),
	}, consenttest.Persona(string(consenttest.CityHospital)))
	e.Consent = l.submit(m)
	s.Moved(m)
	return s, e
}

// put submits a message of the subject.
func (l *ledger) put(s *consenttest.Subject, b consent.Body) *takeout.Proved {
	m := s.Sign(b)
	p := l.submit(m)
	s.Moved(m)
	return &p
}

// byCity submits a message that the custodian signs.
func (l *ledger) byCity(s *consenttest.Subject, b consent.Body) *takeout.Proved {
	m := l.Sign(b, consenttest.Persona(string(consenttest.CityHospital)))
	p := l.submit(m)
	s.Moved(m)
	return &p
}

func revoke(l *ledger, s *consenttest.Subject, seq consent.Uint64) *consent.ConsentRevoke {
	k := s.Link()
	return &consent.ConsentRevoke{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: seq, Salt: l.Rand.Hash()}
}

func confirm(l *ledger, s *consenttest.Subject, e takeout.Evidence) *consent.ConsentConfirm {
	k, c := s.Link(), e.Consent.Message.Body.(*consent.ConsentAttest) //nolint:errcheck,forcetypeassert // just made
	return &consent.ConsentConfirm{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: c.Seq, Commitment: e.Consent.Receipt.Commitment, Salt: l.Rand.Hash(),
	}
}

func erase(l *ledger, s *consenttest.Subject) *consent.Erase {
	k := s.Link()
	return &consent.Erase{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Reason: "request", Salt: l.Rand.Hash()}
}

// TestReceiptStates makes the receipt of a consent in every state that it can be in.
func TestReceiptStates(t *testing.T) {
	paper := consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+1000*hour)
	paper.RecordedAt = consenttest.Start - 48*hour
	for name, c := range map[string]struct {
		make   func(l *ledger) takeout.Evidence
		signed string
		states []string // with who expressed each, subject or custodian
	}{
		"given": {func(l *ledger) takeout.Evidence { _, e := given(l); return e }, "subject", []string{"ConsentGiven subject"}},
		"run out": {func(l *ledger) takeout.Evidence {
			_, e := given(l)
			e.Stated.Issued = consenttest.Start + 1000*hour
			return e
		}, "subject", []string{"ConsentGiven subject", "ConsentExpired member"}},
		"not known any more": {func(l *ledger) takeout.Evidence {
			_, e := given(l)
			e.Stated.Gone = true
			return e
		}, "subject", []string{"ConsentGiven subject", "ConsentUnknown member"}},
		"declined": {func(l *ledger) takeout.Evidence {
			s, e := given(l)
			k := s.Link()
			e.Consent = *l.put(s, &consent.ConsentDecline{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Consent: paper, Request: l.Rand.Hash(), Salt: l.Rand.Hash()})
			e.Stated.Issued = consenttest.Start + 2000*hour
			return e
		}, "subject", []string{"ConsentRefused subject"}},
		"replaced": {func(l *ledger) takeout.Evidence {
			s, e := given(l)
			k := s.Link()
			e.Ended = l.put(s, &consent.ConsentGrant{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Replaces: k.Seq - 1, Consent: paper, Salt: l.Rand.Hash()})
			return e
		}, "subject", []string{"ConsentGiven subject", "ConsentWithdrawn subject"}},
		"erased by herself": {func(l *ledger) takeout.Evidence {
			s, e := given(l)
			e.Ended = l.put(s, erase(l, s))
			return e
		}, "subject", []string{"ConsentGiven subject", "ConsentWithdrawn subject"}},
		"erased by the custodian": {func(l *ledger) takeout.Evidence {
			s, e := given(l)
			e.Ended = l.byCity(s, erase(l, s))
			return e
		}, "subject", []string{"ConsentGiven subject", "ConsentRevoked member"}},
		"attested": {func(l *ledger) takeout.Evidence { _, e := attested(l, paper); return e }, "custodian", []string{"ConsentGiven member"}},
		"attested and confirmed": {func(l *ledger) takeout.Evidence {
			s, e := attested(l, paper)
			e.Confirm = l.put(s, confirm(l, s, e))
			return e
		}, "subject", []string{"ConsentGiven member", "ConsentGiven subject"}},
		"attested and withdrawn by her": {func(l *ledger) takeout.Evidence {
			s, e := attested(l, paper)
			e.Ended = l.put(s, revoke(l, s, s.Seq))
			return e
		}, "custodian", []string{"ConsentGiven member", "ConsentWithdrawn subject"}},
		"attested and taken back": {func(l *ledger) takeout.Evidence {
			s, e := attested(l, paper)
			e.Ended = l.byCity(s, revoke(l, s, s.Seq))
			return e
		}, "custodian", []string{"ConsentGiven member", "ConsentRevoked member"}},
		"attested refusal, run out": {func(l *ledger) takeout.Evidence {
			k := paper
			k.Provisions = []consent.Provision{paper.Provisions[0]}
			k.Provisions[0].Effect = consent.Deny
			_, e := attested(l, k)
			e.Stated.Issued = consenttest.Start + 1000*hour
			return e
		}, "custodian", []string{"ConsentRefused member", "ConsentExpired member"}},
	} {
		r, err := takeout.New(c.make(newLedger(t)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var states []string
		for _, e := range r.Events {
			states = append(states, strings.TrimPrefix(e.State, "dpv:")+" "+strings.Split(e.Entity, ":")[2])
		}
		if diff := cmp.Diff(c.states, states); diff != "" || r.SignedBy != c.signed || r.Issued == "" {
			t.Errorf("%s: signed by %s\n%s", name, r.SignedBy, diff)
		}
		b, err := r.Format()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := takeout.Check(b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if unsigned := c.signed == "custodian"; unsigned != !bytes.Contains(b, []byte("ExplicitlyExpressedConsent")) ||
			strings.HasPrefix(name, "attested") != bytes.Contains(b, []byte("not by the person")) {
			t.Errorf("%s: %s", name, b)
		}
	}
}

// TestReceiptAttested checks that nothing makes an attested consent pass for one that the person signed.
func TestReceiptAttested(t *testing.T) {
	k := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	for name, spoil := range map[string]func(l *ledger, s *consenttest.Subject, e *takeout.Evidence){
		"signed by who is no custodian": func(l *ledger, _ *consenttest.Subject, e *takeout.Evidence) {
			e.Consent.Message = l.Sign(e.Consent.Message.Body, consenttest.Persona(string(consenttest.BobPractice)))
		},
		"signed by the patient": func(_ *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			e.Consent.Message = s.Sign(e.Consent.Message.Body)
		},
		"without the custodian's admission": func(l *ledger, _ *consenttest.Subject, e *takeout.Evidence) {
			e.Members = takeout.Parties(l.messages, consenttest.RosaInstitute)
		},
		"confirmed by the custodian": func(l *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			e.Confirm = l.put(s, confirm(l, s, *e))
			e.Confirm.Message = l.Sign(e.Confirm.Message.Body, consenttest.Persona(string(consenttest.CityHospital)))
		},
		"confirmed is another": func(l *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			p := l.put(s, confirm(l, s, *e))
			_, other := attested(l, k)
			e.Consent, e.Confirm = other.Consent, p
		},
		"confirmed by a revocation": func(l *ledger, s *consenttest.Subject, e *takeout.Evidence) {
			e.Confirm = l.put(s, revoke(l, s, s.Seq))
		},
		"issued never": func(_ *ledger, _ *consenttest.Subject, e *takeout.Evidence) { e.Stated.Issued = 0 },
	} {
		l := newLedger(t)
		s, e := attested(l, k)
		spoil(l, s, &e)
		if r, err := takeout.New(e); !errors.Is(err, takeout.ErrRefused) {
			t.Errorf("%s: %v, signed by %s", name, err, r.SignedBy)
		}
	}
}

// TestFirstMapping checks that a receipt of the first mapping still holds, and that it cannot be one of what came later.
func TestFirstMapping(t *testing.T) {
	l := newLedger(t)
	_, e := given(l)
	r, err := takeout.New(e)
	l.must(err)
	old := r
	old.Mapping, old.Issued, old.SignedBy, old.Evidence.Stated.Issued = "1", "", "", 0
	b, err := old.Format()
	l.must(err)
	if bytes.Contains(b, []byte("issued")) || bytes.Contains(b, []byte("signedBy")) {
		t.Errorf("the first mapping had no such fields: %s", b)
	}
	if _, err := takeout.Check(b); err != nil {
		t.Error(err)
	}
	_, paper := attested(l, consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	r, err = takeout.New(paper)
	l.must(err)
	r.Mapping, r.Issued, r.SignedBy, r.Evidence.Stated.Issued = "1", "", "", 0
	b, err = json.Marshal(r)
	l.must(err)
	if _, err := takeout.Check(b); !errors.Is(err, takeout.ErrRefused) {
		t.Errorf("an attested consent by the first mapping: %v", err)
	}
}
