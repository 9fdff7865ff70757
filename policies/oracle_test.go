package policies_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// oracle decides by README.md, in plain Go and as slowly as it likes. It shares no code with the package.
type oracle struct {
	algorithm policies.Algorithm
	implicit  policies.Implicit
	parents   map[string][]string
}

// newOracle reads the hierarchies from HL7's files.
func newOracle(dir string) (*oracle, error) {
	o := &oracle{parents: map[string][]string{}}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var cs struct {
			System   string
			Concepts []struct {
				Code    string
				Parents []string
			}
		}
		if err := json.Unmarshal(raw, &cs); err != nil {
			return nil, err
		}
		for _, c := range cs.Concepts {
			o.parents[cs.System+" "+c.Code] = c.Parents
		}
	}
	return o, nil
}

func (o *oracle) isA(code, above consent.Coding) bool {
	if code == above {
		return true
	}
	return slices.ContainsFunc(o.parents[code.System+" "+code.Code], func(p string) bool {
		return o.isA(consent.Coding{System: code.System, Code: p}, above)
	})
}

func within(p consent.Period, t consent.Millis) bool {
	return (p.Start == 0 || t >= p.Start) && (p.End == 0 || t < p.End)
}

func among[T comparable](want, have []T) bool {
	return len(want) == 0 || slices.ContainsFunc(want, func(w T) bool { return slices.Contains(have, w) })
}

// enforceable is B1 and B2.
func enforceable(r policies.Record, now consent.Millis) bool {
	return r.Status == "active" && within(r.Consent.Period, now) && within(r.Consent.Provisions[0].Period, now)
}

// counts is B.
func counts(r policies.Record, q policies.Request) bool {
	if !enforceable(r, q.Now) {
		return false
	}
	kinds := append([]consent.Coding{{System: policies.SystemScope, Code: r.Consent.Kind}}, r.Consent.Categories...)
	return among(q.Categories, kinds)
}

// permitsCount is F6 to F8.
func permitsCount(r policies.Record, q policies.Request) bool {
	if r.Unfit != "" || r.UsesLeft != nil && *r.UsesLeft == 0 || r.Consent.EraseBy != 0 && q.Now >= r.Consent.EraseBy {
		return false
	}
	return r.Consent.AccessMode != "view" || q.Action.Code == "access"
}

// purposes is D. It is given the purposes that the rule has or inherits.
func (o *oracle) purposes(effect consent.Effect, ps []consent.Coding, asked consent.Coding) bool {
	if effect == consent.Permit && (asked.Code == "BTG" || asked.Code == "MLTRAINING") {
		return slices.Contains(ps, asked)
	}
	return len(ps) == 0 || slices.ContainsFunc(ps, func(p consent.Coding) bool { return o.isA(asked, p) })
}

// speaks is C and D for one rule by itself, with F1.
func (o *oracle) speaks(r policies.Record, i int, q policies.Request) bool {
	p, root := r.Consent.Provisions[i], r.Consent.Provisions[0]
	if r.Consent.Depth(i) == 1 {
		if len(p.Recipients) == 0 {
			p.Recipients = root.Recipients
		}
		if len(p.Roles) == 0 {
			p.Roles = root.Roles
		}
		if len(p.Actions) == 0 {
			p.Actions = root.Actions
		}
		if len(p.Purposes) == 0 {
			p.Purposes = root.Purposes
		}
	}
	if p.Effect == consent.Permit && !permitsCount(r, q) {
		return false
	}
	var refs []string
	for _, w := range p.Recipients {
		refs = append(refs, w.Reference)
	}
	return within(p.Period, q.Now) && among(refs, q.Actors) && among(p.Roles, q.Roles) &&
		among(p.Actions, []consent.Coding{q.Action}) && o.purposes(p.Effect, p.Purposes, q.Purpose)
}

// around is rule i and those around it, up to depth 1 (F2).
func around(c consent.Consent, i int) []int {
	out := []int{i}
	for p := int(c.Provisions[i].Parent); p > 0; p = int(c.Provisions[p].Parent) {
		out = append(out, p)
	}
	return out
}

// candidates are the rules that speak to the requester.
func (o *oracle) candidates(r policies.Record, q policies.Request) []int {
	var out []int
	if !counts(r, q) {
		return nil
	}
	for i := range r.Consent.Provisions {
		if !slices.ContainsFunc(around(r.Consent, i), func(j int) bool { return !o.speaks(r, j, q) }) {
			out = append(out, i)
		}
	}
	return out
}

var marks = "ULMNRV"

func mark(c consent.Coding) int {
	if c.System != policies.SystemConfidentiality {
		return -1
	}
	return strings.Index(marks, c.Code)
}

// labels is E1 to E4.
func (o *oracle) labels(effect consent.Effect, want, have []consent.Coding) bool {
	highest := -1
	for _, h := range have {
		highest = max(highest, mark(h))
	}
	deny := effect == consent.Deny
	for _, w := range want {
		switch m := mark(w); {
		case deny && len(have) == 0:
			return true
		case m >= 0 && highest < 0:
			if deny {
				return true
			}
		case m >= 0 && deny:
			if highest >= m {
				return true
			}
		case m >= 0:
			if highest <= m {
				return true
			}
		default:
			if slices.ContainsFunc(have, func(h consent.Coding) bool { return o.isA(h, w) }) {
				return true
			}
		}
	}
	return len(want) == 0
}

