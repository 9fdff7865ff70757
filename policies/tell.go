package policies

import (
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// faulty is the decision when deciding failed (README, A2).
func faulty() Decision {
	return Decision{
		Decision: Deny, ConsentDecision: NoConsent, Reasons: []Reason{reason(because{"A2", "fault", -1}, "")},
		Sentence: Sentence{Code: "fault", Text: sentences[Deny]["fault"]},
	}
}

func millis(t int64) consent.Millis { return consent.Millis(t) }

// tell makes the decision of a verdict: the consents get their ids back, the resources their names.
func (v *verdict) tell(q *question, req Request, records []Record) Decision {
	d := Decision{Decision: v.decision, ConsentDecision: v.consents, Sentence: v.sentence, Obligations: v.obligations}
	id := func(i int) string {
		if i < 0 {
			return ""
		}
		return records[q.consents[i].record].ID
	}
	d.Reasons = reasons(v.reasons, id)
	d.Consents, d.Rules = name(v.deciding, id)
	for _, g := range v.groups {
		d.Residual = g.residual(d.Residual, q, id, len(v.groups) > 1)
	}
	if len(req.Resources) > 0 {
		d.Resources = make([]ResourceDecision, len(req.Resources))
		for i, r := range req.Resources {
			f := &v.resources[q.class[i]]
			rd := ResourceDecision{Type: r.Type, ID: r.ID, Decision: f.decision, ConsentDecision: f.consents, Reasons: reasons(f.reasons, id)}
			rd.Consents, rd.Rules = name(f.deciding, id)
			d.Resources[i] = rd
		}
	}
	return d
}

func reasons(bs []because, id func(int) string) []Reason {
	if len(bs) == 0 {
		return nil
	}
	out := make([]Reason, len(bs))
	for i, b := range bs {
		out[i] = reason(b, id(b.consent))
	}
	// Which of several consents OPA saw first depends on what was left out of them. The same rule names them in their own order.
	for from := 0; from < len(out); {
		to := from + 1
		for to < len(out) && out[to].Rule == out[from].Rule && out[to].Code == out[from].Code {
			to++
		}
		slices.SortStableFunc(out[from:to], func(a, b Reason) int { return strings.Compare(a.Consent, b.Consent) })
		from = to
	}
	return out
}

// name gives the consents, each once, and the rules that decided.
func name(ps []pair, id func(int) string) (consents, rules []string) {
	if len(ps) == 0 {
		return nil, nil
	}
	consents, rules = make([]string, 0, 1), make([]string, len(ps))
	for i, p := range ps {
		if i == 0 || ps[i-1].consent != p.consent {
			consents = append(consents, id(p.consent))
		}
		rules[i] = locate(id(p.consent), p.rule)
	}
	return consents, rules
}

func locate(id string, rule int) string { return id + "/provision[" + strconv.Itoa(rule) + "]" }

// residual appends the rules of a group. Permits in a row that differ in one code system's labels become one.
func (g *group) residual(out []ResidualRule, q *question, id func(int) string, several bool) []ResidualRule {
	if g.base != Permit {
		out = append(out, ResidualRule{Type: "forbid", Default: g.base == "none", Consent: id(g.consent)})
	} else if several {
		out = append(out, ResidualRule{Type: Permit, Consent: id(g.consent)})
	}
	for i, t := range g.rules {
		r := t.residual(q.consents[g.consent].shape.body)
		r.Consent, r.Rules = id(g.consent), []string{locate(id(g.consent), t.rule)}
		if last := len(out) - 1; i > 0 && joins(out[last], r) {
			out[last].SecurityLabel = slices.Concat(out[last].SecurityLabel, r.SecurityLabel)
			out[last].Rules = append(out[last].Rules, r.Rules...)
			continue
		}
		out = append(out, r)
	}
	return out
}

// joins reports whether b says what a says of other labels of the same system.
func joins(a, b ResidualRule) bool {
	plain := func(r ResidualRule) bool {
		return r.Type == Permit && len(r.SecurityLabel) > 0 && r.DataPeriod == nil &&
			len(r.Data)+len(r.ResourceType)+len(r.Code)+len(r.Within) == 0
	}
	if !plain(a) || !plain(b) {
		return false
	}
	system := a.SecurityLabel[0].System
	return !slices.ContainsFunc(slices.Concat(a.SecurityLabel, b.SecurityLabel), func(c consent.Coding) bool { return c.System != system })
}

func (t *told) residual(b *body) ResidualRule {
	rule := &b.rules[t.rule]
	r := ResidualRule{Type: Permit}
	if rule.effect == consent.Deny {
		r.Type = "forbid"
	}
	for _, element := range t.left {
		switch element {
		case "labels":
			r.SecurityLabel = codings(rule.labels)
		case "types":
			r.ResourceType = codings(rule.types)
		case "codes":
			r.Code = codings(rule.codes)
		case "period":
			r.DataPeriod = &ResidualPeriod{Start: open0(rule.from), End: open0(rule.to)}
		case "data":
			for _, d := range rule.data {
				r.Data = append(r.Data, ResidualData{d.Meaning, ResidualReference{d.Reference}})
			}
		}
	}
	for _, w := range t.within {
		r.Within = append(r.Within, w.residual(b))
	}
	return r
}

// open0 is the inverse of bounds.
func open0(t int64) consent.Millis {
	if t == always || t == never {
		return 0
	}
	return consent.Millis(t)
}

func codings(ks []string) []consent.Coding {
	cs := make([]consent.Coding, len(ks))
	for i, k := range ks {
		cs[i] = coding(k)
	}
	return cs
}

// obligations reads those of an answer (README, J7 and J8).
func (r *reader) obligations(redact, terms *ast.Term) []Obligation {
	code := func(t *ast.Term) consent.Coding { return coding(r.text(t)) }
	id := func(c string) consent.Coding { return consent.Coding{System: SystemActCode, Code: c} }
	var out []Obligation
	if redact == nil {
		redact = noTerms
	}
	for _, t := range r.items(redact, -1) {
		codes := r.items(t, 2)
		if cs := each(r, codes[0], code); len(cs) > 0 {
			out = append(out, Obligation{ID: id("REDACT"), Parameters: Parameters{Codes: cs}})
		}
		for _, except := range r.items(codes[1], -1) {
			out = append(out, Obligation{ID: id("REDACT"), Parameters: Parameters{ExceptAnyOfCodes: each(r, except, code)}})
		}
	}
	viewOnly, by := false, int64(never)
	for _, t := range r.items(terms, -1) {
		term := r.items(t, 2)
		viewOnly, by = viewOnly || r.text(term[0]) == "view", min(by, r.number(term[1]))
	}
	if viewOnly {
		out = append(out, Obligation{ID: id("NOPERSISTP")})
	}
	if by != never {
		out = append(out, Obligation{ID: id("DELAU"), Parameters: Parameters{Before: consent.Millis(by)}})
	}
	return out
}

var noTerms = ast.ArrayTerm()
