// Package proxy stands in front of a custodian's FHIR server and lets through what patients permit.
//
// A request is read (which interaction, of what), its scope checked, and sent to the server with everything taken out by which a
// denied resource could be guessed. The answer is read entry by entry. Entries are gathered, at most 256 at a time, and decided
// together for each patient by package access: the same consents, the same policies, the same use log as the gateway's. What
// flows is written when its use is durable; what does not is as if it were not there. Then the next entries are read, so memory
// does not grow with the answer.
//
// README.md says how to ask, what is refused and why.
package proxy

import (
	"context"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/minimise"
)

// Decider decides and puts on record. An *access.Service is one.
type Decider interface {
	Begin(ctx context.Context, who access.Requester, req api.AccessRequest, cut func()) (*access.Pending, error)
	Preview(ctx context.Context, h consent.SubjectID, p api.Preview, who access.Requester) (policies.Decision, error)
}

// Config sets a Proxy up. Labels, Needs, Version, Client, Authorization and Log may be zero. Needs and Version are those that Access
// decides by.
type Config struct {
	Upstream      string // base URL of the FHIR server, e.g. http://localhost:8103/fhir/R4
	Base          string // the proxy's own base URL, as clients see it
	Authorization string // sent to the server, e.g. "Bearer ..."; the client's own is never passed on
	Issuer        string // base URL of the node, whose tokens are taken
	Version       minimise.Version
	Auth          *auth.Service
	Access        Decider
	Pseudonyms    access.Pseudonyms
	Handle        func(patient string) (consent.SubjectID, bool) // the subject whose local record is Patient/<patient>
	Labels        *label.Labeller                                // nil: the default rules
	Needs         *minimise.Table                                // of purposes; nil: each needs everything
	Client        *http.Client
	Log           *slog.Logger
}

// Proxy is an http.Handler.
type Proxy struct {
	cfg      Config
	upstream *url.URL
	base     string
	seal     cipher.AEAD
}

var _ http.Handler = (*Proxy)(nil)

// New checks a configuration. Links to further pages are sealed with a key of this process: they end with it.
func New(cfg Config) (*Proxy, error) {
	u, err := url.Parse(strings.TrimSuffix(cfg.Upstream, "/"))
	if err != nil || !plainBase(u) {
		return nil, errors.New("the upstream is the base URL of a FHIR server, http or https")
	}
	if cfg.Auth == nil || cfg.Access == nil || cfg.Handle == nil {
		return nil, errors.New("a proxy needs sign-in, decisions and the subjects of its patients")
	}
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	seal, err := newSeal(rand.Reader)
	if err != nil {
		return nil, err
	}
	return &Proxy{cfg: cfg, upstream: u, base: strings.TrimSuffix(cfg.Base, "/"), seal: seal}, nil
}

func plainBase(u *url.URL) bool {
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.User == nil
}

func (cfg *Config) fill() (err error) {
	if cfg.Labels == nil {
		cfg.Labels, err = label.Default()
	}
	if cfg.Version == "" {
		cfg.Version = minimise.R4
	}
	if cfg.Client == nil {
		cfg.Client = &http.Client{
			Transport:     &http.Transport{MaxIdleConnsPerHost: 64, ResponseHeaderTimeout: upstreamTimeout, ReadBufferSize: 64 << 10, DisableCompression: true},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return err
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	x := &exchange{p: p, w: w, r: r}
	if err := x.serve(); err != nil {
		x.fail(err)
	}
}

// exchange is one request and its answer.
type exchange struct {
	p   *Proxy
	w   http.ResponseWriter
	r   *http.Request
	act interaction
	who requester
	now *item // of a history: the present version

	mu    sync.Mutex
	ended bool // by a revocation
	wrote bool
}

// writeTimeout is how long a client may take to read a window.
const writeTimeout = 30 * time.Second

// cut ends the connection at once. A revocation does so that does not wait any longer for the answer.
func (x *exchange) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.ended = true
	_ = http.NewResponseController(x.w).SetWriteDeadline(time.Unix(1, 0)) //nolint:errcheck // a connection without deadlines has been answered already
}

// write sends a part of the answer, unless the exchange was cut.
func (x *exchange) write(out []byte) error {
	x.mu.Lock()
	if x.ended {
		x.mu.Unlock()
		return errOvertake
	}
	err := http.NewResponseController(x.w).SetWriteDeadline(time.Now().Add(writeTimeout))
	x.mu.Unlock()
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	x.wrote = true
	_, err = x.w.Write(out)
	return err
}

func (x *exchange) serve() error {
	var err error
	if x.act, err = x.p.read(x.r); err != nil {
		return err
	}
	switch x.act.kind { //nolint:exhaustive // the others need a token
	case capabilities:
		return x.capabilities()
	case smart:
		return x.smart()
	}
	if x.who, err = x.p.admit(x.r); err != nil {
		return err
	}
	if x.act.kind == nextPage {
		if err := x.resume(); err != nil {
			return err
		}
	}
	return x.enforce()
}

// enforce answers a request that is read, of somebody who is known.
func (x *exchange) enforce() error {
	if x.act.kind == batch {
		return x.together()
	}
	if err := x.check(); err != nil {
		return err
	}
	switch x.act.kind {
	case readOne, readVersion:
		return x.one()
	case create, update, remove:
		return x.change()
	case search, history, everything:
		return x.many(x.bundle())
	case capabilities, smart, nextPage, batch:
	}
	return errUnsupported
}

// check reports whether an interaction is in scope and may be asked this way.
func (x *exchange) check() error {
	if !x.who.scopes.May(x.act.scope, x.act.typ) {
		return errScope
	}
	if err := x.act.checkParams(x.p.cfg.Needs, x.who.purpose); err != nil {
		return err
	}
	req := x.who.request("access")
	req.Elements, req.Summary = x.act.ask.Elements, x.act.ask.Summary
	if err := access.CheckTerms(req); err != nil { // here, since the decision would say it only of what is there
		return err
	}
	x.act.asked = x.act.path
	if q := x.act.query.Encode(); q != "" {
		x.act.asked += "?" + q
	}
	return nil
}

// fail answers with an OperationOutcome. When something was written already the connection is cut: what came so far must not
// pass for a whole answer.
func (x *exchange) fail(err error) {
	x.note(err)
	if x.wrote {
		panic(http.ErrAbortHandler)
	}
	outcomeFor(err).write(x.w)
}

// note logs a fault of ours; what is answered says no more than its code.
func (x *exchange) note(err error) {
	if o := outcomeFor(err); !errors.Is(err, o) && o.status >= http.StatusInternalServerError {
		x.p.cfg.Log.Warn("a FHIR request failed", slog.String("interaction", string(x.act.kind)), slog.String("error", err.Error()))
	}
}
