package auth_test

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
	"github.com/volens-ledger/volens/policies/passport/passporttest"
	"github.com/volens-ledger/volens/policies/study"
)

// exchanging is a world whose custodian believes a broker, of which Rosa is the subject rosa.
func exchanging(t testing.TB, change ...func(*auth.Config)) (*world, *passporttest.Broker) {
	t.Helper()
	b := passporttest.New(t, "https://broker.example")
	raw, err := json.Marshal(map[string]any{"issuers": []any{b.Known(map[string][]string{"rosa-institute": {"rosa"}}, nil)}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := study.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, append(change, func(c *auth.Config) { c.Studies = rules })...)
	w.withKeys()
	b.From, b.Until = w.clock().Unix()-10, w.clock().Unix()+3600
	return w, b
}

func (a *ask) exchange(pass string) {
	a.form.Set("grant_type", assertion.GrantExchange)
	a.form.Set("subject_token", pass)
	a.form.Set("subject_token_type", assertion.PassportType)
}

func TestExchangeRefuses(t *testing.T) {
	w, b := exchanging(t)
	visa := b.Visa("rosa", "ResearcherStatus", "v", nil)
	const client, request = "invalid_client", "invalid_request"
	for name, c := range map[string]struct {
		bend func(*ask)
		want string
	}{
		"as it should be":              {func(*ask) {}, ""},
		"the token type asked for":     {func(a *ask) { a.form.Set("requested_token_type", assertion.AccessTokenType) }, ""},
		"for this place":               {func(a *ask) { a.form.Set("resource", origin); a.form.Set("audience", origin) }, ""},
		"for another":                  {func(a *ask) { a.form.Set("resource", "https://other.example") }, "invalid_target"},
		"for another audience":         {func(a *ask) { a.form.Set("audience", origin+"/x") }, "invalid_target"},
		"another token asked for":      {func(a *ask) { a.form.Set("requested_token_type", assertion.PassportType) }, request},
		"no passport":                  {func(a *ask) { a.form.Del("subject_token") }, request},
		"of no type":                   {func(a *ask) { a.form.Del("subject_token_type") }, request},
		"an access token as subject":   {func(a *ask) { a.form.Set("subject_token_type", assertion.AccessTokenType) }, request},
		"an actor":                     {func(a *ask) { a.form.Set("actor_token", visa) }, request},
		"two passports":                {func(a *ask) { a.form.Add("subject_token", visa) }, request},
		"with the other grant":         {func(a *ask) { a.form.Set("grant_type", "client_credentials") }, request},
		"a passport for an assertion":  {func(a *ask) { a.form.Set("client_assertion", visa) }, client},
		"somebody who is not a client": {func(a *ask) { a.claims["iss"], a.claims["sub"] = "mallory", "mallory" }, client},
		"a visa of nobody":             {func(a *ask) { a.exchange(b.Visa("ron", "ResearcherStatus", "v", nil)) }, request},
		"a visa that is over":          {func(a *ask) { a.exchange(b.Visa("rosa", "ResearcherStatus", "v", map[string]any{"exp": b.From})) }, request},
		"a visa that is over in a wink": {func(a *ask) {
			a.exchange(b.Visa("rosa", "ResearcherStatus", "v", map[string]any{"exp": w.clock().Unix() + 1}))
		}, request},
		"rubbish": {func(a *ask) { a.exchange("a.b.c") }, request},
	} {
		a := w.ask()
		a.exchange(visa)
		c.bend(a)
		if got := w.sendAsk(a); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

// TestExchange: a token stands for the visas that count, ends before any of them does, and says what it was exchanged for; one of
// client credentials stands for none.
func TestExchange(t *testing.T) {
	w, b := exchanging(t)
	long, short := b.Visa("rosa", "ResearcherStatus", "v", nil), b.Visa("rosa", "AcceptedTermsAndPolicies", "w", map[string]any{"exp": w.clock().Unix() + 60})
	for pass, want := range map[string]struct {
		visas int
		life  int
	}{long: {1, 300}, long + " " + short: {2, 59}, long + " " + b.Visa("rosa", "X", "w", nil): {1, 300}} {
		a := w.ask()
		a.exchange(pass)
		a.form.Set("client_assertion", a.compact(t))
		k, bad := w.post(a.form)
		if bad != nil {
			t.Fatal(bad)
		}
		if k.ExpiresIn != want.life || k.IssuedTokenType != assertion.AccessTokenType {
			t.Errorf("%+v", k)
		}
		p, err := w.svc.Authenticate(bearer(k.AccessToken))
		if err != nil || len(p.Shown()) != want.visas || !p.Client() {
			t.Errorf("%v, %v", p.Shown(), err)
		}
		if want.life == 59 {
			w.advance(59 * time.Second)
			if _, err := w.svc.Authenticate(bearer(k.AccessToken)); err == nil {
				t.Error("a token outlives its visa")
			}
		}
	}
	a := w.ask()
	a.form.Set("client_assertion", a.compact(t))
	k, bad := w.post(a.form)
	if bad != nil || k.IssuedTokenType != "" {
		t.Fatal(k, bad)
	}
	if p, err := w.svc.Authenticate(bearer(k.AccessToken)); err != nil || p.Shown() != nil {
		t.Errorf("%v, %v", p.Shown(), err)
	}
}

// TestExchangeRoom: what tokens stand for has a bound for all clients together; when it is reached, passports are refused for a
// while and nothing else is.
func TestExchangeRoom(t *testing.T) {
	w, b := exchanging(t, func(c *auth.Config) { c.Visas = 1000 })
	visa := b.Visa("rosa", "ResearcherStatus", strings.Repeat("v", 300), nil) // 450 bytes, so two have room
	show := func() string {
		a := w.ask()
		a.exchange(visa)
		return w.sendAsk(a)
	}
	const full = "temporarily_unavailable"
	for i, want := range []string{"", "", full, full} {
		if got := show(); got != want {
			t.Errorf("passport %d: %q, not %q", i, got, want)
		}
	}
	if got := w.sendAsk(w.ask()); got != "" {
		t.Errorf("without a passport: %q", got)
	}
	w.advance(5 * time.Minute) // the tokens end
	for i, want := range []string{"", "", full} {
		if got := show(); got != want {
			t.Errorf("passport %d after a while: %q, not %q", i, got, want)
		}
	}
}

// FuzzExchange: nothing but a visa of hers gets a token.
func FuzzExchange(f *testing.F) {
	w, b := exchanging(f)
	good := b.Visa("rosa", "ResearcherStatus", "v", nil)
	a := w.ask()
	text := a.compact(f)
	f.Add(good+" ", assertion.PassportType, "")
	f.Add("", "", "x")
	f.Add(good+"A", assertion.PassportType, assertion.AccessTokenType)
	f.Fuzz(func(t *testing.T, pass, kind, asked string) {
		_, bad := w.post(url.Values{
			"grant_type": {assertion.GrantExchange}, "client_assertion_type": {assertion.Type}, "client_assertion": {text},
			"subject_token": {pass}, "subject_token_type": {kind}, "requested_token_type": {asked},
		})
		if bad == nil && (len(pass) < len(good) || kind != assertion.PassportType) {
			t.Errorf("a token for %q", pass)
		}
		if bad != nil && (bad.Status < 400 || bad.Code == "") {
			t.Errorf("%+v", bad)
		}
	})
}
