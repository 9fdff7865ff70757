package document_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/wallet/document"
)

// cardCase is a test of the SMART Health Cards developer tools.
type cardCase struct {
	ID       string                     `json:"id"`
	Type     string                     `json:"type"`
	Content  []string                   `json:"content"`
	Now      int64                      `json:"now"`
	Issuer   map[string]json.RawMessage `json:"issuerFiles"`
	Decision string                     `json:"verifierDecision"`
}

func load(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/smart-health-cards/" + name) //nolint:gosec // testdata
	if err == nil {
		err = json.Unmarshal(b, v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func exampleIssuer(t *testing.T) *document.Trust {
	t.Helper()
	b, err := os.ReadFile("testdata/smart-health-cards/issuer-jwks.json")
	var trust document.Trust
	if err == nil {
		_, err = trust.Add(b)
	}
	if err != nil {
		t.Fatal(err)
	}
	return &trust
}

// trust is the example issuer, and the issuer of the case where it has one: its keys stand under the address in the card.
func (c cardCase) trust(t *testing.T) *document.Trust {
	t.Helper()
	trust := exampleIssuer(t)
	if c.Issuer == nil {
		return trust
	}
	ds, err := document.Read(c.Content[0], trust, time.Unix(c.Now, 0))
	if err != nil {
		t.Fatalf("%s: %v", c.ID, err)
	}
	for name, b := range c.Issuer {
		if strings.HasSuffix(name, "/jwks.json") {
			err = trust.AddIssuer(ds[0].Issuer, b)
		} else if refused := trust.AddRevocations(ds[0].Issuer, b); refused != nil {
			t.Logf("%s: %v", c.ID, refused)
		}
		if err != nil {
			t.Fatalf("%s: %v", c.ID, err)
		}
	}
	return trust
}

// TestHealthCards runs the public cases: each is to be accepted or rejected, with its own clock.
func TestHealthCards(t *testing.T) {
	var cases []cardCase
	load(t, "vectors.json", &cases)
	accepted := 0
	for _, c := range cases {
		now := time.Unix(c.Now, 0)
		var ds []document.Document
		var err error
		if c.Type == "jwspayload" {
			var d document.Document
			d, err = document.ReadPayload([]byte(c.Content[0]), now)
			ds = []document.Document{d}
		} else {
			text := strings.Join(c.Content, "\n")
			if len(c.Content) == 1 {
				text = c.Content[0]
			}
			ds, err = document.Read(text, c.trust(t), now)
		}
		decision := "accept"
		if err != nil || slices.ContainsFunc(ds, func(d document.Document) bool { return !d.Valid() }) {
			decision = "reject"
		} else {
			accepted++
		}
		if decision != c.Decision {
			t.Errorf("%s: %s: %v %+v", c.ID, decision, err, ds)
		}
	}
	if len(cases) != 31 || accepted != 7 {
		t.Errorf("%d cases, %d accepted", len(cases), accepted)
	}
}

// TestIssuerKeys runs the public cases of sets of keys.
func TestIssuerKeys(t *testing.T) {
	var cases []struct {
		ID    string          `json:"id"`
		Keys  json.RawMessage `json:"jwks"`
		Valid bool            `json:"valid"`
	}
	load(t, "keys.json", &cases)
	for _, c := range cases {
		var trust document.Trust
		if err := trust.AddIssuer("https://example.org", c.Keys); (err == nil) != c.Valid {
			t.Errorf("%s: %v", c.ID, err)
		}
	}
	if len(cases) != 5 {
		t.Errorf("%d cases", len(cases))
	}
}

// goodCard is a card that holds, and the time it holds at.
func goodCard(t *testing.T) (text string, now time.Time) {
	t.Helper()
	var cases []cardCase
	load(t, "vectors.json", &cases)
	i := slices.IndexFunc(cases, func(c cardCase) bool { return c.ID == "fhirhealthcard-valid-fhir-api-health-card" })
	if i < 0 {
		t.Fatal("the card is not there")
	}
	return cases[i].Content[0], time.Unix(cases[i].Now, 0)
}

// TestCardContent checks what is shown of a card, and that it is judged by the keys that the reader has.
func TestCardContent(t *testing.T) {
	text, now := goodCard(t)
	ds, err := document.Read(text, exampleIssuer(t), now)
	if err != nil || len(ds) != 1 || !ds[0].Valid() {
		t.Fatalf("%+v, %v", ds, err)
	}
	d := ds[0]
	if d.Person.Family == "" || d.Person.Born == "" || len(d.Facts) == 0 || d.Facts[0].Kind != "Immunization" || d.Facts[0].Code == "" || d.Facts[0].Date == "" {
		t.Errorf("%+v", d)
	}
	ds, err = document.Read(text, nil, now)
	if err != nil || !has(ds[0], document.UnknownKey) || len(ds[0].Problems) != 1 {
		t.Errorf("without keys: %+v, %v", ds, err)
	}
	ds, err = document.Read(text, exampleIssuer(t), time.Unix(0, 0))
	if err != nil || !has(ds[0], document.NotYetValid) {
		t.Errorf("before its time: %+v, %v", ds, err)
	}
}

// TestRevocation checks rule (h) with a list for the example issuer's key.
func TestRevocation(t *testing.T) {
	var trust document.Trust
	for name, list := range map[string]string{
		"no key": `{"method":"rid","ctr":1,"rids":[]}`, "another method": `{"kid":"k","method":"x","ctr":1,"rids":[]}`,
		"no counter": `{"kid":"k","method":"rid","rids":[]}`, "long": `{"kid":"k","method":"rid","ctr":1,"rids":["` + strings.Repeat("a", 25) + `"]}`,
		"not base64url": `{"kid":"k","method":"rid","ctr":1,"rids":["a+b"]}`, "no time": `{"kid":"k","method":"rid","ctr":1,"rids":["ab.x"]}`,
	} {
		if trust.AddRevocations("https://example.org", []byte(list)) == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := trust.AddRevocations("https://example.org", []byte(`{"kid":"k","method":"rid","ctr":1,"rids":["ab","cd.1638311286"]}`)); err != nil {
		t.Error(err)
	}
}

// FuzzRead checks that no text makes Read panic, and that nothing that was changed stays valid.
func FuzzRead(f *testing.F) {
	var cases []cardCase
	b, err := os.ReadFile("testdata/smart-health-cards/vectors.json")
	if err == nil {
		err = json.Unmarshal(b, &cases)
	}
	if err != nil {
		f.Fatal(err)
	}
	good := map[string]bool{}
	for _, c := range cases {
		text := strings.Join(c.Content, "\n")
		f.Add(text)
		good[text] = c.Decision == "accept"
	}
	f.Add("HC1:NCFOXN%TS3DH3ZSUZK+.V0ETD%65NL-AH-R6IOOK.IR9B+9G4G50PHZF0AT4V22F/8X*G3M9JUPY0BX")
	keys, err := os.ReadFile("testdata/smart-health-cards/issuer-jwks.json")
	if err != nil {
		f.Fatal(err)
	}
	var trust document.Trust
	if _, err := trust.Add(keys); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ds, err := document.Read(text, &trust, time.Unix(1653955200, 0))
		for _, d := range ds {
			if err == nil && d.Valid() && len(good) == 0 {
				t.Errorf("valid: %q", text)
			}
			if d.Valid() && (d.Key == "" || d.Issuer == "") {
				t.Errorf("valid without a key: %+v", d)
			}
		}
	})
}
