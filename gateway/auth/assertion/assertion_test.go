package assertion_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/auth/assertion"
)

type stream byte // a reader of one byte, for keys in tests

func (s stream) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

func ledgerKey(t testing.TB, b byte) sig.Key {
	t.Helper()
	k, err := sig.GenerateKey(stream(b))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func curveKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var rsaKeys = map[int]*rsa.PrivateKey{} // they take long to draw

func rsaKey(t testing.TB, bits int) *rsa.PrivateKey {
	t.Helper()
	if rsaKeys[bits] == nil {
		t.Setenv("GODEBUG", "rsa1024min=0")
		k, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		rsaKeys[bits] = k
	}
	return rsaKeys[bits]
}

var claims = assertion.Claims{
	Issuer: "rosa-institute", Subject: "rosa-institute", Audience: "https://gateway.example/oauth2/token", ID: "7",
	Expires: time.UnixMilli(1767225840000).UTC(), Issued: time.UnixMilli(1767225600125).UTC(), NotBefore: time.UnixMilli(1767225600000).UTC(),
}

func TestRoundTrip(t *testing.T) {
	p256, p384, rs, k1 := curveKey(t, elliptic.P256()), curveKey(t, elliptic.P384()), rsaKey(t, 2048), ledgerKey(t, 1)
	newKey := func(id string, public any) assertion.Key {
		k, err := assertion.NewKey(id, public)
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	text, err := assertion.FormatKeys(newKey("a", &p256.PublicKey), newKey("b", &p384.PublicKey), newKey("c", &rs.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	keys, err := assertion.ParseKeys(text)
	if err != nil {
		t.Fatal(err)
	}
	keys = append(keys, assertion.LedgerKey(k1.Address()))
	for kid, private := range map[string]any{"a": p256, "b": p384, "c": rs, "": k1} {
		text, err := assertion.Sign(claims, kid, private)
		if err != nil {
			t.Fatal(err)
		}
		u, err := assertion.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		got, err := u.Verify(keys)
		if err != nil {
			t.Fatalf("%T: %v", private, err)
		}
		if diff := cmp.Diff(claims, got); diff != "" {
			t.Error(diff)
		}
		for _, wrong := range [][]assertion.Key{nil, {assertion.LedgerKey(ledgerKey(t, 2).Address())}, append(keys, keys...)} {
			if _, err := u.Verify(wrong); !errors.Is(err, assertion.ErrSignature) {
				t.Errorf("%T: %v", private, err)
			}
		}
	}
	for _, private := range []any{curveKey(t, elliptic.P521()), curveKey(t, elliptic.P224()), []byte("secret"), nil} {
		if _, err := assertion.Sign(claims, "x", private); !errors.Is(err, assertion.ErrKey) {
			t.Errorf("%T: %v", private, err)
		}
	}
}

// A second opinion on ES256K, and its one spelling.
func TestES256K(t *testing.T) {
	k := ledgerKey(t, 1)
	text, err := assertion.Sign(claims, "", k)
	if err != nil {
		t.Fatal(err)
	}
	i := strings.LastIndexByte(text, '.')
	raw, err := base64.RawURLEncoding.DecodeString(text[i+1:])
	if err != nil || len(raw) != 64 {
		t.Fatal(len(raw), err)
	}
	r, s := new(big.Int).SetBytes(raw[:32]), new(big.Int).SetBytes(raw[32:])
	digest := sha256.Sum256([]byte(text[:i]))
	if !ecdsa.Verify(k.PublicKey(), digest[:], r, s) {
		t.Error("crypto/ecdsa does not verify it")
	}
	s.Sub(k.PublicKey().Params().N, s).FillBytes(raw[32:])
	if !ecdsa.Verify(k.PublicKey(), digest[:], r, s) {
		t.Error("high s is no signature at all")
	}
	u, err := assertion.Parse(text[:i+1] + base64.RawURLEncoding.EncodeToString(raw))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := u.Verify([]assertion.Key{assertion.LedgerKey(k.Address())}); !errors.Is(err, assertion.ErrSignature) {
		t.Errorf("high s: %v", err)
	}

	// The same key in a key set, by its coordinates.
	x, y := k.PublicKey().X.FillBytes(make([]byte, 32)), k.PublicKey().Y.FillBytes(make([]byte, 32))
	jwks, err := json.Marshal(map[string]any{"keys": []any{map[string]string{
		"kty": "EC", "crv": "secp256k1", "kid": "k1", "alg": "ES256K",
		"x": base64.RawURLEncoding.EncodeToString(x), "y": base64.RawURLEncoding.EncodeToString(y),
	}}})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := assertion.ParseKeys(string(jwks))
	if err != nil {
		t.Fatal(err)
	}
	if text, err = assertion.Sign(claims, "k1", k); err != nil {
		t.Fatal(err)
	}
	if u, err = assertion.Parse(text); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Verify(keys); err != nil {
		t.Error(err)
	}
}

func compact(header, claims string) string {
	e := base64.RawURLEncoding.EncodeToString
	return e([]byte(header)) + "." + e([]byte(claims)) + ".AA"
}

func TestParseRefuses(t *testing.T) {
	const head = `{"alg":"ES256","kid":"a"}`
	const body = `{"iss":"a","sub":"a","aud":"b","jti":"c","exp":1}`
	if _, err := assertion.Parse(compact(head, body)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"empty":                 "",
		"two parts":             "e30.e30",
		"four parts":            compact(head, body) + ".AA",
		"no signature":          strings.TrimSuffix(compact(head, body), "AA"),
		"another last bit":      strings.TrimSuffix(compact(head, body), "AA") + "AB",
		"standard base64":       compact(head, body) + "+/==",
		"header twice":          compact(`{"alg":"none","alg":"ES256","kid":"a"}`, body),
		"header in other case":  compact(`{"ALG":"ES256","kid":"a"}`, body),
		"claims twice":          compact(head, `{"iss":"b","sub":"a","aud":"b","jti":"c","exp":1,"iss":"a"}`),
		"claims in other case":  compact(head, `{"ISS":"a","sub":"a","aud":"b","jti":"c","exp":1}`),
		"claims twice, escaped": compact(head, `{"iss":"a","\u0069ss":"a","sub":"a","aud":"b","jti":"c","exp":1}`),
		"something after":       compact(head, body+"{}"),
		"not UTF-8":             compact(head, strings.Replace(body, "c", "\xff", 1)),
		"a list":                compact(head, "["+body+"]"),
		"null":                  compact(head, "null"),
		"cut off":               compact(head, body[:len(body)-1]),
		"exponent":              compact(head, strings.Replace(body, ":1}", ":1e9}", 1)),
		"zero before":           compact(head, strings.Replace(body, ":1}", ":01}", 1)),
		"ten decimals":          compact(head, strings.Replace(body, ":1}", ":1.0000000001}", 1)),
		"null audience":         compact(head, strings.Replace(body, `"b"`, "null", 1)),
		"no audience":           compact(head, strings.Replace(body, `"b"`, "[]", 1)),
		"number in audience":    compact(head, strings.Replace(body, `"b"`, "[1]", 1)),
		"deep":                  compact(head, strings.Repeat("[", 5000)),
	} {
		if _, err := assertion.Parse(text); !errors.Is(err, assertion.ErrForm) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestKeySets(t *testing.T) {
	encode := base64.RawURLEncoding.EncodeToString
	p256 := curveKey(t, elliptic.P256())
	point, err := p256.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	ec := func(change map[string]any) map[string]any {
		j := map[string]any{"kty": "EC", "crv": "P-256", "kid": "a", "x": encode(point[1:33]), "y": encode(point[33:])}
		for k, v := range change {
			j[k] = v
		}
		return j
	}
	rs := func(bits int, change map[string]any) map[string]any {
		k := rsaKey(t, bits)
		j := map[string]any{"kty": "RSA", "kid": "b", "n": encode(k.N.Bytes()), "e": "AQAB"}
		for k, v := range change {
			j[k] = v
		}
		return j
	}
	type m = map[string]any
	many := make([]any, 17)
	for i := range many {
		many[i] = ec(m{"kid": string(rune('a' + i))})
	}
	tests := []struct {
		name string
		keys []any
		ok   bool
	}{
		{"none", []any{}, true},
		{"two kinds", []any{ec(nil), rs(2048, nil)}, true},
		{"with use, alg, key_ops and more", []any{ec(m{"use": "sig", "alg": "ES256", "key_ops": []string{"verify"}, "x5t": "x"})}, true},
		{"the same id", []any{ec(nil), rs(2048, m{"kid": "a"})}, false},
		{"no id", []any{ec(m{"kid": ""})}, false},
		{"RSA 1024", []any{rs(1024, nil)}, false},
		{"RSA 2047", []any{rs(2048, m{"n": encode(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 2047), big.NewInt(1)).Bytes())})}, false},
		{"RSA with e = 3", []any{rs(2048, m{"e": "Aw"})}, false},
		{"RSA with an even e", []any{rs(2048, m{"e": encode([]byte{1, 0, 2})})}, false},
		{"RSA with a long e", []any{rs(2048, m{"e": encode([]byte{1, 0, 0, 0, 1})})}, false},
		{"RSA with a zero before", []any{rs(2048, m{"e": encode([]byte{0, 1, 0, 1})})}, false},
		{"RSA with a huge n", []any{rs(2048, m{"n": encode([]byte(strings.Repeat("x", 1025)))})}, false},
		{"a secret", []any{ec(m{"d": "AA"})}, false},
		{"symmetric", []any{m{"kty": "oct", "kid": "a", "k": "AA"}}, false},
		{"for encryption", []any{ec(m{"use": "enc"})}, false},
		{"for another alg", []any{ec(m{"alg": "ES384"})}, false},
		{"an RSA key for RS256", []any{rs(2048, m{"alg": "RS256"})}, false},
		{"for signing", []any{ec(m{"key_ops": []string{"sign"}})}, false},
		{"another curve", []any{ec(m{"crv": "P-521"})}, false},
		{"the curve of others", []any{ec(m{"crv": "P-384"})}, false},
		{"not on the curve", []any{ec(m{"y": encode(point[1:33])})}, false},
		{"a short coordinate", []any{ec(m{"x": encode(point[2:33])})}, false},
		{"a padded coordinate", []any{ec(m{"x": encode(point[1:33]) + "="})}, false},
		{"no coordinate", []any{ec(m{"x": nil})}, false},
		{"an unknown kty", []any{m{"kty": "OKP", "kid": "a"}}, false},
		{"not an object", []any{1}, false},
		{"too many", many, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := json.Marshal(map[string]any{"keys": tt.keys})
			if err != nil {
				t.Fatal(err)
			}
			keys, err := assertion.ParseKeys(string(b))
			if tt.ok && (err != nil || len(keys) != len(tt.keys)) || !tt.ok && err == nil {
				t.Errorf("%d keys, %v", len(keys), err)
			}
		})
	}
	for _, text := range []string{" ", "{}", `{"keys":null}`, `{"keys":1}`, "[]", `{"keys":[],"keys":[]}`, `{"keys":[]}x`, `{"Keys":[]}`} {
		if keys, err := assertion.ParseKeys(text); err == nil {
			t.Errorf("%s: %d keys", text, len(keys))
		}
	}
	if keys, err := assertion.ParseKeys(""); err != nil || keys != nil {
		t.Errorf("no set: %v %v", keys, err)
	}
	for _, public := range []any{nil, "key", &curveKey(t, elliptic.P521()).PublicKey, &rsaKey(t, 1024).PublicKey} {
		if _, err := assertion.NewKey("a", public); !errors.Is(err, assertion.ErrKey) {
			t.Errorf("%T: %v", public, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	text, err := assertion.Sign(claims, "", ledgerKey(f, 1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("e30.e30.AA")
	f.Fuzz(func(t *testing.T, in string) {
		u, err := assertion.Parse(in)
		if err != nil {
			if !errors.Is(err, assertion.ErrForm) {
				t.Error(err)
			}
			return
		}
		if _, err := u.Verify([]assertion.Key{assertion.LedgerKey(ledgerKey(t, 1).Address())}); err == nil && in != text {
			t.Errorf("forged %q", in)
		}
	})
}

func FuzzParseKeys(f *testing.F) {
	p256 := curveKey(f, elliptic.P256())
	k, err := assertion.NewKey("a", &p256.PublicKey)
	if err != nil {
		f.Fatal(err)
	}
	text, err := assertion.FormatKeys(k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(`{"keys":[{"kty":"RSA","kid":"b","n":"AQ","e":"AQAB"}]}`)
	f.Fuzz(func(t *testing.T, in string) {
		keys, err := assertion.ParseKeys(in)
		if err != nil {
			return
		}
		again, err := assertion.FormatKeys(keys...)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := assertion.ParseKeys(again); err != nil {
			t.Errorf("%s: %v", again, err)
		}
	})
}
