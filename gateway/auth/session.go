package auth

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"

	"github.com/volens-ledger/volens/policies/study"
)

// CookieName is the session cookie. The prefix makes browsers insist on Secure, Path=/ and no Domain.
const CookieName = "__Host-sid"

// CSRFHeader carries the session's CSRF token on every request that may change something.
const CSRFHeader = "X-Csrf-Token"

// Session is a browser session that was just made.
type Session struct {
	Cookie    *http.Cookie
	CSRF      string // for the page to send in CSRFHeader
	ExpiresAt time.Time
}

// Session makes a browser session for a principal that just signed in. It ends after SessionLife, after SessionIdle without
// a request, with the process, and when the ledger gives the principal nothing any more.
func (s *Service) Session(p Principal) (Session, error) {
	secret, d, expires, err := s.issue(p, inCookie, s.cfg.SessionLife, s.cfg.SessionIdle)
	if err != nil {
		return Session{}, err
	}
	c := cookie(secret, int(s.cfg.SessionLife/time.Second))
	return Session{Cookie: c, CSRF: s.csrf(d), ExpiresAt: expires}, nil
}

// ClearCookie is the cookie that removes the session cookie from the browser.
func ClearCookie() *http.Cookie { return cookie("", -1) }

func cookie(value string, maxAge int) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: value, Path: "/", MaxAge: maxAge, Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	}
}

// Token is a bearer token that was just made, in the form of RFC 6749, section 5.1.
type Token struct {
	AccessToken     string `json:"access_token"`                //nolint:tagliatelle // RFC 6749
	IssuedTokenType string `json:"issued_token_type,omitempty"` //nolint:tagliatelle // RFC 8693: of a token that was exchanged for a passport
	TokenType       string `json:"token_type"`                  //nolint:tagliatelle // RFC 6749
	ExpiresIn       int    `json:"expires_in"`                  //nolint:tagliatelle // RFC 6749; seconds
	Scope           string `json:"scope"`
}

// Bearer makes a bearer token for a person that just signed in without a browser.
func (s *Service) Bearer(p Principal) (Token, error) { return s.bearer(p, s.cfg.PersonToken) }

func (s *Service) bearer(p Principal, life time.Duration) (Token, error) {
	secret, _, _, err := s.issue(p, inHeader, life, 0)
	if err != nil {
		return Token{}, err
	}
	roles := p.Roles()
	names := make([]string, 0, len(roles)+1)
	for _, r := range roles {
		names = append(names, string(r))
	}
	if p.id.smart != "" {
		names = append(names, p.id.smart)
	}
	return Token{AccessToken: secret, TokenType: "Bearer", ExpiresIn: int(life / time.Second), Scope: strings.Join(names, " ")}, nil
}

// issue makes a secret for a principal that was proven in this request, and keeps its digest.
func (s *Service) issue(p Principal, u use, life, idle time.Duration) (secret string, d digest, expires time.Time, err error) {
	if !p.fresh {
		return "", d, expires, ErrUnauthenticated
	}
	random, err := s.draw()
	if err != nil {
		return "", d, expires, err
	}
	now := s.cfg.Now()
	expires = now.Add(life)
	g := &grant{id: p.id, visas: study.Size(p.id.shown), use: u, expires: expires.UnixNano(), idle: int64(idle)}
	g.seen.Store(now.UnixNano())
	d = sha256.Sum256(random[:])
	limit := s.cfg.SecretsPerPerson
	if p.Client() {
		limit = s.cfg.SecretsPerClient
	}
	err = s.secrets.add(d, g, limit, now.UnixNano())
	return base64.RawURLEncoding.EncodeToString(random[:]), d, expires, err
}

// Authenticate finds out who sent r, by bearer token or session cookie, and what the ledger gives that identity now. For a
// cookie on a request that may change something it demands the proof of rule (l). The errors are ErrUnauthenticated,
// ErrTwoCredentials and ErrCrossSite.
func (s *Service) Authenticate(r *http.Request) (Principal, error) {
	g, _, err := s.find(r)
	if err != nil {
		return Principal{}, err
	}
	return s.principal(&g.id)
}

