package fhir_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// TestEveryElement holds the table against HL7's own definitions: no element is forgotten, none invented, and
// cardinality, types and modifiers are as published.
func TestEveryElement(t *testing.T) {
	t.Parallel()
	var ours []fhir.Element
	for _, e := range fhir.Elements() {
		if e.Version != "" {
			ours = append(ours, e)
		}
	}
	base := []string{"id", "implicitRules", "language", "text", "contained", "extension", "modifierExtension"} // of every resource
	for _, v := range []fhir.Version{fhir.R4, fhir.R5} {
		var def struct {
			Elements []struct {
				Path       string   `json:"path"`
				Min        int      `json:"min"`
				Max        string   `json:"max"`
				Type       []string `json:"type"`
				IsModifier bool     `json:"isModifier"`
			} `json:"elements"`
		}
		raw, err := os.ReadFile("testdata/fhir-elements/Consent-" + strings.ToLower(string(v)) + ".json")
		if err == nil {
			err = json.Unmarshal(raw, &def)
		}
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]fhir.Element{}
		for _, e := range def.Elements[1:] {
			if e.Path == "Consent.provision.provision" { // "see Consent.provision"
				e.Type = []string{"Consent.provision"}
			}
			want[e.Path] = fhir.Element{Version: v, Path: e.Path, List: e.Max == "*", Required: e.Min > 0, Types: e.Type, Modifier: e.IsModifier}
		}
		got := map[string]fhir.Element{}
		for _, e := range ours {
			if e.Version != v || slices.Contains(base, strings.TrimPrefix(e.Path, "Consent.")) {
				continue
			}
			if !slices.Contains([]fhir.Fate{fhir.Mapped, fhir.Reported, fhir.Refused, fhir.Shown}, e.Fate) {
				t.Errorf("%s %s has no fate", v, e.Path)
			}
			if e.Modifier && e.Fate != fhir.Mapped {
				t.Errorf("%s %s modifies and is not mapped", v, e.Path)
			}
			e.Fate, e.Note = "", ""
			got[e.Path] = e
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", v, diff)
		}
	}
}

// minimal are the least Consents of each release; the tests change them.
const (
	minimal4 = `{"resourceType":"Consent","status":"active","scope":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/consentscope","code":"research"}]},
 "category":[{"coding":[{"system":"http://loinc.org","code":"59284-0"}]}],"patient":{"reference":"Patient/1"},"policy":[{"uri":"urn:p"}],"provision":{"type":"permit"}}`
	minimal5 = `{"resourceType":"Consent","status":"active","subject":{"reference":"Patient/1"},"decision":"permit"}`
)

