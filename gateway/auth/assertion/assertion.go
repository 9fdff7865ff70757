// Package assertion reads and writes the JWT with which an organisation proves to the token endpoint who it is: the client
// assertion of RFC 7523, as SMART Backend Services uses it (https://hl7.org/fhir/smart-app-launch/backend-services.html).
// The client and the gateway use the same code.
//
//	header  {"alg":"ES384","kid":"2026-1","typ":"JWT"}
//	claims  {"iss":"rosa-institute","sub":"rosa-institute","aud":"https://gateway.example/oauth2/token",
//	         "jti":"6f1c…","iat":1767225600.125,"exp":1767225840}
//
// Four algorithms exist here, and each key has exactly one of them, so a token cannot choose how it is checked:
//
//	RS384   RSA of 2048 to 8192 bits                          from the member's key set
//	ES256   P-256                                             from the member's key set
//	ES384   P-384                                             from the member's key set
//	ES256K  secp256k1 (RFC 8812), low s                       from the key set, or a ledger key: kid is its address
//
// Reading is strict where libraries are lenient: member names are compared exactly and may not repeat, base64url has one
// spelling, numbers have no exponent, a "crit" header is refused. Members that nobody here knows are ignored, as RFC 7519
// demands. The package is pure: it reads no clock and decides nothing about time, audience or reuse.
package assertion

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// Type is the client_assertion_type of RFC 7523, section 2.2.
const Type = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// MaxText is the longest assertion that is read, in bytes.
const MaxText = 8192

const maxID = 256 // bytes of a kid or jti

// Errors of this package, wrapped with what was wrong; compare with errors.Is.
var (
	ErrForm      = errors.New("not a client assertion in the accepted form")
	ErrKey       = errors.New("not a usable key")
	ErrSignature = errors.New("the client assertion is not signed by a registered key")
)

// Claims is what an assertion says.
type Claims struct {
	Issuer    string
	Subject   string
	Audience  string    // exactly one
	ID        string    // jti
	Expires   time.Time // exclusive
	Issued    time.Time // zero: absent
	NotBefore time.Time // zero: absent
}

// Unverified is an assertion whose signature nobody has checked. All it may be used for is to find the keys that Verify
// needs.
type Unverified struct { //nolint:recvcheck // Parse fills it
	claims    Claims
	alg, kid  string
	signed    string // header.claims, as received
	signature []byte
}

// Client is who the assertion says it comes from.
func (u Unverified) Client() string { return u.claims.Subject }

// Parse reads the compact form. Issuer and subject must be the same; audience, jti and exp must be there.
func Parse(text string) (Unverified, error) {
	if len(text) > MaxText {
		return Unverified{}, bad("longer than %d bytes", MaxText)
	}
	signed, tail, ok := cutLast(text)
	head, body, ok2 := strings.Cut(signed, ".")
	if !ok || !ok2 || strings.Contains(body, ".") {
		return Unverified{}, bad("a signed JWT has three parts")
	}
	u := Unverified{signed: signed}
	var err error
	if u.signature, err = decode64(tail); err != nil || len(u.signature) == 0 {
		return Unverified{}, bad("signature")
	}
	if err := u.readHeader(head); err != nil {
		return Unverified{}, err
	}
	if u.claims, err = readClaims(body); err != nil {
		return Unverified{}, err
	}
	return u, nil
}

func cutLast(text string) (before, after string, ok bool) {
	i := strings.LastIndexByte(text, '.')
	if i < 0 {
		return "", "", false
	}
	return text[:i], text[i+1:], true
}

func (u *Unverified) readHeader(part string) error {
	o, err := readObject(part)
	if err != nil {
		return err
	}
	if _, ok := o["crit"]; ok {
		return bad("a critical header parameter is not understood")
	}
	if u.alg, err = o.text("alg", 16); err != nil {
		return err
	}
	if u.kid, err = o.text("kid", maxID); err != nil {
		return err
	}
	if _, ok := method(u.alg); !ok {
		return bad("alg is ES256, ES384, RS384 or ES256K")
	}
	return nil
}

