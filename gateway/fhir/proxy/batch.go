package proxy

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	strict "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// maxTogether is how many entries a batch or transaction has at most.
const maxTogether = 100

// bundled is a batch or a transaction, as a client sends it.
type bundled struct {
	ResourceType string       `json:"resourceType"`
	Type         string       `json:"type"`
	Entry        []*requested `json:"entry"`
}

// requested is one of its entries, and what it is.
type requested struct {
	FullURL  string         `json:"fullUrl"`
	Resource jsontext.Value `json:"resource"`
	Request  struct {
		Method      string `json:"method"`
		URL         string `json:"url"`
		IfMatch     string `json:"ifMatch"`
		IfNoneExist string `json:"ifNoneExist"`
	} `json:"request"`

	act    interaction
	err    error   // why it is not asked for, or did not come to be
	did    changed // of a change
	its    []*item // of a transaction: what is decided of it
	answer []byte  // and what a read of it comes to
}

// together answers a batch or a transaction. Each entry is an interaction of its own: in scope, permitted and answered as if it had
// come alone.
func (x *exchange) together() error {
	body, err := x.sent()
	if err != nil {
		return err
	}
	var b bundled
	if err := strict.Unmarshal(body, &b); err != nil || b.ResourceType != "Bundle" {
		return bad("the body is no Bundle in FHIR JSON")
	}
	if len(b.Entry) > maxTogether {
		return bad("a batch or transaction has at most " + strconv.Itoa(maxTogether) + " entries here")
	}
	for _, e := range b.Entry {
		if e == nil {
			return bad("an entry is no object")
		}
		e.err = x.take(e)
	}
	x.act = interaction{kind: batch}
	switch b.Type {
	case "batch":
		return x.batch(b.Entry)
	case "transaction":
		return x.transaction(b.Entry)
	}
	return bad("a Bundle that is sent here is a batch or a transaction")
}

// take reads an entry, its body as well: a fault in it is told before the server is asked for anything, and so tells nothing of what
// is there.
func (x *exchange) take(e *requested) (err error) {
	if e.act, err = x.p.entryOf(e); err != nil {
		return err
	}
	x.act = e.act
	if err = x.check(); err == nil && (e.act.kind == create || e.act.kind == update) {
		_, err = x.coming()
	}
	e.act = x.act
	return err
}

// entryOf reads what an entry asks for, as from a request of its own.
func (p *Proxy) entryOf(e *requested) (a interaction, err error) {
	parts, query, err := p.below(e.Request.URL)
	if err != nil {
		return a, err
	}
	if e.Request.Method == http.MethodGet {
		if a, err = reading(parts, query); err == nil && a.scope == "" { // what is no interaction with a resource
			err = errUnsupported
		}
		return a, err
	}
	a, err = writing(e.Request.Method, parts, query, conditions{none: e.Request.IfNoneExist, match: e.Request.IfMatch})
	a.body = e.Resource
	if err == nil && a.kind != remove && len(a.body) == 0 {
		err = bad("the entry has no resource")
	}
	return a, err
}

// below reads a URL that is relative to the base of this server.
func (p *Proxy) below(address string) (parts []string, query url.Values, err error) {
	u, err := url.Parse(strings.TrimPrefix(address, p.base+"/"))
	if err != nil || u.IsAbs() || u.Host != "" || u.Fragment != "" {
		return nil, nil, bad("an entry's request names what is below the base of this server")
	}
	if query, err = url.ParseQuery(u.RawQuery); err != nil {
		return nil, nil, bad("the query is not in form")
	}
	return strings.Split(strings.Trim(u.EscapedPath(), "/"), "/"), query, nil
}

// batch makes the changes in FHIR's order (delete, create, update), each on record by itself, and then answers entry by entry. What
// is read by its name is decided together: one use for each patient.
func (x *exchange) batch(entries []*requested) error {
	for _, k := range []kind{remove, create, update} {
		for _, e := range entries {
			if e.err == nil && e.act.kind == k {
				x.act = e.act
				e.did, e.err = x.perform()
			}
		}
	}
	out := &batchWriter{bundleWriter: bundleWriter{x: x, typ: "batch-response"}}
	for _, e := range entries {
		if err := x.answer(e, out); err != nil {
			return err
		}
	}
	if err := out.flush(); err != nil {
		return err
	}
	return out.end()
}

// answer answers one entry, or puts it off until more are decided with it.
func (x *exchange) answer(e *requested, out *batchWriter) error {
	x.act = e.act
	if e.err == nil {
		switch e.act.kind { //nolint:exhaustive // the others are searches
		case create, update, remove:
		case readOne, readVersion:
			var its []*item
			if its, e.err = x.read(); e.err == nil {
				return out.read(its)
			}
		default:
			return x.nested(out)
		}
	}
	return out.said(e)
}

