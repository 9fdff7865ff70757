package policies_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

func TestSubsumes(t *testing.T) {
	for _, c := range []struct {
		system, granted, requested string
		want                       bool
	}{
		{policies.SystemPurpose, "TREAT", "BTG", true}, // is-a as HL7 has it; D2 is a rule of decisions
		{policies.SystemPurpose, "BTG", "TREAT", false},
		{policies.SystemPurpose, "CLINTRL", "CLINTRCH", false},
		{policies.SystemActCode, "SUD", "ETHUD", true},
		{policies.SystemActCode, "ETH", "ETHUD", false},
		{"http://example.org/x", "a", "a", true},
		{policies.SystemActCode, "TREAT", "ETREAT", false},
	} {
		if got := policies.Subsumes(c.system, c.granted, c.requested); got != c.want {
			t.Errorf("%s over %s: %v", c.granted, c.requested, got)
		}
	}
}

func TestConfidentialityOrder(t *testing.T) {
	var got []int
	for _, c := range []string{"U", "L", "M", "N", "R", "V", "PSY", ""} {
		got = append(got, policies.Confidentiality(c))
	}
	if diff := cmp.Diff([]int{0, 1, 2, 3, 4, 5, -1, -1}, got); diff != "" {
		t.Error(diff)
	}
}

func TestDisplay(t *testing.T) {
	if got := policies.Display(consent.Coding{System: policies.SystemPurpose, Code: "HRESCH"}); got != "healthcare research" {
		t.Errorf("%q", got)
	}
	if got := policies.Display(consent.Coding{System: "x", Code: "y"}); got != "y" {
		t.Errorf("%q", got)
	}
}

func TestParseDate(t *testing.T) {
	const day = 24 * 3600 * 1000
	for text, want := range map[string]consent.Period{
		"2016-01-01":                {Start: 1451606400000, End: 1451606400000 + day},
		"2016":                      {Start: 1451606400000, End: 1451606400000 + 366*day},
		"2016-02":                   {Start: 1454284800000, End: 1454284800000 + 29*day},
		"2016-01-01T10:00:00+10:00": {Start: 1451606400000, End: 1451606401000},
		"2016-01-01T00:00:00.250Z":  {Start: 1451606400250, End: 1451606400251},
		"2016-01-01T00:00Z":         {Start: 1451606400000, End: 1451606460000},
		"1970-01-01":                {Start: 1, End: day},
	} {
		got, err := policies.ParseDate(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "yesterday", "2016-13-01", "2016-1-1", "20160101"} {
		if p, err := policies.ParseDate(text); err == nil {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func FuzzParseDate(f *testing.F) {
	f.Add("2016-01-01T10:00:00.5+10:00")
	f.Add("2016-02")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := policies.ParseDate(text); err == nil && p.End <= p.Start {
			t.Errorf("%q is read as the empty %+v", text, p)
		}
	})
}

func TestParseResource(t *testing.T) {
	got, err := policies.ParseResource([]byte(`{"resourceType": "Observation", "id": "1",
		"meta": {"security": [{"system": "s", "code": "N"}], "profile": ["p"]},
		"code": {"coding": [{"system": "http://loinc.org", "code": "1-8"}]}, "valueQuantity": {"system": "u", "code": "mg"},
		"performer": [{"reference": "Practitioner/bob"}], "encounter": {"reference": "Encounter/1"}, "effectiveDateTime": "2016"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := policies.Resource{
		Type: "Observation", ID: "1", Labels: codings("s", "N"), Classes: codings("urn:ietf:rfc:3986", "p"), Codes: codings("http://loinc.org", "1-8"),
		Date: consent.Period{Start: 1451606400000, End: 1483228800000}, References: []string{"Encounter/1", "Practitioner/bob"},
		Authors: []string{"Practitioner/bob"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func FuzzParseResource(f *testing.F) {
	f.Add([]byte(`{"resourceType": "Observation", "id": "1", "effectivePeriod": {"start": "2016"}, "performer": [{"reference": "a/b"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if r, err := policies.ParseResource(raw); err == nil && r.Type == "" {
			t.Error("a resource without type")
		}
	})
}
