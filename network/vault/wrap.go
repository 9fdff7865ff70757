package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
)

const (
	keySize   = 32 // AES-256, for subject keys and epoch keys
	nonceSize = 12
	tagSize   = 16
)

// A wrappedKey is a subject key under the epoch key: nonce ‖ ciphertext ‖ tag.
type wrappedKey [nonceSize + keySize + tagSize]byte

// A wrapper is an epoch key at work. Nonces are random: an epoch key wraps each subject once, and 2^32 random 96-bit
// nonces under one key are within NIST SP 800-38D, 8.3.
type wrapper struct {
	aead  cipher.AEAD
	vault [16]byte
	epoch uint64
}

func newWrapper(key []byte, vault [16]byte, epoch uint64) (*wrapper, error) {
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("epoch key %d: %w", epoch, err)
	}
	return &wrapper{aead: aead, vault: vault, epoch: epoch}, nil
}

func newAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("a key has %d bytes, not %d", keySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// bound is the additional data of a wrapped key: it opens only for this vault, this epoch and this subject.
func (w *wrapper) bound(id ID) []byte { return append(w.boundRing("subject"), id[:]...) }

func (w *wrapper) boundRing(use string) []byte {
	b := make([]byte, 0, 48)
	b = append(b, use...)
	b = append(b, w.vault[:]...)
	return binary.BigEndian.AppendUint64(b, w.epoch)
}

func (w *wrapper) wrap(id ID, key *[keySize]byte) (wrapped wrappedKey) {
	randomBytes(wrapped[:nonceSize])
	w.aead.Seal(wrapped[:nonceSize], wrapped[:nonceSize], key[:], w.bound(id))
	return wrapped
}

func (w *wrapper) unwrap(id ID, wrapped *wrappedKey) (key [keySize]byte, err error) {
	_, err = w.aead.Open(key[:0], wrapped[:nonceSize], wrapped[nonceSize:], w.bound(id))
	if err != nil {
		return key, fmt.Errorf("unwrap a subject's key: %w", ErrCorrupt)
	}
	return key, nil
}

// A keyCheck shows that a ring is under this very epoch key: the tag of an empty message.
type keyCheck [nonceSize + tagSize]byte

func (w *wrapper) check() (c keyCheck) {
	randomBytes(c[:nonceSize])
	w.aead.Seal(c[:nonceSize], c[:nonceSize], nil, w.boundRing("ring"))
	return c
}

func (w *wrapper) holds(c keyCheck) bool {
	_, err := w.aead.Open(nil, c[:nonceSize], c[nonceSize:], w.boundRing("ring"))
	return err == nil
}

func sameKey(a, b *[keySize]byte) bool { return subtle.ConstantTimeCompare(a[:], b[:]) == 1 }

// randomBytes fills b. crypto/rand never returns an error: it ends the program when the system has no randomness.
// Tests that need fixed bytes use testing/cryptotest; a reader in the options would only invite a bad one.
func randomBytes(b []byte) { _, _ = rand.Read(b) } //nolint:errcheck // never fails since Go 1.24
