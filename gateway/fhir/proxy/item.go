package proxy

import (
	"bytes"
	"errors"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/scope"
)

// item is one resource on its way, and what is known of it.
type item struct {
	raw      []byte
	root     map[string]any
	typ, id  string
	parts    []policies.Resource // itself, then what it contains that is somebody's data
	subjects []string
	known    bool // whose data it is can be told
	device   bool
	flows    bool
	hidden   bool   // decided, and not to be written
	scope    string // of the interaction that it is for
	ask      ask    // and what that wants of it
	entry    entry  // that it came in
}

// look reads a resource for the interaction under way.
func (x *exchange) look(raw []byte) (*item, error) {
	it, err := x.p.look(raw)
	if err != nil {
		return nil, err
	}
	it.scope, it.ask = x.act.scope, x.act.ask
	return it, nil
}

// look reads a resource: what rules can ask about it, its labels, whose it is. One with a name twice in an object, or that is no
// UTF-8, is none: what is decided must be what the client reads.
func (p *Proxy) look(raw []byte) (*item, error) {
	var v any
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, err
	}
	root, ok := v.(map[string]any)
	if !ok {
		return nil, errNoResource
	}
	it := &item{raw: raw, root: root}
	self, err := p.part(raw, it.root)
	if err != nil {
		return nil, err
	}
	it.typ, it.id = self.Type, self.ID
	it.subjects, it.known = p.subjects(it.root)
	_, refers := it.root["device"]
	it.device = minimise.IsDevice(self, refers)
	it.parts = []policies.Resource{self}
	contained, list := it.root["contained"].([]any)
	if !list && it.root["contained"] != nil || embeds(it.root) || len(contained) >= maxParts {
		it.known = false
		return it, nil
	}
	for _, c := range contained {
		if err := p.contained(it, c); err != nil { // what cannot be read is not decided, and the whole stays back
			it.known = false
			return it, nil //nolint:nilerr // as said
		}
	}
	return it, nil
}

// part reads one resource. raw is valid JSON.
func (p *Proxy) part(raw []byte, root map[string]any) (policies.Resource, error) {
	r, err := policies.ReadResource(root)
	if err != nil {
		return r, err
	}
	r.Labels, err = p.cfg.Labels.ReadValid(raw)
	return r, err
}

var (
	errNoResource = errors.New("it is no resource")
	errContained  = errors.New("a contained resource cannot be read")
)

// contained decides on what a resource contains as on a resource of its own: it could stand alone, and consents name types. What
// is nobody's data by its type only adds its codes.
func (p *Proxy) contained(it *item, v any) error {
	root, ok := v.(map[string]any)
	if !ok {
		return errContained
	}
	raw, err := json.Marshal(root)
	if err != nil {
		return err
	}
	r, err := p.part(raw, root)
	if err != nil {
		return err
	}
	if embeds(root) || root["contained"] != nil {
		return errContained
	}
	self := &it.parts[0]
	if slices.Contains(public, r.Type) {
		self.Codes = append(self.Codes, r.Codes...)
		it.refer(p, root)
		return nil
	}
	if r.Type == "Patient" || slices.Contains(whole, r.Type) {
		it.known = false
	}
	r.ID = self.ID + "#" + strings.TrimPrefix(r.ID, "#")
	if r.Date.Start == 0 && r.Date.End == 0 {
		r.Date = self.Date
	}
	r.References, r.Authors = append(r.References, self.References...), append(r.Authors, self.Authors...)
	it.parts = append(it.parts, r)
	it.refer(p, root)
	return nil
}

// embeds reports whether there is a resource in a resource where FHIR has none: what is in it would go out undecided.
func embeds(root map[string]any) bool {
	var within func(v any) bool
	within = func(v any) bool {
		switch v := v.(type) {
		case []any:
			return slices.ContainsFunc(v, within)
		case map[string]any:
			if _, ok := v["resourceType"]; ok {
				return true
			}
			for _, x := range v {
				if within(x) {
					return true
				}
			}
		}
		return false
	}
	for name, x := range root {
		if name != "contained" && within(x) {
			return true
		}
	}
	return false
}

