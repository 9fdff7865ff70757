package duo

import (
	"slices"
	"strings"
)

// Identifiers of the terms that Use has a field for, and of those that it is made of.
const (
	noRestriction  = "DUO:0000004"
	generalUse     = "DUO:0000042"
	healthMedical  = "DUO:0000006"
	disease        = "DUO:0000007"
	ancestryOnly   = "DUO:0000011"
	modifiers      = "DUO:0000017"
	notProfitNotCo = "DUO:0000018" // not for profit organisation and non-commercial use
	notProfit      = "DUO:0000045"
	nonCommercial  = "DUO:0000046"
)

// base is where the terms of DUO and of the ontologies of diseases have their IRIs.
const base = "http://purl.obolibrary.org/obo/"

// Curie writes the name of a term, of DUO or of a disease, in one way: DUO:0000042 for its IRI and for its shorthand GRU,
// MONDO:0005148 for http://purl.obolibrary.org/obo/MONDO_0005148. known is false for what is neither.
func Curie(name string) (curie string, known bool) {
	if rest, ok := strings.CutPrefix(name, base); ok {
		name = strings.Replace(rest, "_", ":", 1)
	}
	if t, ok := Lookup(name); ok {
		return t.ID, true
	}
	ontology, number, ok := strings.Cut(name, ":")
	return name, ok && ontology != "DUO" && word(ontology) && word(number)
}

// IRI is the inverse of Curie.
func IRI(curie string) string { return base + strings.Replace(curie, ":", "_", 1) }

func word(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	})
}

// Terms are what data may be used for, or what a study is and keeps to, by terms of DUO and of diseases.
type Terms struct {
	Use
	kinds     bool     // a permission is among them: without one nobody knows what is permitted
	modifiers []string // DUO identifiers
}

// Read sorts terms, each a Curie. Unknown ones make what they say unclear; the second result says that there are some.
func Read(curies []string) (t Terms, unclear bool) {
	for _, c := range curies {
		if t.permission(c) {
			t.kinds = true
			continue
		}
		term, isTerm := Lookup(c)
		switch {
		case !isTerm:
			t.DiseaseRestrictions = append(t.DiseaseRestrictions, c)
		case term.Deprecated || !Covers(modifiers, term.ID):
			unclear = true
		default:
			t.modifiers = append(t.modifiers, term.ID)
		}
	}
	if slices.Contains(t.modifiers, notProfit) || slices.Contains(t.modifiers, notProfitNotCo) {
		t.NonProfitUse = new(true)
	}
	return t, unclear || slices.Contains(curies, disease) != (len(t.DiseaseRestrictions) > 0)
}

// permission notes a permission, and reports whether the term is one.
func (t *Terms) permission(curie string) bool {
	switch curie {
	case noRestriction, generalUse:
		t.GeneralUse = new(true)
	case healthMedical:
		t.HMBResearch = new(true)
	case ancestryOnly:
		t.Ancestry = new(true)
	case disease:
	default:
		return false
	}
	return true
}

// Fits compares a study with what data may be used for: Match, and each modifier of the data (no commerce, ethics approval,
// time limits, ...) is one that the study names, for it says by that that it keeps to it.
func Fits(study, data Terms, above Ancestors) Verdict {
	switch v := Match(study.Use, data.Use, above); {
	case !data.kinds || !study.kinds:
		return Abstain
	case v != Approve:
		return v
	case slices.ContainsFunc(data.modifiers, func(m string) bool { return !study.keeps(m) }):
		return Deny
	}
	return Approve
}

// keeps reports whether a study names a modifier, or what comes to the same.
func (t *Terms) keeps(m string) bool {
	has := func(ids ...string) bool {
		return !slices.ContainsFunc(ids, func(id string) bool { return !slices.Contains(t.modifiers, id) })
	}
	switch m {
	case notProfitNotCo:
		return has(m) || has(notProfit, nonCommercial)
	case notProfit, nonCommercial:
		return has(m) || has(notProfitNotCo)
	}
	return has(m)
}