// with puts a member, given as JSON, into an object at a path of names.
func with(t *testing.T, doc string, value string, path ...string) []byte {
	t.Helper()
	var tree map[string]any
	var v any
	if err := json.Unmarshal([]byte(doc), &tree); err != nil {
		t.Fatal(err)
	}
	if value != "" {
		if err := json.Unmarshal([]byte(value), &v); err != nil {
			t.Fatal(err)
		}
	}
	at := tree
	for _, name := range path[:len(path)-1] {
		next, ok := at[name].(map[string]any)
		if !ok {
			t.Fatalf("no object %s", name)
		}
		at = next
	}
	if at[path[len(path)-1]] = v; value == "" {
		delete(at, path[len(path)-1])
	}
	b, err := json.Marshal(tree)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestIssues(t *testing.T) {
	t.Parallel()
	restriction := `[{"url":"http://example.org/only-on-mondays","valueBoolean":true}]`
	tests := []struct {
		name, doc, value string
		path             []string
		lenient, strict  fhir.Severity // worst; "" when nothing is found
		at               string
	}{
		{"as it is", minimal4, `"active"`, []string{"status"}, "", "", ""},
		{"R5 as it is", minimal5, `"active"`, []string{"status"}, "", "", ""},
		{"narrative", minimal4, `{"status":"generated","div":"<div/>"}`, []string{"text"}, fhir.Information, fhir.Information, "Consent.text"},
		{"source", minimal4, `{"title":"form"}`, []string{"sourceAttachment"}, fhir.Warning, fhir.Failure, "Consent.sourceAttachment"},
		{"verification", minimal5, `[{"verified":true}]`, []string{"verification"}, fhir.Warning, fhir.Failure, "Consent.verification"},
		{"manager", minimal5, `[{"reference":"Organization/1"}]`, []string{"manager"}, fhir.Warning, fhir.Failure, "Consent.manager"},
		{"unknown extension", minimal5, `[{"url":"http://example.org/colour","valueCode":"red"}]`, []string{"extension"}, fhir.Warning, fhir.Failure, "Consent.extension[0]"},
		{"value extension", minimal4, `{"id":"x"}`, []string{"_status"}, fhir.Warning, fhir.Failure, "Consent._status"},
		{"no patient", minimal4, ``, []string{"patient"}, fhir.Warning, fhir.Failure, "Consent.patient"},
		{"no scope", minimal4, ``, []string{"scope"}, fhir.Warning, fhir.Failure, "Consent"},
		{"no policy", minimal4, ``, []string{"policy"}, fhir.Warning, fhir.Failure, "Consent"},
		{"no decision", minimal5, ``, []string{"decision"}, fhir.Warning, fhir.Failure, "Consent.decision"},
		{"unknown element", minimal4, `true`, []string{"colour"}, fhir.Failure, fhir.Failure, "Consent.colour"},
		{"element of R5", minimal4, `"permit"`, []string{"decision"}, fhir.Failure, fhir.Failure, "Consent.decision"},
		{"case", minimal4, `"active"`, []string{"Status"}, fhir.Failure, fhir.Failure, "Consent.Status"},
		{"implicit rules", minimal4, `"http://example.org/rules"`, []string{"implicitRules"}, fhir.Failure, fhir.Failure, "Consent.implicitRules"},
		{"unknown modifier", minimal4, restriction, []string{"modifierExtension"}, fhir.Failure, fhir.Failure, "Consent.modifierExtension[0]"},
		{"unknown modifier of a rule", minimal4, restriction, []string{"provision", "modifierExtension"}, fhir.Failure, fhir.Failure, "Consent.provision.modifierExtension[0]"},
		{"restriction as extension", minimal4, `[{"url":"https://volens.example/fhir/StructureDefinition/max-uses","valueString":"1"}]`, []string{"extension"}, fhir.Failure, fhir.Failure, "Consent.extension[0]"},
		{"status", minimal4, `"accepted"`, []string{"status"}, fhir.Failure, fhir.Failure, "Consent.status"},
		{"status of R5", minimal4, `"not-done"`, []string{"status"}, fhir.Failure, fhir.Failure, "Consent.status"},
		{"no status", minimal4, ``, []string{"status"}, fhir.Failure, fhir.Failure, "Consent"},
		{"type", minimal4, `"allow"`, []string{"provision", "type"}, fhir.Failure, fhir.Failure, "Consent.provision.type"},
		{"one where a list is due", minimal4, `{"code":"TREAT"}`, []string{"provision", "purpose"}, fhir.Warning, fhir.Failure, "Consent.provision.purpose"},
		{"R4's class in R5", minimal5, `[{"class":[{"system":"http://hl7.org/fhir/resource-types","code":"Goal"}]}]`, []string{"provision"}, fhir.Warning, fhir.Failure, "Consent.provision.class"},
		{"class of documents in R5", minimal5, `[{"class":[{"system":"urn:ietf:rfc:3986","code":"a"}]}]`, []string{"provision"}, fhir.Failure, fhir.Failure, "Consent.provision[0].class"},
		{"empty list", minimal4, `[]`, []string{"provision", "purpose"}, fhir.Failure, fhir.Failure, "Consent.provision.purpose"},
		{"purpose without code", minimal4, `[{"display":"treatment"}]`, []string{"provision", "purpose"}, fhir.Failure, fhir.Failure, "Consent.provision.purpose[0].display"},
		{"action in words", minimal4, `[{"text":"reading"}]`, []string{"provision", "action"}, fhir.Failure, fhir.Failure, "Consent.provision.action[0].text"},
		{"actor without reference", minimal4, `[{"role":{"text":"doctor"}}]`, []string{"provision", "actor"}, fhir.Failure, fhir.Failure, "Consent.provision.actor[0].role.text"},
		{"actor inside", minimal4, `[{"role":{"coding":[{"code":"IRCP"}]},"reference":{"reference":"#org"}}]`, []string{"provision", "actor"}, fhir.Failure, fhir.Failure, "Consent.provision.actor[0].reference"},
		{"period without ends", minimal4, `{"id":"p"}`, []string{"provision", "period"}, fhir.Failure, fhir.Failure, "Consent.provision.period.id"},
		{"period that never is", minimal4, `{"start":"2020","end":"2019"}`, []string{"provision", "period"}, fhir.Failure, fhir.Failure, "Consent"},
		{"date", minimal4, `"18 May"`, []string{"dateTime"}, fhir.Failure, fhir.Failure, "Consent.dateTime"},
		{"opt-in and opt-out", minimal4, `{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTIN"},{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"OPTOUT"}]}`, []string{"policyRule"}, fhir.Failure, fhir.Failure, "Consent.policyRule"},
		{"expression", minimal5, `[{"expression":{"language":"text/fhirpath"}}]`, []string{"provision"}, fhir.Failure, fhir.Failure, "Consent.provision[0].expression"},
		{"two kinds of type", minimal5, `[{"documentType":[{"code":"a"}],"resourceType":[{"code":"b"}]}]`, []string{"provision"}, fhir.Failure, fhir.Failure, "Consent.provision[0]"},
		{"meaning", minimal5, `[{"data":[{"meaning":"like","reference":{"reference":"Observation/1"}}]}]`, []string{"provision"}, fhir.Failure, fhir.Failure, "Consent"},
		{"nested without type", minimal4, `[{"purpose":[{"code":"TREAT"}]}]`, []string{"provision", "provision"}, fhir.Warning, fhir.Failure, "Consent.provision.provision[0].type"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			raw := with(t, tt.doc, tt.value, tt.path...)
			for _, strict := range []bool{false, true} {
				want := tt.lenient
				v := fhir.R4
				if strict {
					want = tt.strict
				}
				if tt.doc == minimal5 {
					v = fhir.R5
				}
				d, err := fhir.Read(raw, fhir.ReadOptions{Version: v, Strict: strict})
				if worst := worst(d.Issues); worst != want {
					t.Errorf("strict %v: %q, want %q: %v", strict, worst, want, d.Issues)
				}
				if refused := want == fhir.Failure; refused != (err != nil) {
					t.Errorf("strict %v: %v", strict, err)
				} else if refused && !cmp.Equal(d.Consent, consent.Consent{}) {
					t.Error("a refused resource has a consent")
				}
				if tt.at != "" && !slices.ContainsFunc(d.Issues, func(i fhir.Issue) bool { return slices.Contains(i.Expression, tt.at) }) {
					t.Errorf("nothing at %s: %v", tt.at, d.Issues)
				}
			}
		})
	}
}

