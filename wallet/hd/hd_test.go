package hd_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/wallet/hd"
)

func load[T any](t *testing.T, path string) []T {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var list []T
	if err := json.Unmarshal(b, &list); err != nil {
		t.Fatal(err)
	}
	if len(list) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return list
}

type phraseVector struct{ Entropy, Mnemonic, Seed, Xprv, Passphrase string }

func TestPhraseVectors(t *testing.T) {
	for _, v := range load[phraseVector](t, "testdata/bip39/vectors.json") {
		entropy, err := hex.DecodeString(v.Entropy)
		if err != nil {
			t.Fatal(err)
		}
		p, err := hd.PhraseFromEntropy(entropy)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v.Mnemonic, p.Words()); d != "" {
			t.Error(d)
		}
		q, err := hd.ParsePhrase(v.Mnemonic)
		if err != nil {
			t.Fatalf("%s: %v", v.Mnemonic, err)
		}
		if !bytes.Equal(q.Entropy(), entropy) {
			t.Errorf("%s: other entropy", v.Mnemonic)
		}
		seed, err := q.Seed(v.Passphrase)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v.Seed, hex.EncodeToString(seed)); d != "" {
			t.Error(d)
		}
		k, err := hd.Master(seed)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v.Xprv, k.Extended()); d != "" {
			t.Error(d)
		}
	}
}

type derivationVector struct{ Seed, Path, Xpub, Xprv string }

func TestDerivationVectors(t *testing.T) {
	for _, v := range load[derivationVector](t, "testdata/bip32/derivation.json") {
		seed, err := hex.DecodeString(v.Seed)
		if err != nil {
			t.Fatal(err)
		}
		k, err := hd.Master(seed)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range strings.Split(v.Path, "/")[1:] {
			digits, hard := strings.CutSuffix(step, "'")
			n, err := strconv.ParseUint(digits, 10, 31)
			if err != nil {
				t.Fatal(err)
			}
			index := uint32(n)
			if hard {
				index |= hd.Hardened
			}
			if k, err = k.Child(index); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff([]string{v.Xprv, v.Xpub}, []string{k.Extended(), k.ExtendedPublic()}); d != "" {
			t.Errorf("%s %s: %s", v.Seed, v.Path, d)
		}
		back, err := hd.ParseExtended(v.Xprv)
		if err != nil || back.Extended() != v.Xprv {
			t.Errorf("%s: does not come back: %v", v.Path, err)
		}
		if _, err := hd.ParseExtended(v.Xpub); err == nil || !strings.Contains(err.Error(), "cannot sign") {
			t.Errorf("%s: a public key gave %v", v.Path, err)
		}
	}
}

type invalidVector struct{ ExtendedKey, Reason string }

func TestInvalidExtendedKeys(t *testing.T) {
	for _, v := range load[invalidVector](t, "testdata/bip32/invalid.json") {
		_, err := hd.ParseExtended(v.ExtendedKey)
		if !errors.Is(err, hd.ErrKey) || strings.Contains(err.Error(), "cannot sign") {
			t.Errorf("%s: got %v", v.Reason, err)
		}
	}
}

// The list is BIP-39's own file, byte for byte.
func TestWordList(t *testing.T) {
	b, err := os.ReadFile("english.txt")
	if err != nil {
		t.Fatal(err)
	}
	const want = "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
	if got := fmt.Sprintf("%x", sha256.Sum256(b)); got != want {
		t.Errorf("english.txt is %s", got)
	}
}

const abandon = "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon "

func TestParsePhrase(t *testing.T) {
	for _, c := range []struct{ name, words, err string }{
		{"good", abandon + "about", ""},
		{"typed by a person", "  Abandon\tABANDON\n" + strings.TrimPrefix(abandon, "abandon abandon ") + " about ", ""},
		{"full-width letters", strings.Replace(abandon+"about", "about", "\uff41\uff42\uff4f\uff55\uff54", 1), ""},
		{"empty", "", "0 words"},
		{"short", strings.TrimSpace(abandon), "11 words"},
		{"13 words", abandon + "about about", "13 words"},
		{"27 words", abandon + abandon + "abandon abandon abandon abandon about", "27 words"},
		{"unknown word", abandon + "volens", "word 12 is not in the list"},
		{"checksum", abandon + "abandon", "checksum"},
		{"swapped", "about " + strings.TrimSpace(abandon), "checksum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := hd.ParsePhrase(c.words)
			if c.err == "" {
				if err != nil || p.Words() != abandon+"about" {
					t.Fatalf("got %v", err)
				}
				return
			}
			if !errors.Is(err, hd.ErrPhrase) || !strings.Contains(err.Error(), c.err) {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestPassphraseIsNormalised(t *testing.T) {
	p, err := hd.ParsePhrase(abandon + "about")
	if err != nil {
		t.Fatal(err)
	}
	composed, err := p.Seed("\u00e9")
	if err != nil {
		t.Fatal(err)
	}
	decomposed, err := p.Seed("e\u0301")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(composed, decomposed) {
		t.Error("two spellings of one passphrase give two seeds")
	}
}

func TestNewPhraseNeedsRandomness(t *testing.T) {
	p, err := hd.NewPhrase(bytes.NewReader(bytes.Repeat([]byte{7}, 32)))
	if err != nil || len(strings.Fields(p.Words())) != 24 {
		t.Fatalf("got %d words, %v", len(strings.Fields(p.Words())), err)
	}
	if _, err := hd.NewPhrase(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("31 bytes were enough")
	}
	if _, err := (hd.Phrase{}).Seed(""); err == nil {
		t.Error("an empty phrase has a seed")
	}
}

func TestSecretsHide(t *testing.T) {
	p, err := hd.PhraseFromEntropy(bytes.Repeat([]byte{0xab}, 32))
	if err != nil {
		t.Fatal(err)
	}
	seed, err := p.Seed("")
	if err != nil {
		t.Fatal(err)
	}
	k, err := hd.Master(seed)
	if err != nil {
		t.Fatal(err)
	}
	wrapped := struct{ p hd.Phrase }{p}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
		if got := strings.ToLower(fmt.Sprintf(verb, wrapped)); strings.Contains(got, "abab") || strings.Contains(got, "171 171") {
			t.Errorf("%s of an unexported field prints %s", verb, got)
		}
		got := fmt.Sprintf(verb+verb+verb, p, k, *k)
		if got != "hd.Phrase(hidden)hd.Key(hidden)hd.Key(hidden)" {
			t.Errorf("%s prints %s", verb, got)
		}
	}
	for _, v := range []any{p, k, *k, map[string]any{"p": p}} {
		if b, err := json.Marshal(v); err == nil {
			t.Errorf("%T encodes as %s", v, b)
		}
	}
}

func FuzzParsePhrase(f *testing.F) {
	f.Add(abandon + "about")
	f.Add("zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote")
	f.Fuzz(func(t *testing.T, words string) {
		p, err := hd.ParsePhrase(words)
		if err != nil {
			return
		}
		q, err := hd.ParsePhrase(p.Words())
		if err != nil || !q.Equal(p) {
			t.Fatalf("does not come back: %v", err)
		}
	})
}

func FuzzParseExtended(f *testing.F) {
	f.Add("xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi")
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := hd.ParseExtended(text); err == nil && k.Extended() != text {
			t.Fatal("a second spelling was accepted")
		}
	})
}
