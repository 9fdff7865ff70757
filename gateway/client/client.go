// Package client is the typed Go client of a gateway: one method for each row of the route table in package api. The
// command line, the demo and the tests use it, and so can any Go program of a member.
//
// A refusal comes back as an error that carries the gateway's code: consent.CodeOf(err) names it, and errors.As with
// *Refusal gives the whole problem and how long to wait. Answers are bounded in size. A secret is only ever sent over
// https, or to this machine.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// Limits of answers, in bytes.
const (
	maxAnswer = 4 << 20
	maxLarge  = 64 << 20 // statements of uses, exports, resources
)

// Options of a client. The zero value works: public routes only, http.DefaultTransport, a minute for each answer.
type Options struct {
	HTTP  *http.Client
	Token func(context.Context) (string, error) // the bearer token of the next request; nil: none
	Agent string                                // User-Agent; default "volens"
}

// Client talks to one gateway. It is safe for concurrent use and does not change.
type Client struct {
	base   *url.URL
	opt    Options
	forget func() // drops a kept token that the gateway does not know any more; nil when none is kept
}

// New makes a client of the gateway at base, scheme://host[:port]. Plain http is for this machine only.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(strings.TrimSuffix(base, "/"))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the gateway's address: %w", err)
	case u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || u.Fragment != "":
		return nil, fmt.Errorf("the gateway's address %q is not scheme://host[:port]", base)
	case u.Scheme != "https" && (u.Scheme != "http" || !Loopback(u.Hostname())):
		return nil, fmt.Errorf("the gateway's address %q is not https; plain http is for this machine only", base)
	}
	if o.HTTP == nil {
		o.HTTP = &http.Client{Timeout: time.Minute}
	}
	if o.Agent == "" {
		o.Agent = "volens"
	}
	return &Client{base: u, opt: o}, nil
}

// Loopback reports whether host is this machine.
func Loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// As returns a client of the same gateway whose requests carry the tokens that token gives.
func (c *Client) As(token func(context.Context) (string, error)) *Client {
	d := *c
	d.opt.Token, d.forget = token, nil
	return &d
}

// Bearer is a token function that always gives the same token.
func Bearer(token string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return token, nil }
}

// URL is the gateway's address, without a slash at the end.
func (c *Client) URL() string { return c.base.String() }

// Refusal is a gateway's refusal: the problem it sent (RFC 9457). errors.As finds the *consent.Error in it too.
type Refusal struct { //nolint:errname // the word of whoever reads the call site
	Problem    api.Problem
	RetryAfter time.Duration // 0: not said
	cause      error
}

// Error implements error.
func (r *Refusal) Error() string { return r.cause.Error() }

// Unwrap gives the *consent.Error.
func (r *Refusal) Unwrap() error { return r.cause }

// RetryAfter is how long the gateway asks to wait before the next try, 0 when it did not say.
func RetryAfter(err error) time.Duration {
	var r *Refusal
	if errors.As(err, &r) {
		return r.RetryAfter
	}
	return 0
}

// request is one exchange.
type request struct {
	method, path string
	body         any    // JSON; nil for none
	form         string // instead of body
	accept       string
	limit        int64
}

// do sends r and returns the response of status 2xx, its body not yet read. Anything else is an error. Tokens end with the
// gateway's process, so one that was kept and is not known any more is dropped, and the request sent once more: it was not
// looked at.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	res, err := c.send(ctx, r)
	if c.forget != nil && consent.CodeOf(err) == api.Unauthenticated {
		c.forget()
		return c.send(ctx, r)
	}
	return res, err
}

func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	req, err := c.prepare(ctx, r)
	if err != nil {
		return nil, err
	}
	res, err := c.opt.HTTP.Do(req)
	if err != nil {
		return nil, transport(err)
	}
	if res.StatusCode/100 == 2 {
		return res, nil
	}
	defer func() { _ = res.Body.Close() }() //nolint:errcheck // nothing is to be learned from it
	return nil, refusal(res)
}

