package client

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
)

// Credentials are what an organisation proves itself with: private_key_jwt (RFC 7523, SMART Backend Services).
type Credentials struct {
	Member consent.MemberID
	Key    any    // sig.Key (ES256K), *ecdsa.PrivateKey on P-256 or P-384, *rsa.PrivateKey (RS384)
	KeyID  string // of the key in the member's key set; may be empty for a sig.Key: then its address
	Scope  string // roles with spaces between; empty: all that the member has
	// Passport is a GA4GH passport, or its visas with spaces between, that the token is to stand for; "": none.
	Passport string
	Now      func() time.Time // default time.Now
}

func (d *Credentials) now() time.Time {
	if d.Now == nil {
		return time.Now()
	}
	return d.Now()
}

// Token is the answer of the token endpoint (RFC 6749, section 5.1).
type Token struct {
	AccessToken     string `json:"access_token"`                //nolint:tagliatelle // RFC 6749
	IssuedTokenType string `json:"issued_token_type,omitempty"` //nolint:tagliatelle // RFC 8693: when it stands for a passport
	TokenType       string `json:"token_type"`                  //nolint:tagliatelle // RFC 6749
	ExpiresIn       int    `json:"expires_in"`                  //nolint:tagliatelle // RFC 6749; seconds
	Scope           string `json:"scope"`
}

// Token asks the token endpoint for a token.
func (c *Client) Token(ctx context.Context, d Credentials) (Token, error) {
	var id [16]byte
	if _, err := rand.Read(id[:]); err != nil {
		return Token{}, err
	}
	now := d.now()
	signed, err := assertion.Sign(assertion.Claims{
		Issuer: string(d.Member), Subject: string(d.Member), Audience: c.URL() + api.PathToken, ID: hex.EncodeToString(id[:]),
		Issued: now, Expires: now.Add(4 * time.Minute),
	}, d.KeyID, d.Key)
	if err != nil {
		return Token{}, err
	}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_assertion_type": {assertion.Type}, "client_assertion": {signed},
	}
	if d.Scope != "" {
		form.Set("scope", d.Scope)
	}
	if d.Passport != "" {
		form.Set("grant_type", assertion.GrantExchange)
		form.Set("subject_token", d.Passport)
		form.Set("subject_token_type", assertion.PassportType)
	}
	t, err := call[Token](ctx, c.As(nil), request{method: http.MethodPost, path: api.PathToken, form: form.Encode()})
	if consent.CodeOf(err) == api.Unauthenticated {
		err = c.known(ctx, err)
	}
	return t, err
}

// Member returns a client whose requests are the organisation's: it fetches tokens when they are needed and keeps each
// until shortly before it ends.
func (c *Client) Member(d Credentials) *Client {
	s := &tokens{fetch: c.Token, credentials: d}
	m := c.As(s.next)
	m.forget = s.forget
	return m
}

type tokens struct {
	fetch       func(context.Context, Credentials) (Token, error)
	credentials Credentials

	mu    sync.Mutex
	token string
	ends  time.Time
}

func (t *tokens) next(ctx context.Context) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.credentials.now()
	if t.token != "" && now.Before(t.ends) {
		return t.token, nil
	}
	fresh, err := t.fetch(ctx, t.credentials)
	if err != nil {
		return "", err
	}
	t.token, t.ends = fresh.AccessToken, now.Add(time.Duration(fresh.ExpiresIn)*time.Second*4/5)
	return t.token, nil
}

func (t *tokens) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.token = ""
}

// Message is the sign-in text of a challenge, to be formatted and signed. It fails on a challenge whose times cannot be
// read.
func Message(ch api.Challenge, a consent.Address) (siwe.Message, error) {
	issued, err := time.Parse(siwe.TimeForm, ch.IssuedAt)
	if err != nil {
		return siwe.Message{}, consent.Errorf(consent.Malformed, "read the challenge: %w", err)
	}
	ends, err := time.Parse(siwe.TimeForm, ch.ExpiresAt)
	if err != nil {
		return siwe.Message{}, consent.Errorf(consent.Malformed, "read the challenge: %w", err)
	}
	return siwe.Message{
		Domain: ch.Domain, Address: a, Statement: ch.Statement, URI: ch.URI, ChainID: ch.ChainID, Nonce: ch.Nonce,
		IssuedAt: issued, ExpirationTime: ends,
	}, nil
}

// Person signs a person of a member, or an authority, in with her key, and returns her client. Patients sign in with
// their wallet, which shows them the text first. A challenge for another place than this client's is refused.
func (c *Client) Person(ctx context.Context, key sig.Key) (*Client, error) {
	ch, err := c.Challenge(ctx)
	if err != nil {
		return nil, err
	}
	m, err := Message(ch, key.Address())
	if err != nil {
		return nil, err
	}
	if m.Domain != c.base.Host || m.Origin() != c.URL() || m.ChainID != consent.ChainID {
		return nil, consent.Errorf(consent.Unauthorized, "the gateway at %s asks for a sign-in to %s: not signed", c.URL(), m.URI)
	}
	text, err := m.Format()
	if err != nil {
		return nil, consent.Errorf(consent.Malformed, "read the challenge: %w", err)
	}
	s, err := key.Sign(sig.PersonalHash(text))
	if err != nil {
		return nil, err
	}
	session, err := c.SignIn(ctx, api.SignIn{Message: text, Signature: s.String()})
	if err != nil {
		return nil, err
	}
	return c.As(Bearer(session.AccessToken)), nil
}
