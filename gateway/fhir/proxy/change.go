package proxy

import (
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/policies/minimise"
)

// maxWrite bounds what a client may send, in bytes.
const maxWrite = 1 << 20

// changed is that the server did it: a status, and headers as they go to the client.
type changed struct {
	status                       int
	etag, lastModified, location string
}

// change creates, updates or deletes. The server's answer is passed on without its body.
func (x *exchange) change() error {
	did, err := x.perform()
	if err != nil {
		return err
	}
	h := x.w.Header()
	for name, v := range map[string]string{"Etag": did.etag, "Last-Modified": did.lastModified, "Location": did.location} {
		if v != "" {
			h.Set(name, v)
		}
	}
	x.wrote = true
	x.w.WriteHeader(did.status)
	return nil
}

// perform decides a change and has the server make it. Creating is FHIR's consent action collect; changing and deleting are correct,
// and need to be permitted of what is there and of what comes in its place. The decision is on record before the server is told.
func (x *exchange) perform() (changed, error) {
	its, err := x.changing()
	if err != nil {
		return changed{}, err
	}
	w := &window{}
	defer w.done()
	if !w.fits(its...) { // by what is there, of which nothing may be told
		return changed{}, x.act.refusal()
	}
	w.add(its...)
	if err := x.decide(w, x.act.action()); err != nil {
		return changed{}, err
	}
	if w.cutOff() {
		return changed{}, errOvertake
	}
	if !flow(its) {
		return changed{}, x.act.refusal()
	}
	var body io.Reader
	if x.act.body != nil {
		body = bytes.NewReader(x.act.body)
	}
	res, err := x.send(x.act.method(), x.act.path, body)
	if err != nil {
		return changed{}, err
	}
	defer res.Body.Close() //nolint:errcheck // not read
	return x.p.outcome(res)
}

// action is FHIR's consent action of an interaction.
func (a *interaction) action() string {
	switch a.kind { //nolint:exhaustive // the others read
	case create:
		return "collect"
	case update, remove:
		return "correct"
	}
	return "access"
}

// refusal is the answer to a change that is not permitted. What may not be changed is as if it were not there.
func (a *interaction) refusal() error {
	if a.kind == create {
		return errDenied
	}
	return errAbsent
}

func (a *interaction) method() string {
	return map[kind]string{create: http.MethodPost, update: http.MethodPut, remove: http.MethodDelete}[a.kind]
}

// changing gathers what a change is decided on: what comes, and what is there. What comes is read first: else its faults would tell
// whether there is something.
func (x *exchange) changing() (its []*item, err error) {
	if x.act.kind != remove {
		it, err := x.coming()
		if err != nil {
			return nil, err
		}
		its = append(its, it)
	}
	if x.act.kind != create {
		it, err := x.fetch(x.act.path)
		if err != nil {
			return nil, err
		}
		its = slices.Insert(its, 0, it)
	}
	for _, it := range its {
		if len(it.subjects) == 0 && !x.who.custodian { // nobody's data is the custodian's to change
			it.known = false
		}
	}
	return its, nil
}

// coming reads what the client sends to be stored.
func (x *exchange) coming() (*item, error) {
	if x.act.body == nil {
		var err error
		if x.act.body, err = x.sent(); err != nil {
			return nil, err
		}
	}
	it, err := x.look(x.act.body)
	if err != nil || it.typ != x.act.typ || x.act.kind == update && it.id != x.act.id {
		return nil, bad("the body is not that resource in FHIR JSON")
	}
	if subsetted(it.root) {
		return nil, bad("a resource of which something is missing (SUBSETTED) must not be used for an update")
	}
	if searches(it.root) {
		return nil, bad("a reference that is a search would have the server look for what may not be seen")
	}
	return it, nil
}

// sent reads the body of a request.
func (x *exchange) sent() ([]byte, error) {
	b, err := io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxWrite))
	if err != nil {
		return nil, bad("the body cannot be read, or has more than 1 MiB")
	}
	return b, nil
}

func subsetted(root map[string]any) bool {
	meta, _ := root["meta"].(map[string]any) //nolint:errcheck // none
	tags, _ := meta["tag"].([]any)           //nolint:errcheck // none
	return slices.ContainsFunc(tags, func(v any) bool {
		tag, _ := v.(map[string]any) //nolint:errcheck // none
		return text(tag["code"]) == minimise.Subsetted.Code
	})
}

// searches reports whether something refers to what a search finds (FHIR's conditional references), which the server would look for
// past all consents, and tell by its answer whether it is there.
func searches(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, searches)
	case map[string]any:
		for name, x := range v {
			if name == "reference" && strings.Contains(text(x), "?") || searches(x) {
				return true
			}
		}
	}
	return false
}

// outcome reads what the server says of a change.
func (p *Proxy) outcome(res *http.Response) (changed, error) {
	if err := refusedChange(res.StatusCode); err != nil {
		return changed{}, err
	}
	did := changed{status: res.StatusCode, etag: res.Header.Get("Etag"), lastModified: res.Header.Get("Last-Modified")}
	did.location = p.location(res.Header.Get("Location"))
	return did, nil
}

// location is where a change can be found, as the client knows it.
func (p *Proxy) location(upstream string) string {
	if at, _, ok := p.follow(upstream); ok {
		return p.base + "/" + at
	}
	return ""
}

// refusedChange is the answer when the server did not do it, or nil.
func refusedChange(status int) error {
	switch {
	case status == http.StatusConflict || status == http.StatusPreconditionFailed:
		return &outcomeError{status: status, code: "conflict", text: "The resource was changed meanwhile."}
	case status >= http.StatusInternalServerError:
		return errUpstream
	case status >= http.StatusMultipleChoices:
		return bad("the FHIR server refused this resource")
	}
	return nil
}
