package gateway_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
)

// browser sends requests as a page of this origin does, and keeps its cookies.
type browser struct {
	w       *world
	cookies map[string]string
	csrf    string
}

func (b *browser) send(method, path string, body any, header ...string) reply {
	b.w.t.Helper()
	text, err := json.Marshal(body)
	b.w.must(err)
	var cookies []string
	for name, value := range b.cookies {
		cookies = append(cookies, name+"="+value)
	}
	all := append([]string{"Sec-Fetch-Site", "same-origin", "Origin", b.w.Node.URL(), "Cookie", strings.Join(cookies, "; "), "X-CSRF-Token", b.csrf}, header...)
	r := b.w.send(method, path, "", text, all...)
	for _, c := range r.Cookies() {
		if !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || !strings.HasPrefix(c.Name, "__Host-") || c.Domain != "" {
			b.w.t.Errorf("cookie %+v", c)
		}
		if b.cookies[c.Name] = c.Value; c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		}
	}
	return r
}

// signIn signs a subject in with a cookie session.
func (b *browser) signIn(s *consenttest.Subject, header ...string) reply {
	b.w.t.Helper()
	r := b.send(http.MethodPost, api.PathChallenge, nil)
	var ch api.Challenge
	decode(b.w.t, r, &ch)
	in := sign(b.w, ch, s.Key)
	in.Handle, in.KeySalt, in.Cookie = &s.Handle, &s.KeySalt, true
	r = b.send(http.MethodPost, api.PathSignIn, in, header...)
	var session api.Session
	if r.StatusCode == http.StatusOK {
		decode(b.w.t, r, &session)
		b.csrf = session.CSRF
		if session.AccessToken != "" || session.CSRF == "" || session.ExpiresIn <= 0 {
			b.w.t.Errorf("%+v", session)
		}
	}
	return r
}