// dated is E7.
func dated(effect consent.Effect, p, d consent.Period) bool {
	if effect == consent.Permit {
		return (p.Start == 0 || d.Start != 0 && d.Start >= p.Start) && (p.End == 0 || d.End != 0 && d.End <= p.End)
	}
	return (p.Start == 0 || d.End == 0 || d.End > p.Start) && (p.End == 0 || d.Start == 0 || d.Start < p.End)
}

// criteria are the data criteria of a rule.
type criteria struct {
	effect        consent.Effect
	labels, codes []consent.Coding
	types         []consent.Coding
	period        consent.Period
	data          []consent.DataReference
}

// covers is E.
func (o *oracle) covers(c criteria, r policies.Resource) bool {
	types := append([]consent.Coding{{System: policies.SystemResourceType, Code: r.Type}}, r.Classes...)
	pointed := len(c.data) == 0
	for _, d := range c.data {
		switch d.Meaning {
		case "instance":
			pointed = pointed || d.Reference == r.Type+"/"+r.ID
		case "related", "dependents":
			pointed = pointed || d.Reference == r.Type+"/"+r.ID || slices.Contains(r.References, d.Reference)
		case "authoredby":
			pointed = pointed || slices.Contains(r.Authors, d.Reference)
		}
	}
	return pointed && among(c.types, types) && among(c.codes, append(types, r.Codes...)) && o.labels(c.effect, c.labels, r.Labels) &&
		dated(c.effect, c.period, r.Date)
}

func of(p consent.Provision) criteria {
	return criteria{p.Effect, p.Labels, p.Codes, p.ResourceTypes, p.DataPeriod, p.Data}
}

// words of one consent, and of all.
const (
	silent = iota
	permits
	denies
)

// one is F3 to F5, given which rules match.
func one(c consent.Consent, matching []int) (word int, rules []int) {
	deepest := -1
	for _, i := range matching {
		deepest = max(deepest, c.Depth(i))
	}
	for _, effect := range []consent.Effect{consent.Deny, consent.Permit} {
		for _, i := range matching {
			if c.Depth(i) == deepest && c.Provisions[i].Effect == effect {
				rules = append(rules, i)
			}
		}
		if len(rules) > 0 {
			return map[consent.Effect]int{consent.Deny: denies, consent.Permit: permits}[effect], rules
		}
	}
	return silent, nil
}

// combine is G1 and G2: the word of all and the consents that give it.
func (o *oracle) combine(rs []policies.Record, words []int) (word int, who []int) {
	for i, w := range words {
		switch {
		case w == silent:
		case o.algorithm == policies.MostRecent:
			if len(who) == 0 || rs[i].Date >= rs[who[0]].Date {
				word, who = w, []int{i}
			}
		case w > word:
			word, who = w, []int{i}
		case w == word:
			who = append(who, i)
		}
	}
	return word, who
}

// implicitly is H.
func (o *oracle) implicitly(rs []policies.Record, q policies.Request) bool {
	if slices.ContainsFunc(rs, func(r policies.Record) bool { return enforceable(r, q.Now) }) {
		return false
	}
	clinician := slices.Contains(q.Roles, consent.Coding{Code: "clinician"})
	granted := func(code string) bool {
		return o.purposes(consent.Permit, []consent.Coding{{System: policies.SystemPurpose, Code: code}}, q.Purpose)
	}
	switch o.implicit {
	case policies.ImplicitBasicNormal:
		return clinician && granted("TREAT")
	case policies.ImplicitAllNormal:
		return len(q.Roles) > 0 && granted("PurposeOfUse")
	case policies.ImplicitBreakGlassOnly:
		return clinician && q.Purpose.Code == "BTG"
	case policies.ImplicitDeny:
	}
	return false
}

// delegated is K1.
func (o *oracle) delegated(q policies.Request) bool {
	d := q.Delegation
	return d != nil && slices.Contains(d.Scope, "view") && within(d.Period, q.Now) && q.Action.Code == "access" &&
		o.isA(q.Purpose, consent.Coding{System: policies.SystemPurpose, Code: "PATRQT"})
}

// released is L1.
func (o *oracle) released(word int, rs []policies.Record, q policies.Request) bool {
	if q.Purpose.Code == "" || q.Action.Code == "" {
		return false
	}
	return word == permits || word == silent && (o.implicitly(rs, q) || o.delegated(q))
}

// resource decides one concrete resource.
func (o *oracle) resource(rs []policies.Record, q policies.Request, res policies.Resource) (word int, rules []string) {
	words, deciding := make([]int, len(rs)), make([][]int, len(rs))
	for i, r := range rs {
		var matching []int
		for _, j := range o.candidates(r, q) {
			if !slices.ContainsFunc(around(r.Consent, j), func(k int) bool { return !o.covers(of(r.Consent.Provisions[k]), res) }) {
				matching = append(matching, j)
			}
		}
		words[i], deciding[i] = one(r.Consent, matching)
	}
	word, who := o.combine(rs, words)
	for _, i := range who {
		for _, j := range deciding[i] {
			rules = append(rules, rs[i].ID+"/"+string(rune('0'+j)))
		}
	}
	slices.Sort(rules)
	return word, rules
}
