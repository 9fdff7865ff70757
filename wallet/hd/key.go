package hd

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"fmt"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
	"golang.org/x/crypto/ripemd160" //nolint:gosec,staticcheck // BIP-32 fingerprints are RIPEMD-160
)

// Hardened is added to an index to derive a hardened child: one that nobody can compute without the parent's private key.
const Hardened uint32 = 1 << 31

// Key is a BIP-32 extended private key.
type Key struct { //nolint:recvcheck // methods that hide have value receivers, so that a copy hides too
	scalar secp256k1.ModNScalar
	chain  [32]byte
	depth  byte
	parent [4]byte // fingerprint of the parent's public key
	index  uint32
}

// Master makes the root key of a seed of 16 to 64 bytes. The chance of ErrIndex is 2^-127.
func Master(seed []byte) (*Key, error) {
	if len(seed) < 16 || len(seed) > 64 {
		return nil, fmt.Errorf("%w: a seed has 16 to 64 bytes", ErrKey)
	}
	k := &Key{}
	var zero secp256k1.ModNScalar
	return k, k.set(mac([]byte("Bitcoin seed"), seed), &zero)
}

// Child derives the child at index; add Hardened for a hardened one. A depth of 255 is the last.
func (k *Key) Child(index uint32) (*Key, error) {
	switch {
	case k.depth == 255:
		return nil, fmt.Errorf("%w: too deep", ErrKey)
	case k.scalar.IsZero():
		return nil, fmt.Errorf("%w: it was wiped", ErrKey)
	}
	data := make([]byte, 0, 37)
	if index >= Hardened {
		private := k.scalar.Bytes()
		data = append(append(data, 0), private[:]...)
	} else {
		data = append(data, k.point()...)
	}
	c := &Key{depth: k.depth + 1, index: index, parent: fingerprint(k.point())}
	return c, c.set(mac(k.chain[:], binary.BigEndian.AppendUint32(data, index)), &k.scalar)
}

// Path derives along hardened indexes, each given without the Hardened bit, and wipes the keys in between.
func (k *Key) Path(hardened ...uint32) (*Key, error) {
	at := k
	for _, i := range hardened {
		next, err := at.Child(i | Hardened)
		if at != k {
			at.Wipe()
		}
		if err != nil {
			return nil, err
		}
		at = next
	}
	return at, nil
}

// set takes the left half of i, plus base, as the private key and the right half as the chain code.
func (k *Key) set(i []byte, base *secp256k1.ModNScalar) error {
	if overflow := k.scalar.SetByteSlice(i[:32]); overflow {
		return ErrIndex
	}
	k.scalar.Add(base)
	if k.scalar.IsZero() {
		return ErrIndex
	}
	copy(k.chain[:], i[32:])
	return nil
}

// Private returns the 32-byte private key.
func (k *Key) Private() []byte {
	b := k.scalar.Bytes()
	return b[:]
}

// Wipe overwrites the key. It derives no children afterwards.
func (k *Key) Wipe() {
	k.scalar.Zero()
	k.chain = [32]byte{}
}

func (k *Key) point() []byte {
	return secp256k1.NewPrivateKey(&k.scalar).PubKey().SerializeCompressed()
}

func fingerprint(point []byte) (f [4]byte) {
	s := sha256.Sum256(point)
	r := ripemd160.New() //nolint:gosec // see the import
	r.Write(s[:])
	copy(f[:], r.Sum(nil))
	return f
}

func mac(key, data []byte) []byte {
	h := hmac.New(sha512.New, key)
	h.Write(data)
	return h.Sum(nil)
}

// Format implements fmt.Formatter and hides the key from every verb.
func (k Key) Format(f fmt.State, _ rune) { hidden(f, "hd.Key") }

// String hides the key.
func (k Key) String() string { return "hd.Key(hidden)" }

// MarshalText refuses: a key is never written by an encoder.
func (k Key) MarshalText() ([]byte, error) { return nil, fmt.Errorf("%w that may be encoded", ErrKey) }
