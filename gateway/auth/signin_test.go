package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/auth/siwe"
)

// attempt is a sign-in that a test bends before it is sent.
type attempt struct {
	message siwe.Message
	key     sig.Key
	request auth.SignIn
}

// attempt prepares a sign-in of a key, with a fresh nonce.
func (w *world) attempt(key sig.Key) *attempt {
	w.t.Helper()
	c, err := w.svc.Challenge(context.Background(), "192.0.2.1:4711", "")
	if err != nil {
		w.t.Fatal(err)
	}
	return &attempt{message: c.Message(key.Address()), key: key, request: auth.SignIn{Remote: "192.0.2.1:4711"}}
}

// asAlice prepares a sign-in of Alice.
func (w *world) asAlice() *attempt {
	w.t.Helper()
	a := w.attempt(w.alice.Key)
	handle, salt := w.alice.Handle, w.alice.KeySalt
	a.request.Handle, a.request.KeySalt = &handle, &salt
	return a
}

func (a *attempt) sign(t testing.TB) auth.SignIn {
	t.Helper()
	text, err := a.message.Format()
	if err != nil {
		t.Fatal(err)
	}
	s, err := a.key.Sign(sig.PersonalHash(text))
	if err != nil {
		t.Fatal(err)
	}
	a.request.Message, a.request.Signature = text, s.String()
	return a.request
}

func (w *world) send(a *attempt) (auth.Principal, error) {
	w.t.Helper()
	return w.svc.SignIn(context.Background(), a.sign(w.t))
}

// signIn demands success.
func (w *world) signIn(a *attempt) auth.Principal {
	w.t.Helper()
	p, err := w.send(a)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestWhoSignsIn(t *testing.T) {
	w := newWorld(t)
	proxy := consenttest.Persona("proxy")
	delegation := w.delegate(proxy, nil)
	both := consenttest.Persona("trust")
	w.update(consenttest.AurelAudit, func(u *consent.MemberUpdate) { u.Keys = append(u.Keys, both.Address()) })

	asDelegate := w.attempt(proxy)
	asDelegate.request.Delegation = delegation
	tests := []struct {
		name  string
		a     *attempt
		roles []auth.Role
		scope bool // may view the handle
	}{
		{"patient", w.asAlice(), []auth.Role{auth.Patient}, true},
		{"delegate", asDelegate, []auth.Role{auth.Delegate}, true},
		{"researcher", w.attempt(consenttest.Persona("rosa-institute")), []auth.Role{auth.Researcher}, false},
		{"custodian", w.attempt(consenttest.Persona("city-hospital")), []auth.Role{auth.Custodian, auth.Clinician}, false},
		{"authority", w.attempt(consenttest.Persona("regulator")), []auth.Role{auth.Authority}, false},
		{"authority and auditor", w.attempt(both), []auth.Role{auth.Authority, auth.Auditor}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := w.send(tt.a)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.roles, p.Roles()); diff != "" {
				t.Error(diff)
			}
			if p.May(consent.ScopeView) != tt.scope || p.Has(auth.Delegate) && p.May(consent.ScopeRevoke) {
				t.Error("scopes are wrong")
			}
			if p.Client() || auth.Allow(p) || !auth.Allow(p, auth.Role("admin"), tt.roles[0]) || p.Has("admin") || p.Has("") {
				t.Error("Allow is wrong")
			}
			for _, text := range []string{fmt.Sprint(p), fmt.Sprintf("%+v", p), fmt.Sprintf("%#v", p), p.LogValue().String()} {
				if strings.Contains(text, w.alice.Handle.String()) || strings.Contains(text, "rosa") || strings.Contains(text, "0x") {
					t.Errorf("%s names somebody", text)
				}
			}
		})
	}
}

// highS is the other spelling of a signature: n-s and the other v.
func highS(t *testing.T, text string) string {
	t.Helper()
	n, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	s, _ := new(big.Int).SetString(text[66:130], 16)
	return text[:66] + fmt.Sprintf("%064x", n.Sub(n, s)) + map[string]string{"1b": "1c", "1c": "1b"}[text[130:]]
}

