package gateway

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// fhirType is the media type of FHIR JSON.
const fhirType = "application/fhir+json"

// fhirHandlers are the handlers of both FHIR interfaces. They do what the routes under /v1 do, by the same functions; here
// is only the other language.
func (g *Gateway) fhirHandlers() map[string]gin.HandlerFunc {
	get, post := "GET ", "POST "
	out := map[string]gin.HandlerFunc{}
	for base, v := range map[string]fhir.Version{api.PathFHIR4: fhir.R4, api.PathFHIR5: fhir.R5} {
		f := fhirRelease{g, v, base}
		out[get+base+"/metadata"] = f.metadata
		out[get+base+"/.well-known/smart-configuration"] = g.smartConfiguration
		out[get+base+"/Consent"] = f.search
		out[post+base+"/Consent/_search"] = f.search
		out[post+base+"/Consent"] = f.create
		out[post+base+"/Consent/$decide"] = f.decide
		out[get+base+"/Consent/:id"] = f.read
		out["PUT "+base+"/Consent/:id"] = f.update
		out[get+base+"/Consent/:id/_history"] = f.history
		out[get+base+"/Consent/:id/_history/:vid"] = f.vread
		out[post+base] = f.bundle
		out[get+base+"/AuditEvent"] = f.audits
		out[post+base+"/AuditEvent/_search"] = f.audits
		out[get+base+"/AuditEvent/:id"] = f.audit
	}
	return out
}

// fhirRelease is the interface of one release.
type fhirRelease struct {
	g       *Gateway
	version fhir.Version
	base    string // path
}

// url is the absolute base.
func (f fhirRelease) url() string { return f.g.cfg.Origin + f.base }

const problemSystem = "https://volens.example/problems"

// issueTypes are FHIR's words (issue-type) for our codes. One that is not here is an exception.
var issueTypes = map[consent.Code]string{
	consent.Malformed: "invalid", consent.TooLarge: "too-long", consent.BadSignature: "security", consent.Unauthorized: "forbidden",
	consent.NotFound: "not-found", consent.Conflict: "conflict", consent.Exists: "duplicate", consent.WrongState: "business-rule",
	consent.Erased: "deleted", consent.Expired: "expired", consent.TooEarly: "business-rule", consent.Closed: "business-rule",
	consent.Unavailable: "transient", consent.Full: "no-store", consent.Fenced: "transient", consent.Unknown: "incomplete",
	consent.Internal: "exception", api.Unauthenticated: "login", api.RateLimited: "throttled", api.Method: "not-supported",
	api.MediaType: "not-supported",
}

// fhirIssue says a problem as an issue.
func fhirIssue(p api.Problem) fhir.Issue {
	code := issueTypes[p.Code]
	if code == "" {
		code = "exception"
	}
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	return fhir.Issue{Severity: fhir.Failure, Code: code, Details: fhir.NewDetails(problemSystem, string(p.Code)), Text: text}
}

// fhirBody reads a resource.
func fhirBody(c *gin.Context, limit int64) ([]byte, bool) {
	b, ok := bodyOf(c, limit, fhirType, "application/json")
	if ok && deeper(b, maxDepth) {
		problem(c, consent.Malformed, "the body nests too deep")
		return nil, false
	}
	return b, ok
}

// fhirAnswer writes a resource.
func fhirAnswer(c *gin.Context, status int, v any) {
	b, ok := v.([]byte)
	if !ok {
		var err error
		if b, err = json.Marshal(v); err != nil {
			problem(c, consent.Internal, "")
			return
		}
	}
	c.Data(status, fhirType, b)
}

// fhirRefuse answers an error: a resource that was not taken is 422 with every finding, or 400 when it could not be read at
// all; the others are problems.
func fhirRefuse(c *gin.Context, err error) {
	status, o, ok := refusedResource(err)
	if !ok {
		refuse(c, err)
		return
	}
	c.Abort()
	fhirAnswer(c, status, o)
}

// refusedResource is what to say of a resource that was not taken. ok is false for other errors.
func refusedResource(err error) (status int, o fhir.Outcome, ok bool) {
	var refused *fhir.RefusedError
	if !errors.As(err, &refused) {
		return 0, o, false
	}
	status = http.StatusUnprocessableEntity
	for _, i := range refused.Issues {
		if i.Severity == fhir.Fatal {
			status = http.StatusBadRequest
		}
	}
	return status, fhir.NewOutcome(refused.Issues...), true
}

// fhirError is an error of ours with FHIR's status for it.
func fhirError(code, format string) error {
	return &fhir.RefusedError{Issues: fhir.Issues{{Severity: fhir.Failure, Code: code, Text: format}}}
}

// prefers reads a part of the header Prefer (RFC 7240), e.g. return=minimal.
func prefers(c *gin.Context, what string) bool {
	for _, h := range c.Request.Header.Values("Prefer") {
		for part := range strings.FieldsFuncSeq(h, func(r rune) bool { return r == ',' || r == ';' || r == ' ' }) {
			if strings.EqualFold(part, what) {
				return true
			}
		}
	}
	return false
}