func readClaims(part string) (c Claims, err error) {
	o, err := readObject(part)
	if err != nil {
		return Claims{}, err
	}
	if c.Issuer, err = o.text("iss", maxID); err != nil {
		return Claims{}, err
	}
	if c.Subject, err = o.text("sub", maxID); err != nil {
		return Claims{}, err
	}
	if c.Audience, err = o.audience(); err != nil {
		return Claims{}, err
	}
	if c.ID, err = o.text("jti", maxID); err != nil {
		return Claims{}, err
	}
	if c.Expires, err = o.instant("exp", true); err != nil {
		return Claims{}, err
	}
	if c.Issued, err = o.instant("iat", false); err != nil {
		return Claims{}, err
	}
	if c.NotBefore, err = o.instant("nbf", false); err != nil {
		return Claims{}, err
	}
	if c.Issuer != c.Subject {
		return Claims{}, bad("iss and sub are both the client id")
	}
	return c, nil
}

// Verify checks the signature against the one key that has the assertion's kid and algorithm, and returns the claims. No
// such key, more than one, or a signature that does not verify: ErrSignature.
func (u Unverified) Verify(keys []Key) (Claims, error) {
	var found *Key
	for i, k := range keys {
		if k.ID == u.kid && k.alg == u.alg {
			if found != nil {
				return Claims{}, ErrSignature
			}
			found = &keys[i]
		}
	}
	m, ok := method(u.alg)
	if found == nil || !ok || m.Verify(u.signed, u.signature, found.public) != nil {
		return Claims{}, ErrSignature
	}
	return u.claims, nil
}

// Sign writes an assertion. The algorithm follows from the key: a sig.Key (ES256K), *ecdsa.PrivateKey on P-256 or P-384,
// or *rsa.PrivateKey (RS384); any other is ErrKey. For a sig.Key, kid may be empty: then it is the key's address.
// Issued keeps its milliseconds, so that a token can be had in the very second in which a gateway started.
func Sign(c Claims, kid string, key any) (string, error) {
	alg := algorithm(key)
	m, ok := method(alg)
	if !ok {
		return "", ErrKey
	}
	if k, isLedger := key.(sig.Key); isLedger && kid == "" {
		kid = k.Address().String()
	}
	head, err := encode64(map[string]string{"alg": alg, "kid": kid, "typ": "JWT"})
	if err != nil {
		return "", err
	}
	claims := map[string]any{"iss": c.Issuer, "sub": c.Subject, "aud": c.Audience, "jti": c.ID, "exp": number(c.Expires)}
	if !c.Issued.IsZero() {
		claims["iat"] = number(c.Issued)
	}
	if !c.NotBefore.IsZero() {
		claims["nbf"] = number(c.NotBefore)
	}
	body, err := encode64(claims)
	if err != nil {
		return "", err
	}
	signature, err := m.Sign(head+"."+body, key)
	if err != nil {
		return "", fmt.Errorf("sign a client assertion: %w", err)
	}
	return head + "." + body + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

// algorithm is what a private key signs with, "" for a key that is not usable here.
func algorithm(key any) string {
	switch k := key.(type) {
	case sig.Key:
		return "ES256K"
	case *rsa.PrivateKey:
		return "RS384"
	case *ecdsa.PrivateKey:
		return curveAlgorithm(k.Curve)
	}
	return ""
}

func curveAlgorithm(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "ES256"
	case elliptic.P384():
		return "ES384"
	}
	return ""
}

// method is the closed table of algorithms. The library's own registry is not asked: anybody may add to it.
func method(alg string) (jwt.SigningMethod, bool) {
	switch alg {
	case "RS384":
		return jwt.SigningMethodRS384, true
	case "ES256":
		return jwt.SigningMethodES256, true
	case "ES384":
		return jwt.SigningMethodES384, true
	case "ES256K":
		return es256k{}, true
	}
	return nil, false
}

// number writes a NumericDate with milliseconds.
func number(t time.Time) json.Number {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return json.Number(fmt.Sprint(ms / 1000))
	}
	return json.Number(fmt.Sprintf("%d.%03d", ms/1000, ms%1000))
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrForm}, args...)...)
}
