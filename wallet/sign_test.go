package wallet_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
	"github.com/volens-ledger/volens/wallet"
)

func yes([]wallet.Field) (bool, error) { return true, nil }

// enrolled returns a wallet with one handle on the test ledger.
func enrolled(t *testing.T) (*wallet.Wallet, *consenttest.World, consent.Message, consent.SubjectID) {
	t.Helper()
	w := create(t, "alice")
	world, genesis := consenttest.NewWorld("wallet")
	err := w.Book().Pin(wallet.Ledger{ID: world.Ledger, Genesis: world.Ledger, Name: "Test", Log: wallet.Log{Key: "k"}})
	if err != nil {
		t.Fatal(err)
	}
	handle := world.Rand.Handle()
	if _, err := w.Book().Add(wallet.Subject{Handle: handle, Label: "City Hospital", Ledger: world.Ledger}); err != nil {
		t.Fatal(err)
	}
	return w, world, genesis, handle
}

func revokeAll(h consent.SubjectID) *consent.RevokeAll {
	return &consent.RevokeAll{Handle: h, Seq: 2, Prev: fixedHash(1), Salt: fixedHash(2)}
}

func TestSign(t *testing.T) {
	w, world, _, handle := enrolled(t)
	body := revokeAll(handle)
	var shown []wallet.Field
	s, err := w.Sign(t.Context(), handle, body, wallet.Names{}, func(f []wallet.Field) (bool, error) {
		shown = f
		return true, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	key, err := w.Key(handle)
	if err != nil {
		t.Fatal(err)
	}
	v, err := consent.Verify(world.Ledger, consent.Message{Body: body, Sigs: []sig.Signature{s}})
	if err != nil || v.Signers()[0] != key.Address() {
		t.Errorf("signed by %v, %v", v.Signers(), err)
	}
	text := wallet.Text(shown)
	for _, want := range []string{"Withdraw every consent", "City Hospital (" + handle.String(), world.Ledger.String(), key.Address().String()} {
		if !strings.Contains(text, want) {
			t.Errorf("%q was not shown:\n%s", want, text)
		}
	}
	opening, err := w.Opening(handle)
	if err != nil {
		t.Fatal(err)
	}
	if consent.KeyCommitment(*opening.KeySalt, key.Address()) != commitment(t, w, handle, 0) {
		t.Error("the opening does not open the commitment")
	}
}

func TestSignRefuses(t *testing.T) {
	w, world, _, handle := enrolled(t)
	body := revokeAll(handle)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	broken := errors.New("no terminal")
	for _, c := range []struct {
		name    string
		ctx     context.Context
		handle  consent.SubjectID
		confirm wallet.Confirm
		want    error
	}{
		{"no confirmation", t.Context(), handle, nil, wallet.ErrRefused},
		{"no", t.Context(), handle, func([]wallet.Field) (bool, error) { return false, nil }, wallet.ErrRefused},
		{"yes with an error", t.Context(), handle, func([]wallet.Field) (bool, error) { return true, broken }, broken},
		{"changed while shown", t.Context(), handle, func([]wallet.Field) (bool, error) {
			body.Seq++
			return true, nil
		}, wallet.ErrChanged},
		{"too late", gone, handle, yes, context.Canceled},
		{"unknown handle", t.Context(), world.Rand.Handle(), yes, wallet.ErrSubject},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := w.Sign(c.ctx, c.handle, body, wallet.Names{}, c.confirm)
			if !errors.Is(err, c.want) || s != (sig.Signature{}) {
				t.Errorf("got %v, %v", s, err)
			}
		})
	}
}

func TestSignForSomebodyElseIsMarked(t *testing.T) {
	w, world, _, handle := enrolled(t)
	var warned bool
	_, err := w.Sign(t.Context(), handle, revokeAll(world.Rand.Handle()), wallet.Names{}, func(f []wallet.Field) (bool, error) {
		warned = strings.Contains(wallet.Text(f), "somebody else")
		return true, nil
	})
	if err != nil || !warned {
		t.Errorf("warned %v, %v", warned, err)
	}
}

