package api

import (
	"net/http"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Problem is an RFC 9457 problem. Code is stable; Detail says what to do and holds nothing personal.
type Problem struct {
	Type   string       `json:"type"`
	Title  string       `json:"title"`
	Status int          `json:"status"`
	Detail string       `json:"detail,omitempty"`
	Code   consent.Code `json:"code"`
}

// ProblemType is the media type of problems.
const ProblemType = "application/problem+json"

// Codes of the gateway itself, beside the contract's.
const (
	Unauthenticated consent.Code = "unauthenticated" // sign in
	RateLimited     consent.Code = "rate-limited"    // later; Retry-After says when
	Method          consent.Code = "method"          // not with this method
	MediaType       consent.Code = "media-type"      // not application/json
)

// status is the one table from codes to HTTP status.
var status = map[consent.Code]struct {
	status int
	title  string
}{
	consent.Malformed:    {http.StatusBadRequest, "The request is not in the accepted form"},
	consent.TooLarge:     {http.StatusRequestEntityTooLarge, "The request is too large"},
	consent.BadSignature: {http.StatusForbidden, "The signature is not accepted"},
	consent.Unauthorized: {http.StatusForbidden, "Not allowed"},
	consent.NotFound:     {http.StatusNotFound, "Not found"},
	consent.Conflict:     {http.StatusConflict, "Something else was first"},
	consent.Exists:       {http.StatusConflict, "It exists already"},
	consent.WrongState:   {http.StatusConflict, "Not possible in this state"},
	consent.Erased:       {http.StatusGone, "The subject was erased"},
	consent.Expired:      {http.StatusForbidden, "Too late"},
	consent.TooEarly:     {http.StatusConflict, "Too early"},
	consent.Closed:       {http.StatusGone, "The ledger is closed"},
	consent.Unavailable:  {http.StatusServiceUnavailable, "Not now"},
	consent.Full:         {http.StatusInsufficientStorage, "No space left"},
	consent.Fenced:       {http.StatusServiceUnavailable, "This node has stopped writing"},
	consent.Unknown:      {http.StatusServiceUnavailable, "The outcome is not known yet"},
	consent.Internal:     {http.StatusInternalServerError, "Our mistake"},
	Unauthenticated:      {http.StatusUnauthorized, "Sign in"},
	RateLimited:          {http.StatusTooManyRequests, "Too many requests"},
	Method:               {http.StatusMethodNotAllowed, "Not with this method"},
	MediaType:            {http.StatusUnsupportedMediaType, "Send application/json"},
}

// ProblemOf makes the problem of an error code. A code outside the table is Internal.
func ProblemOf(code consent.Code, detail string) Problem {
	row, ok := status[code]
	if !ok {
		code, row = consent.Internal, status[consent.Internal]
	}
	if code == consent.Internal {
		detail = "" // internals stay inside
	}
	return Problem{
		Type: "https://volens.example/problems/" + string(code), Title: row.title, Status: row.status, Detail: detail, Code: code,
	}
}