func worst(is fhir.Issues) fhir.Severity {
	for _, s := range []fhir.Severity{fhir.Fatal, fhir.Failure, fhir.Warning, fhir.Information} {
		if slices.ContainsFunc(is, func(i fhir.Issue) bool { return i.Severity == s }) {
			return s
		}
	}
	return ""
}

// TestNotJSON: what two parsers could read differently is refused.
func TestNotJSON(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `null`, `[]`, `{}`, `{"resourceType":"Patient"}`, minimal5 + `{}`, "\xef\xbb\xbf" + minimal5,
		strings.Replace(minimal5, `"status":"active"`, `"status":"inactive","status":"active"`, 1),
		strings.Replace(minimal5, `Patient/1`, "Patient/\xff", 1),
		strings.Replace(minimal5, `"active"`, `1`, 1), strings.Replace(minimal5, `"active"`, `null`, 1),
		strings.Replace(minimal5, `{"reference":"Patient/1"}`, `"Patient/1"`, 1),
	} {
		_, err := fhir.Read([]byte(raw), fhir.ReadOptions{})
		var refused *fhir.RefusedError
		if !errors.As(err, &refused) || !refused.Issues.Refused() {
			t.Errorf("%.60q: %v", raw, err)
		}
	}
}

// rules are effect, parent and period of each rule.
func rules(c consent.Consent) (out []string) {
	for _, p := range c.Provisions {
		out = append(out, string(p.Effect)+" "+string(rune('0'+p.Parent)))
	}
	return out
}

