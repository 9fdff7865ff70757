package auth

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/policies/study"
)

// readExchange reads the parameters of RFC 8693, section 2.1, that a token exchange has here.
func readExchange(form url.Values) *OAuthError {
	switch {
	case form.Get("subject_token") == "" || form.Get("subject_token_type") != assertion.PassportType:
		return invalidRequest("subject_token is a GA4GH passport, subject_token_type " + assertion.PassportType)
	case form.Has("actor_token") || form.Has("actor_token_type"):
		return invalidRequest("who acts is the client that asserts itself; there is no actor_token here")
	case form.Get("requested_token_type") != "" && form.Get("requested_token_type") != assertion.AccessTokenType:
		return invalidRequest("requested_token_type is " + assertion.AccessTokenType)
	}
	return nil
}

// target refuses a token for another place than this one (RFC 8693, section 2.2.2).
func (s *Service) target(form url.Values) *OAuthError {
	for _, name := range []string{"resource", "audience"} {
		if at := form.Get(name); at != "" && at != s.cfg.Origin {
			return &OAuthError{Status: http.StatusBadRequest, Code: "invalid_target", Description: "tokens from here are for " + s.cfg.Origin}
		}
	}
	return nil
}

// exchange makes a token that stands for a passport. It ends before any visa that counts does (GA4GH Passport 1.2, visa expiry),
// so that nothing about them has to be judged again while it lives. The passport is not kept.
func (s *Service) exchange(id *identity, pass string) (Token, *OAuthError) {
	shown, err := s.cfg.Studies.Show(id.member, pass, s.millis())
	if err != nil {
		return Token{}, invalidRequest(err.Error())
	}
	if len(shown.Visas) == 0 {
		return Token{}, invalidRequest("no visa of this passport counts here: " + strings.Join(shown.Ignored, "; "))
	}
	life := min(s.cfg.ClientToken, time.UnixMilli(int64(shown.Until)).Sub(s.cfg.Now())-time.Second)
	if life < time.Second {
		return Token{}, invalidRequest("the passport is about to expire")
	}
	id.shown = shown.Visas
	t, bad := s.tokenFor(id, life)
	if bad == nil {
		t.IssuedTokenType = assertion.AccessTokenType
	}
	return t, bad
}

// Shown are the visas that count of the passport that the client's token was given for, if it was.
func (p Principal) Shown() []study.Visa { return p.id.shown }
