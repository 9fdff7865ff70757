package proxy

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// transaction has the server make changes all or none. They are decided before it hears of any, and so is what is read: creating,
// changing and reading each once. When one thing is not permitted, none is done and nothing is told.
//
// FHIR has reads come after changes. Here they are made before, since what is not permitted must be known before anything is done
// that cannot be undone; so a transaction reads by name, and nothing that it changes: then both orders read the same. Searches stand
// in a batch.
//
// Nothing is on record as permitted before everything is known to be: a denial leaves no permit behind, with its patient or another.
// What fails after that (a consent that ends between the two looks, the server at the commit) leaves what is on record as permitted,
// not as delivered.
func (x *exchange) transaction(entries []*requested) error {
	x.who.Part = false
	if err := inOrder(entries); err != nil {
		return err
	}
	windows := map[string]*window{}
	for _, action := range actions {
		w := &window{}
		defer w.done()
		windows[action] = w
	}
	for _, e := range entries {
		if err := x.gather(e, windows[e.act.action()]); err != nil {
			return err
		}
	}
	if err := x.permit(windows, refused(entries)); err != nil {
		return err
	}
	if err := x.released(entries); err != nil {
		return err
	}
	for _, w := range windows {
		if w.cutOff() {
			return errOvertake
		}
	}
	return x.commit(entries)
}

// actions are those that a transaction is decided on, in this order. Reads come last: what is on record as read has nothing after it
// that could be refused.
var actions = []string{"correct", "collect", "access"}

// permit decides a transaction. All of it has to be permitted.
func (x *exchange) permit(windows map[string]*window, refusal error) error {
	all := true
	for _, action := range actions {
		would, err := x.foresee(windows[action], action)
		if err != nil {
			return err
		}
		all = all && would
	}
	if !all {
		return refusal
	}
	for _, action := range actions {
		if err := x.decide(windows[action], action); err != nil {
			return err
		}
		if !flow(windows[action].items) {
			return refusal
		}
	}
	return nil
}

// refused is the answer to a transaction that is not permitted. As soon as it names something it is the same as for what is not
// there, whichever of its entries is refused: else another entry's refusal would tell that it is there.
func refused(entries []*requested) error {
	for _, e := range entries {
		if e.act.kind != create {
			return errAbsent
		}
	}
	return errDenied
}

// gather adds what an entry of a transaction is decided on to a window. What does not fit is as if it were not there, since whether
// it fits depends on what is.
func (x *exchange) gather(e *requested, w *window) error {
	x.act = e.act
	what := x.changing
	if e.act.action() == "access" {
		what = x.read
	}
	var err error
	e.its, err = what()
	if err != nil {
		return err
	}
	if !w.fits(e.its...) {
		return errAbsent
	}
	w.add(e.its...)
	return nil
}

// inOrder reports whether entries can be those of a transaction: each is in order, searches stand elsewhere, and nothing is read that
// is changed.
func inOrder(entries []*requested) error {
	changed := map[string]bool{}
	for _, e := range entries {
		switch {
		case e.err != nil:
			return e.err
		case e.act.action() == "correct":
			changed[e.act.typ+"/"+e.act.id] = true
		case e.act.action() == "access" && e.act.kind != readOne && e.act.kind != readVersion:
			return errUnsupported
		}
	}
	for _, e := range entries {
		if e.act.action() == "access" && changed[e.act.typ+"/"+e.act.id] {
			return bad("a transaction reads nothing here that it changes")
		}
	}
	return nil
}

// released makes the answers to the reads of a transaction. A type that the purpose needs nothing of is as if it were not there.
func (x *exchange) released(entries []*requested) error {
	for _, e := range entries {
		if e.act.action() != "access" {
			continue
		}
		it := e.its[0]
		resource, needed, err := x.release(it)
		if err != nil {
			return err
		}
		if !needed {
			return errAbsent
		}
		it.entry.Response.Status, it.entry.Response.ETag = "200 OK", it.etag()
		e.answer = appendEntry(nil, x.p.base, it.typ+"/"+it.id, &it.entry, resource)
	}
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

// commit sends the changes that were decided, written anew from what was read, and answers with what became of them and with what
// was read.
func (x *exchange) commit(entries []*requested) error {
	b := sentBundle{ResourceType: "Bundle", Type: "transaction"}
	for _, e := range entries {
		if e.act.action() == "access" {
			continue
		}
		s := sentEntry{Resource: json.RawMessage(e.act.body)}
		if strings.HasPrefix(e.FullURL, "urn:uuid:") { // any other could stand for a resource that is there
			s.FullURL = e.FullURL
		}
		s.Request.Method, s.Request.URL, s.Request.IfMatch = e.act.method(), e.act.path, e.act.match
		b.Entry = append(b.Entry, s)
	}
	x.act = interaction{kind: batch}
	var done [][]byte
	if len(b.Entry) > 0 || len(entries) == 0 {
		var err error
		if done, err = x.sendAll(b); err != nil {
			return err
		}
	}
	return x.committed(entries, done)
}

// sendAll has the server make changes, and says of each what became of it.
func (x *exchange) sendAll(b sentBundle) ([][]byte, error) {
	body, err := json.Marshal(b)
	if err != nil {
		return nil, err
	}
	res, err := x.send(http.MethodPost, "", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // only read
	if err := refusedChange(res.StatusCode); err != nil {
		return nil, err
	}
	var answers struct {
		ResourceType string      `json:"resourceType"`
		Entry        []responded `json:"entry"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxEntry)).Decode(&answers); err != nil || len(answers.Entry) != len(b.Entry) {
		return nil, errUpstream
	}
	var done [][]byte
	for _, r := range answers.Entry {
		if code, _, _ := strings.Cut(r.Response.Status, " "); !digits(code) {
			return nil, errUpstream
		}
		r.Response.Outcome, r.Response.Location = nil, x.p.location(r.Response.Location)
		done = append(done, encoded(r))
	}
	return done, nil
}

// committed answers a transaction, in the order of its entries: changes without resources.
func (x *exchange) committed(entries []*requested, done [][]byte) error {
	out := appendMember([]byte(`{"resourceType":"Bundle",`), "type", "transaction-response")
	for i, e := range entries {
		said := e.answer
		if e.act.action() != "access" {
			said, done = done[0], done[1:]
		}
		before := `,"entry":[`
		if i > 0 {
			before = ","
		}
		out = append(append(out, before...), said...)
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
