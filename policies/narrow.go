package policies

import (
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// A consent as a request sees it: without what the request gives no occasion to ask. People's consents differ in whom else
// they name, in the documents they except, in the day they begin. Seen by one request most of that is gone, and what is left
// many consents share. Nothing is decided here: values are left out that no set of the request's could meet, instants become
// those of "before now", "after now". What is left is asked of OPA, or was.

// unmetWord stands for values none of which the request could meet. A question's words are never this one: codes have a "|",
// and references that are this are left out.
const unmetWord = "\x00"

var unmet = []string{unmetWord}

// met returns the values that the request could meet, unmet when there are none, and silence as it is. The result may share
// memory with values.
func met(values []string, could func(string) bool) []string {
	if len(values) == 0 {
		return values
	}
	first := slices.IndexFunc(values, could)
	if first < 0 {
		return unmet
	}
	end := first + 1
	for end < len(values) && could(values[end]) {
		end++
	}
	if end == len(values) || !slices.ContainsFunc(values[end:], could) {
		return values[first:end:end]
	}
	out := slices.Clone(values[first:end])
	for _, v := range values[end:] {
		if could(v) {
			out = append(out, v)
		}
	}
	return out
}

func among(ss []string) func(string) bool {
	return func(s string) bool { return slices.Contains(ss, s) }
}

// begun and ended put an instant at which something begins or ends where it is as seen from now, which narrowed questions
// call always.
func begun(t, now int64) int64 {
	if t <= now {
		return always
	}
	return never
}

func ended(t, now int64) int64 {
	if t > now {
		return never
	}
	return always
}

// sight is what of a request narrows consents.
type sight struct {
	now                               int64
	concrete                          bool // resources are named
	actor, role, action, reason, kind func(string) bool
	resourceType, code, ref           func(string) bool
}

// sight returns what the question, stripped already, can meet.
func (q *question) sight(now int64, above []string) *sight {
	s := &sight{
		now: now, concrete: len(q.resources) > 0,
		actor: among(q.actors), role: among(q.roles), kind: among(q.categories),
		action: func(a string) bool { return a == q.action },
		reason: func(p string) bool { return p == q.purpose || slices.Contains(above, p) },
	}
	in := func(of func(*thing) []string) func(string) bool {
		return func(v string) bool {
			return slices.ContainsFunc(q.resources, func(t thing) bool { return slices.Contains(of(&t), v) })
		}
	}
	s.resourceType = in(func(t *thing) []string { return t.types })
	s.code = in(func(t *thing) []string { return t.codes })
	s.ref = func(v string) bool {
		return slices.ContainsFunc(q.resources, func(t thing) bool {
			return v == t.self || slices.Contains(t.refs, v) || slices.Contains(t.authors, v)
		})
	}
	return s
}

// narrow returns the consent as it is seen. Labels stay: they are compared by rank, and there are few.
func (s *sight) narrow(b *body) *body {
	n := &body{start: begun(b.start, s.now), end: ended(b.end, s.now), eraseBy: b.eraseBy, mode: b.mode, rules: make([]rule, len(b.rules))}
	if b.eraseBy <= s.now {
		n.eraseBy = always
	}
	n.categories = met(b.categories, s.kind)
	for i := range b.rules {
		from, to := &b.rules[i], &n.rules[i]
		*to = *from
		to.start, to.end = begun(from.start, s.now), ended(from.end, s.now)
		to.actors, to.roles = met(from.actors, s.actor), met(from.roles, s.role)
		to.actions, to.purposes = met(from.actions, s.action), met(from.purposes, s.reason)
		if s.concrete {
			to.types, to.codes = met(from.types, s.resourceType), met(from.codes, s.code)
			to.data = s.metData(from.data)
		}
	}
	return n
}

// metData is met for references.
func (s *sight) metData(data []consent.DataReference) []consent.DataReference {
	if len(data) == 0 {
		return nil
	}
	var out []consent.DataReference
	for _, d := range data {
		if d.Reference != "" && s.ref(d.Reference) {
			out = append(out, d)
		}
	}
	if out == nil {
		return unmetData
	}
	return out
}

var unmetData = []consent.DataReference{{}}
