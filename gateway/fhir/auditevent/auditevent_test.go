package auditevent_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, auditevent.VectorSets()...)
	if err != nil || failed > 0 || passed != 79 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

// TestReasons: what is wrong is what the cases say is wrong.
func TestReasons(t *testing.T) {
	var cases []struct {
		ID      string         `json:"id"`
		Profile string         `json:"profile"`
		Event   map[string]any `json:"event"`
		Reason  []string       `json:"reason"`
	}
	raw, err := os.ReadFile("testdata/ihe-balp/vectors.json")
	if err == nil {
		err = json.Unmarshal(raw, &cases)
	}
	if err != nil {
		t.Fatal(err)
	}
	ps, n := profiles(t), 0
	for _, c := range cases {
		wrong := ps[c.Profile].Check(c.Event)
		for _, w := range c.Reason {
			n++
			if !slices.Contains(wrong, w) {
				t.Errorf("%s: %q is not among %q", c.ID, w, wrong)
			}
		}
	}
	if n < 51 {
		t.Errorf("%d reasons", n)
	}
}

func profiles(t *testing.T) map[string]auditevent.Profile {
	t.Helper()
	raw, err := os.ReadFile("testdata/ihe-balp/profiles.json")
	if err != nil {
		t.Fatal(err)
	}
	ps, err := auditevent.ParseProfiles(raw)
	if err != nil {
		t.Fatal(err)
	}
	return ps
}

// uses are one of every sort.
func uses() []proof.Use {
	hour := consent.Millis(3_600_000)
	base := proof.Use{
		UseSeq: 3, Time: 500_000 * hour, Requester: "rosa-institute", Roles: []consent.Coding{{Code: "researcher"}}, Channel: "rest", Client: "127.0.0.1",
		Purpose: consent.Coding{Code: "HRESCH"}, Action: consent.Coding{Code: "access"}, Decision: proof.Permit, ConsentDecision: "PERMIT",
		Reasons: []proof.Reason{{Rule: "G1"}}, Sentence: proof.Sentence{Text: "Allowed."}, Consents: []consent.Uint64{3, 5},
		Resources: []string{"Observation/1"}, Obligations: []string{"REDACT"}, Position: 9, RequestID: "r", PolicyDigest: consent.Hash{1},
	}
	change := func(f func(*proof.Use)) proof.Use {
		u := base
		f(&u)
		return u
	}
	return []proof.Use{
		change(func(u *proof.Use) { u.Kind = proof.Decision }),
		change(func(u *proof.Use) {
			u.Kind, u.Decision, u.Consents, u.Client = proof.Decision, proof.Deny, nil, ""
			u.Actors, u.Emergency = []string{"Practitioner/bob", "Group/ward-3"}, "unconscious"
		}),
		change(func(u *proof.Use) { u.Kind = proof.Read }),
		change(func(u *proof.Use) { u.Kind, u.Requester, u.Delegation = proof.Read, "", "7" }),
		change(func(u *proof.Use) { u.Kind, u.Requester = proof.Export, "" }),
		change(func(u *proof.Use) { u.Kind, u.Actors = proof.Replay, []string{"Practitioner/aurel"} }),
		change(func(u *proof.Use) { u.Kind = "enrolment" }),
		change(func(u *proof.Use) { u.Kind = "request" }),
		change(func(u *proof.Use) {
			u.Kind, u.Resources = proof.Decision, []string{"DocumentReference/" + consent.Hash{1}.String()}
		}),
		change(func(u *proof.Use) { u.Kind, u.Requester = "deposit", "" }),
		change(func(u *proof.Use) { u.Kind, u.Requester, u.Delegation = "deposit", "", "7" }),
		change(func(u *proof.Use) { u.Kind, u.Requester, u.Delegation = "removal", "", "7" }),
		change(func(u *proof.Use) { u.Kind, u.Requester = "removal", "" }),
		change(func(u *proof.Use) { u.Kind = "something of later" }),
	}
}

// TestConform: the event of every sort of use conforms to the profile that it names.
func TestConform(t *testing.T) {
	t.Parallel()
	ps := profiles(t)
	o := auditevent.Origin{
		Server: "https://gateway.example", Custodian: "city-hospital", Patient: "Patient/1",
		Consent: func(seq consent.Uint64) string { return []string{"", "", "", "c3", "", ""}[seq] },
	}
	for i, u := range uses() {
		raw, err := auditevent.Of(u, 17, o).JSON()
		var e map[string]any
		if err == nil {
			err = json.Unmarshal(raw, &e)
		}
		if err != nil {
			t.Fatal(err)
		}
		meta, _ := e["meta"].(map[string]any)
		list, _ := meta["profile"].([]any)
		p := ps[list[0].(string)] //nolint:errcheck,forcetypeassert // our own event
		if wrong := p.Check(e); p.URL == "" || len(wrong) > 0 || e["id"] != "use-17" {
			t.Errorf("use %d by %s: %q\n%s", i, p.URL, wrong, raw)
		}
		if deny := u.Decision == proof.Deny; deny != (e["outcome"] == "8") || deny == (e["outcome"] == "0") {
			t.Errorf("use %d: outcome %v", i, e["outcome"])
		}
		r5(t, auditevent.Of(u, 17, o))
	}
}

// r5 checks the form of the R5 event against HL7's element table: every element is one of R5's, and the required are there.
func r5(t *testing.T, ev auditevent.Event) {
	t.Helper()
	var def struct {
		Elements []struct {
			Path string `json:"path"`
			Min  int    `json:"min"`
		} `json:"elements"`
	}
	raw, err := os.ReadFile("testdata/fhir-elements/AuditEvent-r5.json")
	if err == nil {
		err = json.Unmarshal(raw, &def)
	}
	if err != nil {
		t.Fatal(err)
	}
	known, required := map[string]bool{"AuditEvent.resourceType": true, "AuditEvent.id": true}, map[string][]string{}
	for _, e := range def.Elements {
		known[e.Path] = true
		if i := lastDot(e.Path); e.Min > 0 && i > 0 {
			required[e.Path[:i]] = append(required[e.Path[:i]], e.Path[i+1:])
		}
	}
	b, err := ev.R5()
	var tree map[string]any
	if err == nil {
		err = json.Unmarshal(b, &tree)
	}
	if err != nil {
		t.Fatal(err)
	}
	var walk func(path string, v any)
	walk = func(path string, v any) {
		switch v := v.(type) {
		case []any:
			for _, x := range v {
				walk(path, x)
			}
		case map[string]any:
			if path != "AuditEvent" && len(required[path]) == 0 && !hasBelow(known, path) {
				return // a data type
			}
			for _, name := range required[path] {
				if v[name] == nil && name != "value[x]" {
					t.Errorf("%s.%s is missing: %s", path, name, b)
				}
			}
			for name, x := range v {
				choice := known[path+".network[x]"] && (name == "networkString" || name == "networkUri") || known[path+".value[x]"] && name == "valueString"
				if !known[path+"."+name] && !choice {
					t.Errorf("%s has no element %s: %s", path, name, b)
				}
				walk(path+"."+name, x)
			}
		}
	}
	walk("AuditEvent", tree)
}

func lastDot(s string) int { return bytes.LastIndexByte([]byte(s), '.') }

func hasBelow(known map[string]bool, path string) bool {
	for p := range known {
		if len(p) > len(path) && p[:len(path)+1] == path+"." {
			return true
		}
	}
	return false
}
