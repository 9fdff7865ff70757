package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth"
)

func TestLimitsOfSignIn(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.SignInsPerRemote, c.SignInsPerKey = 10, 5 })
	for i := range 12 {
		if err := w.svc.Claim("192.0.2.10"); (err == nil) != (i < 10) {
			t.Errorf("claim %d: %v", i, err)
		}
	}
	count := func(n int, try func() error) (ok int) {
		for range n {
			var limit *auth.LimitError
			switch err := try(); {
			case err == nil:
				ok++
			case !errors.As(err, &limit) || limit.Seconds() < 1 || limit.Seconds() > 60:
				t.Fatalf("not a limit: %v", err)
			}
		}
		return ok
	}
	challenge := func(remote string) func() error {
		return func() error { _, err := w.svc.Challenge(context.Background(), remote, ""); return err }
	}
	for _, remote := range []string{"198.51.100.7:1", "198.51.100.8:1", "2001:db8:0:1::1", "[2001:db8:0:2::1]:1", "not an address"} {
		if got := count(12, challenge(remote)); got != 10 {
			t.Errorf("%s got %d nonces", remote, got)
		}
	}
	if got := count(1, challenge("198.51.100.7:2")); got != 0 {
		t.Error("another port is another remote")
	}
	w.advance(6 * time.Second)
	if got := count(2, challenge("198.51.100.7:2")); got != 1 {
		t.Errorf("%d nonces after six seconds", got)
	}
	n := 0
	if got := count(30, func() error {
		n++
		return challenge(fmt.Sprintf("[2001:db8:9::%x]:1", n))()
	}); got != 10 {
		t.Errorf("one /64 got %d nonces", got)
	}

	// Proven sign-ins of one key, from many remotes.
	var sent []auth.SignIn
	for i := range 7 {
		c, err := w.svc.Challenge(context.Background(), fmt.Sprintf("203.0.113.%d", i), "")
		if err != nil {
			t.Fatal(err)
		}
		a := &attempt{message: c.Message(w.alice.Key.Address()), key: w.alice.Key}
		a.request = auth.SignIn{Remote: fmt.Sprintf("203.0.113.%d", i), Handle: &w.alice.Handle, KeySalt: &w.alice.KeySalt}
		sent = append(sent, a.sign(t))
	}
	i := -1
	if got := count(7, func() error { i++; _, err := w.svc.SignIn(context.Background(), sent[i]); return err }); got != 5 {
		t.Errorf("one key signed in %d times", got)
	}
	// Nobody else can use up a key's share: Mallory claims to be Rosa, from many places, and Rosa still signs in.
	rosa := consenttest.Persona("rosa-institute")
	for i := range 20 {
		remote := fmt.Sprintf("203.0.113.%d", 100+i)
		_, err := w.svc.SignIn(context.Background(), auth.SignIn{Remote: remote, Message: sent[0].Message, Signature: sent[0].Signature})
		if err == nil {
			t.Fatal("a replay was accepted")
		}
		c, err := w.svc.Challenge(context.Background(), remote, "")
		if err != nil {
			t.Fatal(err)
		}
		a := &attempt{message: c.Message(rosa.Address()), key: consenttest.Persona("mallory"), request: auth.SignIn{Remote: remote}}
		if _, err := w.send(a); !errors.Is(err, auth.ErrSignIn) {
			t.Fatal(err)
		}
	}
	w.signIn(w.attempt(rosa))
}

func TestLimitsOfTokens(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.TokensPerRemote, c.TokensPerClient = 20, 5 })
	w.withKeys()
	count := func(n int, remote func(int) string, a func() *ask) (ok, limited int) {
		for i := range n {
			r := a()
			r.form.Set("client_assertion", r.compact(t))
			switch _, err := w.svc.Token(context.Background(), remote(i), r.form); {
			case err == nil:
				ok++
			case err.Status == http.StatusTooManyRequests && err.RetryAfter > 0:
				limited++
			}
		}
		return ok, limited
	}
	forged := func() *ask {
		a := w.ask()
		a.header["kid"] = "forged"
		return a
	}
	many := func(i int) string { return fmt.Sprintf("198.51.100.%d", i) }
	if ok, limited := count(30, func(int) string { return "192.0.2.9:1" }, forged); ok != 0 || limited != 10 {
		t.Errorf("one remote: %d accepted, %d limited", ok, limited)
	}
	if ok, limited := count(50, many, forged); ok != 0 || limited != 0 {
		t.Errorf("many remotes: %d accepted, %d limited", ok, limited)
	}
	// The forgeries above were in Rosa's name; her own share is untouched.
	if ok, limited := count(7, many, w.ask); ok != 5 || limited != 2 {
		t.Errorf("one client: %d accepted, %d limited", ok, limited)
	}
}
