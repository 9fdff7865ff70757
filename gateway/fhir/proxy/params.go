package proxy

import (
	"net/url"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/minimise"
)

// ask is what a request wants of each resource. The server is not told: it would leave out what labels are read from.
type ask struct {
	Elements []string `json:"e,omitempty"`
	Summary  string   `json:"s,omitempty"`
}

// own are parameters that the proxy answers itself, and never passes on.
var own = []string{"_elements", "_summary", "_format", "_pretty", "_total"}

// general are parameters that every search may have. A denied resource can be told by none of them.
var general = []string{
	"_id", "_lastUpdated", "_tag", "_profile", "_security", "_source", "_sort", "_count", "_include", "_revinclude", "_type", "_since",
	"start", "end",
}

// plain are parameters that say whose data it is, what kind and of when: they are allowed when a purpose does not need every
// element of a type.
var plain = []string{
	"patient", "subject", "encounter", "identifier", "code", "category", "status", "type", "date", "clinicalstatus", "verificationstatus", "intent",
	"onsetdate", "authoredon", "recordeddate", "vaccinecode", "medication", "class",
}

// checkParams refuses parameters by whose answer a requester could tell what it may not see: what goes from one resource to
// another (chains, _has), what reads the whole (_filter, _content, _text), places in the server's own list (_offset), counts, and
// elements that the purpose does not need. The rest is for the server to understand.
func (a *interaction) checkParams(needs *minimise.Table, purpose consent.Coding) error {
	elements, needed := needs.Need(purpose, a.typ)
	a.ask.Summary = a.query.Get("_summary")
	if !slices.Contains([]string{"", "true", "false", "text", "data"}, a.ask.Summary) {
		return bad("_summary is true, false, text or data: there are no counts here")
	}
	if e := a.query.Get("_elements"); e != "" {
		a.ask.Elements = strings.Split(e, ",")
	}
	for _, name := range own {
		a.query.Del(name)
	}
	for name := range a.query {
		base, _, _ := strings.Cut(name, ":")
		switch {
		case slices.Contains(general, base):
		case strings.HasPrefix(base, "_"), strings.Contains(name, "."):
			return bad("the parameter " + name + " would tell of resources that do not flow")
		case needed && elements != nil && !searchable(base, elements):
			return bad("the purpose does not need what " + name + " searches")
		}
	}
	return nil
}

func searchable(param string, elements []string) bool {
	param = strings.ToLower(strings.ReplaceAll(param, "-", ""))
	return slices.Contains(plain, param) || slices.ContainsFunc(elements, func(e string) bool { return strings.ToLower(e) == param })
}

// target is where an interaction goes.
func (p *Proxy) target(path string, query url.Values) *url.URL {
	u := p.upstream.JoinPath(path)
	u.RawQuery = query.Encode()
	return u
}