// nested answers an entry whose answer is a Bundle. It is decided by itself, since it may be of any size.
func (x *exchange) nested(out *batchWriter) error {
	if err := out.flush(); err != nil {
		return err
	}
	out.next()
	inner := x.bundle()
	inner.before = string(out.out) + `{"resource":`
	err := x.many(inner)
	if err != nil && inner.wrote {
		return err
	}
	if err != nil {
		out.out = append(out.out, failed(err)...)
		return nil
	}
	out.out = append(out.out[:0], `,"response":{"status":"200 OK"}}`...)
	return nil
}

// batchWriter writes the answer to a batch. Reads wait in its window, and so does what comes after them.
type batchWriter struct {
	bundleWriter
	w     window
	parts []part
}

// part is an entry of the answer: resources of which the first flows when all do, or what is said of it.
type part struct {
	its  []*item
	said []byte
}

func (b *batchWriter) read(its []*item) error {
	if !b.w.fits(its...) || b.w.names(its[0]) {
		if err := b.flush(); err != nil {
			return err
		}
	}
	if !b.w.fits(its...) {
		b.parts = append(b.parts, part{said: failed(errAbsent)})
		return nil
	}
	b.w.add(its...)
	b.parts = append(b.parts, part{its: its})
	return nil
}

// names reports whether a resource of that name waits already, as another version perhaps: decisions go by name.
func (w *window) names(it *item) bool {
	return slices.ContainsFunc(w.items, func(o *item) bool { return o.typ == it.typ && o.id == it.id })
}

func (b *batchWriter) said(e *requested) error {
	said := failed(e.err)
	if e.err == nil {
		said = done(e.did)
	}
	b.parts = append(b.parts, part{said: said})
	return nil
}

// flush decides what waits and writes it. What cannot be decided is said of each read by itself: changes of the same batch are made
// already, and their answers are owed.
func (b *batchWriter) flush() error {
	defer b.w.done()
	fault := b.x.decide(&b.w, "access")
	if fault == nil && b.w.cutOff() {
		fault = errOvertake
	}
	if fault != nil {
		b.x.note(fault)
	}
	for _, p := range b.parts {
		b.next()
		if fault != nil && p.its != nil {
			p = part{said: failed(fault)}
		}
		if err := b.part(p); err != nil {
			return err
		}
		if len(b.out) > maxUnwritten {
			if err := b.write(); err != nil {
				return err
			}
		}
	}
	b.w.items, b.w.parts, b.w.bytes, b.parts = nil, 0, 0, nil
	return b.write()
}

func (b *batchWriter) part(p part) error {
	if p.its == nil {
		b.out = append(b.out, p.said...)
		return nil
	}
	if flow(p.its) {
		it := p.its[0]
		resource, needed, err := b.x.release(it)
		if err != nil {
			return err
		}
		if needed {
			it.entry.Response.Status, it.entry.Response.ETag = "200 OK", it.etag()
			b.out = appendEntry(b.out, b.x.p.base, it.typ+"/"+it.id, &it.entry, resource)
			return nil
		}
	}
	b.out = append(b.out, failed(errAbsent)...)
	return nil
}

func (b *batchWriter) end() error {
	b.begin()
	if b.entries > 0 { // FHIR has no empty lists
		b.out = append(b.out, ']')
	}
	b.out = append(b.out, '}')
	return b.write()
}

// responded is an entry of an answer without a resource.
type responded struct {
	Response struct {
		Status       string            `json:"status"`
		Location     string            `json:"location,omitempty"`
		ETag         string            `json:"etag,omitempty"`
		LastModified string            `json:"lastModified,omitempty"`
		Outcome      *operationOutcome `json:"outcome,omitempty"`
	} `json:"response"`
}

func statusLine(status int) string { return strconv.Itoa(status) + " " + http.StatusText(status) }

func failed(err error) []byte {
	o := outcomeFor(err)
	var r responded
	r.Response.Status, r.Response.Outcome = statusLine(o.status), o.resource()
	return encoded(r)
}

func done(did changed) []byte {
	var r responded
	r.Response.Status, r.Response.Location, r.Response.ETag = statusLine(did.status), did.location, did.etag
	if t, err := http.ParseTime(did.lastModified); err == nil {
		r.Response.LastModified = t.UTC().Format("2006-01-02T15:04:05Z")
	}
	return encoded(r)
}

func encoded(r responded) []byte {
	b, err := json.Marshal(r)
	if err != nil {
		return []byte(`{}`) // cannot be: it holds texts
	}
	return b
}

// outcomeFor is what to answer of an error.
func outcomeFor(err error) *outcomeError {
	o := new(outcomeError)
	if errors.As(err, &o) {
		return o
	}
	return outcomeOf(err)
}
