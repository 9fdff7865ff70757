package policies

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// question is a request and the consents that can matter to it, stripped of what cannot matter: equal questions have
// equal answers. Its digest is the key of the memo, and its term is what OPA reads.
type question struct {
	now         int64 // always: instants are told as before or after it
	enforceable bool  // the subject has an active consent inside its period, relevant or not
	action      string
	purpose     string
	actors      []string
	roles       []string
	categories  []string
	types       []string
	delegations []delegation
	consents    []party
	resources   []thing
	class       []int // for each resource of the request, which of resources it is like
	next        int64 // the first boundary after the request's instant, or 0
}

// party is a consent in a question.
type party struct {
	shape     *Shape
	seen      *body  // as the request sees it
	form      []byte // that in canonical form
	record    int    // in the records of the request
	status    string
	exhausted bool
	unfit     string
	rank      int // place among the dates, for most-recent
}

// delegation is a delegation in a question.
type delegation struct {
	scope      []string
	start, end int64
}

// thing is a resource in a question.
type thing struct {
	types, labels, codes, refs, authors []string
	self                                string
	start, end                          int64
}

// ask strips a request. rest is what matters of active consents that are not among the records; all keeps the consents that
// are not relevant, for tests.
func (e *Engine) ask(req Request, records []Record, rest Rest, all bool) *question {
	q := &question{
		action: actionKey(req.Action), purpose: purposeKey(req.Purpose),
		roles: tidy(said(req.Roles, plainKey)), categories: tidy(said(req.Categories, plainKey)),
		now: always,
	}
	now, lens := int64(req.Now), Lens{now: int64(req.Now)}
	for i := range records {
		r := &records[i]
		s := r.Shape
		if s == nil {
			s = e.Shape(r.Consent)
		}
		relevant := all || e.tables.relevant(req.Actors, q.purpose, s)
		if r.Status == Active {
			lens.LeaveOut(&rest, s.filter)
		}
		if relevant && r.Status == Active {
			q.boundary(now, s.boundaries...)
		}
		if relevant {
			q.consents = append(q.consents, party{
				shape: s, record: i, status: r.Status, exhausted: r.UsesLeft != nil && *r.UsesLeft == 0, unfit: r.Unfit,
			})
		}
	}
	q.enforceable = rest.Enforceable
	if rest.Next != 0 {
		q.boundary(now, rest.Next)
	}
	q.delegate(req)
	q.request(req)
	q.narrow(e, now)
	q.arrange(e.cfg.Algorithm, records)
	return q
}

// narrow makes of each consent what the request sees of it.
func (q *question) narrow(e *Engine, now int64) {
	if len(q.consents) == 0 {
		return
	}
	s := q.sight(now, e.tables.Up[q.purpose])
	for i := range q.consents {
		p := &q.consents[i]
		p.seen = s.narrow(p.shape.body)
		p.form = p.seen.append(nil)
		if e.whole {
			q.now, p.seen = now, p.shape.body
		}
	}
}

// boundary notes the next boundary after now.
func (q *question) boundary(now int64, ts ...int64) {
	for _, t := range ts {
		if t > now && (q.next == 0 || t < q.next) {
			q.next = t
		}
	}
}

// arrange puts the consents in an order that does not depend on ids: by date, or by content where dates do not matter.
func (q *question) arrange(a Algorithm, records []Record) {
	if a != MostRecent {
		slices.SortStableFunc(q.consents, func(x, y party) int {
			if c := bytes.Compare(x.form, y.form); c != 0 {
				return c
			}
			return cmp.Or(cmp.Compare(x.status, y.status), cmp.Compare(x.unfit, y.unfit))
		})
		return
	}
	slices.SortStableFunc(q.consents, func(x, y party) int {
		return cmp.Compare(records[x.record].Date, records[y.record].Date)
	})
	for i := 1; i < len(q.consents); i++ {
		q.consents[i].rank = q.consents[i-1].rank
		if records[q.consents[i].record].Date != records[q.consents[i-1].record].Date {
			q.consents[i].rank++
		}
	}
}

func (q *question) delegate(req Request) {
	if req.Delegation == nil {
		return
	}
	d, now := *req.Delegation, int64(req.Now)
	start, end := bounds(d.Period)
	q.boundary(now, start, end)
	q.delegations = []delegation{{d.Scope, begun(start, now), ended(end, now)}}
}

