package consent_test

import (
	"encoding/json"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

func BenchmarkVerifyGrant(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := consent.Verify(w.Ledger, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDigestGrant(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	b.ReportAllocs()
	for b.Loop() {
		_ = consent.Digest(w.Ledger, m.Body)
	}
}

// BenchmarkDigestNewGrant is for consents of which no part but the codes was seen before.
func BenchmarkDigestNewGrant(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	g, ok := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)).Body.(*consent.ConsentGrant)
	if !ok {
		b.Fatal("not a grant")
	}
	b.ReportAllocs()
	for b.Loop() {
		g.Consent.Period.Start++
		for i := range g.Consent.Provisions {
			g.Consent.Provisions[i].Period.Start = g.Consent.Period.Start
		}
		_ = consent.Digest(w.Ledger, g)
	}
}

func BenchmarkMarshalGrant(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Marshal()
	}
}

func BenchmarkReadGrantJSON(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	text, err := json.Marshal(s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		var m consent.Message
		if err := m.UnmarshalJSON(text); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRunGrant(b *testing.B) {
	w, genesis := consenttest.NewWorld("bench")
	st := consenttest.NewMemory()
	tx := consent.Tx{ID: "bench", Time: w.Now}
	put := func(m consent.Message) {
		v, err := consent.Verify(w.Ledger, m)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := consent.Apply(tx, st, v); err != nil {
			b.Fatal(err)
		}
		st.Commit()
	}
	s, open := w.Open()
	for _, m := range append([]consent.Message{genesis}, append(w.Members(), open)...) {
		put(m)
	}
	claim := s.Claim()
	put(claim)
	s.Moved(claim)
	v, err := consent.Verify(w.Ledger, s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := consent.Run(tx, st, v); err != nil {
			b.Fatal(err)
		}
	}
}