func TestRoot(t *testing.T) {
	t.Parallel()
	const act = `"policyRule":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActCode","code":"`
	year := consent.Period{Start: 1577836800000, End: 1609459200000} // 2020
	tests := []struct {
		name, rest string
		want       []string
		period     consent.Period // of the consent
		root, last consent.Period // of rules
	}{
		{"type", `"provision":{"type":"deny","period":{"start":"2020","end":"2020"}}`, []string{"deny 0"}, year, year, year},
		{"opt-in", act + `OPTIN"}]}`, []string{"permit 0"}, consent.Period{}, consent.Period{}, consent.Period{}},
		{"opt-out with exceptions", act + `OPTOUTE"}]}`, []string{"deny 0"}, consent.Period{}, consent.Period{}, consent.Period{}},
		{"opt-in narrowed", act + `OPTIN"}]},"provision":{"period":{"start":"2020","end":"2020-12"}}`, []string{"permit 0"}, year, year, year},
		{"opt-in, root denies", act + `OPTIN"}]},"provision":{"type":"deny","period":{"start":"2020","end":"2020-12-31"}}`, []string{"permit 0", "deny 0"}, year, consent.Period{}, year},
		{"opt-out, root permits", act + `OPTOUT"}]},"provision":{"type":"permit","period":{"start":"2020","end":"2020"}}`, []string{"deny 0", "permit 0"}, consent.Period{}, consent.Period{}, year},
		{"nested below an exception", act + `OPTIN"}]},"provision":{"type":"deny","provision":[{"type":"permit"},{"type":"deny","provision":[{"type":"permit"}]}]}`, []string{"permit 0", "deny 0", "permit 1", "deny 1", "permit 3"}, consent.Period{}, consent.Period{}, consent.Period{}},
		{"nothing", `"policyRule":{"text":"house rules"}`, []string{"deny 0"}, consent.Period{}, consent.Period{}, consent.Period{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d, err := fhir.Read([]byte(`{"resourceType":"Consent","status":"active","patient":{"reference":"Patient/1"},`+tt.rest+`}`), fhir.ReadOptions{})
			if err != nil {
				t.Fatal(err)
			}
			c := d.Consent
			got := []consent.Period{c.Period, c.Provisions[0].Period, c.Provisions[len(c.Provisions)-1].Period}
			if diff := cmp.Diff(tt.want, rules(c)) + cmp.Diff([]consent.Period{tt.period, tt.root, tt.last}, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAlternation(t *testing.T) {
	t.Parallel()
	raw := with(t, minimal5, `[{"provision":[{"provision":[{"purpose":[{"code":"TREAT"}]}]}]},{"code":[{"coding":[{"code":"1"},{"code":"2"}]}]}]`, "provision")
	d, err := fhir.Read(raw, fhir.ReadOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"permit 0", "deny 0", "permit 1", "deny 2", "deny 0"}, rules(d.Consent)); diff != "" {
		t.Error(diff)
	}
	deep := with(t, minimal5, `[{"id":"a","provision":[{"id":"b","provision":[{"id":"c","provision":[{"purpose":[{"code":"TREAT"}]}]}]}]}]`, "provision")
	if _, err := fhir.Read(deep, fhir.ReadOptions{}); err == nil {
		t.Error("rules nest deeper than the contract takes")
	}
}

// TestExamplesStrict: HL7's and IHE's own examples have something that is reported, and nothing that is refused.
func TestExamplesStrict(t *testing.T) {
	t.Parallel()
	var n int
	for _, dir := range []string{"testdata/fhir-consent-r4/Consent-*", "testdata/fhir-consent-r5/Consent-*", "../../policies/testdata/ihe-pcf/consents/*"} {
		files, err := filepath.Glob(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			n++
			raw, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			d, err := fhir.Read(raw, fhir.ReadOptions{})
			if err != nil {
				t.Errorf("%s: %v", f, err)
			}
			warned := worst(d.Issues) == fhir.Warning
			_, err = fhir.Read(raw, fhir.ReadOptions{Strict: true})
			if warned != (err != nil) {
				t.Errorf("%s: warned %v, strict: %v", f, warned, err)
			}
		}
	}
	if n != 30 {
		t.Errorf("%d examples, want 30", n)
	}
}
