package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// The id of a Consent is the commitment of the message that made it: public, opaque, never used twice, and a proof on the
// ledger goes with it.

// fhirPatient is how the reader knows a subject: a patient by her handle, the custodian by its record number.
func (g *Gateway) fhirPatient(c *gin.Context, h consent.SubjectID) fhir.Reference {
	if own(c) {
		return fhir.Reference{Reference: "Patient/" + h.String()}
	}
	local, _ := g.links.localID(h)
	if fhirID.MatchString(local) {
		return fhir.Reference{Reference: "Patient/" + local}
	}
	if !strings.Contains(local, "|") {
		local = "|" + local
	}
	return fhir.NewReference(local)
}

var fhirID = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// own reports whether somebody asks as a patient, or for one, about a handle of her own.
func own(c *gin.Context) bool {
	p := principal(c)
	return p.Has(auth.Patient) || p.Has(auth.Delegate)
}

// subjectNamed finds the subject that a custodian means by a reference: Patient/<record number>, or an identifier with the
// record number system|value.
func (g *Gateway) subjectNamed(r fhir.Reference) (consent.SubjectID, error) {
	for _, name := range r.Names() {
		h, ok := g.links.handle(strings.TrimPrefix(strings.TrimPrefix(name, "Patient/"), "|"))
		if !ok {
			continue
		}
		if head, ok := g.cfg.Replica.Head(h); ok && head.State != consent.Gone {
			return h, nil
		}
	}
	return consent.SubjectID{}, errNoPatient
}

var errNoPatient = consent.Errorf(consent.NotFound, "there is no such patient here: open a subject for the record first")

// onRecord puts a custodian's look at a subject's consents on record. A delegate's is by g.view.
func (g *Gateway) onRecord(c *gin.Context, h consent.SubjectID) error {
	if own(c) {
		return nil
	}
	return g.recordRead(c, h, proof.Use{
		Kind: proof.Read, Requester: principal(c).Member, Sentence: say("custodian-read", "Your custodian looked at your consents."),
	})
}

// mine lets a patient or her delegate read, and the custodian of this gateway. It answers those whom it does not let.
func (g *Gateway) mine(c *gin.Context) bool {
	if own(c) {
		_, ok := g.view(c, "the consents")
		return ok
	}
	return g.custodian(c)
}

// locate finds the consent with an id, for somebody who may see it. Unknown and not yours look the same.
func (g *Gateway) locate(c *gin.Context, id string) (consent.SubjectID, api.Consent, error) {
	none := consent.Errorf(consent.NotFound, "there is no such consent")
	var commitment consent.Hash
	if commitment.UnmarshalText([]byte(id)) != nil {
		return consent.SubjectID{}, api.Consent{}, none
	}
	h, err := g.subjectOf(c.Request.Context(), commitment)
	if err != nil {
		return h, api.Consent{}, none
	}
	if own(c) && h != principal(c).Handle {
		return h, api.Consent{}, none
	}
	head, ok := g.cfg.Replica.Head(h)
	if !ok || head.State == consent.Gone || !own(c) && head.Custodian != principal(c).Member {
		return h, api.Consent{}, none
	}
	list, err := g.consentsThat(c.Request.Context(), h, func(k replica.Held) bool { return k.Commitment == commitment })
	if err != nil {
		return h, api.Consent{}, err
	}
	if len(list) == 0 {
		return h, api.Consent{}, none
	}
	return h, list[0], nil
}

// subjectOf is whose message has a commitment, as its public leaf says.
func (g *Gateway) subjectOf(ctx context.Context, commitment consent.Hash) (h consent.SubjectID, err error) {
	r, err := g.cfg.Ledger.Lookup(ctx, commitment)
	if err != nil {
		return h, err
	}
	leaf, err := consent.ParseLeaf(r.Leaf)
	if err != nil {
		return h, err
	}
	for _, w := range leaf.Writes {
		if id, ok := strings.CutPrefix(w.Key, "head/"); ok {
			return consent.ParseSubjectID(id)
		}
	}
	return h, consent.Errorf(consent.NotFound, "not a subject's message")
}

// consentVersion is a version of a consent: as it was entered, confirmed, ended.
type consentVersion struct {
	status string
	signed bool
	at     consent.Millis // 0: not known
}

// versionsOf derives the versions from what the ledger knows, oldest first.
func versionsOf(k api.Consent) []consentVersion {
	first := consentVersion{"active", k.Kind != "ConsentAttest", k.Date}
	if k.Kind == kindDecline {
		first.status = "rejected"
		return []consentVersion{first}
	}
	out := []consentVersion{first}
	if k.Signed && !first.signed {
		out = append(out, consentVersion{"active", true, 0})
	}
	if k.Status != consent.Live {
		out = append(out, consentVersion{"inactive", k.Signed, k.Ended})
	}
	return out
}

