package gateway

import (
	"context"
	"crypto/sha256"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/gateway/replica"
)

// written is what became of a Consent that somebody sent.
type written struct {
	status int // 201, or 200 when it was there already
	handle consent.SubjectID
	entry  api.Consent
	issues fhir.Issues
}

// outcome is what to say of it beside the resource.
func (w written) outcome() fhir.Outcome {
	is := w.issues
	if w.status == http.StatusOK {
		is = append(is, fhir.Issue{Severity: fhir.Information, Code: "informational", Text: "it was so already; nothing was changed"})
	}
	return fhir.NewOutcome(is...)
}

// create takes a Consent: from the custodian, who attests it, or from a patient, with the message that she signed.
func (f fhirRelease) create(c *gin.Context) {
	raw, ok := fhirBody(c, maxBody)
	if !ok || !own(c) && !f.g.custodian(c) {
		return
	}
	d, err := fhir.Read(raw, f.reading(c))
	if err != nil {
		fhirRefuse(c, err)
		return
	}
	var w written
	if own(c) {
		w, err = f.g.bring(c, d)
	} else {
		var h consent.SubjectID
		if h, err = f.g.attestable(d); err == nil {
			w, err = f.g.attestDocument(c.Request.Context(), h, d, raw)
		}
	}
	f.wrote(c, w, err)
}

func (f fhirRelease) reading(c *gin.Context) fhir.ReadOptions {
	return fhir.ReadOptions{Version: f.version, Strict: prefers(c, "handling=strict")}
}

// wrote answers a write: the resource, its findings inside it; or the findings alone; or nothing, as the client prefers.
func (f fhirRelease) wrote(c *gin.Context, w written, err error) {
	if err != nil {
		fhirRefuse(c, err)
		return
	}
	d, _ := f.g.document(c, w.handle, w.entry, 0)
	c.Header("Location", f.url()+"/Consent/"+d.ID+"/_history/"+d.VersionID)
	c.Header("ETag", `W/"`+d.VersionID+`"`)
	switch {
	case prefers(c, "return=minimal"):
		c.Status(w.status)
		return
	case prefers(c, "return=OperationOutcome"):
		fhirAnswer(c, w.status, w.outcome())
		return
	}
	b, err := fhir.Write(d, f.version)
	if err == nil {
		b, err = fhir.WithOutcome(b, w.outcome())
	}
	if err != nil {
		fhirAnswer(c, w.status, w.outcome())
		return
	}
	fhirAnswer(c, w.status, b)
}

// attestDocument puts a Consent of a subject on the ledger under the custodian's name. The same consent, in force already, is not
// entered again, so that an import can be repeated. What is on the ledger then is what was sent, so it is not read back.
func (g *Gateway) attestDocument(ctx context.Context, h consent.SubjectID, d fhir.Document, raw []byte) (written, error) {
	w := written{status: http.StatusCreated, handle: h, issues: d.Issues}
	defer g.writers.lock(h)() // each message names its predecessor
	want := said(d.Consent)
	head, was, body, ok, err := g.cfg.Replica.Find(h, func(k consent.Consent) bool { return said(k) == want })
	switch {
	case err != nil:
		return w, err
	case head.State == consent.Gone:
		return w, errNoPatient
	case ok:
		w.status, w.entry = http.StatusOK, consentOf(was, body)
		return w, nil
	}
	m := &consent.ConsentAttest{
		Handle: h, Seq: head.Seq + 1, Prev: head.Prev, Evidence: sha256.Sum256(raw), Consent: d.Consent, Salt: newSalt(),
	}
	r, err := g.signAndSubmit(ctx, m)
	w.entry = consentOf(replica.Held{
		Seq: m.Seq, Kind: "ConsentAttest", Status: consent.Live, Date: r.Time, Commitment: r.Commitment, MaxUses: d.Consent.MaxUses,
	}, d.Consent)
	return w, err
}

// attestable finds the subject of a Consent that a custodian sends.
func (g *Gateway) attestable(d fhir.Document) (consent.SubjectID, error) {
	if d.Status != "active" {
		return consent.SubjectID{}, fhirError("business-rule", "Consent.status: a ledger takes consents that are in force; this one is "+d.Status)
	}
	return g.subjectNamed(d.Patient)
}

// said is a digest of what a consent says.
func said(k consent.Consent) consent.Hash {
	return consent.Commitment(&consent.ConsentAttest{Consent: fhir.InOrder(k)})
}

// consentAt is one consent of a subject.
func (g *Gateway) consentAt(ctx context.Context, h consent.SubjectID, seq consent.Uint64) (api.Consent, error) {
	list, err := g.consentsThat(ctx, h, func(k replica.Held) bool { return k.Seq == seq })
	if err == nil && len(list) == 0 {
		err = consent.Errorf(consent.Internal, "consent %d is not there", seq)
	}
	if err != nil {
		return api.Consent{}, err
	}
	return list[0], nil
}

