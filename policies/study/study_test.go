package study_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/study"
)

// rules are a custodian's, with an issuer whose visa comes with them.
func rules(t *testing.T) (r *study.Rules, visa string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := json.Marshal(map[string]any{
		"issuers":  []any{map[string]any{"iss": "https://b.example", "jwks": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1"}}}}},
		"demands":  map[string]any{"CLINTRCH": [][]map[string]string{{{"type": "ResearcherStatus", "by": "const:so"}}}},
		"diseases": map[string][]string{"MONDO:2": {"MONDO:1"}},
	})
	if err == nil {
		r, err = study.Parse(raw)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(`{"iss":"https://b.example","sub":"ann","iat":1,"exp":1000,"scope":"openid","ga4gh_visa_v1":{"type":"ResearcherStatus","asserted":1,"value":"https://bona.fide","source":"https://uni.example","by":"so"}}`))
	if err == nil {
		visa, err = jws.CompactSerialize()
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, visa
}

func uses(names ...string) (out []string) {
	for _, n := range names {
		if v, ok := strings.CutPrefix(n, "visa:"); ok {
			out = append(out, policies.SystemVisa+v)
			continue
		}
		curie, _ := duo.Curie(n)
		out = append(out, duo.IRI(curie))
	}
	return out
}

// TestUnfit is F8 of policies/README.md.
func TestUnfit(t *testing.T) {
	r, visa := rules(t)
	for name, c := range map[string]struct {
		uses     []string
		purpose  string
		study    string
		passport string
		want     string
	}{
		"no terms":                {nil, "TREAT", "", "", ""},
		"fits":                    {uses("HMB", "NPU"), "HRESCH", "DS MONDO:2 NPU", "", ""},
		"fits a kind of research": {uses("GRU"), "CLINTRCH", "GRU", "", ""},
		"a disease above":         {uses("DS", "MONDO:1"), "HRESCH", "DS MONDO:2", "", ""},
		"another disease":         {uses("DS", "MONDO:3"), "HRESCH", "DS MONDO:2", "", policies.DataUse},
		"no study":                {uses("GRU"), "HRESCH", "", "", policies.DataUse},
		"no research":             {uses("GRU"), "HMARKT", "GRU", "", policies.DataUse},
		"not kept to":             {uses("GRU", "IRB"), "HRESCH", "GRU", "", policies.DataUse},
		"no kind":                 {uses("IRB"), "HRESCH", "GRU IRB", "", policies.DataUseUnclear},
		"a term nobody knows":     {append(uses("GRU"), policies.SystemOBO+"DUO_9999999"), "HRESCH", "GRU", "", policies.DataUseUnclear},
		"a study without kind":    {uses("GRU"), "HRESCH", "IRB", "", policies.DataUseUnclear},
		"a visa":                  {uses("visa:ResearcherStatus"), "TREAT", "", visa, ""},
		"a visa of a value":       {uses("visa:ResearcherStatus=https://bona.fide", "GRU"), "HRESCH", "GRU", visa, ""},
		"of another value":        {uses("visa:ResearcherStatus=https://x"), "HRESCH", "GRU", visa, policies.VisaMissing},
		"no visa":                 {uses("visa:ResearcherStatus", "GRU"), "HRESCH", "GRU", "", policies.VisaMissing},
	} {
		said, err := r.Read(strings.Fields(c.study), c.passport, 500_000)
		if err != nil {
			t.Fatal(err)
		}
		if got := said.Unfit(consent.Coding{Code: c.purpose}, c.uses); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
	late, err := r.Read(nil, visa, 1_000_000)
	if err != nil || late.Stated() {
		t.Errorf("an expired visa says %+v, %v", late, err)
	}
}

func TestMet(t *testing.T) {
	r, visa := rules(t)
	with, err := r.Read(nil, visa, 500_000)
	if err != nil {
		t.Fatal(err)
	}
	for purpose, demanded := range map[string]bool{"TREAT": false, "HRESCH": false, "CLINTRCH": true, "CLINTRCHPC": true} {
		p := consent.Coding{Code: purpose}
		if r.Met(p, study.Claims{}) == demanded || !r.Met(p, with) {
			t.Errorf("%s is met wrongly", purpose)
		}
	}
	if !(*study.Rules)(nil).Met(consent.Coding{Code: "CLINTRCH"}, study.Claims{}) {
		t.Error("no rules demand something")
	}
	if _, err := (*study.Rules)(nil).Read([]string{"cancer"}, "", 0); consent.CodeOf(err) != consent.Malformed {
		t.Errorf("a term that nobody knows: %v", err)
	}
	if c, err := (*study.Rules)(nil).Read([]string{"GRU"}, visa, 500_000); err != nil || len(c.Visas) != 0 {
		t.Errorf("believed without rules: %+v, %v", c, err)
	}
}

func TestParse(t *testing.T) {
	for _, text := range []string{
		`[]`, `{"issuers":[{"iss":"x","jwks":{"keys":[]}}]}`, `{"demands":{"FUN":[]}}`, `{"diseases":{"cancer":[]}}`, `{"diseases":{"MONDO:1":["x"]}}`,
		`{"issuers":[{"iss":"x","jwks":{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}}]}`,
	} {
		if _, err := study.Parse([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}
