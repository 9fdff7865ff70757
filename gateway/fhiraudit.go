package gateway

import (
	"context"
	"encoding/json"
	"errors"
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
	var found eventPage
	var err error
	if id := strings.TrimPrefix(q.patient, "Patient/"); q.patient == "" || id == h.String() {
		found, err = g.events(c.Request.Context(), h, &q)
	}
	var o auditevent.Origin
	if err == nil {
		o, err = f.origin(h)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	out, err := f.eventBundle(q, found, o)
	if err != nil {
		problem(c, consent.Internal, "")
		return
	}
	fhirAnswer(c, http.StatusOK, out)
}

// eventPage is a page of the uses that a search finds.
type eventPage struct {
	entries []proof.Entry // without proofs
	total   int
	more    bool
}

var errEnough = errors.New("enough")

// events looks for uses, newest first, and keeps no more than a page of them. A search that asks for nothing in particular reads
// no more than that, either; any other reads them all, to say how many there are.
func (g *Gateway) events(ctx context.Context, h consent.SubjectID, q *fhirQuery) (p eventPage, err error) {
	at, err := g.place(h)
	if err != nil {
		return p, err
	}
	all := len(q.ids)+len(q.dates)+len(q.statuses) == 0
	before, err := eventIndex(q.after)
	if err != nil {
		return p, err
	}
	if all && before > 0 {
		err = g.cfg.Uses.History(ctx, at.Slot, h, 0, func(_ consent.Uint64, u *proof.Use, _ []byte) error {
			p.total = int(u.UseSeq) //nolint:gosec // as many as there are records
			return errEnough
		})
		if err != nil && !errors.Is(err, errEnough) {
			return p, err
		}
	}
	from := consent.Uint64(0)
	if all {
		from = before
	}
	err = g.cfg.Uses.History(ctx, at.Slot, h, from, func(index consent.Uint64, u *proof.Use, _ []byte) error {
		return p.take(q, proof.Entry{Index: index, Use: *u}, before, all)
	})
	if errors.Is(err, errEnough) {
		err = nil
	}
	return p, err
}

// take looks at the next use.
func (p *eventPage) take(q *fhirQuery, e proof.Entry, before consent.Uint64, all bool) error {
	if all && p.total == 0 {
		p.total = int(e.Use.UseSeq) //nolint:gosec // as many as there are records
	}
	if !all && !q.event(e) {
		return nil
	}
	if !all {
		p.total++
	}
	switch {
	case before > 0 && e.Index >= before:
	case len(p.entries) < q.count:
		p.entries = append(p.entries, e)
	default:
		p.more = true
		if all {
			return errEnough
		}
	}
	return nil
}

// eventIndex is the record that an event's id names, 0 for no id.
func eventIndex(id string) (consent.Uint64, error) {
	if id == "" {
		return 0, nil
	}
	digits, ok := strings.CutPrefix(id, "use-")
	n, err := strconv.ParseUint(digits, 10, 63)
	if !ok || err != nil {
		return 0, consent.Errorf(consent.Malformed, "_after is the id of an event")
	}
	return consent.Uint64(n), nil
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
	return q.dated(e.Use.Time)
}

func eventID(e proof.Entry) string { return "use-" + strconv.FormatUint(uint64(e.Index), 10) }

func (f fhirRelease) eventBundle(q fhirQuery, p eventPage, o auditevent.Origin) (fhirBundle, error) {
	out := fhirBundle{ResourceType: "Bundle", Type: "searchset"}
	out.count(p.total)
	out.Link = []fhirLink{{"self", f.url() + "/AuditEvent" + query(q.others)}}
	for _, e := range p.entries {
		b, err := f.told(auditevent.Of(e.Use, e.Index, o))
		if err != nil {
			return out, err
		}
		out.Entry = append(out.Entry, fhirEntry{FullURL: f.url() + "/AuditEvent/" + eventID(e), Resource: b, Search: &fhirMode{"match"}})
	}
	if n := len(p.entries); p.more && n > 0 {
		q.others.Set("_after", eventID(p.entries[n-1]))
		out.Link = append(out.Link, fhirLink{"next", f.url() + "/AuditEvent" + query(q.others)})
	}
	return out, nil
}
