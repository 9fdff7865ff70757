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

// silence is null, for which no name can be mistaken: the purpose of a permit that names none, the categories of a request
// that names none.
var (
	null    = ast.NullTerm()
	silence = ast.SetTerm(null)
)

// names of fields, made once.
var field = func() map[string]*ast.Term {
	m := map[string]*ast.Term{}
	for _, k := range []string{
		"actions", "action", "actors", "algorithm", "asks", "authors", "categories", "chain", "codes", "consents",
		"data", "deep", "delegations", "deny", "effect", "end", "enforceable", "eraseBy", "exhausted", "from", "implicit", "labels", "mode", "purposes",
		"needs", "now", "permit", "plain", "purpose", "rank", "references", "request", "resources", "roles", "root",
		"rules", "says", "scope", "self", "shape", "start", "status", "strength", "terms", "to", "types", "unfit",
	} {
		m[k] = ast.StringTerm(k)
	}
	return m
}()

// term builds what OPA reads. purposes are the one asked for and those above it.
func (q *question) term(cfg Config, purposes []string) ast.Value {
	terms := false
	consents := make([]*ast.Term, len(q.consents))
	for i, p := range q.consents {
		terms = terms || p.shape.body.mode == "view" || p.shape.body.eraseBy != never
		consents[i] = object(
			"shape", p.seen.term(), "status", ast.StringTerm(p.status), "exhausted", ast.InternedTerm(p.exhausted), "unfit", ast.InternedTerm(p.unfit),
			"rank", number(int64(p.rank)),
		)
	}
	resources := make([]*ast.Term, len(q.resources))
	for i, t := range q.resources {
		resources[i] = t.term()
	}
	delegations := make([]*ast.Term, len(q.delegations))
	for i, d := range q.delegations {
		delegations[i] = object("scope", set(d.scope), "start", number(d.start), "end", number(d.end))
	}
	return object(
		"now", number(q.now), "mode", ast.StringTerm(q.mode()), "terms", ast.InternedTerm(terms), "enforceable", ast.InternedTerm(q.enforceable),
		"algorithm", ast.StringTerm(string(cfg.Algorithm)), "implicit", ast.StringTerm(string(cfg.Implicit)),
		"consents", ast.ArrayTerm(consents...), "resources", ast.ArrayTerm(resources...), "delegations", ast.ArrayTerm(delegations...),
		"request", object(
			"action", ast.StringTerm(q.action), "purpose", ast.StringTerm(q.purpose), "purposes", set(purposes),
			"actors", set(q.actors), "roles", set(q.roles), "categories", silentOr(q.categories),
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
	root := b.said()
	rules := make([]*ast.Term, len(b.rules))
	deep := false
	for i := range b.rules {
		r := &b.rules[i]
		rules[i], deep = r.term(b.chain(i), root), deep || r.depth > 1
	}
	looked := ast.NewObject()
	for _, e := range root {
		looked.Insert(ast.StringTerm("root "+e.name), ast.ArrayTerm(field[e.name], set(e.values)))
	}
	return object(
		"categories", set(b.categories, null), "start", number(max(b.start, b.rules[0].start)), "end", number(min(b.end, b.rules[0].end)),
		"eraseBy", number(b.eraseBy), "mode", ast.StringTerm(b.mode), "rules", ast.ArrayTerm(rules...), "root", ast.NewTerm(looked),
		"deep", ast.InternedTerm(deep),
	)
}

// element is what a rule is limited to in one respect. A rule's purposes are called by its effect.
type element struct {
	name   string
	values []string
}

// said lists what the root is limited to, for silent rules at depth 1.
func (b *body) said() []element {
	if len(b.rules) == 1 {
		return nil
	}
	root := &b.rules[0]
	return slices.DeleteFunc([]element{
		{"actors", root.actors}, {"roles", root.roles}, {"actions", root.actions}, {"permit", root.purposes}, {"deny", root.purposes},
	}, func(e element) bool { return len(e.values) == 0 })
}

// chain names rule i and the rules around it, without the root unless i is the root.
func (b *body) chain(i int) *ast.Term {
	terms := []*ast.Term{number(int64(i))}
	for p := b.rules[i].parent; p > 0; p = b.rules[p].parent {
		terms = append(terms, number(int64(p)))
	}
	return ast.SetTerm(terms...)
}

// term writes a rule. root is what a rule at depth 1 needs where it is silent itself.
func (r *rule) term(chain *ast.Term, root []element) *ast.Term {
	says := ast.NewObject()
	var needs []string
	for _, e := range []element{{"actors", r.actors}, {"roles", r.roles}, {"actions", r.actions}, {string(r.effect), r.purposes}} {
		switch inherits := r.depth == 1 && slices.ContainsFunc(root, func(o element) bool { return o.name == e.name }); {
		case len(e.values) > 0:
			says.Insert(field[e.name], set(e.values))
			needs = append(needs, e.name)
		case inherits:
			needs = append(needs, "root "+e.name)
		case e.name == string(consent.Permit):
			says.Insert(field[e.name], silence)
			needs = append(needs, e.name)
		}
	}
	strength := 1
	if r.effect == consent.Permit {
		strength, needs = 0, append(needs, "granting")
	}
	data := make([]*ast.Term, len(r.data))
	for i, d := range r.data {
		data[i] = ast.ArrayTerm(ast.StringTerm(d.Meaning), ast.StringTerm(d.Reference))
	}
	return object(
		"effect", field[string(r.effect)], "strength", ast.ArrayTerm(number(int64(r.depth)), number(int64(strength))), "chain", chain,
		"says", ast.NewTerm(says), "needs", set(needs), "start", number(r.start), "end", number(r.end),
		"asks", set(r.asks()), "types", set(r.types), "plain", ast.InternedTerm(plain(r.types)), "codes", set(r.codes),
		"labels", set(r.labels), "data", ast.SetTerm(data...), "from", number(r.from), "to", number(r.to),
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

func set(ss []string, more ...*ast.Term) *ast.Term {
	s := ast.NewSetWithCapacity(len(ss) + len(more))
	for _, v := range ss {
		s.Add(ast.StringTerm(v))
	}
	for _, t := range more {
		s.Add(t)
	}
	return ast.NewTerm(s)
}

// silentOr is the set of what is named, or silence.
func silentOr(ss []string) *ast.Term {
	if len(ss) == 0 {
		return silence
	}
	return set(ss)
}

func number(n int64) *ast.Term {
	if n >= 0 && n < 512 {
		return ast.InternedTerm(int(n))
	}
	return ast.NumberTerm(json.Number(strconv.FormatInt(n, 10)))
}
