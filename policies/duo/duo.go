// Package duo compares what a study wants with what data may be used for, in the terms of GA4GH's Data Use Ontology (DUO,
// 2021 release) and of the Broad Institute's DUOS.
//
// MatchV3 and MatchV4 are DUOS' algorithms as published, so that a committee gets the answer it knows. Match is ours: V4, less its
// permits of general research use for data that is restricted to a disease or to ancestry. None of them replaces the person's
// own consent, nor a human: ABSTAIN says that one must look.
package duo

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Use is a purpose of research, or what a data set may be used for: the fields of DUOS' data-use schema.
type Use struct {
	GeneralUse           *bool    `json:"generalUse"`                // GRU
	HMBResearch          *bool    `json:"hmbResearch"`               // HMB
	DiseaseRestrictions  []string `json:"diseaseRestrictions"`       // DS
	Ancestry             *bool    `json:"populationOriginsAncestry"` // POA
	MethodsResearch      *bool    `json:"methodsResearch"`           // of data: NMDS, no methods
	NonProfitUse         *bool    `json:"nonProfitUse"`              // NPU
	CommercialUse        *bool    `json:"commercialUse"`             // V3
	Controls             *bool    `json:"controls"`
	Population           *bool    `json:"population"`
	Gender               string   `json:"gender"`
	Pediatric            *bool    `json:"pediatric"`
	VulnerablePopulation *bool    `json:"vulnerablePopulations"`
	IllegalBehavior      *bool    `json:"illegalBehavior"`
	SexualDiseases       *bool    `json:"sexualDiseases"`
	PsychologicalTraits  *bool    `json:"psychologicalTraits"`
	NotHealth            *bool    `json:"notHealth"`
	StigmatizeDiseases   *bool    `json:"stigmatizeDiseases"`
}

// Verdict is the outcome of a comparison.
type Verdict string

// The verdicts.
const (
	Approve Verdict = "APPROVE"
	Deny    Verdict = "DENY"
	Abstain Verdict = "ABSTAIN" // a human must look
)

// Ancestors are the diseases above each disease of a purpose, as an ontology of diseases has them.
type Ancestors map[string][]string

func is(b *bool) bool { return b != nil && *b }

// MatchV3 is DUOS' third algorithm.
func MatchV3(purpose, data Use, above Ancestors) Verdict {
	return match(purpose, data, above, purpose.CommercialUse != nil, commercial)
}

// MatchV4 is DUOS' fourth algorithm.
func MatchV4(purpose, data Use, above Ancestors) Verdict {
	return match(purpose, data, above, purpose.NonProfitUse != nil, nonProfit)
}

// Match is V4, and denies general research use of data that is only for a disease or only for ancestry.
func Match(purpose, data Use, above Ancestors) Verdict {
	v := MatchV4(purpose, data, above)
	only := !is(data.GeneralUse) && !is(data.HMBResearch) && (len(data.DiseaseRestrictions) > 0 || is(data.Ancestry))
	if v == Approve && is(purpose.GeneralUse) && only {
		return Deny
	}
	return v
}

func match(p, d Use, above Ancestors, money bool, paid func(p, d Use) bool) Verdict {
	if p.abstains() || !money && !p.named() {
		return Abstain
	}
	if diseases(p, d, above) && biomedical(p, d) && ancestry(p, d) && methods(p, d, above) && paid(p, d) {
		return Approve
	}
	return Deny
}

// abstains reports whether the purpose is one that no table decides.
func (u Use) abstains() bool {
	return u.Gender != "" || slices.ContainsFunc([]*bool{
		u.Controls, u.Population, u.Pediatric, u.VulnerablePopulation, u.IllegalBehavior, u.SexualDiseases, u.PsychologicalTraits,
		u.NotHealth, u.StigmatizeDiseases,
	}, is)
}

// named reports whether the purpose is one that the tests know.
func (u Use) named() bool {
	return len(u.DiseaseRestrictions) > 0 || slices.ContainsFunc([]*bool{u.GeneralUse, u.HMBResearch, u.Ancestry, u.MethodsResearch}, is)
}

// diseases: none on either side, or all health research is permitted, or each disease of the purpose is one of the data's or below.
func diseases(p, d Use, above Ancestors) bool {
	if len(p.DiseaseRestrictions) == 0 && len(d.DiseaseRestrictions) == 0 {
		return true
	}
	if len(p.DiseaseRestrictions) > 0 && (is(d.GeneralUse) || is(d.HMBResearch)) {
		return true
	}
	return !slices.ContainsFunc(p.DiseaseRestrictions, func(disease string) bool {
		return !slices.ContainsFunc(append([]string{disease}, above[disease]...), func(x string) bool {
			return slices.Contains(d.DiseaseRestrictions, x)
		})
	})
}

func biomedical(p, d Use) bool {
	switch {
	case is(d.GeneralUse), is(p.HMBResearch) && is(d.HMBResearch):
		return true
	case is(d.HMBResearch) && is(p.GeneralUse):
		return false
	}
	return !is(p.HMBResearch) || len(d.DiseaseRestrictions) == 0 && !is(d.Ancestry)
}

func ancestry(p, d Use) bool { return !is(p.Ancestry) || is(d.GeneralUse) || is(d.Ancestry) }

func methods(p, d Use, above Ancestors) bool {
	return !is(p.MethodsResearch) || is(d.GeneralUse) || is(d.HMBResearch) || is(d.Ancestry) || diseases(p, d, above)
}

func nonProfit(p, d Use) bool { return !is(d.NonProfitUse) || is(p.NonProfitUse) }

func commercial(p, d Use) bool {
	return !is(p.CommercialUse) || is(d.CommercialUse) || is(d.GeneralUse)
}

// Term is a term of the ontology.
type Term struct {
	ID         string   `json:"id"` // DUO:0000042
	Label      string   `json:"label"`
	Shorthand  string   `json:"shorthand"` // GRU
	Parents    []string `json:"parents"`
	Deprecated bool     `json:"deprecated"`
	Definition string   `json:"definition"`
}

//go:embed terms.json
var termsFile []byte

var terms = sync.OnceValues(func() (map[string]Term, error) {
	var f struct{ Terms []Term }
	if err := json.Unmarshal(termsFile, &f); err != nil {
		return nil, fmt.Errorf("read DUO: %w", err)
	}
	m := map[string]Term{}
	for _, t := range f.Terms {
		t.ID = ID(t.ID)
		m[t.ID] = t
	}
	return m, nil
})

// ID writes an identifier as DUO's tables do. The ontology file misprints that of NPOA with one zero too many.
func ID(text string) string {
	digits, ok := strings.CutPrefix(text, "DUO:")
	if ok && len(digits) > 7 && strings.Trim(digits[:len(digits)-7], "0") == "" {
		return "DUO:" + digits[len(digits)-7:]
	}
	return text
}

// Lookup returns a term by its identifier or shorthand.
func Lookup(name string) (Term, bool) {
	all, err := terms()
	if err != nil {
		return Term{}, false
	}
	if t, ok := all[ID(name)]; ok {
		return t, true
	}
	for _, t := range all {
		if t.Shorthand != "" && t.Shorthand == name {
			return t, true
		}
	}
	return Term{}, false
}

// Covers reports whether a permission is another or above it: GRU covers HMB and DS.
func Covers(granted, requested string) bool {
	g, known := Lookup(granted)
	r, ok := Lookup(requested)
	if !known || !ok {
		return false
	}
	if g.ID == r.ID {
		return true
	}
	return slices.ContainsFunc(r.Parents, func(p string) bool { return Covers(g.ID, p) })
}
