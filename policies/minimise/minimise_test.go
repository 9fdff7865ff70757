package minimise_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, minimise.VectorSets()...)
	if err != nil || failed > 0 || passed < 13 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

const observation = `{"resourceType":"Observation","id":"a","status":"final","_status":{"id":"x"},"code":{},"valueQuantity":{"value":1},"text":{"div":"<div>"},"note":[],"bodySite":{}}`

const subsetted = `"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`

func TestApply(t *testing.T) {
	for name, c := range map[string]struct {
		ask    minimise.Ask
		want   string
		masked []string
	}{
		"all":         {minimise.Ask{Summary: "false"}, observation, nil},
		"a choice":    {minimise.Ask{Elements: []string{"value"}}, `{"_status":{"id":"x"},"code":{},"id":"a",` + subsetted + `,"resourceType":"Observation","status":"final","valueQuantity":{"value":1}}`, []string{"bodySite", "note", "text"}},
		"not a part":  {minimise.Ask{Elements: []string{"body"}}, `{"_status":{"id":"x"},"code":{},"id":"a",` + subsetted + `,"resourceType":"Observation","status":"final"}`, []string{"bodySite", "note", "text", "valueQuantity"}},
		"both":        {minimise.Ask{Elements: []string{"value", "note"}, Need: []string{"Observation.value", "bodySite"}}, `{"_status":{"id":"x"},"code":{},"id":"a",` + subsetted + `,"resourceType":"Observation","status":"final","valueQuantity":{"value":1}}`, []string{"bodySite", "note", "text"}},
		"text":        {minimise.Ask{Summary: "text"}, `{"_status":{"id":"x"},"code":{},"id":"a",` + subsetted + `,"resourceType":"Observation","status":"final","text":{"div":"<div>"}}`, []string{"bodySite", "note", "valueQuantity"}},
		"data":        {minimise.Ask{Summary: "data"}, `{"_status":{"id":"x"},"bodySite":{},"code":{},"id":"a",` + subsetted + `,"note":[],"resourceType":"Observation","status":"final","valueQuantity":{"value":1}}`, []string{"text"}},
		"needed: all": {minimise.Ask{Need: []string{"value", "text", "note", "bodySite"}}, `{"_status":{"id":"x"},"bodySite":{},"code":{},"id":"a","note":[],"resourceType":"Observation","status":"final","text":{"div":"<div>"},"valueQuantity":{"value":1}}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, masked, err := c.ask.Apply([]byte(observation), minimise.R4)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, string(got)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(c.masked, masked); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, text := range []string{`{`, `{}`, `{"resourceType":"Nonsense"}`, `{"resourceType":"Patient","meta":1}`} {
		if _, _, err := (minimise.Ask{Elements: []string{"x"}}).Apply([]byte(text), minimise.R4); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
	if _, _, err := (minimise.Ask{Elements: []string{"x"}}).Apply([]byte(observation), "R3"); err == nil {
		t.Error("R3 is accepted")
	}
}

func TestNeed(t *testing.T) {
	table, err := minimise.Default()
	if err != nil {
		t.Fatal(err)
	}
	own, err := minimise.ParseTable([]byte(`{"purposes": {"TREAT": {"Patient": ["name"], "*": ["*"]}, "ETREAT": {"Patient": ["*"]}, "HRESCH": {"Device": []}}}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		table        *minimise.Table
		purpose, typ string
		want         []string
		needs        bool
	}{
		{nil, "HMARKT", "Patient", nil, true},
		{table, "BTG", "Condition", nil, true},
		{table, "CLINTRCH", "Patient", []string{"gender", "birthDate", "deceased"}, true},
		{table, "HRESCH", "Practitioner", nil, false},
		{table, "HMARKT", "Patient", nil, false},
		{table, "NONSENSE", "Patient", nil, false},
		{own, "TREAT", "Patient", []string{"name"}, true},
		{own, "TREAT", "Goal", nil, true},
		{own, "BTG", "Patient", nil, true},
		{own, "BTG", "Goal", nil, false},
		{own, "HRESCH", "Device", []string{}, true},
	} {
		got, needs := c.table.Need(consent.Coding{Code: c.purpose}, c.typ)
		if needs != c.needs || !cmp.Equal(c.want, got) {
			t.Errorf("%s of %s: %v, %v", c.typ, c.purpose, got, needs)
		}
	}
	if _, needs := table.Need(consent.Coding{System: "x", Code: "TREAT"}, "Patient"); needs {
		t.Error("another system's purpose needs something")
	}
	for _, text := range []string{`[]`, `{}`, `{"purposes": {"FUN": {}}}`} {
		if _, err := minimise.ParseTable([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(observation), "value")
	f.Fuzz(func(t *testing.T, raw []byte, element string) {
		once, _, err := minimise.Ask{Elements: []string{element}}.Apply(raw, minimise.R4)
		if err != nil {
			return
		}
		twice, masked, err := minimise.Ask{Elements: []string{element}}.Apply(once, minimise.R4)
		if err != nil || len(masked) > 0 || !bytes.Equal(once, twice) {
			t.Errorf("a subset is not its own: %s, %s, %v, %v", once, twice, masked, err)
		}
	})
}
