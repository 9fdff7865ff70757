package sig_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// randomness is a seeded source, so that a failure can be run again.
func randomness(seed string) io.Reader {
	var s [32]byte
	copy(s[:], seed)
	return rand.NewChaCha8(s)
}

func newKey(t testing.TB, rnd io.Reader) sig.Key {
	t.Helper()
	k, err := sig.GenerateKey(rnd)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func draw(t testing.TB, rnd io.Reader) (h sig.Hash) {
	t.Helper()
	if _, err := io.ReadFull(rnd, h[:]); err != nil {
		t.Fatal(err)
	}
	return h
}

func TestOneSpelling(t *testing.T) {
	rnd := randomness("spelling")
	k, digest := newKey(t, rnd), draw(t, rnd)
	s, err := k.Sign(digest)
	if err != nil {
		t.Fatal(err)
	}
	good := s.String()
	if len(good) != 132 {
		t.Fatalf("%d characters, want 132", len(good))
	}
	if again, err := sig.ParseSignature(good); err != nil || again != s {
		t.Fatalf("read back %s, %v", again, err)
	}
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	high := s
	new(big.Int).Sub(order, new(big.Int).SetBytes(s[32:64])).FillBytes(high[32:64])
	high[64] = 27 + 28 - s[64]
	withV := func(v byte) string { return good[:130] + hex.EncodeToString([]byte{v}) }
	bad := map[string]string{
		"empty": "", "0x only": "0x", "no 0x": good[2:], "0X": "0X" + good[2:], "upper case": "0x" + strings.ToUpper(good[2:]),
		"one upper digit": "0x" + strings.Replace(good[2:], "a", "A", 1), "short": good[:131], "long": good + "0",
		"compact of 64 bytes": good[:130], "space before": " " + good, "newline": good + "\n",
		"not hex": good[:100] + "g" + good[101:], "v 0": withV(0), "v 1": withV(1), "v 26": withV(26), "v 29": withV(29),
		"v 37": withV(37), "high s": high.String(), "0x inside": "0x0x" + good[4:],
	}
	for name, text := range bad {
		if got, err := sig.ParseSignature(text); !errors.Is(err, sig.ErrSignatureForm) || got != (sig.Signature{}) {
			t.Errorf("%s: %q gives %s, %v; want ErrSignatureForm", name, text, got, err)
		}
	}
	if _, err := sig.Recover(digest, high); !errors.Is(err, sig.ErrSignatureForm) {
		t.Errorf("a high s recovers: %v", err)
	}
	for _, v := range []byte{0, 1, 26, 29, 255} {
		other := s
		other[64] = v
		if _, err := sig.Recover(digest, other); !errors.Is(err, sig.ErrSignatureForm) {
			t.Errorf("v %d recovers: %v", v, err)
		}
	}
}

func TestRanges(t *testing.T) {
	order, _ := new(big.Int).SetString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141", 16)
	one := big.NewInt(1)
	half := new(big.Int).Rsh(order, 1)
	most := new(big.Int).Sub(new(big.Int).Lsh(one, 256), one)
	numbers := []struct {
		name   string
		n      *big.Int
		r, low bool // may be r, may be s
	}{
		{"0", new(big.Int), false, false},
		{"1", one, true, true},
		{"n/2 - 1", new(big.Int).Sub(half, one), true, true},
		{"n/2", half, true, true},
		{"n/2 + 1", new(big.Int).Add(half, one), true, false},
		{"n - 1", new(big.Int).Sub(order, one), true, false},
		{"n", order, false, false},
		{"n + 1", new(big.Int).Add(order, one), false, false},
		{"2^256 - 1", most, false, false},
	}
	for _, r := range numbers {
		for _, s := range numbers {
			var x sig.Signature
			r.n.FillBytes(x[:32])
			s.n.FillBytes(x[32:64])
			x[64] = 27
			_, err := sig.ParseSignature(x.String())
			if want := r.r && s.low; (err == nil) != want {
				t.Errorf("r = %s, s = %s: %v, want accepted %v", r.name, s.name, err, want)
			}
		}
	}
}

// TestForeignSignatures: recovering gives some address for most strings, and never that of a key that did not sign.
func TestForeignSignatures(t *testing.T) {
	rnd := randomness("foreign")
	k := newKey(t, rnd)
	recovered := 0
	for i := range 10_000 {
		digest := draw(t, rnd)
		var s sig.Signature
		if i%10 == 0 { // another key's good signature, or this key's over another digest
			signer := newKey(t, rnd)
			if i%20 == 0 {
				signer = k
			}
			var err error
			if s, err = signer.Sign(draw(t, rnd)); err != nil {
				t.Fatal(err)
			}
		} else {
			r, low := draw(t, rnd), draw(t, rnd)
			low[0] &= 0x3f
			copy(s[:32], r[:])
			copy(s[32:], low[:])
			s[64] = 27 + byte(i&1)
		}
		a, err := sig.Recover(digest, s)
		if err == nil {
			recovered++
			if a == k.Address() {
				t.Fatalf("signature %s recovers a key that did not sign", s)
			}
		}
	}
	if recovered < 1000 {
		t.Fatalf("%d of 10,000 recovered at all: the test looks at too little", recovered)
	}
}

func TestSignAndRecover(t *testing.T) {
	rnd := randomness("round trip")
	for range 500 {
		k, digest := newKey(t, rnd), draw(t, rnd)
		s, err := k.Sign(digest)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := k.Sign(digest); err != nil || again != s {
			t.Fatalf("signing again gives %s, %v; want %s", again, err, s)
		}
		if a, err := sig.Recover(digest, s); err != nil || a != k.Address() {
			t.Fatalf("recovered %s, %v; want %s", a, err, k.Address())
		}
		if back, err := sig.ParseKey(k.Bytes()); err != nil || back.Address() != k.Address() {
			t.Fatalf("a key read back is another: %v", err)
		}
	}
}

func TestPersonalHash(t *testing.T) {
	for text, want := range map[string]string{
		"":            "5f35dce98ba4fba25530a026ed80b2cecdaa31091ba4958b99b52ea1d068adad",
		"Hello World": "a1de988600a42c4b4ab089b619297c17d53cffae5d5120d82d8a92d0bb3b78f2",
		"Hello Joe":   "a080337ae51c4e064c189e113edd0ba391df9206e2f49db658bb32cf2911730b",
	} {
		if got := sig.PersonalHash(text).String(); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestKeyForm(t *testing.T) {
	order, _ := hex.DecodeString("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141")
	for name, b := range map[string][]byte{"nil": nil, "short": make([]byte, 31), "zero": make([]byte, 32), "order": order, "long": make([]byte, 33)} {
		if _, err := sig.ParseKey(b); !errors.Is(err, sig.ErrForm) {
			t.Errorf("%s: %v, want ErrForm", name, err)
		}
	}
	if _, err := sig.GenerateKey(strings.NewReader("too short")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a source that ends: %v", err)
	}
}

// TestKeyStaysHidden looks for the private key in every way of printing it.
func TestKeyStaysHidden(t *testing.T) {
	k := newKey(t, randomness("hidden"))
	secrets := []string{hex.EncodeToString(k.Bytes()), new(big.Int).SetBytes(k.Bytes()).String(), fmt.Sprint(k.Bytes()), string(k.Bytes())}
	var printed strings.Builder
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%p"} {
		fmt.Fprintf(&printed, verb, k)
		fmt.Fprintf(&printed, verb, struct{ Key sig.Key }{k})
		fmt.Fprintf(&printed, verb, []sig.Key{k})
		fmt.Fprintf(&printed, verb, map[string]sig.Key{"k": k})
	}
	fmt.Fprint(&printed, k, fmt.Errorf("with %v", k))
	b, err := json.Marshal(k) //nolint:staticcheck // it must say nothing
	if err != nil {
		t.Fatal(err)
	}
	printed.Write(b)
	for _, s := range secrets {
		if strings.Contains(strings.ToLower(printed.String()), s) {
			t.Fatalf("the key is in %s", printed.String())
		}
	}
}

func TestTextForms(t *testing.T) {
	rnd := randomness("text")
	h, a := draw(t, rnd), newKey(t, rnd).Address()
	var h2 sig.Hash
	if err := h2.UnmarshalText([]byte(h.String())); err != nil || h2 != h || h.IsZero() {
		t.Fatalf("hash %s, %v", h2, err)
	}
	if a2, err := sig.ParseAddress(a.String()); err != nil || a2 != a || a.IsZero() {
		t.Fatalf("address %s, %v", a2, err)
	}
	for _, bad := range []string{"", "0x", "0x" + h.String(), strings.ToUpper(h.String()), h.String()[1:], h.String() + "0", h.String()[:63] + " "} {
		if err := h2.UnmarshalText([]byte(bad)); !errors.Is(err, sig.ErrForm) {
			t.Errorf("hash %q: %v", bad, err)
		}
	}
	for _, bad := range []string{"", "0x", a.String()[2:], "0X" + a.String()[2:], "0x" + strings.ToUpper(a.String()[2:]), a.String() + "0"} {
		if _, err := sig.ParseAddress(bad); !errors.Is(err, sig.ErrForm) {
			t.Errorf("address %q: %v", bad, err)
		}
	}
}

func FuzzParseSignature(f *testing.F) {
	s, err := newKey(f, randomness("fuzz")).Sign(sig.Hash{1})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.String())
	f.Add("0x" + strings.Repeat("0", 128) + "1b")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sig.ParseSignature(text)
		if err != nil {
			if !errors.Is(err, sig.ErrSignatureForm) || s != (sig.Signature{}) {
				t.Fatalf("%q: %s, %v", text, s, err)
			}
			return
		}
		if s.String() != text {
			t.Fatalf("%q is another spelling of %s", text, s)
		}
		if _, err := sig.Recover(sig.Hash{1}, s); errors.Is(err, sig.ErrSignatureForm) {
			t.Fatalf("%s was read and is not in form", s)
		}
	})
}

func BenchmarkRecover(b *testing.B) {
	s, err := newKey(b, randomness("bench")).Sign(sig.Hash{1})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := sig.Recover(sig.Hash{1}, s); err != nil {
			b.Fatal(err)
		}
	}
}

// TestManyParts hashes more parts than are remembered, twice: what is remembered is what was hashed.
func TestManyParts(t *testing.T) {
	type Part struct {
		Text string `json:"text"`
	}
	type Whole struct {
		Parts []Part `json:"parts"`
	}
	seen := map[sig.Hash]int{}
	for round := range 2 {
		for i := range 10_000 {
			text := strings.Repeat("x", i%700) + strconv.Itoa(i)
			h := sig.HashStruct(&Whole{[]Part{{text}, {"the same"}}})
			if n, ok := seen[h]; ok != (round == 1) || n != i && ok {
				t.Fatalf("round %d, part %d: hash of part %d, %v", round, i, n, ok)
			}
			seen[h] = i
		}
	}
}