func TestBrowser(t *testing.T) {
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	b := &browser{w: w, cookies: map[string]string{}}
	if r := b.signIn(alice, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); r.problem(t).Code != consent.Unauthorized {
		t.Errorf("a sign-in from another site: %d", r.StatusCode)
	}
	if r := b.signIn(alice); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	var me api.Me
	decode(t, b.send(http.MethodGet, api.PathMe, nil), &me)
	if me.Handle != alice.Handle {
		t.Errorf("%+v", me)
	}
	grant := alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	for name, header := range map[string][]string{
		"another site": {"Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"}, "another origin": {"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, "a sibling": {"Sec-Fetch-Site", "same-site", "Origin", "https://sibling.example"},
		"no token": {"X-CSRF-Token", ""}, "another token": {"X-CSRF-Token", strings.Repeat("A", 43)}, "a form": {"Content-Type", "text/plain"},
	} {
		if r := b.send(http.MethodPost, api.PathMessages, grant, header...); r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusUnsupportedMediaType {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
	if r := b.send(http.MethodGet, api.PathMe, nil, "Authorization", "Bearer "+w.patient(alice)); r.problem(t).Code != consent.Malformed {
		t.Errorf("two credentials: %d", r.StatusCode)
	}
	if r := b.send(http.MethodPost, api.PathMessages, grant); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	alice.Moved(grant)
	var session api.Session // a page that was loaded anew
	decode(t, b.send(http.MethodGet, api.PathSession, nil), &session)
	if session.CSRF != b.csrf || session.Roles[0] != "patient" || *session.Handle != alice.Handle {
		t.Errorf("%+v", session)
	}

	// A challenge is good in the browser that asked for it.
	other := &browser{w: w, cookies: map[string]string{}}
	var ch api.Challenge
	decode(t, other.send(http.MethodPost, api.PathChallenge, nil), &ch)
	in := sign(w, ch, alice.Key)
	in.Handle, in.KeySalt, in.Cookie = &alice.Handle, &alice.KeySalt, true
	if r := b.send(http.MethodPost, api.PathSignIn, in); r.problem(t).Code != consent.Unauthorized {
		t.Errorf("another browser's challenge: %d", r.StatusCode)
	}

	old := b.cookies["__Host-sid"]
	r := b.send(http.MethodPost, api.PathLogout, nil)
	if r.StatusCode != http.StatusOK || r.Header.Get("Clear-Site-Data") == "" || b.cookies["__Host-sid"] != "" {
		t.Errorf("logout: %d %v", r.StatusCode, r.Header)
	}
	b.cookies["__Host-sid"] = old
	if r := b.send(http.MethodGet, api.PathMe, nil); r.problem(t).Code != api.Unauthenticated {
		t.Errorf("after logout: %d", r.StatusCode)
	}
}

func TestSignInRefused(t *testing.T) {
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	bob, _ := w.Enrol("p2")
	in := w.prove(alice.Key)
	in.Handle, in.KeySalt = &alice.Handle, &alice.KeySalt
	if r := w.post(api.PathSignIn, "", in); r.StatusCode != http.StatusOK {
		t.Fatalf("%d %s", r.StatusCode, r.body)
	}
	replayed := w.post(api.PathSignIn, "", in)
	if replayed.problem(t).Code != consent.Unauthorized {
		t.Errorf("the same text again: %d", replayed.StatusCode)
	}
	var bodies []string
	for name, h := range map[string]consent.SubjectID{"another's": bob.Handle, "nobody's": w.Rand.Handle(), "erased": w.gone()} {
		in := w.prove(alice.Key)
		in.Handle, in.KeySalt = &h, &alice.KeySalt
		r := w.post(api.PathSignIn, "", in)
		if r.problem(t).Code != consent.Unauthorized {
			t.Errorf("%s: %d", name, r.StatusCode)
		}
		bodies = append(bodies, string(r.body))
	}
	for _, b := range bodies {
		if b != bodies[0] {
			t.Errorf("which handles exist can be told from %q and %q", b, bodies[0])
		}
	}
	in = w.prove(consenttest.Persona("stranger"))
	if r := w.post(api.PathSignIn, "", in); r.problem(t).Code != consent.Unauthorized {
		t.Errorf("a stranger: %d", r.StatusCode)
	}
}

// gone is the handle of an erased subject.
func (w *world) gone() consent.SubjectID {
	w.t.Helper()
	s, me := w.Enrol("gone")
	w.submit(me, s, s.Erase())
	return s.Handle
}

func TestLimits(t *testing.T) {
	w := start(t, nil)
	w.Close()
	w.Cfg.SignIns = 3
	w.Open()
	limited := 0
	for range 10 {
		// What a header says of the sender is not believed.
		r := w.send(http.MethodPost, api.PathChallenge, "", nil, "X-Forwarded-For", w.Rand.Handle().String(), "Forwarded", "for=1.2.3.4", "X-Real-IP", "1.2.3.4")
		if r.StatusCode == http.StatusTooManyRequests {
			limited++
			if r.problem(t).Code != api.RateLimited || r.Header.Get("Retry-After") == "" {
				t.Errorf("%v", r.Header)
			}
		}
	}
	if limited != 7 {
		t.Errorf("%d of 10 were held back", limited)
	}
}

func TestTokenErrors(t *testing.T) {
	w := start(t, nil)
	form := "application/x-www-form-urlencoded"
	for name, tc := range map[string]struct {
		kind, body, code string
		status           int
	}{
		"JSON":          {"application/json", `{"grant_type":"client_credentials"}`, "invalid_request", 400},
		"nothing":       {form, "", "invalid_request", 400},
		"a password":    {form, "grant_type=password&username=" + canary, "unsupported_grant_type", 400},
		"no assertion":  {form, "grant_type=client_credentials", "invalid_request", 400},
		"a secret":      {form, "grant_type=client_credentials&client_id=x&client_secret=" + canary, "invalid_client", 401},
		"garbage":       {form, "grant_type=client_credentials&client_assertion_type=" + url.QueryEscape("urn:ietf:params:oauth:client-assertion-type:jwt-bearer") + "&client_assertion=" + canary, "invalid_client", 401},
		"twice":         {form, "grant_type=client_credentials&grant_type=client_credentials", "invalid_request", 400},
		"bad escapes":   {form, "grant_type=%zz", "invalid_request", 400},
		"too large":     {form, "grant_type=" + strings.Repeat("x", 90_000), "invalid_request", 400},
		"half a escape": {form, "%", "invalid_request", 400},
	} {
		r := w.send(http.MethodPost, api.PathToken, "", []byte(tc.body), "Content-Type", tc.kind)
		headers(t, r)
		var e struct {
			Error       string `json:"error"`
			Description string `json:"error_description"` //nolint:tagliatelle // RFC 6749
		}
		if err := json.Unmarshal(r.body, &e); err != nil || e.Error != tc.code || r.StatusCode != tc.status || e.Description == "" || strings.Contains(string(r.body), canary) {
			t.Errorf("%s: %d %s (%v)", name, r.StatusCode, r.body, err)
		}
	}
	if _, err := w.Member("nobody").Session(context.Background()); err == nil {
		t.Error("a member that is not on the ledger got a token")
	}
}
