package gateway

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/policies"
)

const (
	fhirPage    = 50 // entries of a page, when nothing is said
	fhirMaxPage = 500
)

// fhirQuery are the parameters of a search. Within one name, commas are alternatives; the same name again must hold too.
type fhirQuery struct {
	ids, identifiers, statuses [][]string
	dates                      [][]dateBound
	patient                    string
	count                      int
	after                      string // the id of the last entry of the page before
	others                     url.Values
}

// dateBound is a date parameter: an interval and how a date stands to it.
type dateBound struct {
	prefix string
	at     consent.Period
}

// parameters reads the parameters of a search from the URL, or from the form of a POST. What is not known is refused: a
// filter that is ignored shows too much.
func parameters(c *gin.Context, names ...string) (fhirQuery, bool) {
	q := fhirQuery{count: fhirPage, others: url.Values{}}
	values := c.Request.URL.Query()
	if c.Request.Method == http.MethodPost {
		b, ok := formBody(c)
		if !ok {
			return q, false
		}
		form, err := url.ParseQuery(string(b))
		if err != nil {
			problem(c, consent.Malformed, "not a form")
			return q, false
		}
		for k, v := range form {
			values[k] = append(values[k], v...)
		}
	}
	for name, vs := range values {
		for _, v := range vs {
			if !slices.Contains(names, name) || !q.set(name, v) {
				problem(c, consent.Malformed, "a search takes "+strings.Join(names, ", ")+", each in its form")
				return q, false
			}
		}
	}
	return q, true
}

// formBody reads the form of a POST search; an empty body is a form without parameters.
func formBody(c *gin.Context) ([]byte, bool) {
	if c.Request.ContentLength == 0 {
		return nil, true
	}
	return bodyOf(c, maxBody, "application/x-www-form-urlencoded")
}

func (q *fhirQuery) set(name, v string) bool { //nolint:cyclop // a case for each parameter
	switch name {
	case "_id":
		q.ids = append(q.ids, strings.Split(v, ","))
	case "identifier":
		q.identifiers = append(q.identifiers, strings.Split(v, ","))
	case "status", "outcome":
		q.statuses = append(q.statuses, codesOf(v))
	case "patient", "subject":
		if q.patient != "" || v == "" {
			return false
		}
		q.patient = v
	case "date":
		bs, ok := parseBounds(v)
		if q.dates = append(q.dates, bs); !ok {
			return false
		}
	case "_count":
		n, err := strconv.Atoi(v)
		q.count = min(n, fhirMaxPage)
		return err == nil && n >= 0
	case "_after":
		q.after = v
		return true
	case "_format":
		return strings.Contains(v, "json")
	}
	if name != "identifier" && name != "patient" && name != "subject" {
		q.others.Add(name, v)
	}
	return v != ""
}

// tokenSystems are those of the codes that a search asks for by token.
var tokenSystems = []string{
	"http://hl7.org/fhir/consent-state-codes", "http://terminology.hl7.org/CodeSystem/audit-event-outcome",
	"http://hl7.org/fhir/audit-event-outcome", // as R4's AuditEvent names its value set's codes
}

// codesOf are the alternatives of a token search: code, or system|code of a system that is known.
func codesOf(v string) (codes []string) {
	for c := range strings.SplitSeq(v, ",") {
		if system, code, ok := strings.Cut(c, "|"); ok && slices.Contains(tokenSystems, system) {
			c = code
		}
		codes = append(codes, c)
	}
	return codes
}

// parseBounds are the alternatives of a date search.
func parseBounds(v string) (bounds []dateBound, ok bool) {
	for one := range strings.SplitSeq(v, ",") {
		b, ok := parseBound(one)
		if !ok {
			return nil, false
		}
		bounds = append(bounds, b)
	}
	return bounds, true
}

// dated reports whether an instant is as a search asks.
func (q *fhirQuery) dated(t consent.Millis) bool {
	return !slices.ContainsFunc(q.dates, func(some []dateBound) bool {
		return !slices.ContainsFunc(some, func(b dateBound) bool { return b.holds(t) })
	})
}

// parseBound reads a FHIR date parameter, e.g. ge2020-01.
func parseBound(v string) (dateBound, bool) {
	b := dateBound{prefix: "eq"}
	for _, p := range []string{"eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"} {
		if rest, ok := strings.CutPrefix(v, p); ok {
			b.prefix, v = p, rest
			break
		}
	}
	var err error
	b.at, err = policies.ParseDate(v)
	return b, err == nil
}

// holds reports whether an instant stands to the interval as the prefix says. An instant that is not known does not.
func (b dateBound) holds(t consent.Millis) bool {
	if t == 0 {
		return false
	}
	switch b.prefix {
	case "ne":
		return t < b.at.Start || t >= b.at.End
	case "gt", "sa":
		return t >= b.at.End
	case "lt", "eb":
		return t < b.at.Start
	case "ge":
		return t >= b.at.Start
	case "le":
		return t < b.at.End
	}
	return t >= b.at.Start && t < b.at.End
}

