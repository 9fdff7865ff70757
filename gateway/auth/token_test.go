package auth_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
)

const tokenURL = origin + "/oauth2/token"

// rosaKeys are the private keys of Rosa's institute by kid; drawn once, since RSA keys take long.
var rosaKeys = sync.OnceValue(func() map[string]any {
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		panic(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return map[string]any{"p256": p256, "p384": p384, "rsa": rs}
})

// withKeys gives Rosa's institute its key set.
func (w *world) withKeys() {
	w.t.Helper()
	var keys []assertion.Key
	for kid, private := range rosaKeys() {
		var public any
		switch k := private.(type) {
		case *ecdsa.PrivateKey:
			public = &k.PublicKey
		case *rsa.PrivateKey:
			public = &k.PublicKey
		}
		k, err := assertion.NewKey(kid, public)
		if err != nil {
			w.t.Fatal(err)
		}
		keys = append(keys, k)
	}
	jwks, err := assertion.FormatKeys(keys...)
	if err != nil {
		w.t.Fatal(err)
	}
	w.update(consenttest.RosaInstitute, func(u *consent.MemberUpdate) { u.JWKS = jwks })
}

// ask is a token request that a test bends before it is sent.
type ask struct {
	header map[string]any
	claims map[string]any
	key    any
	sign   jwt.SigningMethod // nil: what assertion.Sign chooses
	form   url.Values
}

// ask prepares a request of Rosa's institute with its P-384 key.
func (w *world) ask() *ask {
	now := w.clock()
	return &ask{
		header: map[string]any{"alg": "ES384", "kid": "p384", "typ": "JWT"},
		claims: map[string]any{
			"iss": "rosa-institute", "sub": "rosa-institute", "aud": tokenURL, "jti": w.Rand.Hash().String(),
			"iat": now.Unix(), "exp": now.Add(4 * time.Minute).Unix(),
		},
		key: rosaKeys()["p384"], sign: jwt.SigningMethodES384,
		form: url.Values{"grant_type": {"client_credentials"}, "client_assertion_type": {assertion.Type}},
	}
}

func (a *ask) compact(t testing.TB) string {
	t.Helper()
	part := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(b)
	}
	signed := part(a.header) + "." + part(a.claims)
	s, err := a.sign.Sign(signed, a.key)
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(s)
}

func (w *world) post(form url.Values) (auth.Token, *auth.OAuthError) {
	return w.svc.Token(context.Background(), "192.0.2.1:4711", form)
}

// send signs and sends the request and returns the error code, "" for success.
func (w *world) sendAsk(a *ask) string {
	w.t.Helper()
	if !a.form.Has("client_assertion") {
		a.form.Set("client_assertion", a.compact(w.t))
	}
	k, err := w.post(a.form)
	if err != nil {
		return err.Code
	}
	if _, err := w.svc.Authenticate(bearer(k.AccessToken)); err != nil {
		w.t.Error(err)
	}
	return ""
}

func TestTokenByEveryAlgorithm(t *testing.T) {
	w := newWorld(t)
	w.withKeys()
	keys := map[string]any{"": consenttest.Persona("rosa-institute")}
	for kid, k := range rosaKeys() {
		keys[kid] = k
	}
	for kid, key := range keys {
		text, err := assertion.Sign(assertion.Claims{
			Issuer: "rosa-institute", Subject: "rosa-institute", Audience: tokenURL, ID: w.Rand.Hash().String(),
			Issued: w.clock(), Expires: w.clock().Add(5 * time.Minute),
		}, kid, key)
		if err != nil {
			t.Fatal(err)
		}
		form := w.ask().form
		form.Set("client_assertion", text)
		k, oauthErr := w.post(form)
		if oauthErr != nil {
			t.Fatalf("%T: %v", key, oauthErr)
		}
		if k.TokenType != "Bearer" || k.ExpiresIn != 300 || k.Scope != "researcher" {
			t.Errorf("%T: %+v", key, k)
		}
		p, err := w.svc.Authenticate(bearer(k.AccessToken))
		if err != nil || p.Member != consenttest.RosaInstitute || !p.Client() || !p.Has(auth.Researcher) || p.Has(auth.Patient) {
			t.Errorf("%T: %v %v", key, p.Roles(), err)
		}
	}
}

