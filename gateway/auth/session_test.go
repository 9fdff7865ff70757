package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth"
)

func bearer(token string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, origin+"/consents", nil)
	r.Header.Set("Authorization", "Bearer "+token)
	return r
}

func withCookie(method string, s auth.Session) *http.Request {
	r := httptest.NewRequest(method, origin+"/consents", nil)
	r.AddCookie(s.Cookie)
	return r
}

// token signs in and returns a bearer token.
func (w *world) token(a *attempt) string {
	w.t.Helper()
	k, err := w.svc.Bearer(w.signIn(a))
	if err != nil {
		w.t.Fatal(err)
	}
	return k.AccessToken
}

func (w *world) session(a *attempt) auth.Session {
	w.t.Helper()
	s, err := w.svc.Session(w.signIn(a))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// Whatever ends an identity on the ledger ends its sessions with the next request, and a running stream with its next look.
func TestSecretsDieWithTheLedger(t *testing.T) {
	proxy := consenttest.Persona("proxy")
	rosa := func(w *world) *attempt { return w.attempt(consenttest.Persona("rosa-institute")) }
	tests := []struct {
		name string
		who  func(*world) *attempt
		end  func(*world)
	}{
		{"key rotated", (*world).asAlice, (*world).rotate},
		{"subject erased", (*world).asAlice, func(w *world) { w.move(w.alice.Erase()) }},
		{"member suspended", rosa, func(w *world) { w.suspend(true) }},
		{"member's key replaced", rosa, func(w *world) {
			w.update(consenttest.RosaInstitute, func(u *consent.MemberUpdate) {
				u.Keys = []consent.Address{consenttest.Persona("rosa's next key").Address()}
			})
		}},
		{"authority replaced", func(w *world) *attempt { return w.attempt(consenttest.Persona("regulator")) }, func(w *world) {
			w.submit(w.Sign(&consent.AuthorityChange{
				Seq: 2, Threshold: 1, Salt: w.Rand.Hash(),
				Authorities: []consent.Authority{{Name: "Patients' Trust", Address: consenttest.Persona("trust").Address()}},
			}, consenttest.Persona("trust"), consenttest.Persona("regulator")))
		}},
		{"delegation ended", nil, func(w *world) { w.endDelegation(w.alice.Seq) }},
		{"delegation run out", nil, func(w *world) { w.advance(5 * time.Minute) }},
		{"subject of the delegation erased", nil, func(w *world) { w.move(w.alice.Erase()) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			who := tt.who
			if who == nil {
				d := w.delegate(proxy, func(d *consent.Delegate) { d.Period.End = consent.Millis(w.clock().Add(5 * time.Minute).UnixMilli()) })
				who = func(w *world) *attempt {
					a := w.attempt(proxy)
					a.request.Delegation = d
					return a
				}
			}
			token, session := w.token(who(w)), w.session(who(w))
			p, err := w.svc.Authenticate(bearer(token))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.svc.Authenticate(withCookie(http.MethodGet, session)); err != nil {
				t.Fatal(err)
			}
			again := who(w)
			tt.end(w)
			if _, err := w.svc.Authenticate(bearer(token)); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("token: %v", err)
			}
			if _, err := w.svc.Authenticate(withCookie(http.MethodGet, session)); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("session: %v", err)
			}
			if _, err := w.svc.Renew(p); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("stream: %v", err)
			}
			if _, err := w.send(again); !errors.Is(err, auth.ErrSignIn) {
				t.Errorf("sign-in: %v", err)
			}
		})
	}
}

// A role that is lost is lost at once; the others stay, and so does the session.
func TestRolesFollowTheLedger(t *testing.T) {
	w := newWorld(t)
	token := w.token(w.attempt(consenttest.Persona("city-hospital")))
	w.update(consenttest.CityHospital, func(u *consent.MemberUpdate) { u.Roles = []consent.Role{consent.Clinician} })
	p, err := w.svc.Authenticate(bearer(token))
	if err != nil || p.Has(auth.Custodian) || !p.Has(auth.Clinician) {
		t.Errorf("%v %v", p.Roles(), err)
	}
}

func TestSecretsExpire(t *testing.T) {
	w := newWorld(t)
	check := func(what string, r *http.Request, want error) {
		t.Helper()
		if _, err := w.svc.Authenticate(r); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", what, err, want)
		}
	}
	token, idle, busy := w.token(w.asAlice()), w.session(w.asAlice()), w.session(w.asAlice())
	for range 14 {
		w.advance(time.Minute)
		check("busy session", withCookie(http.MethodGet, busy), nil)
	}
	check("token after 14 minutes", bearer(token), nil)
	w.advance(time.Minute)
	check("token after 15 minutes", bearer(token), auth.ErrUnauthenticated)
	check("idle session", withCookie(http.MethodGet, idle), auth.ErrUnauthenticated)
	for range 12*60 - 16 {
		check("busy session", withCookie(http.MethodGet, busy), nil)
		w.advance(time.Minute)
	}
	check("busy session before 12 hours", withCookie(http.MethodGet, busy), nil)
	w.advance(time.Minute)
	check("busy session after 12 hours", withCookie(http.MethodGet, busy), auth.ErrUnauthenticated)
	fresh := w.session(w.asAlice())
	w.svc.Sweep()
	check("after a sweep", withCookie(http.MethodGet, fresh), nil)
	w.boot()
	check("after a restart", withCookie(http.MethodGet, fresh), auth.ErrUnauthenticated)
}