func TestSignRotation(t *testing.T) {
	w, world, _, handle := enrolled(t)
	body := &consent.KeyRotate{Handle: handle, Seq: 2, KeyCommit: commitment(t, w, handle, 1), Salt: fixedHash(3)}
	sigs, err := w.SignRotation(t.Context(), handle, body, wallet.Names{}, yes)
	if err != nil {
		t.Fatal(err)
	}
	v, err := consent.Verify(world.Ledger, consent.Message{Body: body, Sigs: sigs})
	if err != nil {
		t.Fatal(err)
	}
	for g, got := range v.Signers() {
		want, err := w.Keys().Key(handle, uint32(g))
		if err != nil || got != want.Address() {
			t.Errorf("signature %d is by %s, %v", g, got, err)
		}
	}
	if g, err := w.FindGeneration(handle, body.KeyCommit); err != nil || g != 1 {
		t.Fatalf("generation %d, %v", g, err)
	}
	if key, err := w.Key(handle); err != nil || key.Address() != v.Signers()[1] {
		t.Errorf("the book does not use the new key: %v", err)
	}
	if _, err := w.SignRotation(t.Context(), handle, body, wallet.Names{}, yes); !errors.Is(err, wallet.ErrSubject) {
		t.Errorf("rotated to a key that is not the next: %v", err)
	}
}

func TestRoster(t *testing.T) {
	world, genesis := consenttest.NewWorld("wallet")
	pinned := wallet.Ledger{ID: world.Ledger, Genesis: world.Ledger}
	r, err := wallet.NewRoster(pinned, genesis)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range world.Members() {
		if err := r.Add(m); err != nil {
			t.Fatal(err)
		}
	}
	if m, known := r.Member(consenttest.RosaInstitute); !known || m.Name != "Rosa's Institute" {
		t.Errorf("got %+v, %v", m, known)
	}
	trust, regulator, mallory := consenttest.Persona("trust"), consenttest.Persona("regulator"), consenttest.Persona("mallory")
	rename := &consent.MemberUpdate{
		Member: consenttest.RosaInstitute, Seq: 2, Name: "Ministry of Health", Roles: []consent.Role{consent.Researcher},
		Keys: []consent.Address{mallory.Address()}, Salt: fixedHash(1),
	}
	for name, m := range map[string]consent.Message{
		"a stranger":       world.Sign(rename, mallory),
		"one of two":       world.Sign(rename, trust),
		"one and stranger": world.Sign(rename, trust, mallory),
		"no signature":     {Body: rename},
	} {
		if err := r.Add(m); err == nil {
			t.Errorf("%s renamed a member", name)
		}
	}
	if err := r.Add(world.Sign(revokeAll(consent.SubjectID{1}), mallory)); !errors.Is(err, wallet.ErrRoster) {
		t.Errorf("a subject's message gave %v", err)
	}
	suspend := &consent.MemberSuspend{Member: consenttest.RosaInstitute, Seq: 2, Suspended: true, Salt: fixedHash(1)}
	if err := r.Add(world.Sign(suspend, trust, regulator)); err != nil {
		t.Fatal(err)
	}
	if m, _ := r.Member(consenttest.RosaInstitute); m.Name != "Rosa's Institute" || !m.Suspended {
		t.Errorf("got %+v", m)
	}
	if _, known := r.Member("nobody"); known {
		t.Error("knows nobody")
	}
}

// TestRosterFollowsTheLedger: a roster goes on when its ledger moves to another host, and not while it is closed.
func TestRosterFollowsTheLedger(t *testing.T) {
	world, genesis := consenttest.NewWorld("wallet")
	r, err := wallet.NewRoster(wallet.Ledger{ID: world.Ledger, Genesis: world.Ledger}, genesis)
	if err != nil {
		t.Fatal(err)
	}
	trust, regulator := consenttest.Persona("trust"), consenttest.Persona("regulator")
	admit := world.Members()[0]
	moved := &consent.Import{Seq: 3, Size: 9, Root: fixedHash(2), Salt: fixedHash(1)}
	if err := r.Add(world.Sign(&consent.Close{Seq: 2, Salt: fixedHash(1)}, trust, regulator)); err != nil {
		t.Fatal(err)
	}
	if err := r.Add(admit); consent.CodeOf(err) != consent.Closed {
		t.Fatalf("a member of a closed ledger gave %v", err)
	}
	if err := r.Add(world.Sign(moved, trust)); err == nil {
		t.Fatal("one authority opened the ledger")
	}
	for _, m := range []consent.Message{world.Sign(moved, trust, regulator), admit} {
		if err := r.Add(m); err != nil {
			t.Fatal(err)
		}
	}
}

