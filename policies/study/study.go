// Package study compares what a requester says of its study, and shows of its researcher, with what a consent's data uses
// ([policies.DataUses]) permit: terms of the Data Use Ontology with diseases, and GA4GH visas that it asks for. What does not fit
// makes the permits of the consent count for nothing (policies/README.md, F8); nothing here permits anything.
//
// What a member says of its study it asserts, and it is on record as asserted. What a visa says its issuer has signed.
package study

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/passport"
)

// Rules are what a custodian believes and demands; nil believes no visa, demands none and knows no diseases.
type Rules struct {
	trust    passport.Trust
	demands  map[string][][]map[string]string
	diseases duo.Ancestors
}

// Parse reads a custodian's file:
//
//	{"issuers": [{"iss": "https://broker.example/oidc/", "jwks": {"keys": [...]}}],
//	 "demands": {"HRESCH": [[{"type": "ResearcherStatus", "value": "const:https://doi.org/10.1038/s41431-018-0219-y"}]]},
//	 "diseases": {"MONDO:0005148": ["MONDO:0005015"]}}
//
// Demands are by purpose (v3-ActReason), which covers those below it, in GA4GH's language of conditions: any of the lists, of it
// every clause. Diseases name all that are above each, as an ontology has them.
func Parse(raw []byte) (*Rules, error) {
	var f struct {
		Issuers []struct {
			Issuer string             `json:"iss"`
			Keys   jose.JSONWebKeySet `json:"jwks"`
		} `json:"issuers"`
		Demands  map[string][][]map[string]string `json:"demands"`
		Diseases map[string][]string              `json:"diseases"`
	}
	if err := json.Unmarshal(raw, &f); err != nil {
		return nil, fmt.Errorf("read the rules of studies: %w", err)
	}
	r := &Rules{trust: passport.Trust{}, demands: f.Demands, diseases: duo.Ancestors{}}
	for _, i := range f.Issuers {
		if i.Issuer == "" || len(i.Keys.Keys) == 0 || slices.ContainsFunc(i.Keys.Keys, unusable) {
			return nil, fmt.Errorf("read the rules of studies: issuer %q has no keys, or one that is not public or has no kid", i.Issuer)
		}
		r.trust[i.Issuer] = i.Keys
	}
	for purpose := range f.Demands {
		if !policies.Subsumes(policies.SystemPurpose, "PurposeOfUse", purpose) {
			return nil, fmt.Errorf("read the rules of studies: %q is no purpose of use", purpose)
		}
	}
	for disease, above := range f.Diseases {
		curies, known := named(append([]string{disease}, above...))
		if !known {
			return nil, fmt.Errorf("read the rules of studies: diseases of %q are named as MONDO:0005148 is", disease)
		}
		r.diseases[curies[0]] = curies[1:]
	}
	return r, nil
}

func unusable(k jose.JSONWebKey) bool { return !k.IsPublic() || !k.Valid() || k.KeyID == "" }

// named are terms and diseases as CURIEs, and whether all are known.
func named(names []string) (curies []string, known bool) {
	known = true
	for _, name := range names {
		curie, is := duo.Curie(name)
		curies, known = append(curies, curie), known && is
	}
	return curies, known
}

// Visa is what is kept of a visa that counted.
type Visa struct {
	Type, Value, Source, By, Issuer string
	Asserted, Expires               consent.Millis
	Digest                          consent.Hash // SHA-256 of the token
}

// Disease is a disease with those above it.
type Disease struct {
	Name  string
	Above []string
}

// Claims are what a request says of its study, and its researcher's visas that count: all that judging it again needs. The zero
// value says nothing.
type Claims struct {
	Terms    []string // DUO and diseases, each a CURIE
	Diseases []Disease
	Visas    []Visa
}

// Stated reports whether anything is said.
func (c *Claims) Stated() bool { return len(c.Terms)+len(c.Visas) > 0 }

