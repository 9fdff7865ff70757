package policies_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// TestRedacts is J7 as an enforcement point reads it.
func TestRedacts(t *testing.T) {
	mark := func(c string) consent.Coding { return consent.Coding{System: policies.SystemConfidentiality, Code: c} }
	topic := func(c string) consent.Coding { return consent.Coding{System: policies.SystemActCode, Code: c} }
	kind := consent.Coding{System: "http://hl7.org/fhir/fhir-types", Code: "Observation"}
	glucose := consent.Coding{System: "http://loinc.org", Code: "2339-0"}
	bears := func(labels ...consent.Coding) policies.Resource {
		return policies.Resource{Type: "Observation", ID: "1", Labels: labels, Codes: []consent.Coding{glucose}}
	}
	for name, c := range map[string]struct {
		code          consent.Coding
		r             policies.Resource
		codes, except bool
	}{
		"the mark":              {mark("R"), bears(mark("R")), true, false},
		"a higher mark":         {mark("R"), bears(mark("N"), mark("V")), true, true},
		"a lower mark":          {mark("R"), bears(mark("N")), false, false},
		"no mark":               {mark("R"), bears(topic("SUD")), false, true},
		"no label":              {topic("SUD"), bears(), false, true},
		"below the label":       {topic("SUD"), bears(topic("ETHUD")), true, false},
		"above the label":       {topic("ETHUD"), bears(topic("SUD")), false, true},
		"a type, as R5 says it": {kind, bears(), true, false},
		"another type":          {kind, policies.Resource{Type: "Goal"}, false, true},
		"a code":                {glucose, bears(), true, false},
	} {
		is := func(p policies.Parameters) bool {
			return policies.Obligation{ID: topic("REDACT"), Parameters: p}.Redacts(c.r)
		}
		if got := is(policies.Parameters{Codes: []consent.Coding{c.code}}); got != c.codes {
			t.Errorf("%s: redacted: %v", name, got)
		}
		if got := is(policies.Parameters{ExceptAnyOfCodes: []consent.Coding{c.code}}); got != c.except {
			t.Errorf("%s: redacted as an exception: %v", name, got)
		}
	}
	if (policies.Obligation{ID: topic("DELAU")}).Redacts(bears()) || (policies.Obligation{ID: topic("REDACT")}).Redacts(bears()) {
		t.Error("an obligation without codes redacts")
	}
}
