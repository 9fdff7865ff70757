package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/policies/scope"
)

// OAuthError is an error answer of the token endpoint (RFC 6749, section 5.2), to be sent as JSON with Status.
type OAuthError struct {
	Status      int           `json:"-"`
	RetryAfter  time.Duration `json:"-"` // 0: not said
	Code        string        `json:"error"`
	Description string        `json:"error_description,omitempty"` //nolint:tagliatelle // RFC 6749
}

// Error implements error.
func (e *OAuthError) Error() string { return e.Code + ": " + e.Description }

func invalidRequest(why string) *OAuthError {
	return &OAuthError{Status: http.StatusBadRequest, Code: "invalid_request", Description: why}
}

func invalidClient(why string) *OAuthError {
	return &OAuthError{Status: http.StatusUnauthorized, Code: "invalid_client", Description: why}
}

// errClient is said of everything that the ledger knows: unknown, suspended, another key, a wrong signature.
const errClient = "the client assertion was refused"

// Token answers a token request: the form of a POST, already read and bounded. Remote is the peer's address, for the limit.
// Rules (f) to (h) and (n) of the package comment.
func (s *Service) Token(ctx context.Context, remote string, form url.Values) (Token, *OAuthError) {
	if err := take(s.tokens, network(remote), s.cfg.Now()); err != nil {
		return Token{}, tooMany(err)
	}
	asked, bad := readForm(form)
	if bad == nil {
		bad = s.target(form)
	}
	if bad != nil {
		return Token{}, bad
	}
	a, err := assertion.Parse(form.Get("client_assertion"))
	if err != nil {
		return Token{}, invalidClient(err.Error())
	}
	if id := form.Get("client_id"); id != "" && id != a.Client() {
		return Token{}, invalidClient("client_id is not the assertion's sub")
	}
	m, c, bad := s.verify(a)
	if bad != nil {
		return Token{}, bad
	}
	if bad := s.accept(ctx, c); bad != nil {
		return Token{}, bad
	}
	if err := take(s.clients, m.ID, s.cfg.Now()); err != nil { // not before: else a replayed assertion would use up the member's share
		return Token{}, tooMany(err)
	}
	id := identity{owner: owner{kind: client, member: m.ID}, record: m.Seq, scope: asked.roles, smart: asked.smart}
	if form.Get("grant_type") == assertion.GrantExchange {
		return s.exchange(&id, form.Get("subject_token"))
	}
	return s.tokenFor(&id, s.cfg.ClientToken)
}

func (s *Service) tokenFor(id *identity, life time.Duration) (Token, *OAuthError) {
	p, err := s.proven(id)
	if err != nil {
		return Token{}, &OAuthError{Status: http.StatusBadRequest, Code: "invalid_scope", Description: "the client has none of these roles"}
	}
	t, err := s.bearer(p, life)
	if err != nil {
		return Token{}, unavailable(err)
	}
	return t, nil
}

// readForm reads the parameters: each once (RFC 6749, section 3.2), the required ones there.
func readForm(form url.Values) (asked scopes, bad *OAuthError) {
	for name, values := range form {
		if len(values) != 1 {
			return asked, invalidRequest(fmt.Sprintf("%.40q is given more than once", name))
		}
	}
	if bad := readGrant(form); bad != nil {
		return asked, bad
	}
	if form.Has("client_secret") {
		return asked, invalidClient("there are no client secrets here; send a client assertion")
	}
	if form.Get("client_assertion_type") != assertion.Type {
		return asked, invalidRequest("client_assertion_type is " + assertion.Type)
	}
	if form.Get("client_assertion") == "" {
		return asked, invalidRequest("client_assertion is missing")
	}
	asked, ok := readScope(form.Get("scope"))
	if !ok {
		return asked, &OAuthError{
			Status: http.StatusBadRequest, Code: "invalid_scope", Description: "scope is a list of roles (custodian, clinician, researcher, auditor) and of SMART scopes such as system/*.rs",
		}
	}
	return asked, nil
}