// A genesis may name the id of a ledger that it continues; one that an attacker made does too.
func TestRosterOfForgedGenesis(t *testing.T) {
	world, genesis := consenttest.NewWorld("wallet")
	mallory := consenttest.Persona("mallory")
	forged := &consent.Init{
		Name: "test ledger", Threshold: 1, Salt: fixedHash(1),
		Authorities: []consent.Authority{{Name: "Patients' Trust", Address: mallory.Address()}},
	}
	pinned := wallet.Ledger{ID: world.Ledger, Genesis: world.Ledger}
	if _, err := wallet.NewRoster(pinned, world.Sign(forged, mallory)); !errors.Is(err, wallet.ErrPinned) {
		t.Errorf("a forged genesis gave %v", err)
	}
	if _, err := wallet.NewRoster(wallet.Ledger{ID: fixedHash(1), Genesis: fixedHash(1)}, genesis); !errors.Is(err, wallet.ErrPinned) {
		t.Errorf("another ledger's genesis gave %v", err)
	}
	if _, err := wallet.NewRoster(pinned, world.Sign(revokeAll(consent.SubjectID{1}), mallory)); !errors.Is(err, wallet.ErrRoster) {
		t.Errorf("no genesis gave %v", err)
	}
	genesis.Sigs = genesis.Sigs[:1]
	if _, err := wallet.NewRoster(pinned, genesis); err == nil {
		t.Error("a genesis with too few signatures was taken")
	}
}

func place(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestSignIn(t *testing.T) {
	w, _, _, handle := enrolled(t)
	now := time.Date(2026, 9, 20, 10, 0, 0, 0, time.UTC)
	asked := siwe.Message{
		Statement: "Sign in to see who used your data.", Nonce: "8fLq0Y3vXz5mT1sB7cKd2W", IssuedAt: now,
		ExpirationTime: now.Add(5 * time.Minute),
	}
	for _, at := range []string{"https://volens.example/auth/sign-in", "http://localhost:8080/auth/sign-in", "http://127.0.0.1:8080/x", "http://[::1]:8080/x"} {
		var shown string
		text, s, err := w.SignIn(t.Context(), handle, place(t, at), asked, func(f []wallet.Field) (bool, error) {
			shown = wallet.Text(f)
			return true, nil
		})
		if err != nil {
			t.Fatalf("%s: %v", at, err)
		}
		m, err := siwe.Verify(text, s)
		if err != nil {
			t.Fatal(err)
		}
		u := place(t, at)
		err = m.Check(siwe.Expect{
			Domain: u.Host, Origin: u.Scheme + "://" + u.Host, ChainID: consent.ChainID, Nonce: asked.Nonce, Now: now,
		})
		if err != nil {
			t.Error(err)
		}
		key, err := w.Key(handle)
		if err != nil || m.Address != key.Address() {
			t.Errorf("signed in as %s, %v", m.Address, err)
		}
		if !strings.Contains(shown, "You sign in to: "+u.Host+"\n") || !strings.Contains(shown, asked.Statement) {
			t.Errorf("shown:\n%s", shown)
		}
	}
	if _, _, err := w.SignIn(t.Context(), handle, place(t, "https://volens.example/"), asked, nil); !errors.Is(err, wallet.ErrRefused) {
		t.Errorf("signed in without asking: %v", err)
	}
}

func TestSignInElsewhere(t *testing.T) {
	w, _, _, handle := enrolled(t)
	good := siwe.Message{
		Domain: "volens.example", URI: "https://volens.example/auth", ChainID: consent.ChainID,
		Nonce: "8fLq0Y3vXz5mT1sB7cKd2W", IssuedAt: time.Date(2026, 9, 20, 10, 0, 0, 0, time.UTC),
	}
	for name, c := range map[string]struct {
		at     string
		change func(*siwe.Message)
	}{
		"look-alike domain": {"https://volens.example/", func(m *siwe.Message) { m.Domain = "v0lens.example" }},
		"another port":      {"https://volens.example:444/", func(*siwe.Message) {}},
		"another URI":       {"https://volens.example/", func(m *siwe.Message) { m.URI = "https://evil.example/" }},
		"another scheme":    {"https://volens.example/", func(m *siwe.Message) { m.URI = "http://volens.example/" }},
		"another chain":     {"https://volens.example/", func(m *siwe.Message) { m.ChainID = 1 }},
		"another address":   {"https://volens.example/", func(m *siwe.Message) { m.Address = sig.Address{1} }},
		"not over https":    {"http://volens.example/", func(m *siwe.Message) { m.URI = "http://volens.example/" }},
		"not a web place":   {"ftp://volens.example/", func(*siwe.Message) {}},
	} {
		m := good
		c.change(&m)
		if _, _, err := w.SignIn(t.Context(), handle, place(t, c.at), m, yes); !errors.Is(err, wallet.ErrPlace) {
			t.Errorf("%s: got %v", name, err)
		}
	}
	m := good
	m.Statement = "two\nlines"
	if _, _, err := w.SignIn(t.Context(), handle, place(t, "https://volens.example/"), m, yes); !errors.Is(err, siwe.ErrForm) {
		t.Errorf("a statement of two lines: %v", err)
	}
}
