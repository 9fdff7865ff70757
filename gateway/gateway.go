// Package gateway is how people reach Volens: gin routes over the ledger, the decision path and the use log.
//
// The route table is api.Routes; this package gives every row its handler and serves nothing else. Who may use a row is
// checked in one place, before its handler runs, from roles that the ledger gives at that moment. Bodies are decoded in one
// place, strictly. Errors become problems in one place, by one table. A handler therefore says only what the row does.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/deposit"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// Config is what a gateway stands on. Log, Now and Store may be zero.
type Config struct {
	Ledger     network.Ledger
	LedgerLog  *journal.Log // for auditors' tiles; nil when the ledger has none
	Genesis    consent.Message
	Replica    *replica.Replica
	Engine     *policies.Engine
	Notices    *Notices
	Archive    func(uses.Use) (*policies.Engine, error) // an engine like the one that made a past decision
	Uses       *uses.Log
	Vault      *vault.Vault
	Auth       *auth.Service
	Pseudonyms access.Pseudonyms
	Custodian  *Custodian                  // who opens subjects here; nil on a gateway without
	Store      Store                       // the custodian's records; nil: nothing to fetch
	Studies    *study.Rules                // whose visas are believed, and what is demanded of studies; nil: none, nothing
	Needs      *minimise.Table             // what purposes need; nil: each needs everything
	Version    minimise.Version            // FHIR release of the custodian's records; "" means R4
	Anchor     func(context.Context) error // puts the use log's newest checkpoint on the ledger; nil: nobody signs it here
	App        App                         // pages for people; nil: none
	Info       api.Ledger                  // the constant part of GET /v1/ledger
	// Fenced says why nothing may be acknowledged any more: some storage of the node failed, not always the one that a
	// request would use. nil: the use log's own.
	Fenced func() error
	Origin string // scheme://host[:port] as clients see it
	Log    *slog.Logger
	Now    func() time.Time
}

// Gateway serves a Config. It is an http.Handler.
type Gateway struct {
	cfg     Config
	access  *access.Service
	engine  *gin.Engine
	metrics *metrics

	links       links
	asked       asked
	shelf       *deposit.Shelf
	identifiers identifierIndex
	writers     writers
	openapi     []byte
	ours        map[string]bool // first parts of the routes' paths
	slots       slots

	unsettled unsettledMessages
}

var _ http.Handler = (*Gateway)(nil)

// New returns a gateway. It fails when a route has no handler, or a handler no route.
func New(cfg Config) (*Gateway, error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Info.Algorithm == "" {
		cfg.Info.Algorithm = policies.DenyOverrides
	}
	if cfg.Info.Implicit == "" {
		cfg.Info.Implicit = policies.ImplicitDeny
	}
	if cfg.Fenced == nil {
		cfg.Fenced = cfg.Uses.Fenced
	}
	g := &Gateway{cfg: cfg, metrics: newMetrics(), ours: firstParts()}
	g.access = access.New(access.Config{
		Replica: cfg.Replica, Engine: cfg.Engine, Uses: cfg.Uses, Pseudonyms: cfg.Pseudonyms, Needs: cfg.Needs, Version: cfg.Version, Studies: cfg.Studies,
		Now: cfg.Now,
	})
	if cfg.Notices == nil {
		g.cfg.Notices = NewNotices()
	}
	g.shelf = deposit.New(deposit.Config{Uses: cfg.Uses, Vault: cfg.Vault, Now: cfg.Now})
	g.cfg.Notices.onErase(func(h consent.SubjectID) {
		g.links.drop(h)
		g.asked.drop(h)
		g.shelf.Forget(h)
	})
	g.gauges()
	var err error
	if g.openapi, err = openAPI(); err != nil {
		return nil, err
	}
	if err := g.mount(); err != nil {
		return nil, err
	}
	return g, nil
}

// ServeHTTP implements http.Handler.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.engine.ServeHTTP(w, r) }

// Engine is gin's engine, for tests that walk its route list.
func (g *Gateway) Engine() *gin.Engine { return g.engine }

// Evaluations returns how many decisions OPA made and how many its memo answered.
func (g *Gateway) Evaluations() (evaluated, remembered int64) { return g.access.Evaluations() }