// readGrant reads which grant is asked for, and what belongs to that alone.
func readGrant(form url.Values) *OAuthError {
	switch form.Get("grant_type") {
	case "client_credentials":
		if form.Has("subject_token") {
			return invalidRequest("a subject_token comes with grant_type " + assertion.GrantExchange)
		}
		return nil
	case assertion.GrantExchange:
		return readExchange(form)
	case "":
		return invalidRequest("grant_type is missing")
	}
	return &OAuthError{
		Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "grant_type is client_credentials or " + assertion.GrantExchange,
	}
}

// scopes is what a client asks for: roles of its own, and what it may do with FHIR resources.
type scopes struct {
	roles roleSet
	smart string
}

// readScope reads a list of roles of members and of SMART scopes (system/ and user/: no patient launches a token here). No role
// means all that the member has.
func readScope(text string) (asked scopes, ok bool) {
	if text == "" {
		return scopes{roles: memberRoles}, true
	}
	var smart []string
	for name := range strings.SplitSeq(text, " ") {
		if r := setOf(Role(name)) & memberRoles; r != 0 {
			asked.roles |= r
			continue
		}
		s, err := scope.Parse(name)
		if err != nil || s.Level != "system" && s.Level != "user" {
			return scopes{}, false
		}
		smart = append(smart, name)
	}
	if asked.roles == 0 {
		asked.roles = memberRoles
	}
	asked.smart = strings.Join(smart, " ")
	return asked, true
}

// verify checks the assertion against the keys of the member's record on the ledger.
func (s *Service) verify(a assertion.Unverified) (consent.Member, assertion.Claims, *OAuthError) {
	refused := invalidClient(errClient)
	m, ok := s.ledger.Member(consent.MemberID(a.Client()))
	if !ok || m.Suspended {
		return consent.Member{}, assertion.Claims{}, refused
	}
	keys, err := assertion.ParseKeys(m.JWKS)
	if err != nil { // a key set that cannot be read is as good as none; the ledger keys still work
		keys = nil
	}
	for _, k := range m.Keys {
		keys = append(keys, assertion.LedgerKey(k))
	}
	c, err := a.Verify(keys)
	if err != nil {
		return consent.Member{}, assertion.Claims{}, refused
	}
	return m, c, nil
}

// accept checks audience and times of a signed assertion and spends it.
func (s *Service) accept(ctx context.Context, c assertion.Claims) *OAuthError {
	if c.Audience != s.cfg.TokenURL {
		return invalidClient("aud is not " + s.cfg.TokenURL)
	}
	now := s.cfg.Now()
	issued := c.Issued
	if issued.IsZero() { // then the earliest moment at which it could have been accepted
		issued = c.Expires.Add(-assertionLife)
	}
	from := issued
	if c.NotBefore.After(from) {
		from = c.NotBefore
	}
	switch {
	case !now.Before(c.Expires):
		return invalidClient("the assertion has expired")
	case c.Expires.Sub(issued) > assertionLife || issued.After(now.Add(s.cfg.Skew)):
		return invalidClient("exp is at most 5 minutes ahead, and at most 5 minutes after iat; check the client's clock")
	case from.After(now.Add(s.cfg.Skew)):
		return invalidClient("nbf is in the future; check the client's clock")
	case issued.Before(s.boot):
		return invalidClient("the assertion was issued before this server started; sign a new one")
	}
	if err := wait(ctx, from.Sub(now)); err != nil {
		return unavailable(err)
	}
	id := sha256.Sum256([]byte(c.Issuer + "\x00" + c.ID))
	fresh, err := s.assertions.spend(id, now, c.Expires)
	if err != nil {
		return unavailable(err)
	}
	if !fresh {
		return invalidClient("jti was used already")
	}
	return nil
}

// wait returns when d has passed, at once when d is not positive.
func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func tooMany(err error) *OAuthError {
	e := &OAuthError{Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", Description: err.Error()}
	if l := new(LimitError); errors.As(err, &l) {
		e.RetryAfter = l.RetryAfter
	}
	return e
}

func unavailable(err error) *OAuthError {
	return &OAuthError{
		Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: err.Error(), RetryAfter: time.Minute,
	}
}
