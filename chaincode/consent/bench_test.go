package consent_test

import (
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

func BenchmarkMarshalGrant(b *testing.B) {
	w, _ := consenttest.NewWorld("bench")
	s, _ := w.Open()
	m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	b.ReportAllocs()
	for b.Loop() {
		_ = m.Marshal()
	}
}
