// Package passporttest signs GA4GH visas and passports, for tests of what believes them.
package passporttest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Broker signs visas and passports that are good from From until Until, in seconds since 1970.
type Broker struct {
	Issuer      string
	Keys        jose.JSONWebKeySet
	From, Until int64

	t      testing.TB
	signer jose.Signer
}

// New returns a broker with a key of its own (ES256), whose tokens are good from 900 to 2000.
func New(t testing.TB, issuer string) *Broker {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return NewWith(t, issuer, jose.ES256, key, &key.PublicKey)
}

// NewWith is New with a key that is given.
func NewWith(t testing.TB, issuer string, alg jose.SignatureAlgorithm, key, public any) *Broker {
	t.Helper()
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &Broker{Issuer: issuer, Keys: jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "k1"}}}, From: 900, Until: 2000, t: t, signer: s}
}

// As is the same signer under another's name.
func (b *Broker) As(issuer string) *Broker {
	c := *b
	c.Issuer = issuer
	return &c
}

// Sign signs any claims.
func (b *Broker) Sign(claims any) string {
	b.t.Helper()
	payload, err := json.Marshal(claims)
	if err != nil {
		b.t.Fatal(err)
	}
	jws, err := b.signer.Sign(payload)
	if err != nil {
		b.t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		b.t.Fatal(err)
	}
	return token
}

// Visa is a visa of a subject, said by a data access committee, with some of its claims changed.
func (b *Broker) Visa(sub, kind, value string, change map[string]any) string {
	b.t.Helper()
	claims := map[string]any{
		"iss": b.Issuer, "sub": sub, "iat": b.From, "exp": b.Until, "scope": "openid",
		"ga4gh_visa_v1": map[string]any{"type": kind, "asserted": 800, "value": value, "source": "https://dac.example", "by": "dac"},
	}
	maps.Copy(claims, change)
	return b.Sign(claims)
}

// Passport is a passport around visas. aud is nil, a name or a list of them.
func (b *Broker) Passport(sub string, aud any, visas ...string) string {
	b.t.Helper()
	if visas == nil {
		visas = []string{}
	}
	claims := map[string]any{"iss": b.Issuer, "sub": sub, "iat": b.From, "exp": b.Until, "ga4gh_passport_v1": visas}
	if aud != nil {
		claims["aud"] = aud
	}
	return b.Sign(claims)
}

// Known is the broker in a custodian's file: its keys, and, of members, who their people and their clients are.
func (b *Broker) Known(people, clients map[string][]string) map[string]any {
	return map[string]any{"iss": b.Issuer, "jwks": b.Keys, "people": people, "clients": clients}
}
