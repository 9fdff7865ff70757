package passport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/volens-ledger/volens/policies/passport"
	"github.com/volens-ledger/volens/policies/passport/passporttest"
)

// TestAccept: a visa counts when its issuer is believed and has signed it, and nothing about it is out of time or unmet.
func TestAccept(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rk, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	one, other := passporttest.NewWith(t, "https://one.example", jose.ES256, ec, &ec.PublicKey), passporttest.NewWith(t, "https://other.example", jose.RS256, rk, &rk.PublicKey)
	false2 := passporttest.NewWith(t, "https://other.example", jose.ES256, ec, &ec.PublicKey) // says that it is the other, and is not
	trust := passport.Trust{one.Issuer: one.Keys, other.Issuer: other.Keys}
	grant := one.Visa("ann", "ControlledAccessGrants", "https://data.example/1", nil)
	status := other.Visa("2", "ResearcherStatus", "https://bona.fide", nil)
	link := other.Visa("2", "LinkedIdentities", "ann,https%3A%2F%2Fone.example", nil)
	parts := strings.Split(grant, ".")
	conditions := map[string]any{"ga4gh_visa_v1": map[string]any{
		"type": "ControlledAccessGrants", "asserted": 800, "value": "v", "source": "https://dac.example", "by": "dac",
		"conditions": []any{[]any{map[string]string{"type": "ResearcherStatus", "value": "const:https://bona.fide"}}},
	}}
	rosa := passport.Presenter{People: []passport.Identity{{Subject: "ann", Issuer: one.Issuer}, {Subject: "2", Issuer: other.Issuer}}}
	for name, c := range map[string]struct {
		passport string
		now      int64
		accepted int
		ignored  int
		fails    bool
	}{
		"a visa":                   {grant, 1000, 1, 0, false},
		"of RS256":                 {status, 1000, 1, 0, false},
		"linked":                   {grant + " " + status + "\n" + link, 1000, 3, 0, false},
		"two people":               {grant + " " + status, 1000, 0, 0, true},
		"a passport around them":   {one.Passport("ann", nil, grant, grant), 1000, 2, 0, false},
		"an empty passport":        {one.Passport("ann", nil), 1000, 0, 0, true},
		"expired":                  {grant, 2000, 0, 1, false},
		"from the future":          {grant, 800, 0, 1, false},
		"an issuer nobody knows":   {passporttest.NewWith(t, "https://x.example", jose.ES256, ec, &ec.PublicKey).Visa("ann", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"another's key":            {false2.Visa("2", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"another's words":          {parts[0] + "." + strings.Split(one.Visa("bob", "ControlledAccessGrants", "v", nil), ".")[1] + "." + parts[2], 1000, 0, 1, false},
		"no signature":             {parts[0] + "." + parts[1] + ".", 1000, 0, 1, false},
		"no algorithm":             {"eyJhbGciOiJub25lIn0." + parts[1] + ".", 1000, 0, 1, false},
		"no subject":               {one.Visa("", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"conditions not met":       {one.Visa("ann", "", "", conditions), 1000, 0, 1, false},
		"conditions met":           {one.Visa("ann", "", "", conditions) + " " + status + " " + link, 1000, 3, 0, false},
		"nothing":                  {" ", 1000, 0, 0, true},
		"too long":                 {strings.Repeat("a", 9000), 1000, 0, 0, true},
		"too many":                 {strings.Repeat("a ", 33), 1000, 0, 0, true},
		"a jku counts for nothing": {one.Visa("ann", "ResearcherStatus", "v", map[string]any{"scope": "profile"}), 1000, 0, 1, false},
	} {
		shown, err := trust.Accept(c.passport, rosa, c.now)
		if len(shown.Visas) != c.accepted || len(shown.Ignored) != c.ignored || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", name, shown, err)
		}
		for _, text := range shown.Ignored {
			if strings.Contains(text, "ann") || strings.Contains(text, "example") {
				t.Errorf("%s: repeated: %s", name, text)
			}
		}
	}
}

func FuzzAccept(f *testing.F) {
	f.Add("a.b.c")
	f.Add("eyJhbGciOiJub25lIn0.e30.")
	trust := passport.Trust{"i": {}}
	f.Fuzz(func(t *testing.T, text string) {
		everybody := passport.Presenter{Here: []string{"here"}, Clients: []passport.Identity{{Subject: "c", Issuer: "i"}}}
		if got, _ := trust.Accept(text, everybody, 0); len(got.Visas) > 0 { //nolint:errcheck // errors are fine
			t.Error("accepted without a key")
		}
	})
}
