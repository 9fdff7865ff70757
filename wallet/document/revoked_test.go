package document_test

import (
	"bytes"
	"compress/flate"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/volens-ledger/volens/wallet/document"
)

// issuer is a health card issuer of our own: the public cases have no card that is rightly revoked, and no private key.
type issuer struct {
	t   *testing.T
	url string
	key *ecdsa.PrivateKey
	kid string
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum, err := (&jose.JSONWebKey{Key: key.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{t, "https://issuer.example", key, base64.RawURLEncoding.EncodeToString(sum)}
}

// card is a signed card with a revocation id, issued at a time.
func (i *issuer) card(rid string, issued int64) string {
	i.t.Helper()
	payload := fmt.Appendf(nil, `{"iss":%q,"nbf":%d,"vc":{"type":["https://smarthealth.cards#health-card"],"rid":%q,"credentialSubject":`+
		`{"fhirVersion":"4.0.1","fhirBundle":{"resourceType":"Bundle","type":"collection","entry":[{"fullUrl":"resource:0","resource":{"resourceType":"Patient"}}]}}}}`,
		i.url, issued, rid)
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err == nil {
		_, err = w.Write(payload)
	}
	if err == nil {
		err = w.Close()
	}
	var signer jose.Signer
	if err == nil {
		signer, err = jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: i.key, KeyID: i.kid}},
			(&jose.SignerOptions{}).WithHeader("zip", "DEF"))
	}
	var jws *jose.JSONWebSignature
	if err == nil {
		jws, err = signer.Sign(packed.Bytes())
	}
	var text string
	if err == nil {
		text, err = jws.CompactSerialize()
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return text
}

// trust is the file that a reader is given: the issuer's keys, and its newest lists of revoked cards.
func (i *issuer) trust(version int, lists ...string) *document.Trust {
	i.t.Helper()
	key, err := jose.JSONWebKey{Key: i.key.Public(), KeyID: i.kid, Algorithm: "ES256", Use: "sig"}.MarshalJSON()
	if err != nil {
		i.t.Fatal(err)
	}
	if version > 0 {
		key = append(bytes.TrimSuffix(key, []byte("}")), fmt.Sprintf(`,"crlVersion":%d}`, version)...)
	}
	in := map[string]any{"iss": i.url, "jwks": map[string]any{"keys": []json.RawMessage{key}}}
	var crls []json.RawMessage
	for _, l := range lists {
		crls = append(crls, json.RawMessage(l))
	}
	in["crls"] = crls
	b, err := json.Marshal(in)
	var trust document.Trust
	if err == nil {
		_, err = trust.Add(b)
	}
	if err != nil {
		i.t.Fatal(err)
	}
	return &trust
}

// TestRevokedCards judges cards by their issuer's lists.
func TestRevokedCards(t *testing.T) {
	i := newIssuer(t)
	const issued = 1_650_000_000
	now := time.Unix(issued+1000, 0)
	list := func(version int, rids string) string {
		return fmt.Sprintf(`{"kid":%q,"method":"rid","ctr":%d,"rids":[%s]}`, i.kid, version, rids)
	}
	for name, c := range map[string]struct {
		rid     string
		trust   *document.Trust
		revoked bool
	}{
		"no lists at all":              {"ab", i.trust(0), false},
		"no id":                        {"", i.trust(2), false},
		"on the list":                  {"ab", i.trust(2, list(2, `"xy","ab"`)), true},
		"not on the list":              {"cd", i.trust(2, list(2, `"xy","ab"`)), false},
		"listed for older ones":        {"ab", i.trust(2, list(2, fmt.Sprintf(`"ab.%d"`, issued))), false},
		"listed, and older":            {"ab", i.trust(2, list(2, fmt.Sprintf(`"ab.%d"`, issued+1))), true},
		"the list is missing":          {"cd", i.trust(2), true},
		"the list is an older one":     {"cd", i.trust(2, list(1, "")), true},
		"the list is of the next":      {"cd", i.trust(2, list(3, "")), true},
		"the newer of two, as it came": {"ab", i.trust(2, list(1, `"ab"`), list(2, "")), false},
	} {
		ds, err := document.Read(i.card(c.rid, issued), c.trust, now)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got := has(ds[0], document.Revoked); got != c.revoked || ds[0].Valid() == c.revoked {
			t.Errorf("%s: %+v", name, ds[0].Problems)
		}
	}
	other := newIssuer(t)
	ds, err := document.Read(other.card("", issued), i.trust(0), now)
	if err != nil || !has(ds[0], document.UnknownKey) {
		t.Errorf("another's card: %+v, %v", ds, err)
	}
}
