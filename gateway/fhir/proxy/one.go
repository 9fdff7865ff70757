package proxy

import (
	"io"
	"net/http"
	"net/url"
	"slices"
)

// one answers with one resource, of now or as it was. An earlier version flows only when the present one does as well.
func (x *exchange) one() error {
	its, err := x.read()
	if err != nil {
		return err
	}
	w := &window{}
	defer w.done()
	if !w.fits(its...) {
		return errAbsent
	}
	w.add(its...)
	if err := x.decide(w, "access"); err != nil {
		return err
	}
	if w.cutOff() {
		return errOvertake
	}
	if !flow(its) {
		return errAbsent
	}
	return x.sendOne(its[0])
}

// read gets what a read is decided on: the resource, and when it is an earlier version, the present one.
func (x *exchange) read() ([]*item, error) {
	it, err := x.fetch(x.act.path)
	if err != nil || x.act.kind != readVersion {
		return []*item{it}, err
	}
	now, err := x.fetch(x.act.typ + "/" + x.act.id)
	return []*item{it, now}, err
}

// flow reports whether all of these resources do.
func flow(its []*item) bool {
	return !slices.ContainsFunc(its, func(it *item) bool { return !it.flows })
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
	if tag := it.etag(); tag != "" {
		h.Set("Etag", tag)
	}
	if err := x.write(out); err != nil {
		return err
	}
	return http.NewResponseController(x.w).Flush()
}

// etag is the version of a resource, or "".
func (it *item) etag() string {
	meta, _ := it.root["meta"].(map[string]any) //nolint:errcheck // none
	if v := text(meta["versionId"]); logical(v) {
		return `W/"` + v + `"`
	}
	return ""
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
	it, err := x.look(raw)
	if err != nil || it.typ != x.act.typ || it.id != x.act.id {
		return nil, errUpstream
	}
	if len(it.parts) > maxParts {
		return nil, errAbsent
	}
	it.hidden = true
	return it, nil
}