// refer adds the patients that a contained resource refers to.
func (it *item) refer(p *Proxy, root map[string]any) {
	ids, known := p.mentioned(root, nil)
	it.known = it.known && known
	for _, id := range ids {
		it.subjects = add(it.subjects, id)
	}
}

// limit is what of a resource flows; false: the purpose needs nothing of its type.
func (x *exchange) limit(it *item) (minimise.Ask, bool) {
	need, needs := x.p.cfg.Needs.Need(x.who.purpose, it.typ)
	return minimise.Ask{Elements: it.ask.Elements, Summary: it.ask.Summary, Need: need}, needs
}

// present are, for the record of what is left out, the elements of the parts of a resource. What it contains goes with its element
// contained.
func (x *exchange) present(it *item) [][]string {
	out := make([][]string, len(it.parts))
	if limit, needs := x.limit(it); needs && !limit.Whole() {
		out[0] = minimise.Elements(it.root)
	}
	return out
}

// release returns the resource as it flows: the elements that were asked for and that the purpose needs, its labels told, and the
// server's own address replaced. What needs no change is not written anew: the bytes are the server's. false: the purpose needs
// nothing of the type.
func (x *exchange) release(it *item) (out []byte, needed bool, err error) {
	limit, needs := x.limit(it)
	if !needs {
		return nil, false, nil
	}
	out, _, err = limit.Apply(it.raw, x.p.cfg.Version)
	if err != nil {
		return nil, false, err
	}
	if out, err = label.Insert(out, "security", it.untold()...); err != nil {
		return nil, false, err
	}
	if server := []byte(x.p.upstream.String()); bytes.Contains(out, server) {
		out = bytes.ReplaceAll(out, server, []byte(x.p.base))
	}
	return out, true, nil
}

// untold are the labels of a resource that it does not carry.
func (it *item) untold() (out []consent.Coding) {
	meta, _ := it.root["meta"].(map[string]any) //nolint:errcheck // none
	security, _ := meta["security"].([]any)     //nolint:errcheck // none
	for _, l := range it.parts[0].Labels {
		if !slices.ContainsFunc(security, func(v any) bool {
			c, _ := v.(map[string]any) //nolint:errcheck // none
			return text(c["system"]) == l.System && text(c["code"]) == l.Code
		}) {
			out = append(out, l)
		}
	}
	return out
}

// inScope reports whether a scope allows this very resource.
func (x *exchange) inScope(it *item) bool {
	return x.who.scopes.Allows(it.scope, it.typ, func(p scope.Param) bool { return matches(it.root, p) })
}

// tokens are the parameters of scopes that are understood here, and the elements that they search. Any other matches nothing, so
// a scope that names it grants nothing.
var tokens = map[string]string{
	"category": "category", "code": "code", "status": "status", "clinical-status": "clinicalStatus", "verification-status": "verificationStatus",
	"type": "type", "intent": "intent", "class": "class", "vaccine-code": "vaccineCode",
}

// matches is FHIR's token search on one element: code, |code, system| or system|code.
func matches(root map[string]any, p scope.Param) bool {
	element, ok := tokens[p.Name]
	if !ok {
		return false
	}
	system, code, bound := strings.Cut(p.Value, "|")
	if !bound {
		system, code = "", p.Value
	}
	var found func(v any) bool
	found = func(v any) bool {
		switch v := v.(type) {
		case string:
			return !bound && v == code
		case []any:
			return slices.ContainsFunc(v, found)
		case map[string]any:
			if v["coding"] != nil {
				return found(v["coding"])
			}
			return (!bound || text(v["system"]) == system) && (code == "" || text(v["code"]) == code)
		}
		return false
	}
	return found(root[element])
}