// Still is who sent r, a GET that is being answered for a long time, as of now. An open stream is no sign of a person, so
// unlike Authenticate it does not keep a session from idling out.
func (s *Service) Still(r *http.Request) (Principal, error) {
	d, u, err := presented(r)
	if err != nil {
		return Principal{}, err
	}
	g := s.secrets.peekLive(d, u, s.cfg.Now().UnixNano())
	if g == nil {
		return Principal{}, ErrUnauthenticated
	}
	return s.principal(&g.id)
}

// Claim counts an attempt to register a key from a remote address, or refuses it with a *LimitError: who claims has nothing
// yet to sign in with.
func (s *Service) Claim(remote string) error { return take(s.claims, network(remote), s.cfg.Now()) }

// find returns the live grant that r presents the secret of, and the secret's digest.
func (s *Service) find(r *http.Request) (*grant, digest, error) {
	d, u, err := presented(r)
	if err != nil {
		return nil, d, err
	}
	g := s.secrets.find(d, u, s.cfg.Now().UnixNano())
	switch {
	case g == nil:
		return nil, d, ErrUnauthenticated
	case u == inCookie && !safe(r.Method) && !s.ownPage(r, d):
		return nil, d, ErrCrossSite
	}
	return g, d, nil
}

// CheckOrigin refuses, with ErrCrossSite, a request that a browser sent from another site. Routes that take no credential
// but change something, sign-in above all, ask it; Authenticate does so by itself.
func (s *Service) CheckOrigin(r *http.Request) error {
	if s.cross.Check(r) != nil {
		return ErrCrossSite
	}
	return nil
}

// CSRF is the CSRF token of the session whose cookie r, a GET, carries: for a page that was loaded anew.
func (s *Service) CSRF(r *http.Request) (string, error) {
	g, d, err := s.find(r)
	if err != nil {
		return "", err
	}
	if g.use != inCookie {
		return "", ErrUnauthenticated
	}
	return s.csrf(d), nil
}

// csrf is derived, so there is nothing more to keep: a MAC of the session's digest.
func (s *Service) csrf(d digest) string {
	m := hmac.New(sha256.New, s.bootKey[:])
	m.Write([]byte("csrf"))
	m.Write(d[:])
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

func (s *Service) ownPage(r *http.Request, d digest) bool {
	sent := r.Header[CSRFHeader]
	return s.cross.Check(r) == nil && len(sent) == 1 && hmac.Equal([]byte(sent[0]), []byte(s.csrf(d)))
}

// safe reports whether a method may change nothing (RFC 9110, section 9.2.1).
func safe(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// Logout ends the session or token that r carries. It is an error only when r carries none, or is not from our own page.
func (s *Service) Logout(r *http.Request) error {
	_, d, err := s.find(r)
	if err != nil {
		return err
	}
	s.secrets.end(d)
	return nil
}

// LogoutAll ends every session and token of the principal: of this handle, delegation, key or client.
func (s *Service) LogoutAll(p Principal) { s.secrets.endAll(p.id.owner) }

// presented is the digest of the one credential that r carries.
func presented(r *http.Request) (d digest, u use, err error) {
	text, u := "", use(0)
	if headers := r.Header["Authorization"]; len(headers) > 0 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if len(headers) > 1 {
			return d, 0, ErrTwoCredentials
		}
		if !strings.EqualFold(scheme, "Bearer") {
			return d, 0, ErrUnauthenticated
		}
		text, u = token, inHeader
	}
	if len(r.Header["Cookie"]) > 0 {
		for i, c := range r.CookiesNamed(CookieName) {
			if u == inHeader || i > 0 {
				return d, 0, ErrTwoCredentials
			}
			text, u = c.Value, inCookie
		}
	}
	var secret [32]byte
	if len(text) != base64.RawURLEncoding.EncodedLen(len(secret)) {
		return d, 0, ErrUnauthenticated
	}
	if n, err := strict64.Decode(secret[:], []byte(text)); err != nil || n != len(secret) {
		return d, 0, ErrUnauthenticated
	}
	return sha256.Sum256(secret[:]), u, nil
}

var strict64 = base64.RawURLEncoding.Strict()
