package document_test

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/wallet/document"
)

// TestTrustNetwork reads the did:web documents that WHO publishes, where the vectors stand beside the checkout: their licence
// is not stated, so they are not copied.
func TestTrustNetwork(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "vectors", "who-gdhcn")
	b, err := os.ReadFile(filepath.Join(dir, "expected-keys.json")) //nolint:gosec // vectors
	if err != nil {
		t.Skip("the vectors of the trust network are not beside the checkout")
	}
	var want []struct {
		File      string    `json:"file"`
		Reference string    `json:"reference"`
		ID        string    `json:"id"`
		Kid       string    `json:"kidFromCert"`
		Type      string    `json:"kty"`
		Curve     string    `json:"crv"`
		Country   string    `json:"subjectCountry"`
		NotBefore time.Time `json:"notBefore"`
		NotAfter  time.Time `json:"notAfter"`
	}
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	keys, references := map[string]document.Key{}, []string{}
	files, err := filepath.Glob(filepath.Join(dir, "did", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	var trust document.Trust
	added, signers := 0, 0
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // vectors
		if err != nil {
			t.Fatal(err)
		}
		ks, refs, err := document.ParseDID(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		references = append(references, refs...)
		for _, k := range ks {
			keys[k.ID] = k
			if k.Usage() == "DSC" {
				signers++
			}
		}
		n, err := trust.AddDID(b)
		if err != nil {
			t.Errorf("%s: %v", f, err)
		}
		added += n
	}
	if added != signers || added == 0 {
		t.Errorf("%d signers, %d trusted", signers, added)
	}
	for _, w := range want {
		if w.Reference != "" {
			if !slices.Contains(references, w.Reference) {
				t.Errorf("reference %s is not there", w.Reference)
			}
			continue
		}
		k, ok := keys[w.ID]
		if !ok {
			t.Errorf("key %s is not there", w.ID)
			continue
		}
		c := k.Certificate
		if k.Kid != w.Kid || !c.NotBefore.Equal(w.NotBefore) || !c.NotAfter.Equal(w.NotAfter) {
			t.Errorf("%s: %s, %v to %v", w.ID, k.Kid, c.NotBefore, c.NotAfter)
		}
		if w.Country != "" && !slices.Contains(c.Subject.Country, w.Country) {
			t.Errorf("%s: country %v", w.ID, c.Subject.Country)
		}
		switch key := c.PublicKey.(type) {
		case *ecdsa.PublicKey:
			if w.Type != "EC" || w.Curve == "P-256" && key.Curve.Params().Name != "P-256" || w.Curve == "UNKNOWN CURVE" && key.Curve.Params().Name != "P-384" {
				t.Errorf("%s: %s on %s", w.ID, w.Type, key.Curve.Params().Name)
			}
		case *rsa.PublicKey:
			if w.Type != "RSA" {
				t.Errorf("%s: %s", w.ID, w.Type)
			}
		default:
			t.Errorf("%s: a %T", w.ID, key)
		}
	}
	t.Logf("%d keys and references, %d document signers", len(want), added)
}

// TestTrustRefuses checks what is no trust list.
func TestTrustRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "keys", "no DID": `{"id":"did:key:z6Mk"}`, "a private key": "-----BEGIN EC PRIVATE KEY-----\nAA==\n-----END EC PRIVATE KEY-----\n",
		"http":                  `{"iss":"http://example.org","jwks":{"keys":[{}]}}`,
		"slash":                 `{"iss":"https://example.org/","jwks":{"keys":[{}]}}`,
		"no keys":               `{"iss":"https://example.org","jwks":{"keys":[]}}`,
		"no certificate":        `{"id":"did:web:a:DSC","verificationMethod":[{"id":"did:web:a:DSC#x","publicKeyJwk":{"kid":"x"}}]}`,
		"garbage certificate":   `{"id":"did:web:a:DSC","verificationMethod":[{"id":"did:web:a:DSC#x","publicKeyJwk":{"kid":"x","x5c":["AAAA"]}}]}`,
		"a PEM that is garbage": "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n",
	} {
		var trust document.Trust
		if n, err := trust.Add([]byte(text)); err == nil || n != 0 || len(trust.Issuers()) != 0 {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	if trust := exampleIssuer(t); !slices.ContainsFunc(trust.Issuers(), func(u string) bool { return strings.HasPrefix(u, "https://spec.smarthealth.cards") }) {
		t.Errorf("%v", trust.Issuers())
	}
}

// TestTrustList checks that parts of every form come together, and that one without keys is refused.
func TestTrustList(t *testing.T) {
	cards, err := os.ReadFile("testdata/smart-health-cards/issuer-jwks.json")
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("testdata/dcc-hcert/AT-1.json")
	var c hcertCase
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	certificate := []byte("-----BEGIN CERTIFICATE-----\n" + c.Context.Certificate + "\n-----END CERTIFICATE-----\n")
	list, err := document.TrustList(cards, certificate)
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Keys []struct {
			Issuer string `json:"iss"`
			PEM    string `json:"pem"`
		} `json:"keys"`
	}
	if err := json.Unmarshal(list, &out); err != nil || len(out.Keys) != 2 || out.Keys[0].Issuer == "" || out.Keys[1].PEM != string(certificate) {
		t.Errorf("%s, %v", list, err)
	}
	if none, err := document.TrustList(); err != nil || string(none) != `{"keys":[]}` {
		t.Errorf("%s, %v", none, err)
	}
	for name, part := range map[string]string{"nothing": "", "no keys": `{"id":"did:web:a:SCA"}`, "garbage": "{}"} {
		if _, err := document.TrustList([]byte(part)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
