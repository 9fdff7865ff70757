package minimise_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
)

func permitted(q policies.Request) policies.Decision {
	d := policies.Decision{Decision: policies.Permit, ConsentDecision: policies.ConsentPermit}
	for _, r := range q.Resources {
		d.Resources = append(d.Resources, policies.ResourceDecision{Type: r.Type, ID: r.ID, Decision: policies.Permit})
	}
	return d
}

func terms(t *testing.T, purpose string, q policies.Request) minimise.Terms {
	t.Helper()
	table, err := minimise.Default()
	if err != nil {
		t.Fatal(err)
	}
	return minimise.Terms{Version: minimise.R4, Needs: table.Needs(consent.Coding{Code: purpose}, minimise.Types(q))}
}

// told is what a decision says, as far as minimising bears on it.
type told struct {
	decision    string
	resources   []string // "Type/id decision masked..."
	obligations []string // "CODE element..."
}

func tell(d policies.Decision) told {
	out := told{decision: d.Decision}
	for _, r := range d.Resources {
		line := r.Type + "/" + r.ID + " " + r.Decision
		for _, m := range r.Masked {
			line += " " + m
		}
		out.resources = append(out.resources, line)
	}
	for _, o := range d.Obligations {
		line := o.ID.Code
		for _, e := range o.Parameters.Elements {
			line += " " + e
		}
		for _, c := range o.Parameters.Codes {
			line += " " + c.Code
		}
		out.obligations = append(out.obligations, line)
	}
	return out
}

// TestBind is M of policies/README.md.
func TestBind(t *testing.T) {
	patient, practitioner := policies.Resource{Type: "Patient", ID: "1"}, policies.Resource{Type: "Practitioner", ID: "2"}
	measured := policies.Resource{Type: "Observation", ID: "3", References: []string{"Device/9"}}
	types := func(names ...string) (q policies.Request) {
		for _, n := range names {
			q.ResourceTypes = append(q.ResourceTypes, consent.Coding{Code: n})
		}
		return q
	}
	resources := func(rs ...policies.Resource) policies.Request { return policies.Request{Resources: rs} }
	for name, c := range map[string]struct {
		purpose string
		q       policies.Request
		change  func(*minimise.Terms)
		want    told
	}{
		"treatment needs all": {"TREAT", resources(patient), nil, told{"permit", []string{"Patient/1 permit"}, nil}},
		"M2 masked": {
			"CLINTRCH", resources(patient), func(x *minimise.Terms) { x.Present = [][]string{{"birthDate", "deceasedBoolean", "name", "telecom"}} },
			told{"permit", []string{"Patient/1 permit name telecom"}, []string{"MINEC Patient.birthDate Patient.deceased Patient.gender"}},
		},
		"M1 not needed":        {"HRESCH", resources(patient, practitioner), nil, told{"deny", []string{"Patient/1 permit", "Practitioner/2 deny"}, nil}},
		"M1 not needed at all": {"HMARKT", types("Patient"), nil, told{"deny", nil, nil}},
		"M1 some types":        {"HRESCH", types("Practitioner", "ResearchStudy"), nil, told{"permit", nil, []string{"REDACT Practitioner"}}},
		"what is contained goes with what contains it": {"HRESCH", resources(policies.Resource{Type: "Practitioner", ID: "1#p"}), nil, told{"permit", []string{"Practitioner/1#p permit"}, nil}},
		"elements asked for": {
			"TREAT", resources(patient), func(x *minimise.Terms) {
				x.Elements, x.Present = []string{"name", "Patient.gender"}, [][]string{{"birthDate", "gender", "name"}}
			},
			told{"permit", []string{"Patient/1 permit birthDate"}, []string{"MINEC Patient.gender Patient.name"}},
		},
		"both": {
			"HRESCH", resources(patient), func(x *minimise.Terms) { x.Elements = []string{"name", "gender"} },
			told{"permit", []string{"Patient/1 permit"}, []string{"MINEC Patient.gender"}},
		},
		"a summary": {
			"TREAT", resources(policies.Resource{Type: "Goal", ID: "1"}), func(x *minimise.Terms) { x.Summary, x.Present = "data", [][]string{{"note", "text"}} },
			told{"permit", []string{"Goal/1 permit text"}, []string{"MINEC Goal.*"}},
		},
		"M4 a device's": {"TREAT", resources(measured), nil, told{"permit", []string{"Observation/3 permit"}, []string{"MINEC", "NOPERSISTP"}}},
		"M4 devices":    {"HRESCH", types("DeviceMetric"), nil, told{"permit", nil, []string{"MINEC", "NOPERSISTP"}}},
		"a type that FHIR does not have": {
			"TREAT", resources(policies.Resource{Type: "Nonsense", ID: "1"}), func(x *minimise.Terms) { x.Elements, x.Present = []string{"a"}, [][]string{{"a"}} },
			told{"permit", []string{"Nonsense/1 permit a"}, []string{"MINEC"}},
		},
		"whatever there is": {"HRESCH", policies.Request{}, nil, told{"permit", nil, nil}},
	} {
		t.Run(name, func(t *testing.T) {
			x := terms(t, c.purpose, c.q)
			if c.change != nil {
				c.change(&x)
			}
			shared := permitted(c.q)
			before := tell(shared)
			if diff := cmp.Diff(c.want, tell(x.Bind(c.q, shared)), cmp.AllowUnexported(told{})); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(before, tell(shared), cmp.AllowUnexported(told{})); diff != "" {
				t.Errorf("a decision that others share was changed: %s", diff)
			}
			if d := x.Bind(c.q, policies.Decision{Decision: policies.Deny}); d.Decision != policies.Deny || len(d.Obligations) > 0 {
				t.Errorf("a denial comes to %+v", d)
			}
		})
	}
}

// TestMaskedIsWhatApplyLeavesOut: what a decision names as masked is what does not come.
func TestMaskedIsWhatApplyLeavesOut(t *testing.T) {
	q := policies.Request{Resources: []policies.Resource{{Type: "Observation", ID: "a"}}}
	for _, x := range []minimise.Terms{
		terms(t, "HRESCH", q), {Version: minimise.R4, Elements: []string{"value"}}, {Version: minimise.R4, Summary: "true"}, {Version: minimise.R4, Summary: "text"}, {Version: minimise.R4},
	} {
		x.Present = [][]string{{"_status", "bodySite", "code", "note", "status", "text", "valueQuantity"}}
		_, masked, err := x.Ask("Observation").Apply([]byte(observation), minimise.R4)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(masked, x.Bind(q, permitted(q)).Resources[0].Masked); diff != "" {
			t.Errorf("%+v: %s", x, diff)
		}
	}
}

// TestNOPERSISTPOnce: a view-only consent's NOPERSISTP is not told twice.
func TestNOPERSISTPOnce(t *testing.T) {
	q := policies.Request{ResourceTypes: []consent.Coding{{Code: "Device"}}}
	d := permitted(q)
	d.Obligations = []policies.Obligation{{ID: consent.Coding{System: policies.SystemActCode, Code: "NOPERSISTP"}}}
	x := minimise.Terms{}
	if diff := cmp.Diff([]string{"NOPERSISTP", "MINEC"}, tell(x.Bind(q, d)).obligations); diff != "" {
		t.Error(diff)
	}
}