// TestStill checks that an open stream sees the end of a session, and does not put it off.
func TestStill(t *testing.T) {
	w := newWorld(t)
	r := withCookie(http.MethodGet, w.session(w.asAlice()))
	for range 14 {
		w.advance(time.Minute)
		if p, err := w.svc.Still(r); err != nil || !p.Has(auth.Patient) {
			t.Fatalf("%v %v", p.Roles(), err)
		}
	}
	w.advance(time.Minute)
	if _, err := w.svc.Still(r); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("after 15 minutes that nobody did anything in: %v", err)
	}
	if _, err := w.svc.Still(httptest.NewRequest(http.MethodGet, "/", nil)); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("without a credential: %v", err)
	}
}

func TestCredentials(t *testing.T) {
	w := newWorld(t)
	token, s := w.token(w.asAlice()), w.session(w.asAlice())
	tests := []struct {
		name   string
		header []string // pairs
		want   error
	}{
		{"none", nil, auth.ErrUnauthenticated},
		{"token", []string{"Authorization", "Bearer " + token}, nil},
		{"token, scheme in lower case", []string{"Authorization", "bearer " + token}, nil},
		{"cookie", []string{"Cookie", auth.CookieName + "=" + s.Cookie.Value}, nil},
		{"cookie among others", []string{"Cookie", "a=b; " + auth.CookieName + "=" + s.Cookie.Value + "; c=d"}, nil},
		{"token and another cookie", []string{"Authorization", "Bearer " + token, "Cookie", "a=b"}, nil},
		{"both", []string{"Authorization", "Bearer " + token, "Cookie", auth.CookieName + "=" + s.Cookie.Value}, auth.ErrTwoCredentials},
		{"both, one empty", []string{"Authorization", "Bearer " + token, "Cookie", auth.CookieName + "="}, auth.ErrTwoCredentials},
		{"two tokens", []string{"Authorization", "Bearer " + token, "Authorization", "Bearer " + token}, auth.ErrTwoCredentials},
		{"two cookies", []string{"Cookie", auth.CookieName + "=" + s.Cookie.Value + "; " + auth.CookieName + "=x"}, auth.ErrTwoCredentials},
		{"cookie as token", []string{"Authorization", "Bearer " + s.Cookie.Value}, auth.ErrUnauthenticated},
		{"token as cookie", []string{"Cookie", auth.CookieName + "=" + token}, auth.ErrUnauthenticated},
		{"another cookie name", []string{"Cookie", "sid=" + s.Cookie.Value}, auth.ErrUnauthenticated},
		{"another scheme", []string{"Authorization", "Basic " + token}, auth.ErrUnauthenticated},
		{"no scheme", []string{"Authorization", token}, auth.ErrUnauthenticated},
		{"an empty token", []string{"Authorization", "Bearer "}, auth.ErrUnauthenticated},
		{"a longer token", []string{"Authorization", "Bearer " + token + "A"}, auth.ErrUnauthenticated},
		{"a space before", []string{"Authorization", "Bearer  " + token}, auth.ErrUnauthenticated},
		{"another token", []string{"Authorization", "Bearer " + strings.Repeat("A", 43)}, auth.ErrUnauthenticated},
		{"another spelling", []string{"Authorization", "Bearer " + token[:42] + "\n"}, auth.ErrUnauthenticated},
		{"identity headers", []string{"X-User-ID", "alice", "X-Role", "auditor"}, auth.ErrUnauthenticated},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, origin+"/uses", nil)
			for i := 0; i < len(tt.header); i += 2 {
				r.Header.Add(tt.header[i], tt.header[i+1])
			}
			p, err := w.svc.Authenticate(r)
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
			if p.Has(auth.Patient) != (tt.want == nil) {
				t.Errorf("roles %v", p.Roles())
			}
		})
	}
}