func (c *Client) prepare(ctx context.Context, r request) (*http.Request, error) {
	var body io.Reader
	kind := ""
	switch {
	case r.form != "":
		body, kind = strings.NewReader(r.form), "application/x-www-form-urlencoded"
	case r.body != nil:
		b, err := json.Marshal(r.body)
		if err != nil {
			return nil, consent.Errorf(consent.Malformed, "write the request: %w", err)
		}
		body, kind = bytes.NewReader(b), "application/json"
	}
	req, err := http.NewRequestWithContext(ctx, r.method, c.base.String()+r.path, body)
	if err != nil {
		return nil, fmt.Errorf("make the request: %w", err)
	}
	req.Header.Set("User-Agent", c.opt.Agent)
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	if r.accept != "" {
		req.Header.Set("Accept", r.accept)
	}
	if c.opt.Token != nil {
		token, err := c.opt.Token(ctx)
		if err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return req, nil
}

// transport says of a failed exchange whether anything can have been written: nothing when no connection was made.
func transport(err error) error {
	var op *net.OpError
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("wait for the gateway: %w", err)
	case errors.As(err, &op) && op.Op == "dial":
		return consent.Errorf(consent.Unavailable, "the gateway is not reached: %w", err)
	}
	return consent.Errorf(consent.Unknown, "the gateway did not answer: %w", err)
}

// refusal reads a problem. What is not one is told by its status.
func refusal(res *http.Response) error {
	r := &Refusal{RetryAfter: retryAfter(res.Header.Get("Retry-After"))}
	b, err := io.ReadAll(io.LimitReader(res.Body, 64<<10))
	kind, _, _ := mime.ParseMediaType(res.Header.Get("Content-Type")) //nolint:errcheck // "" is handled
	if err == nil && kind == api.ProblemType && json.Unmarshal(b, &r.Problem) == nil && r.Problem.Code != "" {
		msg := r.Problem.Detail
		if msg == "" {
			msg = r.Problem.Title
		}
		r.cause = &consent.Error{Code: r.Problem.Code, Msg: msg}
		return r
	}
	var oauth struct {
		Error       string `json:"error"`
		Description string `json:"error_description"` //nolint:tagliatelle // RFC 6749
	}
	if err == nil && kind == "application/json" && json.Unmarshal(b, &oauth) == nil && oauth.Error != "" {
		r.cause = &consent.Error{Code: codeOfStatus(res.StatusCode), Msg: strings.TrimSuffix(oauth.Error+": "+oauth.Description, ": ")}
	} else {
		r.cause = &consent.Error{Code: codeOfStatus(res.StatusCode), Msg: "the gateway answered " + res.Status}
	}
	r.Problem = api.Problem{Title: http.StatusText(res.StatusCode), Status: res.StatusCode, Code: consent.CodeOf(r.cause), Detail: r.cause.Error()}
	return r
}

// codeOfStatus is for answers that are no problems: of a proxy in between, or of the token endpoint.
func codeOfStatus(status int) consent.Code {
	switch status {
	case http.StatusUnauthorized:
		return api.Unauthenticated
	case http.StatusForbidden:
		return consent.Unauthorized
	case http.StatusNotFound, http.StatusMethodNotAllowed:
		return consent.NotFound
	case http.StatusTooManyRequests:
		return api.RateLimited
	case http.StatusRequestEntityTooLarge:
		return consent.TooLarge
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return consent.Unavailable
	}
	if status/100 == 4 {
		return consent.Malformed
	}
	return consent.Internal
}

// retryAfter reads whole seconds; a date is not used here.
func retryAfter(header string) time.Duration {
	n, err := strconv.Atoi(header)
	if err != nil || n < 0 || n > 24*3600 {
		return 0
	}
	return time.Duration(n) * time.Second
}

// read returns the whole body, at most limit bytes of it.
func read(res *http.Response, limit int64) (_ []byte, err error) {
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	b, err := io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, consent.Errorf(consent.Unknown, "read the gateway's answer: %w", err)
	}
	if int64(len(b)) > limit {
		return nil, consent.Errorf(consent.TooLarge, "the gateway's answer has more than %d bytes", limit)
	}
	return b, nil
}

// bytes sends r and returns the answer as it is.
func (c *Client) bytes(ctx context.Context, r request) ([]byte, error) {
	if r.limit == 0 {
		r.limit = maxAnswer
	}
	res, err := c.do(ctx, r) //nolint:bodyclose // read closes it
	if err != nil {
		return nil, err
	}
	return read(res, r.limit)
}

// call sends r and decodes the JSON answer. Members that this version does not know are passed over.
func call[T any](ctx context.Context, c *Client, r request) (T, error) {
	var v T
	b, err := c.bytes(ctx, r)
	if err != nil {
		return v, err
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return v, consent.Errorf(consent.Malformed, "read the gateway's answer: %w", err)
	}
	return v, nil
}

func get[T any](ctx context.Context, c *Client, path string) (T, error) {
	return call[T](ctx, c, request{method: http.MethodGet, path: path})
}

func post[T any](ctx context.Context, c *Client, path string, body any) (T, error) {
	return call[T](ctx, c, request{method: http.MethodPost, path: path, body: body})
}
