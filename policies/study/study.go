// Package study compares what a requester says of its study, and shows of its researcher, with what a consent's data uses
// ([policies.DataUses]) permit: terms of the Data Use Ontology with diseases, and GA4GH visas that it asks for. What does not fit
// makes the permits of the consent count for nothing (policies/README.md, F8); nothing here permits anything.
//
// What a member says of its study it asserts, and it is on record as asserted. What a visa says its issuer has signed.
package study

import (
	"bytes"
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
	members  map[consent.MemberID]passport.Presenter
	here     []string
	demands  map[string][][]map[string]string
	diseases duo.Ancestors
	memo     memo
}

// issuer is one who signs visas or passports.
type issuer struct {
	Name    string                        `json:"iss"`
	Keys    json.RawMessage               `json:"jwks"` // RFC 7517, which may hold members that nobody here knows
	People  map[consent.MemberID][]string `json:"people"`
	Clients map[consent.MemberID][]string `json:"clients"`
}

// Parse reads a custodian's file:
//
//	{"issuers": [{"iss": "https://broker.example/oidc/", "jwks": {"keys": [...]},
//	              "people": {"rosa-institute": ["10001"]}, "clients": {"rosa-institute": ["rosa-app"]}}],
//	 "audience": ["https://consent.example"],
//	 "demands": {"HRESCH": [[{"type": "ResearcherStatus", "value": "const:https://doi.org/10.1038/s41431-018-0219-y"}]]},
//	 "diseases": {"MONDO:0005148": ["MONDO:0005015"]}}
//
// People are, of a member, the subjects (sub) at this issuer that are its researchers; clients the client ids by which the issuer
// knows the member's own software. A visa counts for the member that shows it by one of the two and not otherwise
// (passport.Presenter). They are here and not in the member's record on the ledger, since everybody reads that, and a researcher's
// name is hers. Audience are names of this gateway that a passport may be meant for.
//
// Demands are by purpose (v3-ActReason), which covers those below it, in GA4GH's language of conditions: any of the lists, of it
// every clause. Diseases name all that are above each, as an ontology has them. A member of the file that is not known is refused:
// a misspelt rule is one that nobody keeps.
func Parse(raw []byte) (*Rules, error) {
	var f struct {
		Issuers  []issuer                         `json:"issuers"`
		Audience []string                         `json:"audience"`
		Demands  map[string][][]map[string]string `json:"demands"`
		Diseases map[string][]string              `json:"diseases"`
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("read the rules of studies: %w", err)
	}
	r := &Rules{
		trust: passport.Trust{}, members: map[consent.MemberID]passport.Presenter{}, here: f.Audience, demands: f.Demands, diseases: duo.Ancestors{},
	}
	for _, i := range f.Issuers {
		if err := r.believe(i); err != nil {
			return nil, err
		}
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

// believe takes an issuer's keys, and whom it knows as whose.
func (r *Rules) believe(i issuer) error {
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(i.Keys, &set); err != nil || i.Name == "" || len(set.Keys) == 0 || slices.ContainsFunc(set.Keys, unusable) {
		return fmt.Errorf("read the rules of studies: issuer %q has no keys, or one that is not public or has no kid", i.Name)
	}
	if _, twice := r.trust[i.Name]; twice {
		return fmt.Errorf("read the rules of studies: issuer %q is there twice", i.Name)
	}
	r.trust[i.Name] = set
	for member, subjects := range i.People {
		m := r.members[member]
		m.People = append(m.People, identities(subjects, i.Name)...)
		r.members[member] = m
	}
	for member, ids := range i.Clients {
		m := r.members[member]
		m.Clients = append(m.Clients, identities(ids, i.Name)...)
		r.members[member] = m
	}
	return nil
}

func identities(subjects []string, issuer string) (out []passport.Identity) {
	for _, s := range subjects {
		out = append(out, passport.Identity{Subject: s, Issuer: issuer})
	}
	return out
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

// structBytes is what a Visa takes beside what it says: five strings, two times and a digest.
const structBytes = 5*16 + 2*8 + 32

// Size is about how many bytes visas take that are kept.
func Size(vs []Visa) (bytes int) {
	for _, v := range vs {
		bytes += structBytes + v.said()
	}
	return bytes
}

// said is how many bytes a visa says.
func (v *Visa) said() int {
	return len(v.Type) + len(v.Value) + len(v.Source) + len(v.By) + len(v.Issuer)
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

// Stated is what a request says of its study, as it came: terms by any of the names that duo.Curie knows, and either a passport or
// the visas that count of one that was shown before ([Rules.Show]).
type Stated struct {
	Member   consent.MemberID // who says it, and shows the passport
	Terms    []string
	Passport string
	Shown    []Visa
}

// Read reads what a request states, for every way in which one can. It fails (Malformed) on a term that nobody knows, on what
// is no passport, or one of somebody else's, and on a passport beside one that was shown before; a visa that does not count is none.
func (r *Rules) Read(said Stated, now consent.Millis) (c Claims, err error) {
	if len(said.Terms) == 0 && said.Passport == "" && len(said.Shown) == 0 {
		return c, nil
	}
	if r == nil {
		r = &Rules{}
	}
	if c.Terms, err = Terms(said.Terms); err != nil {
		return c, err
	}
	if said.Passport != "" && len(said.Shown) > 0 {
		return c, consent.Errorf(consent.Malformed, "the access token stands for a passport already; show one or the other")
	}
	c.Visas = said.Shown
	for _, curie := range c.Terms {
		if above := r.diseases[curie]; len(above) > 0 {
			c.Diseases = append(c.Diseases, Disease{curie, above})
		}
	}
	if said.Passport != "" {
		var s Shown
		s, err = r.Show(said.Member, said.Passport, now)
		c.Visas = s.Visas
	}
	return c, err
}

// Terms are the CURIEs of terms of DUO and diseases, by any of the names that duo.Curie knows. It fails (Malformed, TooLarge) on one
// that nobody knows, and on more than 64.
func Terms(names []string) ([]string, error) {
	curies, known := named(names)
	switch {
	case len(names) > maxTerms:
		return nil, consent.Errorf(consent.TooLarge, "a study has at most %d terms", maxTerms)
	case !known:
		return nil, consent.Errorf(consent.Malformed, "a study is named by terms of DUO (DS, DUO:0000007) and diseases (MONDO:0005148)")
	}
	return curies, nil
}

// Limits of what is stated: terms, and bytes that are kept of visas.
const (
	maxTerms = 64
	maxKept  = 32 << 10
)

// Shown is what counts of a passport that a member shows.
type Shown struct {
	Visas   []Visa
	Until   consent.Millis // when the first of them ends, or the passport
	Ignored []string       // of the other visas, why they do not count
}

// Show reads a passport as passport.Trust.Accept does, for what counts as the member's own. The passport need not be kept: what
// counts of it is judged by itself, until Until. What does not count, and a
// passport that is refused, is judged again a minute later at the earliest.
func (r *Rules) Show(member consent.MemberID, pass string, now consent.Millis) (s Shown, err error) {
	if r == nil {
		r = &Rules{}
	}
	k := key(member, pass)
	if known, ok := r.memo.find(k, now); ok {
		return known.Shown, known.err
	}
	s, err = r.judge(member, pass, now)
	r.memo.keep(k, s, err, now)
	return s, err
}

// judge is Show of a passport that nobody remembers.
func (r *Rules) judge(member consent.MemberID, pass string, now consent.Millis) (s Shown, err error) {
	by := r.members[member]
	by.Here = r.here
	shown, err := r.trust.Accept(pass, by, int64(now)/1000)
	if err != nil {
		return s, consent.Errorf(consent.Malformed, "%w", err)
	}
	s = Shown{Until: consent.Millis(shown.Until * 1000), Ignored: shown.Ignored}
	kept := 0
	for _, a := range shown.Visas {
		v := Visa{
			Type: a.Assertion.Type, Value: a.Assertion.Value, Source: a.Assertion.Source, By: a.Assertion.By, Issuer: a.Issuer,
			Asserted: consent.Millis(a.Assertion.Asserted * 1000), Expires: consent.Millis(a.Expires * 1000), Digest: a.Digest,
		}
		s.Visas = append(s.Visas, v)
		kept += v.said()
	}
	if kept > maxKept {
		return Shown{}, consent.Errorf(consent.TooLarge, "what the visas of a passport say has at most %d KiB", maxKept>>10)
	}
	return s, nil
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
