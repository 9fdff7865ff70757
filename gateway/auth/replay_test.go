package auth_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/volens-ledger/volens/gateway/auth"
)

func TestAssertionIsForOneToken(t *testing.T) {
	w := newWorld(t)
	w.withKeys()
	const refused = "invalid_client"
	used := w.ask()
	if got := w.sendAsk(used); got != "" {
		t.Fatal(got)
	}
	if got := w.sendAsk(used); got != refused {
		t.Errorf("replayed: %q", got)
	}
	again := w.ask() // another assertion with the same jti
	again.claims["jti"], again.claims["x"] = used.claims["jti"], 1
	if got := w.sendAsk(again); got != refused {
		t.Errorf("the same jti: %q", got)
	}
	w.advance(3 * time.Minute)
	w.svc.Sweep()
	if got := w.sendAsk(used); got != refused {
		t.Errorf("replayed after a sweep: %q", got)
	}

	fresh, noIssued := w.ask(), w.ask()
	delete(noIssued.claims, "iat")
	for _, a := range []*ask{fresh, noIssued} {
		if got := w.sendAsk(a); got != "" {
			t.Fatal(got)
		}
	}
	w.advance(time.Second)
	w.boot()
	for _, a := range []*ask{used, fresh, noIssued} {
		if got := w.sendAsk(a); got != refused {
			t.Errorf("replayed after a restart: %q", got)
		}
	}
	unused := w.ask()
	if got := w.sendAsk(unused); got != "" {
		t.Errorf("made after the restart: %q", got)
	}
}

// A client whose clock is ahead must wait, so that what it is given was issued before any later start.
func TestFastClockWaits(t *testing.T) {
	w := newWorld(t)
	w.withKeys()
	a := w.ask()
	a.claims["iat"] = json.Number(fmt.Sprintf("%d.050", w.clock().Unix()))
	start := time.Now()
	if got := w.sendAsk(a); got != "" {
		t.Fatal(got)
	}
	if waited := time.Since(start); waited < 50*time.Millisecond {
		t.Errorf("waited %v only", waited)
	}
	b := w.ask()
	b.claims["iat"] = w.clock().Add(5 * time.Second).Unix()
	b.form.Set("client_assertion", b.compact(t))
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.svc.Token(ctx, "192.0.2.1", b.form); err == nil || err.Status != http.StatusServiceUnavailable {
		t.Errorf("a client that went away: %v", err)
	}
}

func TestNonceIsForOneSession(t *testing.T) {
	w := newWorld(t)
	a := w.asAlice()
	w.signIn(a)
	if _, err := w.send(a); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("replayed: %v", err)
	}
	// Another text with the same nonce is no better.
	a.message.RequestID = "2"
	if _, err := w.send(a); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("same nonce: %v", err)
	}
	b := w.asAlice()
	w.advance(5 * time.Minute)
	if _, err := w.send(b); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("after five minutes: %v", err)
	}
	c := w.asAlice()
	w.boot()
	if _, err := w.send(c); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("after a restart: %v", err)
	}
	w.boot()
	if _, err := w.send(a); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("used, and after a restart: %v", err)
	}
	// Sweeping must not make a used nonce good again.
	d := w.asAlice()
	w.signIn(d)
	w.advance(4 * time.Minute)
	w.svc.Sweep()
	if _, err := w.send(d); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("after a sweep: %v", err)
	}
}
