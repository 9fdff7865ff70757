package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// transaction has the server make changes all or none. They are decided before it hears of any, creating and changing each once, and
// when one is not permitted, none is. Reads stand in a batch: what a transaction reads would be known only when it is done.
func (x *exchange) transaction(entries []*requested) error {
	collected, corrected := &window{}, &window{}
	defer collected.done()
	defer corrected.done()
	for _, e := range entries {
		w := corrected
		if e.act.kind == create {
			w = collected
		}
		if err := x.gather(e, w); err != nil {
			return err
		}
	}
	if err := x.decide(corrected, "correct"); err != nil {
		return err
	}
	if !flow(corrected.items) {
		return errAbsent
	}
	if err := x.decide(collected, "collect"); err != nil {
		return err
	}
	if !flow(collected.items) {
		return errDenied
	}
	if collected.cutOff() || corrected.cutOff() {
		return errOvertake
	}
	return x.commit(entries)
}

// gather adds what a change of a transaction is decided on to a window.
func (x *exchange) gather(e *requested, w *window) error {
	x.act = e.act
	switch {
	case e.err != nil:
		return e.err
	case e.act.action() == "access":
		return errUnsupported
	}
	its, err := x.changing()
	if err != nil {
		return err
	}
	if !w.fits(its...) {
		return bad("the transaction has too many resources")
	}
	w.add(its...)
	return nil
}

type sentBundle struct {
	ResourceType string      `json:"resourceType"`
	Type         string      `json:"type"`
	Entry        []sentEntry `json:"entry,omitempty"`
}

type sentEntry struct {
	FullURL  string          `json:"fullUrl,omitempty"`
	Resource json.RawMessage `json:"resource,omitempty"`
	Request  struct {
		Method  string `json:"method"`
		URL     string `json:"url"`
		IfMatch string `json:"ifMatch,omitempty"`
	} `json:"request"`
}

// commit sends what was decided, written anew from what was read, and passes on what became of it.
func (x *exchange) commit(entries []*requested) error {
	b := sentBundle{ResourceType: "Bundle", Type: "transaction"}
	for _, e := range entries {
		s := sentEntry{Resource: json.RawMessage(e.act.body)}
		if strings.HasPrefix(e.FullURL, "urn:uuid:") { // any other could stand for a resource that is there
			s.FullURL = e.FullURL
		}
		s.Request.Method, s.Request.URL, s.Request.IfMatch = e.act.method(), e.act.path, e.act.match
		b.Entry = append(b.Entry, s)
	}
	body, err := json.Marshal(b)
	if err != nil {
		return err
	}
	x.act = interaction{kind: batch}
	res, err := x.send(http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if err := refusedChange(res.StatusCode); err != nil {
		return err
	}
	return x.committed(res.Body, entries)
}

// committed passes on a transaction's answer, without resources.
func (x *exchange) committed(body io.Reader, entries []*requested) error {
	var answers struct {
		ResourceType string      `json:"resourceType"`
		Entry        []responded `json:"entry"`
	}
	if err := json.NewDecoder(io.LimitReader(body, maxEntry)).Decode(&answers); err != nil || len(answers.Entry) != len(entries) {
		return errUpstream
	}
	out := appendMember([]byte(`{"resourceType":"Bundle",`), "type", "transaction-response")
	for i, r := range answers.Entry {
		if code, _, _ := strings.Cut(r.Response.Status, " "); !digits(code) {
			return errUpstream
		}
		r.Response.Outcome, r.Response.Location = nil, x.p.location(r.Response.Location)
		before := `,"entry":[`
		if i > 0 {
			before = ","
		}
		out = append(append(out, before...), encoded(r)...)
	}
	if len(entries) > 0 {
		out = append(out, ']')
	}
	x.w.Header().Set("Content-Type", fhirJSON)
	return x.write(append(out, '}'))
}

func digits(s string) bool {
	_, err := strconv.ParseUint(s, 10, 16)
	return err == nil
}
