package gateway

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
)

const (
	maxBundle        = 16 << 20 // bytes
	maxBundleEntries = 1000
	bundleWriters    = 64 // entries under way at once; they share syncs of the disk
)

// writers lets one message at a time be made for a subject, so that two do not name the same predecessor.
type writers struct {
	mu   sync.Mutex
	busy map[consent.SubjectID]*subjectWriter
}

type subjectWriter struct {
	mu      sync.Mutex
	waiting int
}

// lock waits for the subject's turn and returns what ends it.
func (w *writers) lock(h consent.SubjectID) (unlock func()) {
	w.mu.Lock()
	if w.busy == nil {
		w.busy = map[consent.SubjectID]*subjectWriter{}
	}
	s := w.busy[h]
	if s == nil {
		s = &subjectWriter{}
		w.busy[h] = s
	}
	s.waiting++
	w.mu.Unlock()
	s.mu.Lock()
	return func() {
		s.mu.Unlock()
		w.mu.Lock()
		defer w.mu.Unlock()
		if s.waiting--; s.waiting == 0 {
			delete(w.busy, h)
		}
	}
}

// task is an entry of a bundle: a Consent to attest, or one to end.
type task struct {
	raw []byte
	id  string // of the one to end, "" to attest
	was string // ifMatch
	of  consent.SubjectID
	d   fhir.Document
	err error
}

// bundle takes a batch or a transaction of Consents. In a batch each entry stands by itself. A transaction is refused whole
// when any entry could not be taken: all are read, mapped and found a patient for before the first is written. Then they are
// written one by one, since no ledger has one transaction over several subjects: storage that fails in between leaves those
// that were acknowledged, and sending the transaction again completes it, because what is in force is not entered twice.
func (f fhirRelease) bundle(c *gin.Context) {
	raw, ok := fhirBody(c, maxBundle)
	if !ok || !f.g.custodian(c) {
		return
	}
	var b fhirBundle
	if err := unmarshalAny(raw, &loose{&b}); err != nil || b.ResourceType != "Bundle" || b.Type != "batch" && b.Type != "transaction" {
		problem(c, consent.Malformed, "a Bundle of type batch or transaction is due")
		return
	}
	if len(b.Entry) > maxBundleEntries {
		problem(c, consent.TooLarge, "a Bundle has at most "+strconv.Itoa(maxBundleEntries)+" entries here")
		return
	}
	tasks := make([]task, len(b.Entry))
	f.each(tasks, func(i int) { tasks[i] = f.task(c, b.Entry[i]) })
	all := f.problems(tasks)
	if b.Type == "transaction" && len(all) > 0 {
		fhirRefuse(c, &fhir.RefusedError{Issues: all})
		return
	}
	out := fhirBundle{ResourceType: "Bundle", Type: b.Type + "-response", Entry: make([]fhirEntry, len(tasks))}
	f.each(tasks, func(i int) { out.Entry[i] = f.do(c, tasks[i]) })
	fhirAnswer(c, http.StatusOK, out)
}

// problems are the findings of the entries that cannot be taken, each with its place.
func (f fhirRelease) problems(tasks []task) (all fhir.Issues) {
	for i, t := range tasks {
		if t.err == nil {
			continue
		}
		_, o := f.failure(t.err)
		for _, is := range o.Issue {
			is.Expression = []string{"Bundle.entry[" + strconv.Itoa(i) + "]"}
			all = append(all, is)
		}
	}
	return all
}

// each calls fn for every task, several at once, and returns when all are done.
func (f fhirRelease) each(tasks []task, fn func(i int)) {
	next := make(chan int)
	var wait sync.WaitGroup
	for range min(bundleWriters, len(tasks)) {
		wait.Go(func() {
			for i := range next {
				fn(i)
			}
		})
	}
	for i := range tasks {
		next <- i
	}
	close(next)
	wait.Wait()
}

// task reads an entry and finds out whether it could be written.
func (f fhirRelease) task(c *gin.Context, e fhirEntry) task {
	t := task{raw: e.Resource}
	switch {
	case e.Request == nil:
		t.err = fhirError("required", "an entry has a request")
		return t
	case e.Request.IfNoneExist != "":
		t.err = fhirError("not-supported", "ifNoneExist: a consent that is in force is not entered again anyway")
		return t
	case e.Request.Method == http.MethodPost && e.Request.URL == "Consent":
	case e.Request.Method == http.MethodPut && strings.HasPrefix(e.Request.URL, "Consent/"):
		t.id, t.was = strings.TrimPrefix(e.Request.URL, "Consent/"), e.Request.IfMatch
	default:
		t.err = fhirError("not-supported", "an entry is POST Consent or PUT Consent/[id]")
		return t
	}
	if t.d, t.err = fhir.Read(e.Resource, f.reading(c)); t.err != nil || t.id != "" {
		return t
	}
	t.of, t.err = f.g.attestable(t.d)
	return t
}

// do writes an entry and says what became of it.
func (f fhirRelease) do(c *gin.Context, t task) fhirEntry {
	var w written
	err := t.err
	switch {
	case err != nil:
	case t.id != "":
		w, err = f.g.end(c, t.d, t.id, t.was)
	default:
		w, err = f.g.attestDocument(c.Request.Context(), t.of, t.d, t.raw)
	}
	if err != nil {
		status, o := f.failure(err)
		return fhirEntry{Response: &fhirResponse{Status: strconv.Itoa(status), Outcome: o.JSON()}}
	}
	version := strconv.Itoa(len(versionsOf(w.entry)))
	return fhirEntry{Response: &fhirResponse{
		Status: strconv.Itoa(w.status), Location: f.url() + "/Consent/" + w.entry.Commitment.String() + "/_history/" + version,
		ETag: `W/"` + version + `"`, Outcome: w.outcome().JSON(),
	}}
}

// failure is the status and the outcome of an entry that was not written.
func (f fhirRelease) failure(err error) (int, fhir.Outcome) {
	if status, o, ok := refusedResource(err); ok {
		return status, o
	}
	p := api.ProblemOf(consent.CodeOf(err), err.Error())
	return p.Status, fhir.NewOutcome(fhirIssue(p))
}

// loose reads JSON without refusing members that are not known: a Bundle's entries have more than is looked at here. Each
// Consent in it is read strictly.
type loose struct{ into any }

// UnmarshalJSON implements json.Unmarshaler.
func (l *loose) UnmarshalJSON(b []byte) error { return json.Unmarshal(b, l.into) }
