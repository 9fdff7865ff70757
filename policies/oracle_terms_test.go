package policies_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// terms checks the obligations of a decision (J7, J8) against its own consents and residual rules. It returns what differs.
func (o *oracle) terms(d policies.Decision, records []policies.Record) string {
	permitting, released := map[string]bool{}, d.Decision == policies.Permit
	note := func(word string, ids []string) {
		for _, id := range ids {
			permitting[id] = permitting[id] || word == policies.ConsentPermit
		}
	}
	note(d.ConsentDecision, d.Consents)
	for _, r := range d.Resources {
		note(r.ConsentDecision, r.Consents)
		released = released || r.Decision == policies.Permit
	}
	var want []string
	if released {
		want = o.redactions(d.Residual)
		want = append(want, laid(records, permitting)...)
	}
	var got []string
	for _, b := range d.Obligations {
		switch {
		case len(b.Parameters.Codes) > 0:
			got = append(got, "REDACT "+listed(b.Parameters.Codes))
		case len(b.Parameters.ExceptAnyOfCodes) > 0:
			got = append(got, "EXCEPT "+listed(b.Parameters.ExceptAnyOfCodes))
		default:
			got = append(got, fmt.Sprint(b.ID.Code, " ", b.Parameters.Before))
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		return fmt.Sprintf("want obligations %q, got %q", want, got)
	}
	return ""
}

// laid is J8.
func laid(records []policies.Record, permitting map[string]bool) []string {
	var out []string
	view, by := false, consent.Millis(0)
	for _, r := range records {
		if !permitting[r.ID] {
			continue
		}
		view = view || r.Consent.AccessMode == "view"
		if e := r.Consent.EraseBy; e != 0 && (by == 0 || e < by) {
			by = e
		}
	}
	if view {
		out = append(out, "NOPERSISTP 0")
	}
	if by != 0 {
		out = append(out, fmt.Sprint("DELAU ", by))
	}
	return out
}

func listed(cs []consent.Coding) string {
	var out []string
	for _, c := range cs {
		out = append(out, c.System+"|"+c.Code)
	}
	slices.Sort(out)
	return strings.Join(slices.Compact(out), " ")
}

// redactions is J7.
func (o *oracle) redactions(rules []policies.ResidualRule) []string {
	type group struct {
		base    int
		allowed []consent.Coding
	}
	var groups []group
	var codes []consent.Coding
	for i, r := range rules {
		if i == 0 || r.Consent != rules[i-1].Consent || len(r.Rules) == 0 {
			base := permits
			if len(r.Rules) == 0 && r.Type == "forbid" {
				base = denies
				if r.Default {
					base = silent
				}
			}
			groups = append(groups, group{base: base})
		}
		named := slices.Concat(r.SecurityLabel, r.ResourceType, r.Code)
		g := &groups[len(groups)-1]
		kinds := 0
		for _, n := range []int{len(r.SecurityLabel), len(r.ResourceType), len(r.Code), len(r.Data)} {
			kinds += min(n, 1)
		}
		switch {
		case r.Type == "forbid":
			codes = append(codes, named...)
		case kinds == 1 && r.DataPeriod == nil && len(r.Within) == 0:
			g.allowed = append(g.allowed, named...)
		}
	}
	var out []string
	if len(codes) > 0 {
		out = append(out, "REDACT "+listed(codes))
	}
	var together []consent.Coding
	rest := len(groups) > 0
	for _, g := range groups {
		rest = rest && g.base != permits
		if o.algorithm == policies.MostRecent || g.base == silent {
			together = append(together, g.allowed...)
		} else if g.base == denies && len(g.allowed) > 0 {
			out = append(out, "EXCEPT "+listed(g.allowed))
		}
	}
	if rest && len(together) > 0 {
		out = append(out, "EXCEPT "+listed(together))
	}
	slices.Sort(out)
	return slices.Compact(out)
}