// document is a version of a consent, the newest for n = 0.
func (g *Gateway) document(c *gin.Context, h consent.SubjectID, k api.Consent, n int) (fhir.Document, bool) {
	vs := versionsOf(k)
	if n == 0 {
		n = len(vs)
	}
	if n < 1 || n > len(vs) {
		return fhir.Document{}, false
	}
	v := vs[n-1]
	return fhir.Document{
		ID: k.Commitment.String(), Status: v.status, Patient: g.fhirPatient(c, h), Consent: k.Consent, Signed: &v.signed,
		VersionID: strconv.Itoa(n), LastUpdated: v.at,
	}, true
}

// named is the consent that the path names, for somebody who may see it, and the look is on record. It answers the others.
func (g *Gateway) named(c *gin.Context) (consent.SubjectID, api.Consent, bool) {
	if !g.mine(c) {
		return consent.SubjectID{}, api.Consent{}, false
	}
	h, k, err := g.locate(c, c.Param("id"))
	if err == nil {
		err = g.onRecord(c, h)
	}
	if err != nil {
		refuse(c, err)
	}
	return h, k, err == nil
}

// one answers a version of the consent that the path names.
func (f fhirRelease) one(c *gin.Context, n int) {
	h, k, ok := f.g.named(c)
	if !ok {
		return
	}
	d, ok := f.g.document(c, h, k, n)
	if !ok {
		problem(c, consent.NotFound, "there is no such version")
		return
	}
	b, err := fhir.Write(d, f.version)
	if err != nil {
		fhirRefuse(c, fhirError("not-supported", err.Error()))
		return
	}
	c.Header("ETag", `W/"`+d.VersionID+`"`)
	fhirAnswer(c, http.StatusOK, b)
}

func (f fhirRelease) read(c *gin.Context) { f.one(c, 0) }

func (f fhirRelease) vread(c *gin.Context) {
	n, err := strconv.Atoi(c.Param("vid"))
	if err != nil || n < 1 {
		n = -1
	}
	f.one(c, n)
}

func (f fhirRelease) history(c *gin.Context) {
	h, k, ok := f.g.named(c)
	if !ok {
		return
	}
	out := fhirBundle{ResourceType: "Bundle", Type: "history"}
	for n := len(versionsOf(k)); n > 0; n-- {
		d, _ := f.g.document(c, h, k, n)
		b, err := fhir.Write(d, f.version)
		if err != nil {
			fhirRefuse(c, fhirError("not-supported", err.Error()))
			return
		}
		e := fhirEntry{FullURL: f.url() + "/Consent/" + d.ID, Resource: b, Request: &fhirRequest{Method: http.MethodPut, URL: "Consent/" + d.ID}}
		e.Response = &fhirResponse{Status: "200", ETag: `W/"` + d.VersionID + `"`}
		if n == 1 {
			e.Request, e.Response.Status = &fhirRequest{Method: http.MethodPost, URL: "Consent"}, "201"
		}
		out.Entry = append(out.Entry, e)
	}
	out.count(len(out.Entry))
	fhirAnswer(c, http.StatusOK, out)
}

// The shapes of a Bundle.
type fhirBundle struct {
	ResourceType string      `json:"resourceType"`
	Type         string      `json:"type"`
	Total        *int        `json:"total,omitempty"`
	Link         []fhirLink  `json:"link,omitempty"`
	Entry        []fhirEntry `json:"entry,omitempty"`
}

func (b *fhirBundle) count(n int) { b.Total = &n }

type fhirLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

type fhirEntry struct {
	FullURL  string          `json:"fullUrl,omitempty"`
	Resource json.RawMessage `json:"resource,omitempty"`
	Search   *fhirMode       `json:"search,omitempty"`
	Request  *fhirRequest    `json:"request,omitempty"`
	Response *fhirResponse   `json:"response,omitempty"`
}

type fhirMode struct {
	Mode string `json:"mode"`
}

type fhirRequest struct {
	Method      string `json:"method"`
	URL         string `json:"url"`
	IfMatch     string `json:"ifMatch,omitempty"`
	IfNoneExist string `json:"ifNoneExist,omitempty"`
}

type fhirResponse struct {
	Status   string          `json:"status"`
	Location string          `json:"location,omitempty"`
	ETag     string          `json:"etag,omitempty"`
	Outcome  json.RawMessage `json:"outcome,omitempty"`
}
