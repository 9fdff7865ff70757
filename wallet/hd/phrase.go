package hd

import (
	"bytes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Phrase is a BIP-39 recovery phrase in English: 12, 15, 18, 21 or 24 words that stand for 16 to 32 random bytes and a
// checksum. The zero Phrase is empty and worthless.
//
// The bytes are behind a function because fmt follows pointers, but not functions, when a Phrase is an unexported field
// of some other struct, where it cannot hide itself.
type Phrase struct{ entropy func() []byte }

// NewPhrase draws a phrase of 24 words from rand, which must be cryptographically secure.
func NewPhrase(rand io.Reader) (Phrase, error) {
	var b [32]byte
	if _, err := io.ReadFull(rand, b[:]); err != nil {
		return Phrase{}, fmt.Errorf("draw a recovery phrase: %w", err)
	}
	return PhraseFromEntropy(b[:])
}

// PhraseFromEntropy makes the phrase of 16, 20, 24, 28 or 32 bytes.
func PhraseFromEntropy(entropy []byte) (Phrase, error) {
	if n := len(entropy); n < 16 || n > 32 || n%4 != 0 {
		return Phrase{}, fmt.Errorf("%w: %d bytes of entropy", ErrPhrase, n)
	}
	b := bytes.Clone(entropy)
	return Phrase{func() []byte { return b }}, nil
}

// ParsePhrase reads words, which people type: any spacing, any case, any Unicode normal form. It checks the number of
// words, that each is in the list (naming the first bad one by its place, counted from 1) and the checksum.
func ParsePhrase(words string) (Phrase, error) {
	list := strings.Fields(strings.ToLower(norm.NFKD.String(words)))
	n := len(list)
	if n < 12 || n > 24 || n%3 != 0 {
		return Phrase{}, fmt.Errorf("%w: %d words", ErrPhrase, n)
	}
	// n words are 11n bits: 32n/3 of entropy, then n/3 of checksum.
	bits := make([]byte, (11*n+7)/8)
	for i, w := range list {
		index, known := wordIndex()[w]
		if !known {
			return Phrase{}, fmt.Errorf("%w: word %d is not in the list", ErrPhrase, i+1)
		}
		for b := range 11 {
			at := 11*i + b
			bits[at/8] |= byte(index>>(10-b)&1) << (7 - at%8)
		}
	}
	entropy, sum := bits[:n/3*4:n/3*4], bits[n/3*4]
	want := sha256.Sum256(entropy)
	mask := byte(0xff) << (8 - n/3)
	if subtle.ConstantTimeByteEq(sum, want[0]&mask) != 1 {
		return Phrase{}, fmt.Errorf("%w: the checksum does not match; a word is wrong or misplaced", ErrPhrase)
	}
	return Phrase{func() []byte { return entropy }}, nil
}

// IsZero reports whether p is empty.
func (p Phrase) IsZero() bool { return p.entropy == nil }

// Equal compares two phrases in constant time.
func (p Phrase) Equal(q Phrase) bool {
	return subtle.ConstantTimeCompare(p.Entropy(), q.Entropy()) == 1
}

// Entropy returns a copy of the bytes that the phrase stands for, for sealing into a key file only.
func (p Phrase) Entropy() []byte {
	if p.IsZero() {
		return nil
	}
	return bytes.Clone(p.entropy())
}

// Words returns the phrase to be shown to its owner: lower-case words with one space between. It is the secret itself.
func (p Phrase) Words() string {
	if p.IsZero() {
		return ""
	}
	n := len(p.entropy()) / 4 * 3
	sum := sha256.Sum256(p.entropy())
	bits := append(p.Entropy(), sum[0])
	words := make([]string, n)
	for i := range words {
		index := 0
		for b := range 11 {
			at := 11*i + b
			index = index<<1 | int(bits[at/8]>>(7-at%8)&1)
		}
		words[i] = wordList()[index]
	}
	return strings.Join(words, " ")
}

// Seed stretches the phrase and an optional passphrase (a "25th word", any Unicode) to 64 bytes. Every passphrase gives
// a valid seed: a wrong one is noticed only by finding other keys.
func (p Phrase) Seed(passphrase string) ([]byte, error) {
	if p.IsZero() {
		return nil, fmt.Errorf("%w: it is empty", ErrPhrase)
	}
	seed, err := pbkdf2.Key(sha512.New, p.Words(), []byte("mnemonic"+norm.NFKD.String(passphrase)), 2048, 64)
	if err != nil {
		return nil, fmt.Errorf("stretch a recovery phrase: %w", err)
	}
	return seed, nil
}

// Format implements fmt.Formatter and hides the phrase from every verb.
func (p Phrase) Format(f fmt.State, _ rune) { hidden(f, "hd.Phrase") }

// String hides the phrase.
func (p Phrase) String() string { return "hd.Phrase(hidden)" }

// MarshalText refuses: a phrase is never written by an encoder.
func (p Phrase) MarshalText() ([]byte, error) {
	return nil, fmt.Errorf("%w that may be encoded", ErrPhrase)
}
