package gateway

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/fhir"
)

// Limits of bodies, in bytes.
const (
	maxBody  = 1 << 20
	maxDepth = 32
)

// decode reads the request's body into v, strictly: application/json in valid UTF-8 without byte order mark, every key
// once, known, and spelt exactly, at most 32 levels, nothing after it, and every text plain (consent.CheckText). It
// answers the request and returns false when the body is not like that.
func decode(c *gin.Context, v any) bool {
	b, ok := body(c, maxBody)
	if !ok {
		return false
	}
	if err := unmarshal(b, v); err != nil {
		refuse(c, err)
		return false
	}
	return true
}

// unmarshal is decode for bytes. encoding/json takes the last of duplicate keys, ignores case, and replaces invalid UTF-8;
// the experiment that will be encoding/json/v2 refuses all three.
func unmarshal(b []byte, v any) error {
	if err := unmarshalAny(b, v); err != nil {
		return err
	}
	return consent.CheckText(v)
}

// unmarshalAny is unmarshal without the check of texts.
func unmarshalAny(b []byte, v any) error {
	if bytes.Equal(bytes.TrimSpace(b), []byte("null")) {
		return consent.Errorf(consent.Malformed, "the body is null: send an object")
	}
	if deeper(b, maxDepth) {
		return consent.Errorf(consent.Malformed, "the body nests deeper than %d levels", maxDepth)
	}
	if err := json.Unmarshal(b, v, json.RejectUnknownMembers(true)); err != nil {
		var e *consent.Error
		if errors.As(err, &e) {
			return consent.Errorf(e.Code, "%s", e.Msg)
		}
		return consent.Errorf(consent.Malformed, "the body is not what this route takes: %v", jsonReason(err))
	}
	return nil
}

// jsonReason says where a body went wrong without repeating what it held.
func jsonReason(err error) string {
	var s *json.SemanticError
	if errors.As(err, &s) {
		if errors.Is(s.Err, json.ErrUnknownName) { // the name is the sender's word, what it stands in is ours
			return "unknown member in " + place(s.JSONPointer.Parent())
		}
		return "wrong type or value at " + place(s.JSONPointer)
	}
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return "a name is there twice"
	case errors.As(err, &syntax):
		return "it is not well-formed JSON in UTF-8, at byte " + strconv.FormatInt(syntax.ByteOffset, 10)
	}
	return "it is not well-formed JSON in UTF-8"
}

func place(p jsontext.Pointer) string {
	if p == "" {
		return "the top"
	}
	return string(p)
}

func body(c *gin.Context, limit int64) ([]byte, bool) { return bodyOf(c, limit, "application/json") }

// bodyOf is body for other media types.
func bodyOf(c *gin.Context, limit int64, media ...string) ([]byte, bool) {
	t, _, err := mime.ParseMediaType(c.GetHeader("Content-Type"))
	if err != nil || !slices.Contains(media, t) {
		problem(c, api.MediaType, "the body is "+media[0])
		return nil, false
	}
	if c.Request.ContentLength > limit {
		problem(c, consent.TooLarge, "the body is too large")
		return nil, false
	}
	b, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, limit))
	if err != nil {
		var tooLarge *http.MaxBytesError
		if errors.As(err, &tooLarge) {
			problem(c, consent.TooLarge, "the body is too large")
		} else {
			problem(c, consent.Malformed, "the body did not arrive whole")
		}
		return nil, false
	}
	if len(bytes.TrimSpace(b)) == 0 {
		problem(c, consent.Malformed, "the body is empty")
		return nil, false
	}
	return b, true
}

// deeper reports whether JSON nests deeper than limit. Whether it is JSON is the parser's to say.
func deeper(b []byte, limit int) bool {
	depth, text := 0, false
	for i := 0; i < len(b); i++ {
		switch ch := b[i]; {
		case text && ch == '\\':
			i++
		case ch == '"':
			text = !text
		case text:
		case ch == '{' || ch == '[':
			if depth++; depth > limit {
				return true
			}
		case ch == '}' || ch == ']':
			depth--
		}
	}
	return false
}

// answer writes v as JSON.
func answer(c *gin.Context, status int, v any) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		problem(c, consent.Internal, "")
		return
	}
	writeJSON(c, status, b)
}

// answerAccess is answer for the answer to an access request.
func answerAccess(c *gin.Context, a *api.Access) {
	buf, ok := answerPool.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	w := writer{b: (*buf)[:0]}
	if w.access(a); w.err != nil {
		problem(c, consent.Internal, "")
		return
	}
	writeJSON(c, http.StatusOK, w.b)
	*buf = w.b
	answerPool.Put(buf)
}

var applicationJSON = []string{"application/json"}

// writeJSON writes a body. It says its length, else an answer that is flushed would be chunked.
func writeJSON(c *gin.Context, status int, b []byte) {
	h := c.Writer.Header()
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	h["Content-Type"] = applicationJSON
	c.Status(status)
	_, _ = c.Writer.Write(b) //nolint:errcheck // a client that went away
}

// problem writes an RFC 9457 problem and ends the request.
func problem(c *gin.Context, code consent.Code, detail string) {
	p := api.ProblemOf(code, detail)
	if p.Status == http.StatusServiceUnavailable && c.Writer.Header().Get("Retry-After") == "" {
		c.Header("Retry-After", "1")
	}
	if p.Status == http.StatusUnauthorized {
		c.Header("WWW-Authenticate", "Bearer")
	}
	c.Abort()
	if strings.HasPrefix(c.Request.URL.Path, "/fhir/") {
		c.Data(p.Status, fhirType, fhir.NewOutcome(fhirIssue(p)).JSON())
		return
	}
	b, err := json.Marshal(p)
	if err != nil {
		c.AbortWithStatus(http.StatusInternalServerError)
		return
	}
	c.Data(p.Status, api.ProblemType, b)
}

// refuse answers an error.
func refuse(c *gin.Context, err error) {
	var limit *auth.LimitError
	switch {
	case errors.As(err, &limit):
		c.Header("Retry-After", strconv.Itoa(limit.Seconds()))
		problem(c, api.RateLimited, "wait and try again")
	case errors.Is(err, auth.ErrUnauthenticated):
		problem(c, api.Unauthenticated, err.Error())
	case errors.Is(err, auth.ErrTwoCredentials):
		problem(c, consent.Malformed, err.Error())
	case errors.Is(err, auth.ErrCrossSite), errors.Is(err, auth.ErrSignIn):
		problem(c, consent.Unauthorized, err.Error())
	case c.Request.Context().Err() != nil:
		problem(c, consent.Unavailable, "the request was given up")
	default:
		problem(c, consent.CodeOf(err), err.Error())
	}
}

func stack() string { return string(debug.Stack()) }
