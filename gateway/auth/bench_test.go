package auth_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
)

func BenchmarkAuthenticate(b *testing.B) {
	w := newWorld(b)
	for name, r := range map[string]*http.Request{
		"patient-token":  bearer(w.token(w.asAlice())),
		"patient-cookie": withCookie(http.MethodGet, w.session(w.asAlice())),
		"member-token":   bearer(w.token(w.attempt(consenttest.Persona("city-hospital")))),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := w.svc.Authenticate(r); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"-parallel", func(b *testing.B) {
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, err := w.svc.Authenticate(r); err != nil {
						b.Fatal(err)
					}
				}
			})
		})
	}
}

func BenchmarkSignIn(b *testing.B) {
	w := newWorld(b, func(c *auth.Config) { c.Spent = 1 << 24 })
	signed := make([]auth.SignIn, b.N)
	for i := range signed {
		signed[i] = w.asAlice().sign(b)
	}
	b.ResetTimer()
	for i := range signed {
		if _, err := w.svc.SignIn(b.Context(), signed[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkToken(b *testing.B) {
	w := newWorld(b, func(c *auth.Config) { c.Spent = 1 << 24 })
	w.withKeys()
	keys := map[string]any{"es256k": consenttest.Persona("rosa-institute")}
	for kid, k := range rosaKeys() {
		keys[kid] = k
	}
	for kid, key := range keys {
		b.Run(kid, func(b *testing.B) {
			forms := make([]url.Values, b.N)
			for i := range forms {
				id := kid
				if id == "es256k" {
					id = ""
				}
				text, err := assertion.Sign(assertion.Claims{
					Issuer: "rosa-institute", Subject: "rosa-institute", Audience: tokenURL, ID: w.Rand.Hash().String(),
					Issued: w.clock(), Expires: w.clock().Add(time.Minute),
				}, id, key)
				if err != nil {
					b.Fatal(err)
				}
				forms[i] = url.Values{
					"grant_type": {"client_credentials"}, "client_assertion_type": {assertion.Type}, "client_assertion": {text},
				}
			}
			b.ResetTimer()
			for i := range forms {
				if _, err := w.post(forms[i]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
