package fhir

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

const systemActCode = "http://terminology.hl7.org/CodeSystem/v3-ActCode"

// bases are the consent directives that say what holds where no rule does (v3-ActCode, _ActConsentDirective).
var bases = map[string]consent.Effect{
	"OPTIN": consent.Permit, "OPTINR": consent.Permit, "OPTOUT": consent.Deny, "OPTOUTE": consent.Deny,
}

// r4 reads scope, base and rules of R4.
//
// The root provision is an exception to the base policy. A policyRule coded OPTIN or OPTOUT is that base: a root of the
// other type is then a rule of its own below it, a root of the same type or without type narrows it. Without such a code
// the root's type is the base, as IHE PCF and FAST write it.
func (m *reader) r4() {
	m.kind(m.r.Scope, "Consent.scope")
	var root *provision
	if m.r.Provision != nil {
		root = &provision{}
		if err := json.Unmarshal(m.r.Provision, root); err != nil {
			m.refuse("structure", "Consent.provision", "not a provision")
			return
		}
	}
	base, coded := m.codedBase()
	if root == nil {
		if !coded {
			m.report("required", "Consent.provision", "neither a rule nor a coded base: it denies")
			base = consent.Deny
		}
		m.out.Provisions = []consent.Provision{{Effect: base}}
		return
	}
	own := m.effect(root.Type, "Consent.provision.type")
	switch {
	case own == "" && !coded:
		m.report("required", "Consent.provision", "neither a type nor a coded base: it denies")
		own = consent.Deny
	case own == "":
		own = base
	}
	whole := m.half(root.Period, "Consent.provision.period")
	if coded && own != base {
		m.out.Provisions = []consent.Provision{{Effect: base}}
		if base == consent.Deny { // the exception's period bounds what it permits, not the denial around it
			whole = consent.Period{}
		}
	}
	m.out.Period = m.period4(whole)
	m.rule(root, own, 0, "Consent.provision")
}

// period4 is the period of the consent: that of its root, unless an extension says otherwise.
func (m *reader) period4(root consent.Period) consent.Period {
	for _, e := range m.r.ModifierExtension {
		if e.URL == extPeriod {
			return m.half(e.ValuePeriod, "Consent.modifierExtension")
		}
	}
	for _, e := range m.r.Extension {
		if e.URL == extRulePeriod {
			return consent.Period{}
		}
	}
	return root
}

func (m *reader) codedBase() (consent.Effect, bool) {
	var base consent.Effect
	if m.r.PolicyRule == nil {
		return "", false
	}
	for _, c := range m.r.PolicyRule.Coding {
		e, ok := bases[c.Code]
		if !ok || c.System != systemActCode {
			continue
		}
		if base != "" && base != e {
			m.refuse("conflict", "Consent.policyRule", "both opt-in and opt-out")
		}
		base = e
	}
	return base, base != ""
}

// effect reads a type. "" is none.
func (m *reader) effect(code, where string) consent.Effect {
	e := consent.Effect(code)
	if code != "" && e != consent.Permit && e != consent.Deny {
		m.refuse("code-invalid", where, "permit or deny")
	}
	return e
}

// r5 reads period, decision and rules of R5. The decision is the default; each level is an exception to the one around it,
// so the effect alternates.
func (m *reader) r5() {
	m.out.Period = m.half(m.r.Period, "Consent.period")
	base := m.effect(m.r.Decision, "Consent.decision")
	if base == "" {
		m.report("required", "Consent.decision", "no decision: it denies")
		base = consent.Deny
	}
	var rules []provision
	if m.r.Provision != nil && json.Unmarshal(m.r.Provision, &rules) != nil {
		m.refuse("structure", "Consent.provision", "not a list of provisions")
		return
	}
	if len(rules) == 1 && rules[0].has(extRoot) {
		m.rule(&rules[0], base, 0, "Consent.provision[0]")
		return
	}
	m.out.Provisions = []consent.Provision{{Effect: base}}
	m.nested(rules, base, 0, "Consent.provision")
}

func (p *provision) has(url string) bool {
	return slices.ContainsFunc(p.ModifierExtension, func(e extension) bool { return e.URL == url })
}