// bring puts the message on the ledger that a patient or her delegate signed. The resource must say exactly what was
// signed: it is the message that counts.
func (g *Gateway) bring(c *gin.Context, d fhir.Document) (written, error) {
	w := written{status: http.StatusCreated, handle: principal(c).Handle, issues: d.Issues}
	m, err := g.carried(c, d)
	if err != nil {
		return w, err
	}
	var signed consent.Consent
	var seq consent.Uint64
	status := "active"
	switch b := m.Body.(type) {
	case *consent.ConsentGrant:
		signed, seq = b.Consent, b.Seq
	case *consent.ConsentDecline:
		signed, seq, status = b.Consent, b.Seq, "rejected"
	default:
		return w, fhirError("business-rule", "a Consent is made by a ConsentGrant or a ConsentDecline")
	}
	if said(signed) != said(d.Consent) || fhir.StatusIn(status, d.Version) != d.Status {
		return w, fhirError("conflict", "the resource does not say what the message says that was signed")
	}
	if _, err := g.submit(c.Request.Context(), m); err != nil {
		return w, err
	}
	w.entry, err = g.consentAt(c.Request.Context(), w.handle, seq)
	return w, err
}

// carried is the message that rides along with a resource, about the subject who brings it.
func (g *Gateway) carried(c *gin.Context, d fhir.Document) (consent.Message, error) {
	var m consent.Message
	h := principal(c).Handle
	if names := d.Patient.Names(); len(names) > 0 && !slices.Contains(names, "Patient/"+h.String()) {
		return m, consent.Errorf(consent.NotFound, "there is no such patient here")
	}
	if d.Message == "" {
		return m, fhirError("required", "a patient's write carries the message that she signed, in extension "+fhir.ExtSignedMessage)
	}
	if err := unmarshalMessage([]byte(d.Message), &m); err != nil {
		return m, err
	}
	return m, mayBring(principal(c), m.Body)
}

// update ends a consent: it takes the consent as it is, with status inactive, and nothing else. What was consented to is
// never changed; a narrower consent replaces a wider one.
func (f fhirRelease) update(c *gin.Context) {
	raw, ok := fhirBody(c, maxBody)
	if !ok || !own(c) && !f.g.custodian(c) {
		return
	}
	d, err := fhir.Read(raw, fhir.ReadOptions{Version: f.version})
	if err != nil {
		fhirRefuse(c, err)
		return
	}
	w, err := f.g.end(c, d, c.Param("id"), c.GetHeader("If-Match"))
	f.wrote(c, w, err)
}

// end ends the consent with this id.
func (g *Gateway) end(c *gin.Context, d fhir.Document, id, match string) (written, error) {
	w := written{status: http.StatusOK}
	var err error
	if w.handle, w.entry, err = g.locate(c, id); err != nil {
		return w, err
	}
	version := strconv.Itoa(len(versionsOf(w.entry)))
	switch {
	case match != "" && strings.Trim(strings.TrimPrefix(match, "W/"), `"`) != version:
		return w, consent.Errorf(consent.Conflict, "the newest version is %s", version)
	case d.ID != id:
		return w, fhirError("invalid", "Consent.id is the one in the URL")
	case d.Status != "inactive":
		return w, fhirError("business-rule", "Consent.status: a consent can be ended (inactive), nothing else; create another one and end this")
	case said(d.Consent) != said(w.entry.Consent):
		return w, fhirError("business-rule", "what was consented to is never changed; create another consent and end this")
	case w.entry.Status != consent.Live:
		return w, nil
	}
	if own(c) {
		err = g.bringRevoke(c, d, w.entry.Seq)
	} else {
		err = g.withdraw(c.Request.Context(), w.handle, w.entry)
	}
	if err != nil {
		return w, err
	}
	w.entry, err = g.consentAt(c.Request.Context(), w.handle, w.entry.Seq)
	w.issues = fhir.Issues{{Severity: fhir.Information, Code: "informational", Text: "it is not in force any more"}}
	return w, err
}

func (g *Gateway) bringRevoke(c *gin.Context, d fhir.Document, seq consent.Uint64) error {
	m, err := g.carried(c, d)
	if err != nil {
		return err
	}
	if b, ok := m.Body.(*consent.ConsentRevoke); !ok || b.Consent != seq {
		return fhirError("conflict", "the message that was signed is no ConsentRevoke of this consent")
	}
	_, err = g.submit(c.Request.Context(), m)
	return err
}

// withdraw ends an attested consent by the signature of the custodian that attested it. The contract refuses it for what a
// patient signed or confirmed.
func (g *Gateway) withdraw(ctx context.Context, h consent.SubjectID, k api.Consent) error {
	if k.Signed {
		return consent.Errorf(consent.Unauthorized, "only the patient ends what she has signed or confirmed")
	}
	defer g.writers.lock(h)()
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		return consent.Errorf(consent.NotFound, "there is no such subject")
	}
	_, err := g.signAndSubmit(ctx, &consent.ConsentRevoke{
		Handle: h, Seq: head.Seq + 1, Prev: head.Prev, Consent: k.Seq, Salt: newSalt(),
	})
	return err
}
