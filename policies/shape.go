package policies

import (
	"crypto/sha256"
	"slices"
	"sync"
	"weak"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Shape is a consent prepared for deciding: stripped of all that cannot matter, and digested. Consents that say the same
// share one Shape. It is immutable; what OPA reads is parsed from it when first needed and kept by the Engine.
type Shape struct {
	digest     [32]byte
	body       *body
	boundaries []int64  // instants at which something in it begins or ends, ascending
	recipients []string // those that its rules are limited to, root or own; nil: some rule is for anyone
	purposes   []string // the same for purposes
	filter     Filter
	names      names
	asks       bool // some rule has data criteria
}

// body is the stripped consent.
type body struct {
	categories []string
	start, end int64
	eraseBy    int64
	mode       string // how data may be accessed: "", view or store
	rules      []rule
	uses       []string // data uses; not told to Rego
}

// rule is a provision as Rego sees it: instants with open sides filled in, codes as keys. An empty list is silence.
type rule struct {
	effect                                                 consent.Effect
	parent, depth                                          int
	start, end                                             int64
	actors, roles, actions, purposes, types, codes, labels []string
	data                                                   []consent.DataReference
	from, to                                               int64
}

// names are what the rules of consents name, so that whatever else a request or a resource bears can be left out.
type names struct {
	actors, types, codes, refs map[string]bool
	labels, dates              bool
}

// Filter is FilterOf the consent.
func (s *Shape) Filter() Filter { return s.filter }

// DataUses is DataUses of the consent.
func (s *Shape) DataUses() []string { return s.body.uses }

// Digest names what the consent says, for caches.
func (s *Shape) Digest() [32]byte { return s.digest }

// Shape prepares a consent, once, when it is loaded. A consent that is not well formed (see consent.Consent.Check) is
// read as one that denies everything.
func (e *Engine) Shape(c consent.Consent) *Shape {
	b := strip(c)
	digest := sha256.Sum256(b.append(nil))
	return e.shapes.intern(digest, func() *Shape { return prepare(b, digest) })
}

// pool holds the shapes in use, by digest.
type pool struct {
	mu    sync.Mutex
	byKey map[[32]byte]weak.Pointer[Shape]
	kept  int // after the last sweep
}

func (p *pool) intern(digest [32]byte, fresh func() *Shape) *Shape {
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.byKey[digest].Value(); s != nil {
		return s
	}
	if p.byKey == nil {
		p.byKey = map[[32]byte]weak.Pointer[Shape]{}
	}
	if len(p.byKey) > 2*p.kept+1024 {
		for d, w := range p.byKey {
			if w.Value() == nil {
				delete(p.byKey, d)
			}
		}
		p.kept = len(p.byKey)
	}
	s := fresh()
	p.byKey[digest] = weak.Make(s)
	return s
}

// strip keeps of a consent what decisions depend on.
func strip(c consent.Consent) *body {
	if c.Check() != nil {
		c.Provisions = []consent.Provision{{Effect: consent.Deny}}
	}
	b := &body{mode: c.AccessMode, eraseBy: int64(c.EraseBy), uses: DataUses(c)}
	if b.eraseBy == 0 {
		b.eraseBy = never
	}
	b.start, b.end = bounds(c.Period)
	b.categories = append(keys(c.Categories, plainKey), SystemScope+"|"+c.Kind)
	for i, p := range c.Provisions {
		r := rule{
			effect: p.Effect, parent: int(p.Parent), depth: c.Depth(i), //nolint:gosec // Check bounds it
			roles: keys(p.Roles, plainKey), actions: keys(p.Actions, actionKey), purposes: keys(p.Purposes, purposeKey),
			types: keys(p.ResourceTypes, typeKey), codes: keys(p.Codes, typedKey), labels: keys(p.Labels, labelKey),
			data: p.Data,
		}
		r.start, r.end = bounds(p.Period)
		r.from, r.to = bounds(p.DataPeriod)
		for _, who := range p.Recipients {
			r.actors = append(r.actors, who.Reference)
		}
		b.rules = append(b.rules, r)
	}
	return b
}

// bounds fills in the open sides of a period.
func bounds(p consent.Period) (start, end int64) {
	start, end = int64(p.Start), int64(p.End)
	if start == 0 {
		start = always
	}
	if end == 0 {
		end = never
	}
	return start, end
}

func keys(cs []consent.Coding, of func(consent.Coding) string) []string {
	if len(cs) == 0 {
		return nil
	}
	ks := make([]string, len(cs))
	for i, c := range cs {
		ks[i] = of(c)
	}
	return ks
}

// prepare works out what the filter and the stripping of requests need.
func prepare(b *body, digest [32]byte) *Shape {
	s := &Shape{digest: digest, body: b}
	s.instants(b.start, b.end, b.eraseBy)
	for _, r := range b.rules {
		s.instants(r.start, r.end)
		s.names.add(r)
		s.asks = s.asks || len(r.asks()) > 0
	}
	s.recipients, s.purposes = b.limits()
	s.filter = b.filter(s.recipients, s.purposes)
	s.recipients, s.purposes = tidy(s.recipients), tidy(s.purposes)
	slices.Sort(s.boundaries)
	s.boundaries = slices.Clip(slices.Compact(s.boundaries))
	return s
}

func (s *Shape) instants(ts ...int64) {
	for _, t := range ts {
		if t != always && t != never {
			s.boundaries = append(s.boundaries, t)
		}
	}
}

func orElse(a, b []string) []string {
	if len(a) == 0 {
		return b
	}
	return a
}

func tidy(ss []string) []string {
	slices.Sort(ss)
	return slices.Clip(slices.Compact(ss))
}

func (n *names) add(r rule) {
	n.actors = named(n.actors, r.actors)
	n.types = named(n.types, r.types)
	n.codes = named(n.codes, r.codes)
	for _, d := range r.data {
		n.refs = named(n.refs, []string{d.Reference})
	}
	n.labels = n.labels || len(r.labels) > 0
	n.dates = n.dates || r.from != always || r.to != never
}

func named(m map[string]bool, ss []string) map[string]bool {
	for _, s := range ss {
		if m == nil {
			m = map[string]bool{}
		}
		m[s] = true
	}
	return m
}

// Relevant reports whether a consent can bear on a request. It may only over-include: leaving out what is not relevant
// never changes an answer. Engine.Decide applies it itself.
func Relevant(req Request, s *Shape) bool {
	t, err := embedded()
	return err != nil || t.relevant(req.Actors, purposeKey(req.Purpose), s)
}

func (t *tables) relevant(actors []string, purpose string, s *Shape) bool {
	if s.purposes != nil && !slices.ContainsFunc(s.purposes, func(p string) bool { return t.subsumes(p, purpose) }) {
		return false
	}
	return s.recipients == nil || slices.ContainsFunc(s.recipients, func(r string) bool { return slices.Contains(actors, r) })
}

// append writes the canonical form that the digest is of.
func (b *body) append(out []byte) []byte {
	w := writer(out)
	w.list(b.categories)
	w.numbers(b.start, b.end, b.eraseBy)
	w.text(b.mode)
	w.numbers(int64(len(b.rules)))
	for _, r := range b.rules {
		w.text(string(r.effect))
		w.numbers(int64(r.parent), r.start, r.end, r.from, r.to)
		for _, l := range [][]string{r.actors, r.roles, r.actions, r.purposes, r.types, r.codes, r.labels} {
			w.list(l)
		}
		w.numbers(int64(len(r.data)))
		for _, d := range r.data {
			w.text(d.Meaning)
			w.text(d.Reference)
		}
	}
	if len(b.uses) > 0 { // what has none is written as it was before there were any
		w.list(b.uses)
	}
	return w
}
