// Package sig holds the keys, addresses, signatures and EIP-712 digests that Volens messages are signed with.
//
// A signature is secp256k1 ECDSA over an EIP-712 digest (https://eips.ethereum.org/EIPS/eip-712), so that any Ethereum
// wallet can produce one and show its user what it signs. There is exactly one accepted spelling of a signature:
//
//	"0x" + 64 hex digits of r + 64 hex digits of s + "1b" or "1c"     (130 lower-case hex digits)
//
// with s at most half the group order. Every other spelling (high s, v of 0 or 1, the 64-byte compact form, upper case)
// is refused, because a second valid spelling of one signature is a second record of one act.
//
// A digest is always computed from a Go struct (see Digest), never from JSON that somebody sent: many JSON texts share a
// digest, and the struct is what the contract acts on.
//
// Recovering an address is not authentication: most random strings recover some address. Callers compare the address
// with a registered one.
//
// The package is a pure leaf. Randomness for new keys is an argument.
package sig

import (
	"crypto/ecdsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/ethereum/go-ethereum/crypto"
)

// Hash is a 32-byte digest (Keccak-256 for typed data, SHA-256 for commitments). Its text form is 64 lower-case hex digits.
type Hash [32]byte

// Address is the last 20 bytes of the Keccak-256 hash of a public key. Its text form is "0x" and 40 lower-case hex digits.
type Address [20]byte

// Signature is r (32 bytes), s (32 bytes, low) and v (27 or 28).
type Signature [65]byte

// Errors of this package. Callers wrap them; compare with errors.Is.
var (
	ErrSignatureForm = errors.New("a signature is 0x and 130 lower-case hex digits, with low s and v of 27 or 28")
	ErrSignature     = errors.New("the signature does not verify")
	ErrForm          = errors.New("malformed hex value")
)

// String returns the hex form.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero reports whether every byte is zero.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText implements encoding.TextMarshaler.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText accepts exactly 64 lower-case hex digits.
func (h *Hash) UnmarshalText(b []byte) error { return decodeHex(h[:], b, "") }

// String returns the lower-case hex form with 0x.
func (a Address) String() string { return "0x" + hex.EncodeToString(a[:]) }

// IsZero reports whether every byte is zero.
func (a Address) IsZero() bool { return a == Address{} }

// MarshalText implements encoding.TextMarshaler.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText accepts exactly 0x and 40 lower-case hex digits.
func (a *Address) UnmarshalText(b []byte) error { return decodeHex(a[:], b, "0x") }

// String returns the one accepted text form.
func (s Signature) String() string { return "0x" + hex.EncodeToString(s[:]) }

// MarshalText implements encoding.TextMarshaler.
func (s Signature) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText accepts the one text form of a signature and checks its ranges; anything else is ErrSignatureForm.
func (s *Signature) UnmarshalText(b []byte) error {
	var t Signature
	if err := decodeHex(t[:], b, "0x"); err != nil || !t.valid() {
		return ErrSignatureForm
	}
	*s = t
	return nil
}

// ParseSignature reads the one text form of a signature.
func ParseSignature(text string) (Signature, error) {
	var s Signature
	err := s.UnmarshalText([]byte(text))
	return s, err
}

// ParseAddress reads 0x and 40 lower-case hex digits.
func ParseAddress(text string) (Address, error) {
	var a Address
	err := a.UnmarshalText([]byte(text))
	return a, err
}

func decodeHex(dst, text []byte, prefix string) error {
	if len(text) != len(prefix)+2*len(dst) || string(text[:len(prefix)]) != prefix {
		return ErrForm
	}
	text = text[len(prefix):]
	for _, c := range text {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return ErrForm
		}
	}
	if _, err := hex.Decode(dst, text); err != nil {
		return ErrForm
	}
	return nil
}

