package takeout_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/wallet/takeout"
)

var update = flag.Bool("update", false, "write testdata/receipts.json anew")

// vector is a receipt that the app's own code has to make, byte for byte, from the same evidence.
type vector struct {
	Name    string `json:"name"`
	Receipt string `json:"receipt"`
}

// TestVectors checks the receipts that the app is held to.
func TestVectors(t *testing.T) {
	const file = "testdata/receipts.json"
	if *update {
		b, err := json.MarshalIndent(vectors(t), "", " ")
		if err == nil {
			err = os.WriteFile(file, append(b, '\n'), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vs []vector
	if err := json.Unmarshal(b, &vs); err != nil || len(vs) != 12 {
		t.Fatalf("%d vectors, %v", len(vs), err)
	}
	for _, v := range vs {
		if _, err := takeout.Check([]byte(v.Receipt)); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

func vectors(t *testing.T) (out []vector) {
	t.Helper()
	l := newLedger(t)
	s, e := given(l)
	add := func(name string, e takeout.Evidence) {
		r, err := takeout.New(e)
		l.must(err)
		b, err := r.Format()
		l.must(err)
		out = append(out, vector{name, string(b)})
	}
	add("given", e)
	silent := e
	silent.Stated = takeout.Stated{Issued: consenttest.Start + hour}
	add("a custodian that says nothing of itself", silent)

	rules := consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+1000*3600*1000)
	coded := func(codes ...string) (out []consent.Coding) {
		for _, c := range codes {
			out = append(out, consent.Coding{System: "urn:<example>&co", Code: c})
		}
		return out
	}
	rules.Provisions[0].Actions, rules.Provisions[0].Codes = coded("access", "use"), []consent.Coding{{Code: "plain"}}
	rules.Provisions = append(rules.Provisions,
		consent.Provision{Effect: consent.Deny, Labels: coded("R"), Recipients: []consent.Recipient{{Role: consent.Coding{Code: "IRCP"}}}},
		consent.Provision{Parent: 1, Effect: consent.Permit, Purposes: coded("TREAT"), Recipients: []consent.Recipient{{Reference: "Organization/bob-practice"}}},
		consent.Provision{Parent: 2, Effect: consent.Permit, ResourceTypes: coded("Observation")},
	)
	rules.Policies, rules.Controllers, rules.EraseBy = []string{"https://example.org/policy?a=1&b=2"}, []string{"Organization/bob-practice"}, consenttest.Start+2000*3600*1000
	grant := s.Grant(rules)
	e.Consent = l.submit(grant)
	s.Moved(grant)
	e.Members = takeout.Parties(l.messages, consenttest.CityHospital, consenttest.RosaInstitute, consenttest.BobPractice)
	add("rules below rules", e)
	revoke := s.RevokeAll()
	ended := l.submit(revoke)
	s.Moved(revoke)
	e.Ended = &ended
	add("withdrawn", e)

	refused := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	refused.Provisions[0].Effect = consent.Deny
	grant = s.Grant(refused)
	e.Consent, e.Ended = l.submit(grant), nil
	add("refused", e)
	return append(out, states(l)...)
}

// states are receipts of consents that the custodian entered, that were confirmed, replaced, have run out, or are gone.
func states(l *ledger) (out []vector) {
	add := func(name string, e takeout.Evidence) {
		r, err := takeout.New(e)
		l.must(err)
		b, err := r.Format()
		l.must(err)
		out = append(out, vector{name, string(b)})
	}
	paper := consenttest.ResearchConsent(consenttest.RosaInstitute, consenttest.Start+1000*hour)
	paper.RecordedAt = consenttest.Start - 48*hour
	s, e := attested(l, paper)
	add("entered by the custodian", e)
	out = append(out, withdrawnByCity(l, paper)...)
	e.Confirm = l.put(s, confirm(l, s, e))
	add("confirmed", e)
	e.Stated.Issued = consenttest.Start + 1000*hour
	add("run out", e)
	e.Stated.Issued, e.Stated.Gone = consenttest.Start+2*hour, true
	add("not known any more", e)
	e.Stated.Gone = false
	k := s.Link()
	e.Ended = l.put(s, &consent.ConsentGrant{
		Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Replaces: e.Consent.Message.Body.(*consent.ConsentAttest).Seq, //nolint:errcheck,forcetypeassert // just made
		Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, 0), Salt: l.Rand.Hash(),
	})
	add("replaced", e)
	s, e = given(l)
	e.Ended = l.put(s, erase(l, s))
	add("erased", e)
	return out
}

func withdrawnByCity(l *ledger, paper consent.Consent) []vector {
	s, e := attested(l, paper)
	e.Ended = l.byCity(s, revoke(l, s, e.Consent.Message.Body.(*consent.ConsentAttest).Seq)) //nolint:errcheck,forcetypeassert // just made
	r, err := takeout.New(e)
	l.must(err)
	b, err := r.Format()
	l.must(err)
	return []vector{{"withdrawn by the custodian", string(b)}}
}