// mount makes gin's engine from the route table.
func (g *Gateway) mount() error {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	e.RedirectFixedPath = false
	e.ContextWithFallback = true
	if err := e.SetTrustedProxies(nil); err != nil {
		return fmt.Errorf("trust no proxy: %w", err)
	}
	e.Use(g.observe, headers, g.recovery)
	e.NoRoute(g.elsewhere)
	e.NoMethod(func(c *gin.Context) { problem(c, api.Method, "look at /openapi.json") })
	handlers := g.handlers()
	for _, row := range api.Routes() {
		key := row.Method + " " + row.Path
		h, ok := handlers[key]
		if !ok {
			return fmt.Errorf("route %s has no handler", key)
		}
		delete(handlers, key)
		e.Handle(row.Method, row.Path, g.guard(row), h)
		if row.Method == http.MethodGet && slices.Contains(row.Roles, api.Anyone) {
			e.HEAD(row.Path, h) // for proxies and monitors; net/http leaves the body out
		}
	}
	for key := range handlers {
		return fmt.Errorf("handler %s is not in the route table", key)
	}
	g.engine = e
	return nil
}

// Times of the HTTP server. Streams lift the write deadline for themselves.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 90 * time.Second
	maxHeader         = 32 << 10
)

// Server returns an http.Server for a handler with every limit set. gin's own Run sets none. Its Shutdown ends a Gateway's
// streams.
func Server(h http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	if g, ok := h.(*Gateway); ok {
		s.RegisterOnShutdown(g.cfg.Notices.Close)
	}
	return s
}

// Sweep does what has to be done now and then, until ctx ends: it forgets sessions that have ended, and finds out what
// became of messages whose outcome was not known.
func (g *Gateway) Sweep(ctx context.Context) {
	sweep, settle := time.NewTicker(time.Minute), time.NewTicker(time.Second)
	defer sweep.Stop()
	defer settle.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweep.C:
			g.cfg.Auth.Sweep()
		case <-settle.C:
			g.settle(ctx)
		}
	}
}

func (g *Gateway) broken() bool { return g.cfg.Fenced() != nil }

// now is the time as records have it.
func (g *Gateway) now() consent.Millis { return consent.Millis(g.cfg.Now().UnixMilli()) }

const principalKey = "principal"

// guard admits a request to a route. It runs before every handler, and a route without roles admits nobody.
func (g *Gateway) guard(row api.Route) gin.HandlerFunc {
	roles := make([]auth.Role, 0, len(row.Roles))
	anyone, signedIn := false, false
	for _, r := range row.Roles {
		switch r {
		case api.Anyone:
			anyone = true
		case api.SignedIn:
			signedIn = true
		case api.Patient, api.Delegate, api.Clinician, api.Researcher, api.Custodian, api.Auditor, api.Authority:
			roles = append(roles, auth.Role(r))
		}
	}
	return func(c *gin.Context) {
		if c.Request.Method != http.MethodGet && g.broken() {
			problem(c, consent.Fenced, "storage failed; nothing is acknowledged until the node was started again")
			return
		}
		if anyone {
			return
		}
		p, err := g.cfg.Auth.Authenticate(c.Request)
		if err != nil {
			refuse(c, err)
			return
		}
		if !signedIn && !auth.Allow(p, roles...) {
			problem(c, consent.Unauthorized, "your roles on the ledger do not allow this")
			return
		}
		c.Set(principalKey, p)
	}
}

func principal(c *gin.Context) auth.Principal {
	p, _ := c.Value(principalKey).(auth.Principal) //nolint:errcheck // the zero Principal has no role
	return p
}

// headers says to every browser that answers are data, private and not to be kept.
func headers(c *gin.Context) {
	h := c.Writer.Header()
	h["Cache-Control"] = noStore
	h["Content-Security-Policy"] = noContent
	h["X-Content-Type-Options"] = noSniff
	h["Referrer-Policy"] = noReferrer
	h["Cross-Origin-Resource-Policy"] = sameOrigin
}

var (
	noStore    = []string{"no-store"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"}
	sameOrigin = []string{"same-origin"}
)

// recovery turns a panic into a problem. The stack goes to the log, the request does not: it may hold personal data.
func (g *Gateway) recovery(c *gin.Context) {
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if err, ok := r.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(r)
		}
		g.cfg.Log.Error("a handler panicked", slog.String("route", c.FullPath()), slog.String("stack", stack()))
		if c.Writer.Written() {
			panic(http.ErrAbortHandler) // what was sent so far must not pass for a whole answer
		}
		problem(c, consent.Internal, "")
	}()
	c.Next()
}
