package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
)

// bindingCookie ties a challenge to the browser that asked for it.
const bindingCookie = "__Host-challenge"

// remote is the peer's address without its port. No header is believed.
func remote(c *gin.Context) string {
	host, _, err := net.SplitHostPort(c.Request.RemoteAddr)
	if err != nil {
		return c.Request.RemoteAddr
	}
	return host
}

func (g *Gateway) challenge(c *gin.Context) {
	if err := g.cfg.Auth.CheckOrigin(c.Request); err != nil {
		refuse(c, err)
		return
	}
	binding := ""
	if c.GetHeader("Sec-Fetch-Site") != "" { // a browser
		var b [16]byte
		_, _ = rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
		binding = hex.EncodeToString(b[:])
		http.SetCookie(c.Writer, &http.Cookie{
			Name: bindingCookie, Value: binding, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode, MaxAge: 300,
		})
	}
	ch, err := g.cfg.Auth.Challenge(c.Request.Context(), remote(c), binding)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Challenge{
		Nonce: ch.Nonce, Domain: ch.Domain, URI: ch.URI, ChainID: ch.ChainID, Statement: ch.Statement,
		IssuedAt: ch.IssuedAt.UTC().Format(time.RFC3339), ExpiresAt: ch.ExpiresAt.UTC().Format(time.RFC3339),
	})
}

func (g *Gateway) signIn(c *gin.Context) {
	if err := g.cfg.Auth.CheckOrigin(c.Request); err != nil {
		refuse(c, err)
		return
	}
	b, ok := body(c, 64<<10)
	if !ok {
		return
	}
	var in api.SignIn
	// The sign-in text has line ends, which texts elsewhere may not have; its own parser checks it to the letter.
	if err := unmarshalAny(b, &in); err != nil {
		refuse(c, err)
		return
	}
	binding := ""
	if k, err := c.Request.Cookie(bindingCookie); err == nil {
		binding = k.Value
	}
	p, err := g.cfg.Auth.SignIn(c.Request.Context(), auth.SignIn{
		Remote: remote(c), Binding: binding, Message: in.Message, Signature: in.Signature, Handle: in.Handle,
		KeySalt: in.KeySalt, Delegation: in.Delegation,
	})
	if err != nil {
		refuse(c, err)
		return
	}
	out := describe(p)
	if in.Cookie {
		s, err := g.cfg.Auth.Session(p)
		if err != nil {
			refuse(c, err)
			return
		}
		http.SetCookie(c.Writer, s.Cookie)
		out.CSRF, out.ExpiresIn = s.CSRF, int(s.ExpiresAt.Sub(g.cfg.Now()).Seconds())
	} else {
		t, err := g.cfg.Auth.Bearer(p)
		if err != nil {
			refuse(c, err)
			return
		}
		out.AccessToken, out.ExpiresIn = t.AccessToken, t.ExpiresIn
	}
	answer(c, http.StatusOK, out)
}

func describe(p auth.Principal) api.Session {
	s := api.Session{Member: p.Member}
	for _, r := range p.Roles() {
		s.Roles = append(s.Roles, string(r))
	}
	if !p.Handle.IsZero() {
		h := p.Handle
		s.Handle = &h
	}
	return s
}

func (g *Gateway) session(c *gin.Context) {
	s := describe(principal(c))
	if csrf, err := g.cfg.Auth.CSRF(c.Request); err == nil {
		s.CSRF = csrf
	}
	answer(c, http.StatusOK, s)
}

func (g *Gateway) logout(c *gin.Context) {
	if err := g.cfg.Auth.Logout(c.Request); err != nil {
		refuse(c, err)
		return
	}
	http.SetCookie(c.Writer, auth.ClearCookie())
	c.Header("Clear-Site-Data", `"cache"`)
	answer(c, http.StatusOK, struct{}{})
}

// maxForm bounds the form of a token request, in bytes: a passport as long as elsewhere (api.AccessRequest), and the rest.
const maxForm = 80 << 10

// token is the OAuth 2 token endpoint; its errors have the form of RFC 6749 5.2, not of a problem.
func (g *Gateway) token(c *gin.Context) {
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxForm)
	b, err := io.ReadAll(c.Request.Body)
	form, parseErr := url.ParseQuery(string(b))
	if err != nil || parseErr != nil || c.ContentType() != "application/x-www-form-urlencoded" {
		answer(c, http.StatusBadRequest, &auth.OAuthError{
			Code: "invalid_request", Description: "send a form of at most 80 KiB, application/x-www-form-urlencoded",
		})
		return
	}
	t, oe := g.cfg.Auth.Token(c.Request.Context(), remote(c), form)
	if oe != nil {
		if oe.RetryAfter > 0 {
			c.Header("Retry-After", strconv.Itoa((&auth.LimitError{RetryAfter: oe.RetryAfter}).Seconds()))
		}
		answer(c, oe.Status, oe)
		return
	}
	c.Header("Pragma", "no-cache")
	answer(c, http.StatusOK, t)
}
