package policies_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/vectors"
)

const offlineRequest = `{"actors": ["Practitioner/ex-practitioner"], "action": {"code": "access"}, "purpose": {"code": "TREAT"}}`

func TestDecideOffline(t *testing.T) {
	record, err := json.Marshal(grant("c1", "TREAT"))
	if err != nil {
		t.Fatal(err)
	}
	bare, err := json.Marshal(grant("c1", "TREAT").Consent)
	if err != nil {
		t.Fatal(err)
	}
	normalised, err := os.ReadFile("testdata/ihe-pcf/normalised.json")
	if err != nil {
		t.Fatal(err)
	}
	resource, err := os.ReadFile("testdata/ihe-pcf/resources/Observation-syn-plain.json")
	if err != nil {
		t.Fatal(err)
	}
	withResource := strings.Replace(offlineRequest, "{", `{"resources": [`+string(resource)+`],`, 1)
	foreign := func(raw []byte) ([]policies.Record, bool, error) {
		return []policies.Record{grant("c9", "TREAT")}, bytes.Contains(raw, []byte("resourceType")), nil
	}
	for name, c := range map[string]struct {
		in   policies.OfflineInput
		want string
		fail bool
	}{
		"a record":          {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(offlineRequest)}, "permit", false},
		"a consent of ours": {policies.OfflineInput{Consents: [][]byte{bare}, Request: []byte(offlineRequest)}, "permit", false},
		"normalised, many":  {policies.OfflineInput{Consents: [][]byte{normalised}, Request: []byte(offlineRequest), Now: "2022-07-01"}, "deny", false},
		"a FHIR resource":   {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(withResource)}, "permit", false},
		"imported":          {policies.OfflineInput{Consents: [][]byte{[]byte(`{"resourceType": "Consent"}`)}, Request: []byte(offlineRequest), Importers: []policies.Importer{foreign}}, "permit", false},
		"not known":         {policies.OfflineInput{Consents: [][]byte{[]byte(`{"resourceType": "Consent"}`)}, Request: []byte(offlineRequest)}, "deny", true},
		"misspelt":          {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(`{"purposes": []}`)}, "deny", true},
		"no JSON":           {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(`permit`)}, "deny", true},
		"bad date":          {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(offlineRequest), Now: "now"}, "deny", true},
		"bad algorithm":     {policies.OfflineInput{Consents: [][]byte{record}, Request: []byte(offlineRequest), Config: policies.Config{Algorithm: "x"}}, "deny", true},
		"bad effect":        {policies.OfflineInput{Consents: [][]byte{bytes.ReplaceAll(record, []byte("permit"), []byte("perhaps"))}, Request: []byte(offlineRequest)}, "deny", true},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := policies.DecideOffline(t.Context(), c.in)
			if d.Decision != c.want || (err != nil) != c.fail {
				t.Errorf("%s, %v", d.Decision, err)
			}
		})
	}
}

// TestNormalisedBase reads bases that the root rule does not state, or states otherwise (FHIR R4 with a coded OPTIN or OPTOUT).
func TestNormalisedBase(t *testing.T) {
	for name, c := range map[string]struct {
		rules string
		want  []consent.Provision
	}{
		"an exception to the base": {`{"path": "provision", "depth": 0, "effect": "deny", "actors": [{"role": "s|PRCP", "reference": "Organization/1"}]}`, []consent.Provision{
			{Effect: consent.Permit},
			{Effect: consent.Deny, Recipients: []consent.Recipient{{Role: consent.Coding{System: "s", Code: "PRCP"}, Reference: "Organization/1"}}},
		}},
		"a root without type":       {`{"path": "provision", "depth": 0, "effect": null, "purposes": ["s|p"]}`, []consent.Provision{{Effect: consent.Permit, Purposes: codings("s", "p")}}},
		"no root":                   {`{"path": "provision[0]", "depth": 1, "effect": "deny"}`, []consent.Provision{{Effect: consent.Permit}, {Effect: consent.Deny}}},
		"an exception without type": {`{"path": "provision", "depth": 0, "effect": "permit"}, {"path": "x", "depth": 1, "effect": null}`, []consent.Provision{{Effect: consent.Permit}, {Effect: consent.Deny}}},
	} {
		t.Run(name, func(t *testing.T) {
			rs, err := policies.ReadConsents([]byte(`{"id": "c", "status": "active", "base": "permit", "rules": [` + c.rules + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, rs[0].Consent.Provisions); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzReadConsents(f *testing.F) {
	raw, err := os.ReadFile("testdata/ihe-pcf/normalised.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte(`[{"provisions": [{"effect": "permit", "parent": "0"}]}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		rs, err := policies.ReadConsents(raw)
		if err != nil {
			return
		}
		for _, r := range rs {
			if err := r.Consent.Check(); err != nil {
				t.Errorf("read a consent that is not well formed: %v", err)
			}
		}
	})
}

// TestRunVectorsTellsDifferences wants a wrong row to be told and counted, and a folder without cases to be refused.
func TestRunVectorsTellsDifferences(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"one/vectors.json":       `[{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "granted": "TREAT", "requested": "BTG", "subsumes": false}]`,
		"two/vectors.json":       `[{"id": "a", "now": "2025-01-01", "consents": [{"id": "x", "status": "active", "decision": "permit", "date": "2024"}], "expected": {"denyOverrides": "PERMIT", "mostRecent": "DENY"}}]`,
		"three/actors.json":      `{"bob": ["Practitioner/bob"]}`,
		"three/normalised.json":  `[{"expected": {"id": "c", "status": "active", "base": "permit", "rules": [{"path": "provision", "depth": 0, "effect": "permit"}]}}]`,
		"three/decisions.csv":    "consent,now,actor,purpose,resource,expected\nc,2025-01-01,bob,TREAT,r,deny\nc,2025-01-01,eve,TREAT,r,deny\nd,2025-01-01,bob,TREAT,r,deny\nc,2025-01-01,bob,TREAT,s,deny\nc,2025-01-01,bob,TREAT,r,permit\n",
		"three/resources/r.json": `{"resourceType": "Observation", "id": "r"}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), dir, &out, policies.VectorSets()...)
	if err != nil || passed != 2 || failed != 6 {
		t.Errorf("%d passed, %d failed, %v", passed, failed, err)
	}
	for _, line := range []string{
		"one: 0 passed, 1 failed\n", "two: a most-recent: expected DENY, got PERMIT\n", "three: decisions.csv:2: c,2025-01-01,bob,TREAT,r: expected deny, got permit\n",
		"three: 1 passed, 4 failed\n", "\n2 passed, 6 failed\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is missing in\n%s", line, out.String())
		}
	}
	if _, _, err := vectors.Run(t.Context(), filepath.Join(dir, "three", "resources"), &out, policies.VectorSets()...); err == nil {
		t.Error("a folder without cases is accepted")
	}
}
