package proxy

import (
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// upstreamTimeout is how long the server may take to begin an answer.
const upstreamTimeout = 30 * time.Second

// many answers with a Bundle: a search, the history of one resource, everything of a patient. Of what is not there it is empty, as of
// what is denied.
func (x *exchange) many(out *bundleWriter) error {
	err := x.pages(out)
	if errors.Is(err, errAbsent) && !out.began {
		return out.end("")
	}
	return err
}

func (x *exchange) pages(out *bundleWriter) error {
	x.now = nil
	if x.act.kind == history {
		now, err := x.fetch(x.act.typ + "/" + x.act.id)
		if err != nil {
			return err
		}
		x.now = now
	}
	for range maxPages {
		next, err := x.page(out)
		if err != nil {
			return err
		}
		path, query, more := x.p.follow(next)
		if !more {
			return out.end("")
		}
		x.act.path, x.act.query = path, query
		if out.entries == 0 { // a page of which nothing flows is as if it were not there
			continue
		}
		link, err := x.ahead()
		if err != nil {
			return err
		}
		return out.end(link)
	}
	link, err := x.link()
	if err != nil {
		return err
	}
	return out.end(link)
}

// maxPages bounds how many pages are read in search of one of which something flows.
const maxPages = 100

// page streams one of the server's pages and returns its link to the next.
func (x *exchange) page(out *bundleWriter) (next string, err error) {
	body, err := x.get(x.act.path)
	if err != nil {
		return "", err
	}
	defer body.Close() //nolint:errcheck // only read
	w := x.window()
	next, err = readBundle(body, func(e entry) error {
		it := x.item(e)
		if it == nil {
			return nil
		}
		if !w.fits(it) {
			if err := out.flush(w); err != nil {
				return err
			}
			*w = *x.window()
		}
		if w.fits(it) {
			w.add(it)
		}
		return nil
	})
	if err != nil {
		return "", err
	}
	return next, out.flush(w)
}

// window begins one. The present version of a resource is decided with every window of its history: what is kept back now, for a
// label that it got since, is kept back in its earlier versions.
func (x *exchange) window() *window {
	w := &window{}
	if x.now != nil {
		now := *x.now
		w.add(&now)
	}
	return w
}

// item reads an entry. nil: there is no resource in it that could flow, such as a deletion or the server's remarks.
func (x *exchange) item(e entry) *item {
	if len(e.Resource) == 0 {
		return nil
	}
	it, err := x.look(e.Resource)
	if err != nil || !it.known || !logical(it.id) {
		return nil
	}
	if x.act.kind == history && (it.typ != x.act.typ || it.id != x.act.id) {
		return nil
	}
	it.entry = e
	return it
}

// get asks the server. Anything but a 200 in FHIR JSON is an error; what is not there is errAbsent.
func (x *exchange) get(path string) (io.ReadCloser, error) {
	res, err := x.send(http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	switch res.StatusCode {
	case http.StatusOK:
		if plainJSON(res.Header) {
			return res.Body, nil
		}
		err = errUpstream
	case http.StatusNotFound, http.StatusGone:
		err = errAbsent
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		err = bad("the FHIR server does not understand this request")
	default:
		err = errUpstream
	}
	_ = res.Body.Close() //nolint:errcheck // not read
	return nil, err
}

// plainJSON reports whether an answer says of itself that it is JSON, as it was asked for and not compressed.
func plainJSON(h http.Header) bool {
	encoding := h.Get("Content-Encoding")
	typ, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && strings.HasSuffix(typ, "json") && (encoding == "" || encoding == "identity")
}

func (x *exchange) send(method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(x.r.Context(), method, x.p.target(path, x.act.query).String(), body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/fhir+json")
	req.Header.Set("Accept-Encoding", "identity")
	if x.p.cfg.Authorization != "" {
		req.Header.Set("Authorization", x.p.cfg.Authorization)
	}
	if body != nil {
		req.Header.Set("Content-Type", fhirJSON)
		req.Header.Set("Prefer", "return=minimal")
	}
	if x.act.match != "" && method != http.MethodGet {
		req.Header.Set("If-Match", x.act.match)
	}
	res, err := x.p.cfg.Client.Do(req)
	if err != nil {
		return nil, errors.Join(errUpstream, err)
	}
	return res, nil
}

// maxAhead bounds how many pages are looked at to know whether there is more.
const maxAhead = 20

// ahead looks for the next page of which something would flow, and returns a link to it, or none. Nothing that is looked at leaves
// here or counts as a use; only whether there is more does.
func (x *exchange) ahead() (string, error) {
	for range maxAhead {
		body, err := x.get(x.act.path)
		if errors.Is(err, errAbsent) {
			return "", nil
		}
		if err != nil {
			return "", err
		}
		found := false
		next, err := readBundle(body, func(e entry) error {
			if it := x.item(e); it != nil && !found {
				found = x.wouldFlow(it)
			}
			return nil
		})
		_ = body.Close() //nolint:errcheck // only read
		if err != nil {
			return "", err
		}
		if found {
			return x.link()
		}
		path, query, more := x.p.follow(next)
		if !more {
			return "", nil
		}
		x.act.path, x.act.query = path, query
	}
	return x.link()
}

func (x *exchange) wouldFlow(it *item) bool {
	if !x.inScope(it) {
		return false
	}
	if _, needs := x.p.cfg.Needs.Need(x.who.purpose, it.typ); !needs {
		return false
	}
	return !slices.ContainsFunc(it.subjects, func(patient string) bool { return !x.preview(patient, "access", it.parts) })
}

// bundleWriter writes a Bundle as it comes to be. Nothing is written before the first window is decided and on record.
type bundleWriter struct {
	x       *exchange
	typ     string // of the Bundle
	before  string // what stands before it
	began   bool
	entries int
	out     []byte // not yet written
	wrote   bool
}

// bundle begins the answer to the interaction under way.
func (x *exchange) bundle() *bundleWriter {
	typ := "searchset"
	if x.act.kind == history {
		typ = "history"
	}
	return &bundleWriter{x: x, typ: typ}
}

// maxUnwritten is how much of an answer is gathered before it is written, in bytes.
const maxUnwritten = 64 << 10

// flush decides a window and writes what flows.
func (b *bundleWriter) flush(w *window) error {
	defer w.done()
	if err := b.x.decide(w, "access"); err != nil {
		return err
	}
	if w.cutOff() {
		return errOvertake
	}
	for _, it := range w.items {
		if !it.flows || it.hidden {
			continue
		}
		resource, needed, err := b.x.release(it)
		if err != nil {
			return err
		}
		if !needed {
			continue
		}
		b.entry(it, resource)
		if len(b.out) > maxUnwritten {
			if err := b.write(); err != nil {
				return err
			}
		}
	}
	if err := b.write(); err != nil || !b.began {
		return err
	}
	return http.NewResponseController(b.x.w).Flush()
}

func (b *bundleWriter) write() error {
	if len(b.out) == 0 {
		return nil
	}
	b.wrote = true
	err := b.x.write(b.out)
	b.out = b.out[:0]
	return err
}

func (b *bundleWriter) begin() {
	if b.began {
		return
	}
	b.began = true
	b.x.w.Header().Set("Content-Type", fhirJSON)
	b.out = append(b.out, b.before+`{"resourceType":"Bundle","type":"`+b.typ+`"`...)
}

// next begins an entry.
func (b *bundleWriter) next() {
	b.begin()
	before := `,"entry":[`
	if b.entries > 0 {
		before = ","
	}
	b.entries++
	b.out = append(b.out, before...)
}

func (b *bundleWriter) entry(it *item, resource []byte) {
	b.next()
	b.out = appendEntry(b.out, b.x.p.base, it.typ+"/"+it.id, &it.entry, resource)
}

// end closes the Bundle. It has no total: that of the server counts what does not flow.
func (b *bundleWriter) end(next string) error {
	b.begin()
	links := []bundleLink{{"self", b.x.self()}}
	if next != "" {
		links = append(links, bundleLink{"next", next})
	}
	out, err := json.Marshal(links)
	if err != nil {
		return err
	}
	closing := ""
	if b.entries > 0 { // FHIR has no empty lists
		closing = "]"
	}
	b.out = append(b.out, closing+`,"link":`+string(out)+`}`...)
	return b.write()
}

// self is the address that was asked, as the client knows it.
func (x *exchange) self() string {
	if x.act.page != "" {
		return x.p.base + "/?_page=" + x.act.page
	}
	return x.p.base + "/" + x.act.asked
}
