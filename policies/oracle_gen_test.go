package policies_test

import (
	"fmt"
	"math/rand/v2"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// The vocabularies of random questions are small, so that what is asked and what is said overlap often.
var (
	someActors   = []string{"Organization/rosa-institute", "Organization/city-hospital", "Practitioner/bob", "Group/er"}
	someRoles    = codings("", "clinician", "researcher")
	someActions  = codings(policies.SystemAction, "access", "use", "disclose")
	somePurposes = codings(policies.SystemPurpose, "TREAT", "ETREAT", "BTG", "HRESCH", "CLINTRCH", "HOPERAT", "MLTRAINING", "PATRQT", "FAMRQT")
	someTypes    = append(codings(policies.SystemResourceType, "Observation", "Encounter", "Condition"), codings("urn:ietf:rfc:3986", "http://example.org/bp")...)
	someCodes    = append(codings("http://loinc.org", "2339-0", "85354-9"), codings(policies.SystemResourceType, "Observation")...)
	someLabels   = append(codings(policies.SystemConfidentiality, "L", "N", "R", "V"), codings(policies.SystemActCode, "SUD", "ETHUD", "PSY")...)
	someKinds    = []string{"patient-privacy", "research"}
	someRefs     = []string{"Encounter/1", "Encounter/2", "Observation/1", "Practitioner/bob"}
	someMeanings = []string{"instance", "related", "dependents", "authoredby"}
)

func codings(system string, codes ...string) []consent.Coding {
	var cs []consent.Coding
	for _, c := range codes {
		cs = append(cs, consent.Coding{System: system, Code: c})
	}
	return cs
}

// chance makes random questions.
type chance struct{ *rand.Rand }

// some returns up to n of what there is, with none at the odds given.
func some[T any](c chance, there []T, n int, none float64) []T {
	if c.Float64() < none {
		return nil
	}
	var out []T
	for range 1 + c.IntN(n) {
		out = append(out, there[c.IntN(len(there))])
	}
	return out
}

func one1[T any](c chance, there []T) T { return there[c.IntN(len(there))] }

// period is open on both sides at the odds given, and has few instants, of which now is one.
func (c chance) period(open float64) consent.Period {
	if c.Float64() < open {
		return consent.Period{}
	}
	p := consent.Period{Start: consent.Millis(c.IntN(6) * 10), End: consent.Millis(c.IntN(6) * 10)}
	if p.End != 0 && p.Start >= p.End {
		p.Start, p.End = p.End, p.Start
		if p.Start == p.End {
			p.End += 10
		}
	}
	return p
}

func (c chance) effect() consent.Effect {
	return one1(c, []consent.Effect{consent.Permit, consent.Deny})
}

func (c chance) provision(parent int) consent.Provision {
	p := consent.Provision{
		Parent: consent.Uint64(parent), Effect: c.effect(), Period: c.period(0.9), Roles: some(c, someRoles, 2, 0.85),
		Actions: some(c, someActions, 2, 0.8), Purposes: some(c, somePurposes, 3, 0.4),
		ResourceTypes: some(c, someTypes, 2, 0.8), Codes: some(c, someCodes, 2, 0.9), Labels: some(c, someLabels, 2, 0.6),
		DataPeriod: c.period(0.9),
	}
	for _, a := range some(c, someActors, 2, 0.6) {
		p.Recipients = append(p.Recipients, consent.Recipient{Reference: a})
	}
	for range max(0, c.IntN(8)-5) {
		p.Data = append(p.Data, consent.DataReference{Meaning: one1(c, someMeanings), Reference: one1(c, someRefs)})
	}
	return p
}

func (c chance) consent() consent.Consent {
	k := consent.Consent{Kind: one1(c, someKinds), Period: c.period(0.8), Provisions: []consent.Provision{c.provision(0)}}
	if c.IntN(3) > 0 {
		k.Provisions[0].Effect = consent.Permit
	}
	for range c.IntN(5) {
		if parent := c.IntN(len(k.Provisions)); k.Depth(parent) < 3 && (parent == 0 || c.IntN(2) == 0) {
			k.Provisions = append(k.Provisions, c.provision(parent))
		}
	}
	if c.IntN(12) == 0 {
		k.AccessMode = one1(c, []string{"view", "store"})
	}
	if c.IntN(12) == 0 {
		k.EraseBy = consent.Millis(10 + 10*c.IntN(6))
	}
	return k
}

func (c chance) records() []policies.Record {
	var rs []policies.Record
	for i := range c.IntN(5) {
		r := policies.Record{ID: fmt.Sprint("c", i), Status: policies.Active, Date: consent.Millis(c.IntN(3)), Consent: c.consent(), Attested: c.IntN(2) == 0}
		if c.IntN(12) == 0 {
			r.Status = "inactive"
		}
		if c.IntN(8) == 0 {
			left := consent.Uint64(c.IntN(2))
			r.UsesLeft = &left
		}
		if c.IntN(12) == 0 {
			r.Unfit = one1(c, []string{policies.DataUse, policies.VisaMissing})
		}
		rs = append(rs, r)
	}
	return rs
}

func (c chance) resource() policies.Resource {
	t := one1(c, someTypes[:3])
	return policies.Resource{
		Type: t.Code, ID: one1(c, []string{"1", "2"}), Classes: some(c, someTypes[3:], 1, 0.7), Labels: some(c, someLabels, 3, 0.2),
		Codes: some(c, someCodes[:2], 2, 0.4), Date: c.period(0.2), References: some(c, someRefs, 2, 0.3), Authors: some(c, someRefs[3:], 1, 0.5),
	}
}

func (c chance) request() policies.Request {
	q := policies.Request{
		Actors: some(c, someActors, 3, 0.05), Roles: some(c, someRoles, 1, 0.2), Action: someActions[max(0, c.IntN(6)-3)],
		Purpose: one1(c, somePurposes), Now: consent.Millis(c.IntN(60)),
	}
	switch c.IntN(20) {
	case 0:
		q.Purpose = consent.Coding{}
	case 1:
		q.Action = consent.Coding{}
	case 2, 3:
		q.Categories = []consent.Coding{{System: policies.SystemScope, Code: one1(c, someKinds)}}
	case 4, 5, 6:
		q.Purpose = somePurposes[7+c.IntN(2)]
		q.Delegation = &policies.Delegation{ID: "d", Scope: some(c, []string{"view", "grant"}, 2, 0), Period: c.period(0.5)}
	}
	if c.IntN(2) == 0 {
		q.ResourceTypes = some(c, someTypes, 2, 0.5)
		return q
	}
	for range 1 + c.IntN(3) {
		q.Resources = append(q.Resources, c.resource())
	}
	return q
}
