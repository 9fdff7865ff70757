package proxy

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
)

// outcomeError is an answer that is no data: an OperationOutcome with its status.
type outcomeError struct {
	status     int
	code, text string // of the issue (FHIR issue-type)
	challenge  string // WWW-Authenticate
}

// Error implements error.
func (o *outcomeError) Error() string { return o.code + ": " + o.text }

// What may be answered. A resource that is denied and one that is not there are one and the same.
var (
	errAbsent      = &outcomeError{status: http.StatusNotFound, code: "not-found", text: "There is no such resource."}
	errUnsupported = &outcomeError{status: http.StatusNotImplemented, code: "not-supported", text: "This proxy does not pass that on, because it cannot enforce consent on it."}
	errSignIn      = &outcomeError{
		status: http.StatusUnauthorized, code: "login", text: "Send a bearer token of the gateway's token endpoint.", challenge: `Bearer`,
	}
	errScope = &outcomeError{
		status: http.StatusForbidden, code: "forbidden", text: "The token has no scope for this.", challenge: `Bearer error="insufficient_scope"`,
	}
	errDenied   = &outcomeError{status: http.StatusForbidden, code: "forbidden", text: "No consent permits this."}
	errOvertake = &outcomeError{status: http.StatusServiceUnavailable, code: "transient", text: "A revocation came first; ask again."}
	errUpstream = &outcomeError{status: http.StatusBadGateway, code: "transient", text: "The FHIR server did not answer as one should."}
	errPage     = &outcomeError{status: http.StatusGone, code: "expired", text: "This page is no longer there; search again."}
)

func bad(text string) *outcomeError {
	return &outcomeError{status: http.StatusBadRequest, code: "invalid", text: text}
}

// outcomeOf turns errors of the decision path into answers. None of them says more than its code.
func outcomeOf(err error) *outcomeError {
	switch {
	case errors.Is(err, auth.ErrUnauthenticated), errors.Is(err, auth.ErrTwoCredentials), errors.Is(err, auth.ErrCrossSite):
		return errSignIn
	}
	switch consent.CodeOf(err) { //nolint:exhaustive // the default is for all others
	case consent.Malformed, consent.TooLarge:
		return bad(err.Error())
	case consent.NotFound, consent.Erased:
		return errAbsent
	case api.Unauthenticated:
		return errSignIn
	case consent.Unavailable, consent.Fenced:
		return &outcomeError{status: http.StatusServiceUnavailable, code: "transient", text: "Nothing can be put on record now, so nothing flows."}
	}
	return &outcomeError{status: http.StatusInternalServerError, code: "exception", text: "Something went wrong here; nothing flows."}
}

type operationOutcome struct {
	ResourceType string  `json:"resourceType"`
	Issue        []issue `json:"issue"`
}

type issue struct {
	Severity    string `json:"severity"`
	Code        string `json:"code"`
	Diagnostics string `json:"diagnostics"`
}

func (o *outcomeError) resource() *operationOutcome {
	return &operationOutcome{"OperationOutcome", []issue{{"error", o.code, o.text}}}
}

func (o *outcomeError) write(w http.ResponseWriter) {
	h := w.Header()
	for _, name := range []string{"Etag", "Last-Modified", "Location"} {
		h.Del(name)
	}
	h.Set("Content-Type", fhirJSON)
	if o.challenge != "" {
		h.Set("Www-Authenticate", o.challenge)
	}
	b, err := json.Marshal(o.resource())
	if err != nil {
		b = nil
	}
	w.WriteHeader(o.status)
	_, _ = w.Write(b) //nolint:errcheck // nobody is left to be told
}