func TestSignInRefusesWhatIsNotExact(t *testing.T) {
	w := newWorld(t)
	mallory := consenttest.Persona("mallory")
	malformed := &consent.Error{Code: consent.Malformed}
	tests := []struct {
		name string
		bend func(*attempt)     // before it is signed
		edit func(*auth.SignIn) // after
		want error
	}{
		{"as it should be", nil, nil, nil},
		{"another domain", func(a *attempt) { a.message.Domain = "gateway.evil" }, nil, auth.ErrSignIn},
		{"another URI", func(a *attempt) { a.message.URI = origin + "/auth/other" }, nil, auth.ErrSignIn},
		{"another origin", func(a *attempt) { a.message.URI = "https://gateway.evil/auth/sign-in" }, nil, auth.ErrSignIn},
		{"another scheme", func(a *attempt) { a.message.URI = "http://gateway.example/auth/sign-in" }, nil, auth.ErrSignIn},
		{"another chain", func(a *attempt) { a.message.ChainID = 1 }, nil, auth.ErrSignIn},
		{"an invented nonce", func(a *attempt) { a.message.Nonce = "0123456789abcdefghjkmn" }, nil, auth.ErrSignIn},
		{"a bent nonce", func(a *attempt) { a.message.Nonce = bend(a.message.Nonce) }, nil, auth.ErrSignIn},
		{"a longer nonce", func(a *attempt) { a.message.Nonce += "00000000" }, nil, auth.ErrSignIn},
		{"an upper-case nonce", func(a *attempt) { a.message.Nonce = strings.ToUpper(a.message.Nonce) }, nil, auth.ErrSignIn},
		{"issued in the future", func(a *attempt) { a.message.IssuedAt = a.message.IssuedAt.Add(time.Hour) }, nil, auth.ErrSignIn},
		{"issued long ago", func(a *attempt) { a.message.IssuedAt = a.message.IssuedAt.Add(-time.Hour) }, nil, auth.ErrSignIn},
		{"expired", func(a *attempt) { a.message.ExpirationTime = a.message.IssuedAt }, nil, auth.ErrSignIn},
		{"not yet valid", func(a *attempt) { a.message.NotBefore = a.message.IssuedAt.Add(time.Hour) }, nil, auth.ErrSignIn},
		{"a foreign signature", func(a *attempt) { a.key = mallory }, nil, auth.ErrSignIn},
		{"a foreign key", func(a *attempt) { a.key, a.message.Address = mallory, mallory.Address() }, nil, auth.ErrSignIn},
		{"another browser", func(a *attempt) { a.request.Binding = "another" }, nil, auth.ErrSignIn},
		{"another handle", func(a *attempt) { a.request.Handle = new(consent.SubjectID) }, nil, auth.ErrSignIn},
		{"another salt", func(a *attempt) { a.request.KeySalt = new(consent.Hash) }, nil, auth.ErrSignIn},
		{"no salt", func(a *attempt) { a.request.KeySalt = nil }, nil, auth.ErrSignIn},
		{"no handle", func(a *attempt) { a.request.Handle = nil }, nil, auth.ErrSignIn},
		{"nobody at all", func(a *attempt) { a.request.Handle, a.request.KeySalt = nil, nil }, nil, auth.ErrSignIn},
		{"an invented delegation", func(a *attempt) {
			a.request.Delegation = &consent.Delegate{Handle: w.alice.Handle, Delegate: a.key.Address(), Seq: 2}
		}, nil, auth.ErrSignIn},
		{"high s", nil, func(r *auth.SignIn) { r.Signature = highS(t, r.Signature) }, malformed},
		{"v of 0 or 1", nil, func(r *auth.SignIn) { r.Signature = r.Signature[:130] + "00" }, malformed},
		{"upper case", nil, func(r *auth.SignIn) { r.Signature = strings.ToUpper(r.Signature) }, malformed},
		{"compact", nil, func(r *auth.SignIn) { r.Signature = r.Signature[:130] }, malformed},
		{"no signature", nil, func(r *auth.SignIn) { r.Signature = "" }, malformed},
		{"no text", nil, func(r *auth.SignIn) { r.Message = "" }, malformed},
		{"version 2", nil, func(r *auth.SignIn) { r.Message = strings.Replace(r.Message, "Version: 1", "Version: 2", 1) }, malformed},
		{"a changed statement", nil, func(r *auth.SignIn) { r.Message = strings.Replace(r.Message, "Sign in", "Sign up", 1) }, auth.ErrSignIn},
		{"a trailing line", nil, func(r *auth.SignIn) { r.Message += "\n" }, malformed},
		{"not UTF-8", nil, func(r *auth.SignIn) { r.Message += "\xff" }, malformed},
		{"too long", nil, func(r *auth.SignIn) { r.Message += strings.Repeat("x", 1<<20) }, malformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := w.asAlice()
			if tt.bend != nil {
				tt.bend(a)
			}
			r := a.sign(t)
			if tt.edit != nil {
				tt.edit(&r)
			}
			p, err := w.svc.SignIn(context.Background(), r)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if err != nil {
				if _, err := w.svc.Session(p); !errors.Is(err, auth.ErrUnauthenticated) {
					t.Errorf("a refused sign-in gave a session: %v", err)
				}
			}
		})
	}
}

// bend changes one character of a nonce within its alphabet.
func bend(nonce string) string {
	if nonce[0] == '0' {
		return "1" + nonce[1:]
	}
	return "0" + nonce[1:]
}

