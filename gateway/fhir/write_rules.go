package fhir

import (
	"encoding/json"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// rules writes the flat list as the tree that it is.
func (w *writer) rules() *provision {
	list := w.in.Provisions
	out := make([]*provision, len(list))
	for i := range list {
		out[i] = w.rule(i)
	}
	for i := len(list) - 1; i > 0; i-- { // children are complete before they are copied into their parent
		p := out[list[i].Parent]
		p.Provision = slices.Insert(p.Provision, 0, *out[i])
	}
	return out[0]
}

func (w *writer) rule(i int) *provision {
	p := w.in.Provisions[i]
	out := &provision{
		Period: w.period(p.Period), Action: concepts(p.Actions), SecurityLabel: codings(p.Labels), Purpose: codings(p.Purposes),
		Code: concepts(p.Codes), DataPeriod: w.period(p.DataPeriod),
	}
	for _, r := range p.Recipients {
		ref := NewReference(r.Reference)
		a := actor{Reference: &ref}
		switch {
		case r.Role.Code != "":
			a.Role = &concept{Coding: []coding{coding(r.Role)}}
		case w.version == R4:
			a.Role = &concept{Text: "not stated"}
		}
		out.Actor = append(out.Actor, a)
	}
	for _, d := range p.Data {
		out.Data = append(out.Data, data{d.Meaning, Reference{Reference: d.Reference}})
	}
	for _, r := range p.Roles {
		c := coding(r)
		out.ModifierExtension = append(out.ModifierExtension, extension{URL: extRole, ValueCoding: &c})
	}
	w.kinds(p, out)
	switch {
	case w.version == R4:
		out.Type = string(p.Effect)
	case i > 0 && (p.Effect == w.in.Provisions[p.Parent].Effect || bare(out) && w.leaf(i)):
		out.ModifierExtension = append(out.ModifierExtension, extension{URL: extType, ValueCode: string(p.Effect)})
	}
	return out
}

// leaf reports whether there is no rule within a rule. One that says nothing either would be an empty object.
func (w *writer) leaf(i int) bool {
	return i+1 == len(w.in.Provisions) || int(w.in.Provisions[i+1].Parent) != i //nolint:gosec // an index
}

// Systems of resource types.
const (
	systemTypesR4 = "http://hl7.org/fhir/resource-types"
	systemTypesR5 = "http://hl7.org/fhir/fhir-types"
)

// kinds writes resource types: class in R4; in R5 documentType when none of them is a resource type.
func (w *writer) kinds(p consent.Provision, out *provision) {
	cs := codings(p.ResourceTypes)
	resources := slices.ContainsFunc(cs, func(c coding) bool { return c.System == systemTypesR4 || c.System == systemTypesR5 || c.System == "" })
	switch {
	case w.version == R4:
		out.Class = cs
	case resources:
		out.ResourceType = cs
	default:
		out.DocumentType = cs
	}
}

func codings(cs []consent.Coding) (out []coding) {
	for _, c := range cs {
		out = append(out, coding(c))
	}
	return out
}

func concepts(cs []consent.Coding) (out []concept) {
	for _, c := range cs {
		out = append(out, concept{Coding: []coding{coding(c)}})
	}
	return out
}

// bare reports whether a root says nothing but its effect.
func bare(p *provision) bool {
	q := *p
	q.Provision, q.Type = nil, ""
	b, err := json.Marshal(&q)
	return err == nil && string(b) == "{}"
}
