package policies

import (
	"encoding/json"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// inputFormat is the version of the input that the Rego reads. An archive of another format is refused.
const inputFormat = 1

// null stands for a rule's silence on an element. No name that a consent or a request bears can be mistaken for it.
var null = ast.NullTerm()

// names of fields, made once.
var field = func() map[string]*ast.Term {
	m := map[string]*ast.Term{}
	for _, k := range []string{
		"now", "enforceable", "algorithm", "implicit", "request", "consents", "resources", "delegations", "action", "purpose",
		"actors", "roles", "categories", "types", "shape", "status", "exhausted", "rank", "labels", "codes", "references",
		"authors", "self", "start", "end", "scope", "effect", "depth", "chain", "actions", "purposes", "data", "from", "to",
		"asks", "eraseBy", "viewOnly", "rules",
	} {
		m[k] = ast.StringTerm(k)
	}
	return m
}()

// term builds what OPA reads. shape gives the parsed form of a consent.
func (q *question) term(cfg Config, shape func(*Shape) *ast.Term) ast.Value {
	consents := make([]*ast.Term, len(q.consents))
	for i, p := range q.consents {
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
		"now", number(q.now), "enforceable", ast.InternedTerm(q.enforceable),
		"algorithm", ast.StringTerm(string(cfg.Algorithm)), "implicit", ast.StringTerm(string(cfg.Implicit)),
		"consents", ast.ArrayTerm(consents...), "resources", ast.ArrayTerm(resources...), "delegations", ast.ArrayTerm(delegations...),
		"request", object(
			"action", ast.StringTerm(q.action), "purpose", ast.StringTerm(q.purpose), "actors", set(q.actors), "roles", set(q.roles),
			"categories", set(q.categories), "types", set(q.types),
		),
	).Value
}

func (t *thing) term() *ast.Term {
	return object(
		"types", set(t.types), "labels", set(t.labels), "codes", set(t.codes), "references", set(t.refs), "authors", set(t.authors),
		"self", ast.StringTerm(t.self), "start", number(t.start), "end", number(t.end),
	)
}

func (b *body) term() *ast.Term {
	rules := make([]*ast.Term, len(b.rules))
	for i := range b.rules {
		rules[i] = b.rules[i].term(b.chain(i))
	}
	return object(
		"categories", set(b.categories), "start", number(b.start), "end", number(b.end), "eraseBy", number(b.eraseBy),
		"viewOnly", ast.InternedTerm(b.viewOnly), "rules", ast.ArrayTerm(rules...),
	)
}

// chain names rule i and the rules around it, without the root unless i is the root.
func (b *body) chain(i int) *ast.Term {
	terms := []*ast.Term{number(int64(i))}
	for p := b.rules[i].parent; p > 0; p = b.rules[p].parent {
		terms = append(terms, number(int64(p)))
	}
	return ast.SetTerm(terms...)
}

func (r *rule) term(chain *ast.Term) *ast.Term {
	data := make([]*ast.Term, 0, len(r.data))
	for _, d := range r.data {
		data = append(data, reference(d))
	}
	var asks []string
	for _, e := range []struct {
		name  string
		there bool
	}{
		{"codes", len(r.codes) > 0}, {"data", len(r.data) > 0}, {"labels", len(r.labels) > 0},
		{"period", r.from != always || r.to != never}, {"types", len(r.types) > 0},
	} {
		if e.there {
			asks = append(asks, e.name)
		}
	}
	return object(
		"effect", ast.StringTerm(string(r.effect)), "depth", number(int64(r.depth)), "chain", chain,
		"start", number(r.start), "end", number(r.end), "from", number(r.from), "to", number(r.to),
		"actors", words(r.actors), "roles", words(r.roles), "actions", words(r.actions), "purposes", words(r.purposes),
		"types", words(r.types), "codes", words(r.codes), "labels", words(r.labels), "data", orSilence(data), "asks", set(asks),
	)
}

func reference(d consent.DataReference) *ast.Term {
	return ast.ArrayTerm(ast.StringTerm(d.Meaning), ast.StringTerm(d.Reference))
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

// words is the set of what a rule names, or silence.
func words(ss []string) *ast.Term {
	if len(ss) == 0 {
		return silence
	}
	return set(ss)
}

var silence = ast.SetTerm(null)

func orSilence(ts []*ast.Term) *ast.Term {
	if len(ts) == 0 {
		return silence
	}
	return ast.SetTerm(ts...)
}

func number(n int64) *ast.Term {
	if int64(int(n)) == n && n >= 0 && n < 512 {
		return ast.InternedTerm(int(n))
	}
	return ast.NumberTerm(json.Number(strconv.FormatInt(n, 10)))
}