func TestTokenJSON(t *testing.T) {
	w := newWorld(t)
	w.withKeys()
	form := w.ask().form
	form.Set("client_assertion", w.ask().compact(t))
	k, oauthErr := w.post(form)
	if oauthErr != nil {
		t.Fatal(oauthErr)
	}
	k.AccessToken = "x"
	got, err := json.Marshal(k)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"access_token":"x","token_type":"Bearer","expires_in":300,"scope":"researcher"}`, string(got)); diff != "" {
		t.Error(diff)
	}
	_, oauthErr = w.post(url.Values{})
	got, err = json.Marshal(oauthErr)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(`{"error":"invalid_request","error_description":"grant_type is missing"}`, string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestTokenRefuses(t *testing.T) {
	w := newWorld(t)
	w.withKeys()
	stranger, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	seconds := func(d time.Duration) int64 { return w.clock().Add(d).Unix() }
	const client, request, grant, scope = "invalid_client", "invalid_request", "unsupported_grant_type", "invalid_scope"
	tests := []struct {
		name string
		bend func(*ask)
		want string
	}{
		{"as it should be", func(*ask) {}, ""},
		{"a list of one audience", func(a *ask) { a.claims["aud"] = []string{tokenURL} }, ""},
		{"no iat", func(a *ask) { delete(a.claims, "iat") }, ""},
		{"unknown claims", func(a *ask) { a.claims["x"] = map[string]any{"y": 1} }, ""},
		{"the client's id beside it", func(a *ask) { a.form.Set("client_id", "rosa-institute") }, ""},
		{"the client's own role", func(a *ask) { a.form.Set("scope", "researcher auditor") }, ""},

		{"another client's id beside it", func(a *ask) { a.form.Set("client_id", "city-hospital") }, client},
		{"no grant type", func(a *ask) { a.form.Del("grant_type") }, request},
		{"another grant", func(a *ask) { a.form.Set("grant_type", "password") }, grant},
		{"a parameter twice", func(a *ask) { a.form.Add("scope", "researcher"); a.form.Add("scope", "auditor") }, request},
		{"no assertion type", func(a *ask) { a.form.Del("client_assertion_type") }, request},
		{"another assertion type", func(a *ask) { a.form.Set("client_assertion_type", "saml2-bearer") }, request},
		{"no assertion", func(a *ask) { a.form.Set("client_assertion", "") }, request},
		{"a secret", func(a *ask) { a.form.Set("client_secret", "hunter2") }, client},
		{"an unknown scope", func(a *ask) { a.form.Set("scope", "researcher admin") }, scope},
		{"a person's scope", func(a *ask) { a.form.Set("scope", "patient") }, scope},
		{"somebody else's role", func(a *ask) { a.form.Set("scope", "auditor") }, scope},
		{"two spaces in scope", func(a *ask) { a.form.Set("scope", "researcher  auditor") }, scope},

		{"another audience", func(a *ask) { a.claims["aud"] = origin + "/" }, client},
		{"an audience with a slash", func(a *ask) { a.claims["aud"] = tokenURL + "/" }, client},
		{"two audiences", func(a *ask) { a.claims["aud"] = []string{tokenURL, "https://other.example/token"} }, client},
		{"no audience", func(a *ask) { delete(a.claims, "aud") }, client},
		{"another issuer", func(a *ask) { a.claims["iss"] = "city-hospital" }, client},
		{"another subject", func(a *ask) { a.claims["sub"] = "city-hospital" }, client},
		{"another member", func(a *ask) { a.claims["iss"], a.claims["sub"] = "city-hospital", "city-hospital" }, client},
		{"no member", func(a *ask) { a.claims["iss"], a.claims["sub"] = "mallory", "mallory" }, client},
		{"no jti", func(a *ask) { delete(a.claims, "jti") }, client},
		{"an empty jti", func(a *ask) { a.claims["jti"] = "" }, client},
		{"a long jti", func(a *ask) { a.claims["jti"] = strings.Repeat("x", 257) }, client},
		{"a number as jti", func(a *ask) { a.claims["jti"] = 7 }, client},
		{"no exp", func(a *ask) { delete(a.claims, "exp") }, client},
		{"expired", func(a *ask) { a.claims["exp"] = seconds(0) }, client},
		{"exp too far", func(a *ask) { a.claims["exp"] = seconds(5*time.Minute + time.Second) }, client},
		{"exp too far, no iat", func(a *ask) { delete(a.claims, "iat"); a.claims["exp"] = seconds(6 * time.Minute) }, client},
		{"exp as a text", func(a *ask) { a.claims["exp"] = fmt.Sprint(seconds(time.Minute)) }, client},
		{"exp with an exponent", func(a *ask) { a.claims["exp"] = json.RawMessage("1e12") }, client},
		{"exp negative", func(a *ask) { a.claims["exp"] = -1 }, client},
		{"exp null", func(a *ask) { a.claims["exp"] = nil }, client},
		{"exp huge", func(a *ask) { a.claims["exp"] = json.RawMessage(strings.Repeat("9", 400)) }, client},
		{"iat in the future", func(a *ask) { a.claims["iat"] = seconds(time.Minute) }, client},
		{"nbf in the future", func(a *ask) { a.claims["nbf"] = seconds(time.Minute) }, client},
		{"issued before the start", func(a *ask) { a.claims["iat"], a.claims["exp"] = seconds(-61*time.Second), seconds(time.Minute) }, client},

		{"a stranger's key", func(a *ask) { a.key = stranger }, client},
		{"an unknown kid", func(a *ask) { a.header["kid"] = "p521" }, client},
		{"no kid", func(a *ask) { delete(a.header, "kid") }, client},
		{"another key's kid", func(a *ask) { a.header["kid"] = "rsa" }, client},
		{"none", func(a *ask) {
			a.header["alg"], a.sign, a.key = "none", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
		}, client},
		{"none in disguise", func(a *ask) {
			a.header["alg"], a.sign, a.key = "nOnE", jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType
		}, client},
		{"an HMAC under the public key", func(a *ask) {
			k := rosaKeys()["rsa"].(*rsa.PrivateKey)
			a.header["alg"], a.header["kid"], a.sign, a.key = "HS256", "rsa", jwt.SigningMethodHS256, k.N.Bytes()
		}, client},
		{"RS256", func(a *ask) {
			a.header["alg"], a.header["kid"], a.sign, a.key = "RS256", "rsa", jwt.SigningMethodRS256, rosaKeys()["rsa"]
		}, client},
		{"RS384 claimed for P-384", func(a *ask) { a.header["alg"] = "RS384" }, client},
		{"ES256 by the P-384 key", func(a *ask) { a.header["alg"] = "ES256" }, client},
		{"ES256K by another member's key", func(a *ask) {
			k := consenttest.Persona("city-hospital")
			text, err := assertion.Sign(assertion.Claims{
				Issuer: "rosa-institute", Subject: "rosa-institute", Audience: tokenURL, ID: "7", Issued: w.clock(), Expires: w.clock().Add(time.Minute),
			}, "", k)
			if err != nil {
				t.Fatal(err)
			}
			a.form.Set("client_assertion", text)
		}, client},
		{"a critical header", func(a *ask) { a.header["crit"] = []string{"b64"} }, client},
		{"its own key", func(a *ask) {
			a.header["kid"], a.header["jwk"], a.key = "mine", map[string]string{"kty": "EC"}, stranger
		}, client},
		{"not a JWT", func(a *ask) { a.form.Set("client_assertion", "a.b") }, client},
		{"too long", func(a *ask) { a.claims["x"] = strings.Repeat("x", assertion.MaxText) }, client},
		{"padding", func(a *ask) { a.form.Set("client_assertion", a.compact(t)+"=") }, client},
		{"a line break", func(a *ask) { a.form.Set("client_assertion", a.compact(t)+"\n") }, client},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := w.ask()
			tt.bend(a)
			if got := w.sendAsk(a); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestClientTokensDieWithTheLedger(t *testing.T) {
	for name, end := range map[string]func(*world){
		"suspended": func(w *world) { w.suspend(true) },
		"suspended and let in again": func(w *world) {
			w.suspend(true)
			w.suspend(false)
		},
		"key set replaced": func(w *world) {
			w.update(consenttest.RosaInstitute, func(u *consent.MemberUpdate) { u.JWKS = `{"keys":[]}` })
		},
		"expired": func(w *world) { w.advance(5 * time.Minute) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.withKeys()
			form := w.ask().form
			form.Set("client_assertion", w.ask().compact(t))
			k, oauthErr := w.post(form)
			if oauthErr != nil {
				t.Fatal(oauthErr)
			}
			end(w)
			if _, err := w.svc.Authenticate(bearer(k.AccessToken)); err == nil {
				t.Error("the token still works")
			}
		})
	}
	w := newWorld(t)
	w.withKeys()
	w.suspend(true)
	if got := w.sendAsk(w.ask()); got != "invalid_client" {
		t.Errorf("a suspended member got %q", got)
	}
}

// Scope narrows what the member has; it never adds.
func TestScopeNarrows(t *testing.T) {
	w := newWorld(t)
	for scope, want := range map[string]string{
		"": "custodian clinician", "clinician": "clinician", "clinician auditor": "clinician", "clinician custodian": "custodian clinician",
	} {
		text, err := assertion.Sign(assertion.Claims{
			Issuer: "city-hospital", Subject: "city-hospital", Audience: tokenURL, ID: "jti " + scope, Issued: w.clock(),
			Expires: w.clock().Add(time.Minute),
		}, "", consenttest.Persona("city-hospital"))
		if err != nil {
			t.Fatal(err)
		}
		form := w.ask().form
		form.Set("client_assertion", text)
		form.Set("scope", scope)
		k, oauthErr := w.post(form)
		if oauthErr != nil {
			t.Fatal(oauthErr)
		}
		p, err := w.svc.Authenticate(bearer(k.AccessToken))
		if err != nil || k.Scope != want || p.Has(auth.Custodian) != strings.Contains(want, "custodian") || p.Has(auth.Auditor) {
			t.Errorf("scope %q: %q, %v, %v", scope, k.Scope, p.Roles(), err)
		}
	}
}
