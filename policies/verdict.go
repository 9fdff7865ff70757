package policies

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// verdict is an answer as it is remembered: it names consents by their place in the question, and no person.
type verdict struct {
	decision, consents string
	deciding           []pair
	reasons            []because
	sentence           Sentence
	groups             []group
	obligations        []Obligation
	resources          []finding
}

type pair struct{ consent, rule int }

type because struct {
	letter, code string
	consent      int
}

// group is the residual rules of one consent; consent -1 is the delegation.
type group struct {
	consent int
	base    string // permit, deny or none
	rules   []told
}

type told struct {
	rule   int
	left   []string // elements that remain to be asked of each resource
	within []told
}

type finding struct {
	decision, consents string
	deciding           []pair
	reasons            []because
}

// errAnswer is what an answer of an unexpected form comes to. It denies.
var errAnswer = errors.New("the policies gave an answer of another form")

// reader takes an answer apart. The first surprise is kept and everything after it reads as zero.
type reader struct{ err error }

func (r *reader) fail() {
	if r.err == nil {
		r.err = errAnswer
	}
}

func (r *reader) text(t *ast.Term) string {
	if t != nil {
		if s, ok := t.Value.(ast.String); ok {
			return string(s)
		}
	}
	r.fail()
	return ""
}

func (r *reader) number(t *ast.Term) int64 {
	if t != nil {
		if n, ok := t.Value.(ast.Number); ok {
			if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
				return i
			}
		}
	}
	r.fail()
	return 0
}

// items returns the elements of an array or set; n is how many there must be, or -1.
func (r *reader) items(t *ast.Term, n int) []*ast.Term {
	var ts []*ast.Term
	if t != nil {
		switch v := t.Value.(type) {
		case *ast.Array:
			ts = make([]*ast.Term, 0, v.Len())
			v.Foreach(func(x *ast.Term) { ts = append(ts, x) })
		case ast.Set:
			ts = v.Slice()
		default:
			r.fail()
		}
	}
	if t == nil || n >= 0 && len(ts) != n {
		r.fail()
		return make([]*ast.Term, max(n, 0))
	}
	return ts
}

func each[T any](r *reader, t *ast.Term, one func(*ast.Term) T) []T {
	ts := r.items(t, -1)
	if len(ts) == 0 {
		return nil
	}
	out := make([]T, len(ts))
	for i, x := range ts {
		out[i] = one(x)
	}
	return out
}

// read turns OPA's answer into a verdict and checks that it is whole and in range.
func read(answer *ast.Term, q *question, a Algorithm, t *tables) (*verdict, error) {
	o, ok := answer.Value.(ast.Object)
	if !ok {
		return nil, errAnswer
	}
	r := &reader{}
	at := func(name string) *ast.Term { return o.Get(ast.InternedTerm(name)) }
	v := &verdict{decision: r.text(at("decision")), consents: r.text(at("consents")), reasons: each(r, at("reasons"), r.because)}
	switch {
	case len(q.resources) > 0:
		v.resources = each(r, at("resources"), r.finding)
		for _, f := range v.resources {
			if f.consents == v.consents {
				v.deciding = append(v.deciding, f.deciding...)
			}
		}
	case at("whatever") != nil:
		v.deciding = slices.Concat(each(r, at("whatever"), r.found)...)
	default:
		v.deciding, v.groups = each(r, at("deciding"), r.pair), each(r, at("groups"), r.group)
	}
	v.deciding = tidyPairs(v.deciding)
	if v.decision == Permit || slices.ContainsFunc(v.resources, func(f finding) bool { return f.decision == Permit }) {
		v.obligations = r.obligations(at("redact"), at("terms"))
	}
	if r.err == nil {
		r.err = v.check(q)
	}
	if r.err != nil {
		return nil, r.err
	}
	v.decided(a, q, t)
	return v, nil
}

func tidyPairs(ps []pair) []pair {
	slices.SortFunc(ps, func(a, b pair) int { return cmp.Or(cmp.Compare(a.consent, b.consent), cmp.Compare(a.rule, b.rule)) })
	return slices.Compact(ps)
}

func (r *reader) pair(t *ast.Term) pair {
	ts := r.items(t, 2)
	return pair{int(r.number(ts[0])), int(r.number(ts[1]))}
}

func (r *reader) because(t *ast.Term) because {
	ts := r.items(t, 3)
	return because{r.text(ts[0]), r.text(ts[1]), int(r.number(ts[2]))}
}

func (r *reader) group(t *ast.Term) group {
	ts := r.items(t, 4)
	base := r.items(ts[2], 2)
	g := group{consent: int(r.number(ts[1])), base: "none", rules: each(r, ts[3], r.told)}
	switch denies := r.number(base[1]) == 1; {
	case r.number(base[0]) < 0:
	case denies:
		g.base = Deny
	default:
		g.base = Permit
	}
	return g
}

func (r *reader) told(t *ast.Term) told {
	ts := r.items(t, 4)
	return told{
		rule: int(r.number(ts[1])), left: each(r, ts[2], r.text),
		within: each(r, ts[3], func(t *ast.Term) told {
			ts := r.items(t, 2)
			return told{rule: int(r.number(ts[0])), left: each(r, ts[1], r.text)}
		}),
	}
}

// found reads a finding: [key, whether it denies, consent, rules].
func (r *reader) found(t *ast.Term) []pair {
	ts := r.items(t, 4)
	c := int(r.number(ts[2]))
	return each(r, ts[3], func(t *ast.Term) pair { return pair{c, int(r.number(t))} })
}

func (r *reader) finding(t *ast.Term) finding {
	ts := r.items(t, 4)
	return finding{
		decision: r.text(ts[0]), consents: r.text(ts[1]), deciding: slices.Concat(each(r, ts[2], r.found)...),
		reasons: each(r, ts[3], func(t *ast.Term) because {
			ts := r.items(t, 2)
			return because{r.text(ts[0]), r.text(ts[1]), -1}
		}),
	}
}

// check refuses words and indices that do not exist: an answer is exactly one of those listed, or a denial.
func (v *verdict) check(q *question) error {
	if len(v.resources) != len(q.resources) {
		return fmt.Errorf("%w: %d resources for %d", errAnswer, len(v.resources), len(q.resources))
	}
	rules := slices.Clone(v.deciding)
	sound := words(v.decision, v.consents)
	for _, f := range v.resources {
		sound = sound && words(f.decision, f.consents)
		rules = append(rules, f.deciding...)
	}
	for _, g := range v.groups {
		for _, rule := range g.rules {
			rules = append(rules, pair{g.consent, rule.rule})
		}
	}
	for _, b := range v.reasons {
		sound = sound && b.consent >= -1 && b.consent < len(q.consents)
	}
	if !sound || slices.ContainsFunc(rules, func(p pair) bool { return !q.has(p) }) {
		return errAnswer
	}
	return nil
}

// words reports whether a decision and what the consents say are among the words that there are.
func words(decision, consents string) bool {
	return slices.Contains([]string{Permit, Deny}, decision) && slices.Contains([]string{ConsentPermit, ConsentDeny, NoConsent}, consents)
}

// has reports whether there is such a rule of such a consent.
func (q *question) has(p pair) bool {
	return p.consent >= 0 && p.consent < len(q.consents) && p.rule >= 0 && p.rule < len(q.consents[p.consent].shape.body.rules)
}