func TestCrossSiteRequests(t *testing.T) {
	w := newWorld(t)
	s, other, token := w.session(w.asAlice()), w.session(w.asAlice()), w.token(w.asAlice())
	tests := []struct {
		name   string
		method string
		header []string
		want   error
	}{
		{"reading needs nothing", http.MethodGet, nil, nil},
		{"our page", http.MethodPost, []string{"Sec-Fetch-Site", "same-origin", auth.CSRFHeader, s.CSRF}, nil},
		{"our page in an old browser", http.MethodPost, []string{"Origin", origin, auth.CSRFHeader, s.CSRF}, nil},
		{"our page without the token", http.MethodPost, []string{"Sec-Fetch-Site", "same-origin"}, auth.ErrCrossSite},
		{"another session's token", http.MethodPost, []string{"Sec-Fetch-Site", "same-origin", auth.CSRFHeader, other.CSRF}, auth.ErrCrossSite},
		{"two tokens", http.MethodPost, []string{auth.CSRFHeader, s.CSRF, auth.CSRFHeader, s.CSRF}, auth.ErrCrossSite},
		{"another site with the token", http.MethodPost, []string{"Sec-Fetch-Site", "cross-site", auth.CSRFHeader, s.CSRF}, auth.ErrCrossSite},
		{"a sibling domain", http.MethodDelete, []string{"Sec-Fetch-Site", "same-site", auth.CSRFHeader, s.CSRF}, auth.ErrCrossSite},
		{"another origin", http.MethodPut, []string{"Origin", "https://evil.example", auth.CSRFHeader, s.CSRF}, auth.ErrCrossSite},
		{"no origin, no token", http.MethodPost, nil, auth.ErrCrossSite},
		{"no origin", http.MethodPost, []string{auth.CSRFHeader, s.CSRF}, nil},
		{"an unknown method", "PURGE", nil, auth.ErrCrossSite},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := withCookie(tt.method, s)
			for i := 0; i < len(tt.header); i += 2 {
				r.Header.Add(tt.header[i], tt.header[i+1])
			}
			if _, err := w.svc.Authenticate(r); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	post := bearer(token)
	post.Method = http.MethodPost
	if _, err := w.svc.Authenticate(post); err != nil {
		t.Errorf("a bearer token needs no CSRF token: %v", err)
	}
	if got, err := w.svc.CSRF(withCookie(http.MethodGet, s)); err != nil || got != s.CSRF {
		t.Errorf("a reloaded page gets %q, %v", got, err)
	}
	if _, err := w.svc.CSRF(bearer(token)); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("a token has no CSRF token: %v", err)
	}
	r := httptest.NewRequest(http.MethodPost, origin+"/auth/sign-in", nil)
	if err := w.svc.CheckOrigin(r); err != nil {
		t.Error(err)
	}
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if err := w.svc.CheckOrigin(r); !errors.Is(err, auth.ErrCrossSite) {
		t.Errorf("sign-in from another site: %v", err)
	}
}

func TestCookie(t *testing.T) {
	w := newWorld(t)
	s := w.session(w.asAlice())
	want := auth.CookieName + "=" + s.Cookie.Value + "; Path=/; Max-Age=43200; HttpOnly; Secure; SameSite=Strict"
	if got := s.Cookie.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got := auth.ClearCookie().String(); got != "__Host-sid=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Strict" {
		t.Error(got)
	}
}

func TestLogout(t *testing.T) {
	w := newWorld(t)
	works := func(r *http.Request) bool { _, err := w.svc.Authenticate(r); return err == nil }
	one, two, token := w.session(w.asAlice()), w.session(w.asAlice()), w.token(w.asAlice())
	rosa := w.token(w.attempt(consenttest.Persona("rosa-institute")))

	forged := withCookie(http.MethodPost, one)
	if err := w.svc.Logout(forged); !errors.Is(err, auth.ErrCrossSite) || !works(withCookie(http.MethodGet, one)) {
		t.Errorf("another site logged Alice out: %v", err)
	}
	r := withCookie(http.MethodPost, one)
	r.Header.Set(auth.CSRFHeader, one.CSRF)
	if err := w.svc.Logout(r); err != nil {
		t.Fatal(err)
	}
	if works(withCookie(http.MethodGet, one)) || !works(withCookie(http.MethodGet, two)) || !works(bearer(token)) {
		t.Error("logout ends one session")
	}
	if err := w.svc.Logout(r); !errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("logged out twice: %v", err)
	}
	p, err := w.svc.Authenticate(bearer(token))
	if err != nil {
		t.Fatal(err)
	}
	w.svc.LogoutAll(p)
	if works(withCookie(http.MethodGet, two)) || works(bearer(token)) || !works(bearer(rosa)) {
		t.Error("logout of all ends all of this handle's and nobody else's")
	}
}

func TestNewRefuses(t *testing.T) {
	for name, cfg := range map[string]auth.Config{
		"no origin":         {},
		"a path":            {Origin: "https://gateway.example/"},
		"no scheme":         {Origin: "gateway.example"},
		"another scheme":    {Origin: "ftp://gateway.example"},
		"upper case":        {Origin: "https://Gateway.example"},
		"a foreign URL":     {Origin: origin, TokenURL: "https://gateway.example.evil/token"},
		"a bad statement":   {Origin: origin, Statement: "two\nlines"},
		"no randomness":     {Origin: origin, Rand: strings.NewReader("")},
		"a foreign sign-in": {Origin: origin, SignInURL: "http://gateway.example/sign-in"},
	} {
		if _, err := auth.New(cfg, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func ExampleAllow() {
	var stranger auth.Principal
	fmt.Println(auth.Allow(stranger, auth.Auditor), auth.Allow(stranger))
	// Output: false false
}
