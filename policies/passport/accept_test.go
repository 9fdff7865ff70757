package passport_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"github.com/volens-ledger/volens/policies/passport"
)

// broker signs visas.
type broker struct {
	t      *testing.T
	iss    string
	signer jose.Signer
	keys   jose.JSONWebKeySet
}

func newBroker(t *testing.T, iss string, alg jose.SignatureAlgorithm, key any, public any) *broker {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &broker{t, iss, s, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k1"}}}}
}

func (b *broker) sign(claims any) string {
	b.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		b.t.Fatal(err)
	}
	jws, err := b.signer.Sign(payload)
	if err != nil {
		b.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

func (b *broker) visa(sub, kind, value string, change map[string]any) string {
	claims := map[string]any{
		"iss": b.iss, "sub": sub, "iat": 900, "exp": 2000, "scope": "openid",
		"ga4gh_visa_v1": map[string]any{"type": kind, "asserted": 800, "value": value, "source": "https://dac.example", "by": "dac"},
	}
	maps.Copy(claims, change)
	return b.sign(claims)
}

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
	one, other := newBroker(t, "https://one.example", jose.ES256, ec, &ec.PublicKey), newBroker(t, "https://other.example", jose.RS256, rk, &rk.PublicKey)
	false2 := newBroker(t, "https://other.example", jose.ES256, ec, &ec.PublicKey) // says that it is the other, and is not
	trust := passport.Trust{one.iss: one.keys, other.iss: other.keys}
	grant := one.visa("ann", "ControlledAccessGrants", "https://data.example/1", nil)
	status := other.visa("2", "ResearcherStatus", "https://bona.fide", nil)
	link := other.visa("2", "LinkedIdentities", "ann,https%3A%2F%2Fone.example", nil)
	parts := strings.Split(grant, ".")
	conditions := map[string]any{"ga4gh_visa_v1": map[string]any{
		"type": "ControlledAccessGrants", "asserted": 800, "value": "v", "source": "https://dac.example", "by": "dac",
		"conditions": []any{[]any{map[string]string{"type": "ResearcherStatus", "value": "const:https://bona.fide"}}},
	}}
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
		"a passport around them":   {one.sign(map[string]any{"ga4gh_passport_v1": []string{grant, grant}}), 1000, 2, 0, false},
		"an empty passport":        {one.sign(map[string]any{"ga4gh_passport_v1": []string{}}), 1000, 0, 0, true},
		"expired":                  {grant, 2000, 0, 1, false},
		"from the future":          {grant, 800, 0, 1, false},
		"an issuer nobody knows":   {newBroker(t, "https://x.example", jose.ES256, ec, &ec.PublicKey).visa("ann", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"another's key":            {false2.visa("2", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"another's words":          {parts[0] + "." + strings.Split(one.visa("bob", "ControlledAccessGrants", "v", nil), ".")[1] + "." + parts[2], 1000, 0, 1, false},
		"no signature":             {parts[0] + "." + parts[1] + ".", 1000, 0, 1, false},
		"no algorithm":             {"eyJhbGciOiJub25lIn0." + parts[1] + ".", 1000, 0, 1, false},
		"no subject":               {one.visa("", "ResearcherStatus", "v", nil), 1000, 0, 1, false},
		"conditions not met":       {one.visa("ann", "", "", conditions), 1000, 0, 1, false},
		"conditions met":           {one.visa("ann", "", "", conditions) + " " + status + " " + link, 1000, 3, 0, false},
		"nothing":                  {" ", 1000, 0, 0, true},
		"too long":                 {strings.Repeat("a", 9000), 1000, 0, 0, true},
		"too many":                 {strings.Repeat("a ", 33), 1000, 0, 0, true},
		"a jku counts for nothing": {one.visa("ann", "ResearcherStatus", "v", map[string]any{"scope": "profile"}), 1000, 0, 1, false},
	} {
		accepted, ignored, err := trust.Accept(c.passport, c.now)
		if len(accepted) != c.accepted || len(ignored) != c.ignored || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %q, %v", name, accepted, ignored, err)
		}
		for _, text := range ignored {
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
		if got, _, _ := trust.Accept(text, 0); len(got) > 0 { //nolint:errcheck // errors are fine
			t.Error("accepted without a key")
		}
	})
}
