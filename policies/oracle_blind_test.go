package policies_test

import (
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// subset reports whether all of a are in b.
func subset(a, b []consent.Coding) bool {
	return !slices.ContainsFunc(a, func(c consent.Coding) bool { return !slices.Contains(b, c) })
}

// remains is J1 and J2 for one rule: how much of it is left to ask, and whether it can match at all.
func remains(p consent.Provision, asked []consent.Coding) (left int, can bool) {
	odd := func(cs []consent.Coding) bool {
		return slices.ContainsFunc(cs, func(c consent.Coding) bool { return c.System != policies.SystemResourceType })
	}
	for _, there := range []bool{
		len(p.Labels) > 0, len(p.Data) > 0, p.DataPeriod != (consent.Period{}),
		len(p.ResourceTypes) > 0 && (len(asked) == 0 || !subset(asked, p.ResourceTypes)),
		len(p.Codes) > 0 && (len(asked) == 0 || !subset(asked, p.Codes)),
	} {
		if there {
			left++
		}
	}
	return left, len(asked) == 0 || among(p.ResourceTypes, asked) || odd(asked) || odd(p.ResourceTypes)
}

// blind is what one consent says without concrete resources (J3, J4): its base, and whether rules that permit are left.
type blind struct {
	base    int
	rules   int
	permits bool
}

func (o *oracle) blind(r policies.Record, q policies.Request) blind {
	type rule struct{ index, strength int }
	var open, asking []rule
	for _, i := range o.candidates(r, q) {
		left, can := 0, true
		for _, j := range around(r.Consent, i) {
			l, c := remains(r.Consent.Provisions[j], q.ResourceTypes)
			left, can = left+l, can && c
		}
		s := rule{i, 2 * r.Consent.Depth(i)}
		if r.Consent.Provisions[i].Effect == consent.Deny {
			s.strength++
		}
		switch {
		case !can:
		case left == 0:
			open = append(open, s)
		default:
			asking = append(asking, s)
		}
	}
	base := -1
	for _, s := range open {
		base = max(base, s.strength)
	}
	var b blind
	if base >= 0 {
		b.base = []int{permits, denies}[base%2]
	}
	slices.SortFunc(asking, func(x, y rule) int { return x.strength - y.strength })
	for _, s := range asking {
		says := []int{permits, denies}[s.strength%2]
		if s.strength < base || b.rules == 0 && says == b.base {
			continue
		}
		b.rules++
		b.permits = b.permits || says == permits
	}
	return b
}

// blindly is J5: the word of all consents without concrete resources.
func (o *oracle) blindly(rs []policies.Record, q policies.Request) int {
	order := make([]int, len(rs))
	for i := range rs {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(rs[a].Date - rs[b].Date) })
	slices.Reverse(order)
	flows, refuses := false, false
	for _, i := range order {
		b := o.blind(rs[i], q)
		flows = flows || b.base == permits || b.permits
		if b.base == denies && !b.permits {
			refuses = refuses || o.algorithm == policies.DenyOverrides || !flows
		}
		if o.algorithm == policies.MostRecent && b.base != silent {
			break
		}
	}
	switch {
	case refuses:
		return denies
	case flows:
		return permits
	}
	return silent
}

// flows applies residual rules to a resource (J3, J6): a consent's last rule that matches decides, consents combine by
// the algorithm, and without rules everything flows.
func (o *oracle) flows(rules []policies.ResidualRule, res policies.Resource) bool {
	if len(rules) == 0 {
		return true
	}
	var words []int
	for i, r := range rules {
		opening := len(r.Rules) == 0
		if opening || i == 0 || rules[i-1].Consent != r.Consent {
			words = append(words, permits)
		}
		last := &words[len(words)-1]
		switch {
		case !o.applies(r, res):
		case r.Default:
			*last = silent
		case r.Type == "forbid":
			*last = denies
		default:
			*last = permits
		}
	}
	if o.algorithm == policies.MostRecent {
		for _, w := range words {
			if w != silent {
				return w == permits
			}
		}
		return false
	}
	return slices.Max(words) == permits
}

func (o *oracle) applies(r policies.ResidualRule, res policies.Resource) bool {
	c := criteria{effect: consent.Permit, labels: r.SecurityLabel, codes: r.Code, types: r.ResourceType}
	if r.Type == "forbid" {
		c.effect = consent.Deny
	}
	if r.DataPeriod != nil {
		c.period = consent.Period(*r.DataPeriod)
	}
	for _, d := range r.Data {
		c.data = append(c.data, consent.DataReference{Meaning: d.Meaning, Reference: d.Reference.Reference})
	}
	return o.covers(c, res) && !slices.ContainsFunc(r.Within, func(w policies.ResidualRule) bool { return !o.applies(w, res) })
}
