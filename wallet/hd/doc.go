// Package hd turns words into keys: BIP-39 phrases (https://github.com/bitcoin/bips/blob/master/bip-0039.mediawiki) and
// BIP-32 derivation (https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki).
//
//	entropy (32 bytes) -> phrase (24 words) -> seed (PBKDF2-HMAC-SHA-512, 2,048 rounds) -> master key -> child keys
//
// It is written here, on the standard library's hashes and decred's secp256k1 arithmetic (which go-ethereum brings
// anyway), because no library fits, looked at in September 2026: the repository of tyler-smith/go-bip39 was taken down, its
// last release is of 2020; cosmos/go-bip39 has no release since 2018; btcsuite's hdkeychain is kept, but brings Bitcoin's
// wire protocol and network parameters along and accepts three of the keys that BIP-32's test vector 5 calls invalid.
//
// Nothing here prints a secret by accident: Phrase and Key hide themselves from every verb of fmt and from encoders.
package hd

import (
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Errors of this package, wrapped with what was wrong; compare with errors.Is. No message repeats a word or a digit of a
// secret.
var (
	ErrPhrase = errors.New("not a recovery phrase")
	ErrKey    = errors.New("not an extended key")
	ErrIndex  = errors.New("no key at this index; take the next") // chance 2^-127, BIP-32
)

// english is the English word list of BIP-39 (github.com/bitcoin/bips, bip-0039/english.txt, MIT), one word a line, in the
// order of the index.
//
//go:embed english.txt
var english string

var wordList = sync.OnceValue(func() []string { return strings.Fields(english) })

var wordIndex = sync.OnceValue(func() map[string]int {
	m := make(map[string]int, 2048)
	for i, w := range wordList() {
		m[w] = i
	}
	return m
})

// hidden is what a secret prints as.
func hidden(f fmt.State, name string) { _, _ = f.Write([]byte(name + "(hidden)")) } //nolint:errcheck // fmt keeps the error
