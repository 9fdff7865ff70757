package policies

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// inputFormat is the version of the input that the Rego reads. An archive of another format is refused.
const inputFormat = 1

// silence is what a permit says that names no purpose: null, for which no code can be mistaken.
var silence = ast.SetTerm(ast.NullTerm())

// names of fields, made once.
var field = func() map[string]*ast.Term {
	m := map[string]*ast.Term{}
	for _, k := range []string{
		"actions", "action", "actors", "algorithm", "asRoot", "asking", "asks", "authors", "categories", "chain", "codes", "consents",
		"data", "deep", "delegations", "deny", "effect", "end", "enforceable", "eraseBy", "exhausted", "from", "implicit", "labels",
		"needs", "now", "period", "periods", "permit", "plain", "purpose", "rank", "references", "request", "resources", "roles", "root",
		"rules", "says", "scope", "self", "shape", "start", "status", "strength", "terms", "to", "types", "viewOnly",
	} {
		m[k] = ast.StringTerm(k)
	}
	return m
}()

// term builds what OPA reads. shape gives the parsed form of a consent.
func (q *question) term(cfg Config, shape func(*Shape) *ast.Term) ast.Value {
	terms := false
	consents := make([]*ast.Term, len(q.consents))
	for i, p := range q.consents {
		terms = terms || p.shape.body.viewOnly || p.shape.body.eraseBy != never
		consents[i] = object(
			"shape", shape(p.shape), "status", ast.StringTerm(p.status), "exhausted", ast.InternedTerm(p.exhausted), "rank", number(int64(p.rank)),
		)
	}
	resources := make([]*ast.Term, len(q.resources))
	for i, t := range q.resources {
		resources[i] = t.term()
	}
	delegations := make([]*ast.Term, len(q.delegations))
	for i, d := range q.delegations {
		start, end := bounds(d.Period)
		delegations[i] = object("scope", set(d.Scope), "start", number(start), "end", number(end))
	}
	return object(
		"now", number(q.now), "terms", ast.InternedTerm(terms), "enforceable", ast.InternedTerm(q.enforceable),
		"algorithm", ast.StringTerm(string(cfg.Algorithm)), "implicit", ast.StringTerm(string(cfg.Implicit)),
		"consents", ast.ArrayTerm(consents...), "resources", ast.ArrayTerm(resources...), "delegations", ast.ArrayTerm(delegations...),
		"request", object(
			"action", ast.StringTerm(q.action), "purpose", ast.StringTerm(q.purpose),
			"actors", set(q.actors), "roles", set(q.roles), "categories", set(q.categories),
			"types", set(q.types), "plain", ast.InternedTerm(plain(q.types)),
		),
	).Value
}

func (t *thing) term() *ast.Term {
	return object(
		"types", set(t.types), "labels", set(t.labels), "codes", set(t.codes), "references", set(t.refs),
		"authors", set(t.authors), "self", ast.StringTerm(t.self), "start", number(t.start), "end", number(t.end),
	)
}

func (b *body) term() *ast.Term {
	var asking []*ast.Term
	deep, said := false, b.said()
	rules := make([]*ast.Term, len(b.rules))
	for i := range b.rules {
		r := &b.rules[i]
		asks := r.asks()
		if len(asks) > 0 {
			asking = append(asking, number(int64(i)))
		}
		rules[i], deep = r.term(b.chain(i), asks, said), deep || r.depth > 1
	}
	root := ast.NewObject()
	for _, e := range said {
		root.Insert(field[e.name], set(e.values))
	}
	var eraseBy []*ast.Term
	if b.eraseBy != never {
		eraseBy = periods(always, b.eraseBy)
	}
	return object(
		"categories", set(b.categories), "eraseBy", ast.ArrayTerm(eraseBy...), "viewOnly", ast.InternedTerm(b.viewOnly),
		"periods", ast.ArrayTerm(append(periods(b.start, b.end), periods(b.rules[0].start, b.rules[0].end)...)...),
		"rules", ast.ArrayTerm(rules...), "root", ast.NewTerm(root), "deep", ast.InternedTerm(deep), "asking", ast.SetTerm(asking...),
	)
}

// element is what a rule is limited to in one respect. A rule's purposes are called by its effect.
type element struct {
	name   string
	values []string
}