// The order n of the group and the largest low s, n/2 rounded down, big-endian (SEC 2, secp256k1).
const (
	order     = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xba\xae\xdc\xe6\xaf\x48\xa0\x3b\xbf\xd2\x5e\x8c\xd0\x36\x41\x41"
	halfOrder = "\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x5d\x57\x6e\x73\x57\xa4\x50\x1d\xdf\xe9\x2f\x46\x68\x1b\x20\xa0"
	zeroWord  = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
)

// valid reports whether 0 < r < n, 0 < s <= n/2 (libsecp256k1's rule, BIP-62 rule 5) and v is 27 or 28. Strings of one
// length compare as the big-endian numbers they are.
func (s Signature) valid() bool {
	r, t := string(s[:32]), string(s[32:64])
	return (s[64] == 27 || s[64] == 28) && zeroWord < r && r < order && zeroWord < t && t <= halfOrder
}

// Key is a secp256k1 private key. It never prints itself.
type Key struct{ k *ecdsa.PrivateKey }

// GenerateKey draws a key from rand, which must be cryptographically secure.
func GenerateKey(rand io.Reader) (Key, error) {
	var b [32]byte
	for {
		if _, err := io.ReadFull(rand, b[:]); err != nil {
			return Key{}, fmt.Errorf("draw a key: %w", err)
		}
		// A value of zero or not below the group order is drawn again; the chance is about 2^-128.
		if k, err := crypto.ToECDSA(b[:]); err == nil {
			return Key{k}, nil
		}
	}
}

// ParseKey reads a 32-byte private key. The caller keeps b and may wipe it.
func ParseKey(b []byte) (Key, error) {
	k, err := crypto.ToECDSA(b)
	if err != nil {
		return Key{}, fmt.Errorf("read a private key: %w", ErrForm)
	}
	return Key{k}, nil
}

// Bytes returns the 32-byte private key, for sealing into a key file only.
func (k Key) Bytes() []byte { return crypto.FromECDSA(k.k) }

// String hides the key.
func (k Key) String() string { return "sig.Key(hidden)" }

// GoString hides the key from %#v too.
func (k Key) GoString() string { return k.String() }

// Address returns the address of the key.
func (k Key) Address() Address { return Address(crypto.PubkeyToAddress(k.k.PublicKey)) }

// PublicKey returns the ECDSA public key, for protocols that name keys whole (JWK).
func (k Key) PublicKey() *ecdsa.PublicKey { return &k.k.PublicKey }

// PrivateKey returns the ECDSA private key, for protocols with their own signature form (ES256K in JOSE).
func (k Key) PrivateKey() *ecdsa.PrivateKey { return k.k }

// Sign signs a digest with the deterministic nonce of RFC 6979; the result always has low s and v of 27 or 28.
func (k Key) Sign(digest Hash) (Signature, error) {
	b, err := crypto.Sign(digest[:], k.k)
	if err != nil {
		return Signature{}, fmt.Errorf("sign: %w", err)
	}
	s := Signature(b)
	s[64] += 27
	return s, nil
}

// Recover returns the address whose key made s over digest. It refuses signatures of any but the one accepted form. A
// separate verification would add nothing: recovery solves the verification equation for the key (SEC 1, 4.1.6). Costs
// about 45 microseconds with libsecp256k1.
func Recover(digest Hash, s Signature) (Address, error) {
	if !s.valid() {
		return Address{}, ErrSignatureForm
	}
	s[64] -= 27
	pub, err := crypto.Ecrecover(digest[:], s[:])
	if err != nil {
		return Address{}, ErrSignature
	}
	return Address(crypto.Keccak256(pub[1:])[12:]), nil
}

// PersonalHash is the EIP-191 version 0x45 digest of a text, as wallets sign it for Sign-In with Ethereum (EIP-4361).
func PersonalHash(text string) Hash {
	return keccak([]byte(fmt.Sprintf("\x19Ethereum Signed Message:\n%d", len(text))), []byte(text))
}

func keccak(parts ...[]byte) Hash { return Hash(crypto.Keccak256(parts...)) }