// Read reads what a request states: terms, by any of the names that duo.Curie knows, and a passport, as passport.Trust.Accept does.
// It fails (Malformed) on a term that nobody knows and on what is no passport; a visa that does not count is none.
func (r *Rules) Read(terms []string, pass string, now consent.Millis) (c Claims, err error) {
	if len(terms) == 0 && pass == "" {
		return c, nil
	}
	if r == nil {
		r = &Rules{}
	}
	curies, known := named(terms)
	if !known {
		return c, consent.Errorf(consent.Malformed, "a study is named by terms of DUO (DS, DUO:0000007) and diseases (MONDO:0005148)")
	}
	c.Terms = curies
	for _, curie := range curies {
		if above := r.diseases[curie]; len(above) > 0 {
			c.Diseases = append(c.Diseases, Disease{curie, above})
		}
	}
	if pass == "" {
		return c, nil
	}
	accepted, _, err := r.trust.Accept(pass, int64(now)/1000)
	if err != nil {
		return c, consent.Errorf(consent.Malformed, "%w", err)
	}
	for _, a := range accepted {
		c.Visas = append(c.Visas, Visa{
			Type: a.Assertion.Type, Value: a.Assertion.Value, Source: a.Assertion.Source, By: a.Assertion.By, Issuer: a.Issuer,
			Asserted: consent.Millis(a.Assertion.Asserted * 1000), Expires: consent.Millis(a.Expires * 1000), Digest: a.Digest,
		})
	}
	return c, nil
}

// Met reports whether claims show what the custodian demands for a purpose.
func (r *Rules) Met(purpose consent.Coding, c Claims) bool {
	if r == nil {
		return true
	}
	var shown []passport.Assertion
	for _, v := range c.Visas {
		shown = append(shown, passport.Assertion{Type: v.Type, Value: v.Value, Source: v.Source, By: v.By})
	}
	for demanded, conditions := range r.demands {
		if policies.Subsumes(policies.SystemPurpose, demanded, purpose.Code) && !passport.Satisfied(conditions, shown) {
			return false
		}
	}
	return true
}

// Unfit says why a consent with these data uses does not permit the study, "" when they do or there are none: policies.VisaMissing,
// policies.DataUse or policies.DataUseUnclear. Data use terms permit research (HRESCH and below) and nothing else.
func (c *Claims) Unfit(purpose consent.Coding, uses []string) string {
	var granted []string
	for _, u := range uses {
		demand, visa := strings.CutPrefix(u, policies.SystemVisa)
		switch {
		case visa && !c.shows(demand):
			return policies.VisaMissing
		case !visa:
			granted = append(granted, u)
		}
	}
	switch {
	case len(granted) == 0:
		return ""
	case !research(purpose) || len(c.Terms) == 0:
		return policies.DataUse
	}
	switch c.Compare(granted) {
	case duo.Approve:
		return ""
	case duo.Deny:
		return policies.DataUse
	case duo.Abstain:
	}
	return policies.DataUseUnclear
}

// research reports whether a purpose is research.
func research(p consent.Coding) bool {
	return (p.System == "" || p.System == policies.SystemPurpose) && policies.Subsumes(policies.SystemPurpose, "HRESCH", p.Code)
}

// Compare is duo.Fits of the study and data, by terms that duo.Curie knows; terms that cannot be read make it abstain.
func (c *Claims) Compare(data []string) duo.Verdict {
	curies, known := named(data)
	granted, unread := duo.Read(curies)
	said, unsaid := duo.Read(c.Terms)
	above := duo.Ancestors{}
	for _, d := range c.Diseases {
		above[d.Name] = d.Above
	}
	if !known || unread || unsaid {
		return duo.Abstain
	}
	return duo.Fits(said, granted, above)
}

// shows reports whether a visa of the type that a consent asks for is there, and of the value if it asks for one.
func (c *Claims) shows(demand string) bool {
	kind, value, valued := strings.Cut(demand, "=")
	return slices.ContainsFunc(c.Visas, func(v Visa) bool { return v.Type == kind && (!valued || v.Value == value) })
}
