package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/volens-ledger/volens/policies/minimise"
)

// one answers with one resource, of now or as it was. An earlier version flows only when the present one does as well.
func (x *exchange) one() error {
	it, err := x.fetch(x.act.path)
	if err != nil {
		return err
	}
	w := &window{}
	defer w.done()
	w.add(it)
	if x.act.kind == readVersion {
		now, err := x.fetch(x.act.typ + "/" + x.act.id)
		if err != nil {
			return err
		}
		if !w.fits(now) {
			return errAbsent
		}
		w.add(now)
	}
	if err := x.decide(w, "access"); err != nil {
		return err
	}
	if w.cutOff() {
		return errOvertake
	}
	if slices.ContainsFunc(w.items, func(it *item) bool { return !it.flows }) {
		return errAbsent
	}
	return x.sendOne(it)
}

func (x *exchange) sendOne(it *item) error {
	out, needed, err := x.release(it)
	if err != nil {
		return err
	}
	if !needed {
		return errAbsent
	}
	h := x.w.Header()
	h.Set("Content-Type", fhirJSON)
	meta, _ := it.root["meta"].(map[string]any) //nolint:errcheck // none
	if v := text(meta["versionId"]); logical.MatchString(v) {
		h.Set("Etag", `W/"`+v+`"`)
	}
	if err := x.write(out); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// fetch gets the resource that a request names. It is hidden in Bundles until it is an entry of one.
func (x *exchange) fetch(path string) (*item, error) {
	query := x.act.query
	x.act.query = url.Values{}
	body, err := x.get(path)
	x.act.query = query
	if err != nil {
		return nil, err
	}
	defer body.Close() //nolint:errcheck // only read
	raw, err := io.ReadAll(io.LimitReader(body, maxEntry+1))
	if err != nil || len(raw) > maxEntry {
		return nil, errUpstream
	}
	it, err := x.p.look(raw)
	if err != nil || it.typ != x.act.typ || it.id != x.act.id {
		return nil, errUpstream
	}
	if len(it.parts) > maxParts {
		return nil, errAbsent
	}
	it.hidden = true
	return it, nil
}

// maxWrite bounds what a client may send, in bytes.
const maxWrite = 1 << 20

// change creates, updates or deletes. Creating is FHIR's consent action collect; changing and deleting are correct, and need to be
// permitted of what is there and of what comes in its place. The decision is on record before the server is told. The server's
// answer is passed on without its body.
func (x *exchange) change() error {
	w, action, raw, err := x.changed()
	if err != nil {
		return err
	}
	defer w.done()
	for _, it := range w.items {
		if len(it.subjects) == 0 && !x.who.custodian { // nobody's data is the custodian's to change
			it.known = false
		}
	}
	if err := x.decide(w, action); err != nil {
		return err
	}
	if w.cutOff() {
		return errOvertake
	}
	if slices.ContainsFunc(w.items, func(it *item) bool { return !it.flows }) {
		if x.act.kind == create {
			return errDenied
		}
		return errAbsent
	}
	method := map[kind]string{create: http.MethodPost, update: http.MethodPut, remove: http.MethodDelete}[x.act.kind]
	var body io.Reader
	if raw != nil {
		body = bytes.NewReader(raw)
	}
	res, err := x.send(method, x.act.path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // not read
	return x.changedAnswer(res)
}

// changed gathers what a change is decided on, and what is sent to the server.
func (x *exchange) changed() (w *window, action string, raw []byte, err error) {
	w, action = &window{}, "correct"
	if x.act.kind != create {
		it, err := x.fetch(x.act.path)
		if err != nil {
			return w, action, nil, err
		}
		w.add(it)
	}
	if x.act.kind == remove {
		return w, action, nil, nil
	}
	if raw, err = io.ReadAll(http.MaxBytesReader(x.w, x.r.Body, maxWrite)); err != nil {
		return w, action, nil, bad("the body cannot be read, or has more than 1 MiB")
	}
	it, err := x.p.look(raw)
	if err != nil || it.typ != x.act.typ || x.act.kind == update && it.id != x.act.id {
		return w, action, nil, bad("the body is not that resource in FHIR JSON")
	}
	if subsetted(it.root) {
		return w, action, nil, bad("a resource of which something is missing (SUBSETTED) must not be used for an update")
	}
	if !w.fits(it) {
		return w, action, nil, bad("the resource contains too many others")
	}
	w.add(it)
	if x.act.kind == create {
		action = "collect"
	}
	return w, action, raw, nil
}

func subsetted(root map[string]any) bool {
	meta, _ := root["meta"].(map[string]any) //nolint:errcheck // none
	tags, _ := meta["tag"].([]any)           //nolint:errcheck // none
	return slices.ContainsFunc(tags, func(v any) bool {
		tag, _ := v.(map[string]any) //nolint:errcheck // none
		return text(tag["code"]) == minimise.Subsetted.Code
	})
}

// changedAnswer tells that the server did it, or not.
func (x *exchange) changedAnswer(res *http.Response) error {
	switch {
	case res.StatusCode == http.StatusConflict || res.StatusCode == http.StatusPreconditionFailed:
		return &outcomeError{status: res.StatusCode, code: "conflict", text: "The resource was changed meanwhile."}
	case res.StatusCode >= http.StatusInternalServerError:
		return errUpstream
	case res.StatusCode >= http.StatusMultipleChoices:
		return bad("the FHIR server refused this resource")
	}
	h := x.w.Header()
	for _, name := range []string{"Etag", "Last-Modified"} {
		if v := res.Header.Get(name); v != "" {
			h.Set(name, v)
		}
	}
	if at, _, ok := x.p.follow(res.Header.Get("Location")); ok {
		h.Set("Location", x.p.base+"/"+at)
	}
	x.wrote = true
	x.w.WriteHeader(res.StatusCode)
	return nil
}

// capabilities answers with what the server can do, less what the proxy does not pass on.
func (x *exchange) capabilities() error {
	body, err := x.get(x.act.path)
	if err != nil {
		return err
	}
	defer body.Close() //nolint:errcheck // only read
	var c map[string]any
	if err := json.NewDecoder(io.LimitReader(body, maxEntry)).Decode(&c); err != nil || text(c["resourceType"]) != "CapabilityStatement" {
		return errUpstream
	}
	c["implementation"] = map[string]any{"description": "A FHIR server behind Volens: only what patients permit", "url": x.p.base}
	rests, _ := c["rest"].([]any) //nolint:errcheck // none
	for _, v := range rests {
		if rest, ok := v.(map[string]any); ok {
			prune(rest)
		}
	}
	out, err := json.Marshal(c)
	if err != nil {
		return err
	}
	x.w.Header().Set("Content-Type", fhirJSON)
	return x.write(bytes.ReplaceAll(out, []byte(x.p.upstream.String()), []byte(x.p.base)))
}

// offered are the interactions with a type that are passed on.
var offered = []string{"read", "vread", "update", "delete", "history-instance", "create", "search-type"}

func prune(rest map[string]any) {
	for _, name := range []string{"interaction", "operation", "compartment"} {
		delete(rest, name)
	}
	resources, _ := rest["resource"].([]any) //nolint:errcheck // none
	for _, v := range resources {
		r, ok := v.(map[string]any)
		if !ok {
			continue
		}
		delete(r, "operation")
		for _, name := range []string{"conditionalCreate", "conditionalUpdate", "conditionalDelete", "conditionalRead"} {
			delete(r, name)
		}
		interactions, _ := r["interaction"].([]any) //nolint:errcheck // none
		r["interaction"] = slices.DeleteFunc(interactions, func(v any) bool {
			i, _ := v.(map[string]any) //nolint:errcheck // none
			return !slices.Contains(offered, text(i["code"]))
		})
	}
}