func (q *fhirQuery) matches(d fhir.Document) bool {
	for _, any := range q.ids {
		if !slices.Contains(any, d.ID) {
			return false
		}
	}
	for _, any := range q.statuses {
		if !slices.Contains(any, d.Status) {
			return false
		}
	}
	for _, any := range q.identifiers {
		if !slices.ContainsFunc(any, func(want string) bool { return identified(d.Consent, want) }) {
			return false
		}
	}
	return q.dated(d.Consent.RecordedAt)
}

// identified reports whether a consent has an identifier, given as system|value, |value (no system), system| (any of the system) or
// value (of any).
func identified(k consent.Consent, want string) bool {
	i := strings.LastIndexByte(want, '|')
	return slices.ContainsFunc(k.Identifiers, func(id consent.Identifier) bool {
		if i < 0 {
			return id.Value == want
		}
		return id.System == want[:i] && (id.Value == want[i+1:] || i+1 == len(want))
	})
}

// search searches the consents of one subject: of the patient who asks, or of the one that the custodian names by patient,
// identifier, _id, or the last entry of the page before.
func (f fhirRelease) search(c *gin.Context) {
	g := f.g
	names := []string{"_id", "identifier", "patient", "status", "date", "_count", "_after", "_format"}
	if f.version == fhir.R5 {
		names = append(names, "subject")
	}
	q, ok := parameters(c, names...)
	if !ok || !g.mine(c) {
		return
	}
	hs, err := g.searched(c, q)
	if err != nil {
		refuse(c, err)
		return
	}
	var found []fhir.Document
	for _, h := range hs {
		list, err := g.consentsOf(c.Request.Context(), h)
		if err == nil {
			err = g.onRecord(c, h)
		}
		if err != nil {
			refuse(c, err)
			return
		}
		found = append(found, f.matching(c, h, list, q)...)
	}
	f.page(c, q, found)
}

func (f fhirRelease) matching(c *gin.Context, h consent.SubjectID, list []api.Consent, q fhirQuery) (out []fhir.Document) {
	for _, k := range list {
		d, _ := f.g.document(c, h, k, 0)
		d.Status = fhir.StatusIn(d.Status, f.version)
		if q.matches(d) {
			out = append(out, d)
		}
	}
	return out
}

// searched are the subjects that a search is about. None is no error: nothing is found.
func (g *Gateway) searched(c *gin.Context, q fhirQuery) ([]consent.SubjectID, error) {
	if own(c) {
		h := principal(c).Handle
		if id := strings.TrimPrefix(q.patient, "Patient/"); q.patient != "" && id != h.String() {
			return nil, nil
		}
		return []consent.SubjectID{h}, nil
	}
	switch {
	case q.patient != "":
		h, err := g.subjectNamed(fhir.Reference{Reference: q.patient})
		if err != nil {
			return nil, nil //nolint:nilerr // nothing is found
		}
		return []consent.SubjectID{h}, nil
	case len(q.identifiers) > 0:
		return g.identifiers.find(c.Request.Context(), g, q.identifiers[0])
	case len(q.ids) > 0 || q.after != "":
		var out []consent.SubjectID
		for _, id := range append(slices.Concat(q.ids...), q.after) {
			if h, _, err := g.locate(c, id); err == nil && !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
		return out, nil
	}
	return nil, consent.Errorf(consent.Malformed, "name the patient, an identifier or an _id: a custodian searches one patient's consents at a time")
}

// page answers a page of what was found. Its links name no patient: the page after one is of the patient whose consent was
// its last.
func (f fhirRelease) page(c *gin.Context, q fhirQuery, found []fhir.Document) {
	out := fhirBundle{ResourceType: "Bundle", Type: "searchset"}
	out.count(len(found))
	out.Link = []fhirLink{{"self", f.url() + "/Consent" + query(q.others)}}
	if i := slices.IndexFunc(found, func(d fhir.Document) bool { return d.ID == q.after }); q.after != "" {
		found = found[i+1:]
	}
	last := ""
	for _, d := range found {
		if len(out.Entry) == q.count {
			if q.count > 0 {
				q.others.Set("_after", last)
				out.Link = append(out.Link, fhirLink{"next", f.url() + "/Consent" + query(q.others)})
			}
			break
		}
		last = d.ID
		e := fhirEntry{FullURL: f.url() + "/Consent/" + d.ID, Search: &fhirMode{"match"}}
		b, err := fhir.Write(d, f.version)
		if err != nil { // said, not left out
			b, e.Search.Mode = fhir.NewOutcome(fhir.Issue{Severity: fhir.Warning, Code: "not-supported", Text: err.Error()}).JSON(), "outcome"
		}
		e.Resource = b
		out.Entry = append(out.Entry, e)
	}
	fhirAnswer(c, http.StatusOK, out)
}

func query(v url.Values) string {
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}