// said lists what the root is limited to and silent rules at depth 1 may look up.
func (b *body) said() []element {
	if len(b.rules) == 1 {
		return nil
	}
	root := &b.rules[0]
	return slices.DeleteFunc([]element{
		{"actors", root.actors}, {"roles", root.roles}, {"actions", root.actions}, {"permit", root.purposes}, {"deny", root.purposes},
	}, func(e element) bool { return len(e.values) == 0 })
}

// periods lists a period unless it is open on both sides.
func periods(start, end int64) []*ast.Term {
	if start == always && end == never {
		return nil
	}
	return []*ast.Term{ast.ArrayTerm(number(start), number(end))}
}

// chain names rule i and the rules around it, without the root unless i is the root.
func (b *body) chain(i int) *ast.Term {
	terms := []*ast.Term{number(int64(i))}
	for p := b.rules[i].parent; p > 0; p = b.rules[p].parent {
		terms = append(terms, number(int64(p)))
	}
	return ast.SetTerm(terms...)
}

// term writes a rule. root is what a rule at depth 1 looks up where it is silent itself.
func (r *rule) term(chain *ast.Term, asks []string, root []element) *ast.Term {
	says := ast.NewObject()
	var needs, asRoot []string
	for _, e := range []element{{"actors", r.actors}, {"roles", r.roles}, {"actions", r.actions}, {string(r.effect), r.purposes}} {
		looksUp := r.depth == 1 && slices.ContainsFunc(root, func(o element) bool { return o.name == e.name })
		switch {
		case len(e.values) > 0:
			says.Insert(field[e.name], set(e.values))
		case looksUp:
			asRoot = append(asRoot, e.name)
		case e.name == string(consent.Permit):
			says.Insert(field[e.name], silence)
		default:
			continue
		}
		needs = append(needs, e.name)
	}
	period, strength := []*ast.Term{}, 0
	if r.depth > 0 && (r.start != always || r.end != never) { // the root's is one of the consent
		period, needs = []*ast.Term{number(r.start), number(r.end)}, append(needs, "period")
	}
	if r.effect == consent.Deny {
		strength = 1
	}
	data := make([]*ast.Term, len(r.data))
	for i, d := range r.data {
		data[i] = ast.ArrayTerm(ast.StringTerm(d.Meaning), ast.StringTerm(d.Reference))
	}
	return object(
		"effect", field[string(r.effect)], "strength", ast.ArrayTerm(number(int64(r.depth)), number(int64(strength))), "chain", chain,
		"says", ast.NewTerm(says), "needs", set(needs), "asRoot", set(asRoot), "period", ast.ArrayTerm(period...),
		"asks", set(asks), "types", set(r.types), "plain", ast.InternedTerm(plain(r.types)), "codes", set(r.codes), "labels", set(r.labels), "data", ast.SetTerm(data...),
		"from", number(r.from), "to", number(r.to),
	)
}

// plain reports whether all types are FHIR resource types, of which a resource has exactly one.
func plain(types []string) bool {
	return !slices.ContainsFunc(types, func(k string) bool { return !strings.HasPrefix(k, SystemResourceType+"|") })
}

// asks names the data criteria of the rule.
func (r *rule) asks() []string {
	var names []string
	for name, there := range map[string]bool{
		"codes": len(r.codes) > 0, "data": len(r.data) > 0, "labels": len(r.labels) > 0,
		"period": r.from != always || r.to != never, "types": len(r.types) > 0,
	} {
		if there {
			names = append(names, name)
		}
	}
	return names
}

// object takes field names and terms in turn.
func object(kv ...any) *ast.Term {
	o := ast.NewObjectWithCapacity(len(kv) / 2)
	for i := 0; i < len(kv); i += 2 {
		k, v := kv[i].(string), kv[i+1].(*ast.Term) //nolint:errcheck // written in this file
		o.Insert(field[k], v)
	}
	return ast.NewTerm(o)
}

func set(ss []string) *ast.Term {
	s := ast.NewSetWithCapacity(len(ss))
	for _, v := range ss {
		s.Add(ast.StringTerm(v))
	}
	return ast.NewTerm(s)
}

func number(n int64) *ast.Term {
	if n >= 0 && n < 512 {
		return ast.InternedTerm(int(n))
	}
	return ast.NumberTerm(json.Number(strconv.FormatInt(n, 10)))
}