// What the ledger knows must not show: all of these are refused in the same words.
func TestSignInSaysNothingAboutTheLedger(t *testing.T) {
	w := newWorld(t)
	opened, m := w.Open()
	w.submit(m)
	mallory := consenttest.Persona("mallory")
	words := map[string][]string{}
	for name, handle := range map[string]consent.SubjectID{
		"somebody's": w.alice.Handle, "nobody's": w.Rand.Handle(), "unclaimed": opened.Handle,
	} {
		a := w.attempt(mallory)
		salt := w.Rand.Hash()
		a.request.Handle, a.request.KeySalt = &handle, &salt
		_, err := w.send(a)
		words[err.Error()] = append(words[err.Error()], name)
	}
	if len(words) != 1 {
		t.Errorf("different words: %v", words)
	}
}

func TestNonceIsBoundToTheBrowser(t *testing.T) {
	w := newWorld(t)
	c, err := w.svc.Challenge(context.Background(), "192.0.2.1", "cookie of this browser")
	if err != nil {
		t.Fatal(err)
	}
	a := w.asAlice()
	a.message = c.Message(w.alice.Key.Address())
	for _, binding := range []string{"", "cookie of another"} {
		a.request.Binding = binding
		if _, err := w.send(a); !errors.Is(err, auth.ErrSignIn) {
			t.Errorf("binding %q: %v", binding, err)
		}
	}
	a.request.Binding = "cookie of this browser"
	w.signIn(a)
}

func TestFullTableOfNoncesFailsClosed(t *testing.T) {
	w := newWorld(t, func(c *auth.Config) { c.Spent = 2 })
	first := w.asAlice()
	w.signIn(first)
	w.signIn(w.asAlice())
	third := w.asAlice()
	for range 2 {
		if _, err := w.send(third); consent.CodeOf(err) != consent.Unavailable {
			t.Errorf("a full table: %v", err)
		}
	}
	if _, err := w.send(first); !errors.Is(err, auth.ErrSignIn) {
		t.Errorf("a replay into a full table: %v", err)
	}
	w.advance(5 * time.Minute)
	w.signIn(w.asAlice())
}

func TestDelegateSignsIn(t *testing.T) {
	proxy := consenttest.Persona("proxy")
	hour := consent.Millis(3600 * 1000)
	tests := []struct {
		name   string
		make   func(*consent.Delegate)
		before func(*world, *consent.Delegate)
		bend   func(*attempt)
		ok     bool
	}{
		{name: "in force", ok: true},
		{name: "for this handle", bend: func(a *attempt) { h := a.request.Delegation.Handle; a.request.Handle = &h }, ok: true},
		{name: "for another handle", bend: func(a *attempt) { a.request.Handle = new(consent.SubjectID) }},
		{name: "not yet", make: func(d *consent.Delegate) { d.Period.Start = consenttest.Start + hour }},
		{name: "no longer", before: func(w *world, _ *consent.Delegate) { w.advance(24 * time.Hour) }},
		{name: "ended", before: func(w *world, d *consent.Delegate) { w.endDelegation(d.Seq) }},
		{name: "majority is ahead", make: func(d *consent.Delegate) { d.Majority = consenttest.Start + hour }, ok: true},
		{
			name: "majority has passed", make: func(d *consent.Delegate) { d.Majority = consenttest.Start + hour },
			before: func(w *world, _ *consent.Delegate) { w.advance(time.Hour) },
		},
		{name: "erased", before: func(w *world, _ *consent.Delegate) { w.move(w.alice.Erase()) }},
		{name: "a wider scope", bend: func(a *attempt) { a.request.Delegation.Scope = []string{consent.ScopeView, consent.ScopeGrant} }},
		{name: "a longer period", bend: func(a *attempt) { a.request.Delegation.Period.End = 0 }},
		{name: "another seq", bend: func(a *attempt) { a.request.Delegation.Seq++ }},
		{name: "another key", bend: func(a *attempt) {
			a.key = consenttest.Persona("mallory")
			a.message.Address = a.key.Address()
		}},
		{name: "another key that claims it", bend: func(a *attempt) {
			a.key = consenttest.Persona("mallory")
			a.message.Address, a.request.Delegation.Delegate = a.key.Address(), a.key.Address()
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			d := w.delegate(proxy, tt.make)
			if tt.before != nil {
				tt.before(w, d)
			}
			a := w.attempt(proxy)
			opened := *d
			a.request.Delegation = &opened
			if tt.bend != nil {
				tt.bend(a)
			}
			_, err := w.send(a)
			if tt.ok && err != nil || !tt.ok && !errors.Is(err, auth.ErrSignIn) {
				t.Errorf("ok should be %v: %v", tt.ok, err)
			}
		})
	}
}