func opposite(e consent.Effect) consent.Effect {
	if e == consent.Permit {
		return consent.Deny
	}
	return consent.Permit
}

// nested reads the rules within a rule.
func (m *reader) nested(rules []provision, around consent.Effect, parent int, where string) {
	for i := range rules {
		p, here := &rules[i], at(where, i)
		e := opposite(around)
		if m.version == R4 {
			if e = m.effect(p.Type, here+".type"); e == "" {
				m.report("required", here+".type", "a nested rule without type: it denies")
				e = consent.Deny
			}
		}
		if p.has(extRoot) {
			m.refuse("extension", here, "the root rule stands alone at the top")
		}
		m.rule(p, e, parent, here)
	}
}

// maxRules bounds the work on a resource; the contract takes no more either.
const maxRules = 64

// rule appends a rule and those within it.
func (m *reader) rule(p *provision, e consent.Effect, parent int, where string) {
	if len(m.out.Provisions) == maxRules {
		m.refuse("too-costly", where, "more than %d rules", maxRules)
	}
	if len(m.out.Provisions) >= maxRules {
		return
	}
	for _, x := range p.ModifierExtension {
		if x.URL == extType {
			e = m.effect(x.ValueCode, where+".modifierExtension")
		}
	}
	out := consent.Provision{
		Parent: consent.Uint64(parent), Effect: e, Period: m.half(p.Period, where+".period"), //nolint:gosec // an index
		Recipients: m.recipients(p.Actor, where+".actor"), Actions: m.concepts(p.Action, where+".action", true),
		Purposes: m.codings(p.Purpose, where+".purpose"), Labels: m.codings(p.SecurityLabel, where+".securityLabel"),
		Codes: m.concepts(p.Code, where+".code", true), DataPeriod: m.half(p.DataPeriod, where+".dataPeriod"),
		Data: m.data(p.Data, where+".data"),
	}
	if len(p.DocumentType) > 0 && len(p.ResourceType) > 0 {
		m.refuse("not-supported", where, "documentType and resourceType in one rule: both would have to match")
	}
	out.ResourceTypes = m.codings(slices.Concat(p.Class, p.DocumentType, p.ResourceType), where+".resourceType")
	for _, x := range p.ModifierExtension {
		if x.URL == extRole {
			out.Roles = append(out.Roles, m.codings([]coding{*x.ValueCoding}, where+".modifierExtension")...)
		}
	}
	i := len(m.out.Provisions)
	m.out.Provisions = append(m.out.Provisions, out)
	m.nested(p.Provision, e, i, where+".provision")
}

// recipients are the actors, one for each name that an actor has.
func (m *reader) recipients(as []actor, where string) (out []consent.Recipient) {
	for i, a := range as {
		here := at(where, i)
		var names []string
		if a.Reference != nil {
			names = a.Reference.Names()
		}
		if len(names) == 0 {
			m.refuse("required", here+".reference", "an actor without reference or identifier is nobody, or everybody")
		}
		var role consent.Coding
		if a.Role != nil {
			if cs := m.concepts([]concept{*a.Role}, here+".role", false); len(cs) > 0 {
				role = cs[0]
				if len(cs) > 1 {
					m.report("not-supported", here+".role", "only the first code is kept")
				}
			}
		}
		for _, n := range names {
			m.local(n, here+".reference")
			out = append(out, consent.Recipient{Role: role, Reference: n})
		}
	}
	return out
}

// local refuses a reference to something inside the resource, which nobody who asks is known by.
func (m *reader) local(name, where string) {
	if strings.HasPrefix(name, "#") || m.contained && !strings.ContainsAny(name, "/|") {
		m.refuse("not-supported", where, "a reference into the resource itself names nobody outside")
	}
}

func (m *reader) data(ds []data, where string) (out []consent.DataReference) {
	for i, d := range ds {
		here := at(where, i)
		if d.Reference.Reference == "" {
			m.refuse("required", here+".reference", "data needs a literal reference")
		}
		m.local(d.Reference.Reference, here+".reference")
		out = append(out, consent.DataReference{Meaning: d.Meaning, Reference: d.Reference.Reference})
	}
	return out
}