// request strips who asks and what is asked for down to what some consent names.
func (q *question) request(req Request) {
	for _, a := range req.Actors {
		if nameable(a) && slices.ContainsFunc(q.consents, func(p party) bool { return p.shape.names.actors[a] }) {
			q.actors = append(q.actors, a)
		}
	}
	q.actors = tidy(q.actors)
	q.types = tidy(said(req.ResourceTypes, typeKey))
	if len(req.Resources) > 0 {
		q.types = nil
		q.things(req.Resources)
	}
}

// said is keys without codings that have no code: a requester who names nothing matches nothing.
func said(cs []consent.Coding, of func(consent.Coding) string) []string {
	ks := keys(cs, of)
	return slices.DeleteFunc(ks, func(k string) bool { return k == "" })
}

// things strips the resources; those that are then alike are asked about once.
func (q *question) things(rs []Resource) {
	var n names
	for _, p := range q.consents {
		n.join(p.shape.names)
	}
	q.class = make([]int, len(rs))
	if len(rs) == 1 {
		q.resources = []thing{n.strip(rs[0])}
		return
	}
	seen := make(map[string]int, len(rs))
	var w writer
	for i, r := range rs {
		t := n.strip(r)
		w = w[:0]
		t.append(&w)
		k, ok := seen[string(w)]
		if !ok {
			k = len(q.resources)
			seen[string(w)] = k
			q.resources = append(q.resources, t)
		}
		q.class[i] = k
	}
}

func (n *names) join(m names) {
	n.types, n.codes, n.refs = union(n.types, m.types), union(n.codes, m.codes), union(n.refs, m.refs)
	n.labels, n.dates = n.labels || m.labels, n.dates || m.dates
}

// union may return one of its arguments; neither is changed.
func union(a, b map[string]bool) map[string]bool {
	if len(a) == 0 {
		return b
	}
	if len(b) == 0 {
		return a
	}
	u := make(map[string]bool, len(a)+len(b))
	for s := range a {
		u[s] = true
	}
	for s := range b {
		u[s] = true
	}
	return u
}

func (n *names) strip(r Resource) thing {
	self := r.Type + "/" + r.ID
	types := append(said(r.Classes, typeKey), typeKey(consent.Coding{Code: r.Type}))
	t := thing{
		types: only(types, n.types),
		codes: only(append(said(r.Codes, typedKey), types...), n.codes),
		refs:  only(r.References, n.refs), authors: only(r.Authors, n.refs),
		start: always, end: never,
	}
	if n.labels {
		t.labels = tidy(said(r.Labels, labelKey))
	}
	if r.Type != "" && r.ID != "" && n.refs[self] {
		t.self = self
	}
	if n.dates {
		t.start, t.end = bounds(r.Date)
	}
	return t
}

// nameable reports whether a reference can be met at all.
func nameable(s string) bool { return s != "" && s != unmetWord }

// only returns those of ss that are in m, tidy.
func only(ss []string, m map[string]bool) []string {
	if len(m) == 0 {
		return nil
	}
	var out []string
	for _, s := range ss {
		if nameable(s) && m[s] {
			out = append(out, s)
		}
	}
	return tidy(out)
}

// mode is which of three questions is asked: of concrete resources, of whatever there may be when no rule asks anything of
// the data, or what remains to be asked.
func (q *question) mode() string {
	switch {
	case len(q.resources) > 0:
		return "resources"
	case slices.ContainsFunc(q.consents, func(p party) bool { return p.shape.asks }):
		return "residual"
	}
	return "whatever"
}

// append writes the canonical form.
func (t *thing) append(w *writer) {
	for _, l := range [][]string{t.types, t.labels, t.codes, t.refs, t.authors} {
		w.list(l)
	}
	w.text(t.self)
	w.numbers(t.start, t.end)
}

// digest is the key of the question, under the engine's policies and settings.
func (q *question) digest(seed []byte) [32]byte {
	w := writer(append(make([]byte, 0, 512), seed...))
	w.numbers(q.now)
	w.flag(q.enforceable)
	w.text(q.action)
	w.text(q.purpose)
	for _, l := range [][]string{q.actors, q.roles, q.categories, q.types} {
		w.list(l)
	}
	for _, d := range q.delegations {
		w.list(d.scope)
		w.numbers(d.start, d.end)
	}
	w.numbers(int64(len(q.consents)))
	for _, p := range q.consents {
		w.text(string(p.form))
		w.text(p.status)
		w.flag(p.exhausted)
		w.text(p.unfit)
		w.numbers(int64(p.rank))
	}
	w.numbers(int64(len(q.resources)))
	for i := range q.resources {
		q.resources[i].append(&w)
	}
	return sha256.Sum256(w)
}
