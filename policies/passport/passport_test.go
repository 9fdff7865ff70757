package passport_test

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/volens-ledger/volens/policies/passport"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, passport.VectorSets()...)
	if err != nil || failed > 0 || passed < 39 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

// TestUnverified reads real tokens: of the visas that Google's translator made of a dbGaP passport only the grant names its
// subject, which Passport 1.2 requires.
func TestUnverified(t *testing.T) {
	raw, err := os.ReadFile("testdata/ga4gh-passport/passports/dbgap_to_ga4gh.json")
	if err != nil {
		t.Fatal(err)
	}
	var p struct {
		Visas []string `json:"ga4gh_passport_v1"` //nolint:tagliatelle // GA4GH
	}
	if err := json.Unmarshal(raw, &p); err != nil || len(p.Visas) != 3 {
		t.Fatal(err, len(p.Visas))
	}
	for i, token := range p.Visas {
		v, err := passport.Unverified(token)
		if i < 2 && err == nil {
			t.Errorf("visa %d has no sub and is accepted", i)
		}
		if i == 2 && v.Assertion.Type != passport.ControlledAccessGrants {
			t.Errorf("%+v, %v", v, err)
		}
	}
	for _, token := range []string{"", "a.b.c", "e30.e30.x", "bm8.e30.x"} {
		if _, err := passport.Unverified(token); err == nil {
			t.Errorf("%q is accepted", token)
		}
	}
}

func TestSatisfied(t *testing.T) {
	visa := passport.Assertion{Type: "ResearcherStatus", Value: "v", Source: "s"}
	conditional := visa
	conditional.Conditions = [][]map[string]string{{{"type": "x", "by": "const:so"}}}
	clause := map[string]string{"type": "ResearcherStatus", "value": "const:v"}
	unknown := map[string]string{"type": "ResearcherStatus", "value": "const:v", "asserted": "const:1"}
	for name, c := range map[string]struct {
		conditions [][]map[string]string
		others     []passport.Assertion
		want       bool
	}{
		"none":                  {nil, nil, true},
		"an empty list":         {[][]map[string]string{{}}, []passport.Assertion{visa}, false},
		"met":                   {[][]map[string]string{{clause}}, []passport.Assertion{visa}, true},
		"by a conditional visa": {[][]map[string]string{{clause}}, []passport.Assertion{conditional}, false},
		"an unknown claim":      {[][]map[string]string{{unknown}}, []passport.Assertion{visa}, false},
	} {
		if got := passport.Satisfied(c.conditions, c.others); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func FuzzMatches(f *testing.F) {
	f.Add("pattern:*a*b?c*", "xxaxxbxcx")
	f.Add("split_pattern:a?;b", "a;b")
	f.Fuzz(func(t *testing.T, condition, value string) {
		if !passport.Matches("const:"+value, value) || !passport.Matches("pattern:*", value) {
			t.Error("a value does not match itself")
		}
		passport.Matches(condition, value)
	})
}

func FuzzParseLinked(f *testing.F) {
	f.Add("10001,https:%2F%2Fissuer.example1.org%2Foidc;a,b")
	f.Fuzz(func(t *testing.T, value string) {
		ids, err := passport.ParseLinked(value)
		if err == nil && len(ids) == 0 {
			t.Error("no identities and no error")
		}
	})
}
