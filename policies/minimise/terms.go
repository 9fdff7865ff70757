package minimise

import (
	"maps"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// Terms are how a decision is minimised: what was asked for, what the purpose needs of each type, and which elements there are.
// They are all that making it again needs, whatever the custodian's table says by then. The zero value minimises nothing but
// device data.
type Terms struct {
	Version  Version
	Elements []string   // as Ask.Elements, but empty: all
	Summary  string     // as Ask.Summary
	Needs    []Need     // of the types of the request; others are needed whole
	Present  [][]string // of each resource its top-level elements; empty: not known, so none is named as masked
}

// Need is what a purpose needs of a type.
type Need struct {
	Type     string
	None     bool     // nothing
	All      bool     // everything; else Elements, and what FHIR makes mandatory
	Elements []string // base names
}

// Needs are what a purpose needs of some types, each once, in order. It is nil when it needs everything of all of them.
func (t *Table) Needs(purpose consent.Coding, types []string) (out []Need) {
	limited := false
	for _, name := range slices.Compact(slices.Sorted(slices.Values(types))) {
		elements, needs := t.Need(purpose, name)
		n := Need{Type: name, None: !needs, All: needs && elements == nil, Elements: elements}
		limited = limited || !n.All
		out = append(out, n)
	}
	if !limited {
		return nil
	}
	return out
}

// Types are the FHIR resource types of a request: of its resources, else those it asks for.
func Types(q policies.Request) (types []string) {
	for _, r := range q.Resources {
		types = append(types, r.Type)
	}
	if len(q.Resources) == 0 {
		for _, t := range q.ResourceTypes {
			if plainType(t) {
				types = append(types, t.Code)
			}
		}
	}
	return types
}

// plainType reports whether a coding names a resource type; documents and profiles are told by others.
func plainType(t consent.Coding) bool {
	return t.System == "" || t.System == policies.SystemResourceType
}

// Binds reports whether anything is asked for or needed less than whole.
func (t *Terms) Binds() bool { return len(t.Elements) > 0 || t.Summary != "" || len(t.Needs) > 0 }

// need is what is needed of a type.
func (t *Terms) need(name string) Need {
	for _, n := range t.Needs {
		if n.Type == name {
			return n
		}
	}
	return Need{Type: name, All: true}
}

// Ask is what of a type flows.
func (t *Terms) Ask(name string) Ask {
	a := Ask{Summary: t.Summary}
	if len(t.Elements) > 0 {
		a.Elements = t.Elements
	}
	if n := t.need(name); !n.All {
		a.Need = append([]string{}, n.Elements...)
	}
	return a
}

// Needed reports whether anything of a resource is needed. What a resource contains is judged with it, by its elements.
func (t *Terms) Needed(r policies.Resource) bool {
	return strings.Contains(r.ID, "#") || !t.need(r.Type).None
}

// Bind minimises a decision (README, M): what the purpose does not need is denied, what is left out of what flows is named, and
// what a requester has to see to itself comes as obligations. What d shares with other decisions is left as it is.
func (t *Terms) Bind(q policies.Request, d policies.Decision) policies.Decision {
	if len(q.Resources) > 0 {
		d = t.resources(q, d)
	} else {
		d = t.types(q, d)
	}
	if d.Decision == policies.Permit {
		d.Obligations = append(slices.Clip(d.Obligations), t.obligations(q, d)...)
	}
	return d
}

// resources is M1 and M2.
func (t *Terms) resources(q policies.Request, d policies.Decision) policies.Decision {
	if len(t.Needs) == 0 && len(t.Present) == 0 || len(d.Resources) != len(q.Resources) {
		return d
	}
	d.Resources = slices.Clone(d.Resources)
	for i, r := range q.Resources {
		out := &d.Resources[i]
		switch {
		case out.Decision != policies.Permit:
		case !t.Needed(r):
			why := notNeeded(q.Purpose, r.Type)
			out.Decision, out.Reasons = policies.Deny, append(slices.Clip(out.Reasons), why)
			d = refuse(d, why)
		case i < len(t.Present):
			out.Masked = t.masked(r.Type, t.Present[i])
		}
	}
	return d
}

// notNeeded is the reason of M1. It names the table, because what it says is the custodian's choice and not the patient's.
func notNeeded(purpose consent.Coding, types ...string) policies.Reason {
	return policies.Reason{
		Rule: "M1", Code: "not-needed", Text: "By the custodian's table of purposes, " + purpose.Code + " needs no " + strings.Join(types, ", ") + ".",
	}
}

// refuse turns a permit into a denial by M1.
func refuse(d policies.Decision, why policies.Reason) policies.Decision {
	if d.Decision != policies.Permit {
		return d
	}
	d.Decision, d.Residual, d.Obligations = policies.Deny, nil, nil
	d.Reasons = append(slices.Clip(d.Reasons), why)
	d.Sentence = policies.Sentence{
		Code: "deny." + why.Code, Text: "Refused, because the purpose does not need this kind of data.",
	}
	return d
}

// types is M1 without concrete resources: types that are not needed are redacted, and when none is, nothing flows.
func (t *Terms) types(q policies.Request, d policies.Decision) policies.Decision {
	var unneeded []consent.Coding
	for _, c := range q.ResourceTypes {
		if plainType(c) && t.need(c.Code).None {
			unneeded = append(unneeded, consent.Coding{System: policies.SystemResourceType, Code: c.Code})
		}
	}
	switch {
	case len(unneeded) == 0 || d.Decision != policies.Permit:
		return d
	case len(unneeded) == len(q.ResourceTypes):
		var types []string
		for _, c := range unneeded {
			types = append(types, c.Code)
		}
		return refuse(d, notNeeded(q.Purpose, types...))
	}
	d.Obligations = append(slices.Clip(d.Obligations), policies.Obligation{
		ID: consent.Coding{System: policies.SystemActCode, Code: "REDACT"}, Parameters: policies.Parameters{Codes: unneeded},
	})
	return d
}

// Elements are the top-level elements of a resource that minimising could leave out, in order.
func Elements[V any](root map[string]V) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(root)), func(e string) bool { return slices.Contains(always, e) })
	slices.Sort(names)
	return names
}

