package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// audit is GET AuditEvent/:id, a use of the patient's own data. Its id is use-<index in the log>.
func (f fhirRelease) audit(c *gin.Context) {
	g := f.g
	h, ok := g.view(c, "the uses")
	if !ok {
		return
	}
	digits, ok := strings.CutPrefix(c.Param("id"), "use-")
	index, err := strconv.ParseInt(digits, 10, 64)
	if !ok || err != nil || index < 0 || index >= g.cfg.Uses.Count() {
		problem(c, consent.NotFound, "there is no such event")
		return
	}
	u, _, err := g.cfg.Uses.Open(consent.Uint64(index))
	if err != nil || u.Handle != h { // unknown, erased and not yours look the same
		problem(c, consent.NotFound, "there is no such event")
		return
	}
	origin, err := f.origin(h)
	if err != nil {
		refuse(c, err)
		return
	}
	f.event(c, u, consent.Uint64(index), origin)
}

func (f fhirRelease) event(c *gin.Context, u proof.Use, index consent.Uint64, o auditevent.Origin) {
	b, err := f.told(auditevent.Of(u, index, o))
	if err != nil {
		problem(c, consent.Internal, "")
		return
	}
	fhirAnswer(c, http.StatusOK, []byte(b))
}

// told is an event in the words of the release.
func (f fhirRelease) told(e auditevent.Event) (json.RawMessage, error) {
	if f.version == fhir.R5 {
		return e.R5()
	}
	return e.JSON()
}

// origin is what the events of a subject have in common.
func (f fhirRelease) origin(h consent.SubjectID) (auditevent.Origin, error) {
	g := f.g
	o := auditevent.Origin{Server: f.url(), Patient: "Patient/" + h.String()}
	if head, ok := g.cfg.Replica.Head(h); ok {
		o.Custodian = head.Custodian
	}
	held, err := g.cfg.Replica.Consents(h)
	if err != nil {
		return o, err
	}
	ids := map[consent.Uint64]string{}
	for _, k := range held {
		ids[k.Seq] = k.Commitment.String()
	}
	o.Consent = func(seq consent.Uint64) string { return ids[seq] }
	return o, nil
}

// audits searches the uses of the patient's own data, newest first.
func (f fhirRelease) audits(c *gin.Context) {
	g := f.g
	q, ok := parameters(c, "_id", "patient", "date", "outcome", "_count", "_after", "_format")
	if !ok {
		return
	}
	h, ok := g.view(c, "the uses")
	if !ok {
		return
	}
	var entries []proof.Entry
	if id := strings.TrimPrefix(q.patient, "Patient/"); q.patient == "" || id == h.String() {
		s, err := g.statement(c.Request.Context(), h)
		if err != nil {
			refuse(c, err)
			return
		}
		entries = s.Entries
	}
	o, err := f.origin(h)
	if err != nil {
		refuse(c, err)
		return
	}
	entries = slices.DeleteFunc(entries, func(e proof.Entry) bool { return !q.event(e) })
	out, err := f.eventPage(q, entries, o)
	if err != nil {
		problem(c, consent.Internal, "")
		return
	}
	fhirAnswer(c, http.StatusOK, out)
}

// event reports whether a use is searched for.
func (q *fhirQuery) event(e proof.Entry) bool {
	outcome := "0"
	if e.Use.Decision != proof.Permit {
		outcome = "8"
	}
	for _, any := range q.statuses {
		if !slices.Contains(any, outcome) {
			return false
		}
	}
	for _, any := range q.ids {
		if !slices.Contains(any, eventID(e)) {
			return false
		}
	}
	return !slices.ContainsFunc(q.dates, func(b dateBound) bool { return !b.holds(e.Use.Time) })
}

func eventID(e proof.Entry) string { return "use-" + strconv.FormatUint(uint64(e.Index), 10) }

func (f fhirRelease) eventPage(q fhirQuery, entries []proof.Entry, o auditevent.Origin) (fhirBundle, error) {
	out := fhirBundle{ResourceType: "Bundle", Type: "searchset"}
	out.count(len(entries))
	out.Link = []fhirLink{{"self", f.url() + "/AuditEvent" + query(q.others)}}
	if q.after != "" {
		entries = entries[1+slices.IndexFunc(entries, func(e proof.Entry) bool { return eventID(e) == q.after }):]
	}
	for i, e := range entries {
		if len(out.Entry) == q.count {
			if i > 0 {
				q.others.Set("_after", eventID(entries[i-1]))
				out.Link = append(out.Link, fhirLink{"next", f.url() + "/AuditEvent" + query(q.others)})
			}
			break
		}
		b, err := f.told(auditevent.Of(e.Use, e.Index, o))
		if err != nil {
			return out, err
		}
		out.Entry = append(out.Entry, fhirEntry{FullURL: f.url() + "/AuditEvent/" + eventID(e), Resource: b, Search: &fhirMode{"match"}})
	}
	return out, nil
}
