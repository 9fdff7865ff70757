package auth_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth"
)

// A token cannot be turned into a longer-lived one.
func TestSecretBuysNoSecret(t *testing.T) {
	w := newWorld(t)
	p, err := w.svc.Authenticate(bearer(w.token(w.asAlice())))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.svc.Session(p); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("session: %v", err)
	}
	if _, err := w.svc.Bearer(p); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("token: %v", err)
	}
}

func TestTablesAreBounded(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.SecretsPerPerson, c.Secrets = 3, 5 })
	works := func(token string) bool { _, err := w.svc.Authenticate(bearer(token)); return err == nil }
	var tokens []string
	for range 3 {
		tokens = append(tokens, w.token(w.asAlice()))
		w.advance(2 * time.Second)
	}
	if !works(tokens[0]) { // and it is the latest used one now
		t.Fatal("first token")
	}
	tokens = append(tokens, w.token(w.asAlice()))
	if !works(tokens[0]) || works(tokens[1]) || !works(tokens[2]) || !works(tokens[3]) {
		t.Error("not the least recently used one went")
	}
	rosa := func() *attempt { return w.attempt(consenttest.Persona("rosa-institute")) }
	first := w.token(rosa())
	w.token(rosa())
	p := w.signIn(rosa())
	if _, err := w.svc.Bearer(p); consent.CodeOf(err) != consent.Unavailable {
		t.Errorf("a full table: %v", err)
	}
	if !works(first) || !works(tokens[3]) {
		t.Error("a full table pushed somebody out")
	}
	w.advance(15 * time.Minute)
	if _, err := w.svc.Bearer(p); err != nil {
		t.Errorf("after everything expired: %v", err)
	}
}

func TestConcurrentUse(t *testing.T) {
	w := newWorld(t)
	race := w.asAlice().sign(t)
	var wg sync.WaitGroup
	var mu sync.Mutex
	sessions := 0
	for i := range 8 {
		token := w.token(w.attempt(consenttest.Persona("rosa-institute")))
		alice := w.asAlice().sign(t)
		wg.Go(func() {
			if _, err := w.svc.SignIn(t.Context(), race); err == nil {
				mu.Lock()
				sessions++
				mu.Unlock()
			}
			p, err := w.svc.SignIn(t.Context(), alice)
			if err != nil {
				t.Error(err)
				return
			}
			for range 50 {
				s, err := w.svc.Session(p)
				if err != nil {
					t.Error(err)
				}
				// Others may have pushed it out or logged Alice out meanwhile, both of which are right.
				if _, err := w.svc.Authenticate(withCookie(http.MethodGet, s)); err != nil && !errors.Is(err, auth.ErrUnauthenticated) {
					t.Error(err)
				}
				if _, err := w.svc.Authenticate(bearer(token)); err != nil {
					t.Error(err)
				}
				w.svc.Sweep()
			}
			if i == 3 {
				w.svc.LogoutAll(p)
			}
		})
	}
	wg.Wait()
	if sessions != 1 {
		t.Errorf("one nonce made %d sessions", sessions)
	}
}