// masked are the elements that are there and do not flow. It fails to all of them where FHIR has no such type, which Apply refuses.
func (t *Terms) masked(name string, present []string) (masked []string) {
	a := t.Ask(name)
	if a.Whole() {
		return nil
	}
	s, err := shapeOf(name, t.Version)
	for _, element := range present {
		if err != nil || !a.keeps(name, strings.TrimPrefix(element, "_"), s) {
			masked = append(masked, element)
		}
	}
	return masked
}

// obligations are M3 and M4.
func (t *Terms) obligations(q policies.Request, d policies.Decision) (out []policies.Obligation) {
	var elements, types []string
	limited := false
	if t.Binds() {
		types = slices.Compact(slices.Sorted(slices.Values(Types(q))))
	}
	for _, name := range types {
		if a := t.Ask(name); !a.Whole() && !t.need(name).None {
			limited = true
			for _, e := range t.most(name, a) {
				elements = append(elements, name+"."+e)
			}
		}
	}
	device := slices.ContainsFunc(q.Resources, func(r policies.Resource) bool { return IsDevice(r, refersToDevice(r)) }) ||
		len(q.Resources) == 0 && slices.ContainsFunc(Types(q), func(name string) bool { return IsDevice(policies.Resource{Type: name}, false) })
	switch {
	case device:
		out = DeviceObligations()
	case limited:
		out = DeviceObligations()[:1]
	}
	if len(out) > 0 {
		out[0].Parameters.Elements = elements
	}
	return slices.DeleteFunc(out, func(o policies.Obligation) bool {
		return slices.ContainsFunc(d.Obligations, func(has policies.Obligation) bool { return has.ID == o.ID })
	})
}

// most are the elements of a type that may flow at most, beside those that always do; the element "*" stands for all but those
// that the summary leaves out.
func (t *Terms) most(name string, a Ask) []string {
	s, err := shapeOf(name, t.Version)
	if err != nil {
		return nil
	}
	from := a.named(s)
	if from == nil {
		return []string{"*"}
	}
	var out []string
	for _, e := range from {
		e = strings.TrimSuffix(strings.TrimPrefix(e, name+"."), "[x]")
		e, _, _ = strings.Cut(e, ".")
		probe := e
		if slices.Contains(s.Choice, e) {
			probe = e + "Quantity" // any of the types that it may have
		}
		if !slices.Contains(out, e) && a.keeps(name, probe, s) {
			out = append(out, e)
		}
	}
	slices.Sort(out)
	return out
}

// named are the elements that limit what flows, or nil when none is named.
func (a Ask) named(s shape) []string {
	switch {
	case a.Need != nil:
		return a.Need
	case a.Elements != nil:
		return a.Elements
	case a.Summary == "true":
		return s.Summary
	case a.Summary == "text":
		return []string{"text"}
	}
	return nil
}

// refersToDevice reports whether a resource refers to the device that measured it.
func refersToDevice(r policies.Resource) bool {
	return slices.ContainsFunc(r.References, func(ref string) bool {
		return strings.HasPrefix(ref, "Device/") || strings.HasPrefix(ref, "DeviceMetric/")
	})
}
