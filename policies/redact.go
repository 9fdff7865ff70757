package policies

import (
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Redacts reports whether an enforcement point that knows no more than this obligation leaves a resource out: REDACT (README,
// J7) by what the resource bears, its codes read as in E1 to E3. Other obligations redact nothing. Of a resource without labels
// no label is known, so none redacts it: only who labels first may rely on this. The residual rules are the whole truth.
func (o Obligation) Redacts(r Resource) bool {
	if o.ID.Code != "REDACT" {
		return false
	}
	t, err := embedded()
	if err != nil {
		return true
	}
	p := o.Parameters
	return slices.ContainsFunc(p.Codes, func(c consent.Coding) bool { return t.bears(r, c, false) }) ||
		len(p.ExceptAnyOfCodes) > 0 && !slices.ContainsFunc(p.ExceptAnyOfCodes, func(c consent.Coding) bool { return t.bears(r, c, true) })
}

// bears reports whether a resource is of what a code names; atMost reads a mark as E1 does, else as E2.
func (t *tables) bears(r Resource, c consent.Coding, atMost bool) bool {
	if rank, mark := t.Confidentiality[labelKey(c)]; mark {
		high := -1
		for _, l := range r.Labels {
			if n, ok := t.Confidentiality[labelKey(l)]; ok {
				high = max(high, n)
			}
		}
		return high >= 0 && (high == rank || (high < rank) == atMost)
	}
	if slices.ContainsFunc(r.Labels, func(l consent.Coding) bool { return t.subsumes(labelKey(c), labelKey(l)) }) {
		return true
	}
	types := append(said(r.Classes, typeKey), typeKey(consent.Coding{Code: r.Type}))
	return slices.Contains(types, typedKey(c)) || slices.Contains(said(r.Codes, typedKey), typedKey(c))
}
