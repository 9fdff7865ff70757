package hd

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/big"
	"strings"

	"github.com/decred/dcrd/dcrec/secp256k1/v4"
)

// The version bytes of BIP-32's main network, which begin the texts xprv and xpub.
var (
	versionPrivate = [4]byte{0x04, 0x88, 0xad, 0xe4}
	versionPublic  = [4]byte{0x04, 0x88, 0xb2, 0x1e}
)

// Extended returns the key's BIP-32 text, "xprv…". It is the secret itself.
func (k *Key) Extended() string {
	private := k.scalar.Bytes()
	return k.text(versionPrivate, append([]byte{0}, private[:]...))
}

// ExtendedPublic returns the BIP-32 text of the public key, "xpub…". Who has it can compute and link every child that is
// not hardened, so it is private too.
func (k *Key) ExtendedPublic() string { return k.text(versionPublic, k.point()) }

func (k *Key) text(version [4]byte, data []byte) string {
	b := append(version[:], k.depth)
	b = append(b, k.parent[:]...)
	b = binary.BigEndian.AppendUint32(b, k.index)
	b = append(b, k.chain[:]...)
	return base58Check(append(b, data...))
}

// ParseExtended reads an "xprv…" text and refuses all that BIP-32 calls invalid. A valid "xpub…" is refused too, as
// ErrKey, after the same checks: it holds no private key.
func ParseExtended(text string) (*Key, error) {
	b, err := decodeBase58Check(text)
	if err != nil {
		return nil, err
	}
	if len(b) != 78 {
		return nil, fmt.Errorf("%w: %d bytes", ErrKey, len(b))
	}
	k := &Key{depth: b[4], parent: [4]byte(b[5:9]), index: binary.BigEndian.Uint32(b[9:13]), chain: [32]byte(b[13:45])}
	if k.depth == 0 && (k.parent != [4]byte{} || k.index != 0) {
		return nil, fmt.Errorf("%w: a root with a parent or an index", ErrKey)
	}
	switch data := b[45:]; [4]byte(b[:4]) {
	case versionPrivate:
		if err := k.setScalar(data); err != nil {
			return nil, err
		}
		return k, nil
	case versionPublic:
		if _, err := secp256k1.ParsePubKey(data); err != nil {
			return nil, fmt.Errorf("%w: public key: %w", ErrKey, err)
		}
		return nil, fmt.Errorf("%w: a public key cannot sign", ErrKey)
	default:
		return nil, fmt.Errorf("%w: unknown version", ErrKey)
	}
}

func (k *Key) setScalar(data []byte) error {
	if data[0] != 0 {
		return fmt.Errorf("%w: private key prefix", ErrKey)
	}
	if overflow := k.scalar.SetByteSlice(data[1:]); overflow || k.scalar.IsZero() {
		return fmt.Errorf("%w: private key not in 1..n-1", ErrKey)
	}
	return nil
}

const base58Alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"

// base58Check appends the first four bytes of the double SHA-256 and writes the whole in base 58. A leading zero byte is
// a leading "1".
func base58Check(b []byte) string {
	sum := doubleSHA256(b)
	b = append(bytes.Clone(b), sum[:4]...)
	n, radix, digit := new(big.Int).SetBytes(b), big.NewInt(58), new(big.Int)
	var reversed []byte
	for n.Sign() > 0 {
		n.DivMod(n, radix, digit)
		reversed = append(reversed, base58Alphabet[digit.Int64()])
	}
	for i := 0; i < len(b) && b[i] == 0; i++ {
		reversed = append(reversed, '1')
	}
	for i, j := 0, len(reversed)-1; i < j; i, j = i+1, j-1 {
		reversed[i], reversed[j] = reversed[j], reversed[i]
	}
	return string(reversed)
}

func decodeBase58Check(text string) ([]byte, error) {
	if len(text) > 128 {
		return nil, fmt.Errorf("%w: too long", ErrKey)
	}
	n, radix := new(big.Int), big.NewInt(58)
	for i := range len(text) {
		d := strings.IndexByte(base58Alphabet, text[i])
		if d < 0 {
			return nil, fmt.Errorf("%w: not base 58", ErrKey)
		}
		n.Add(n.Mul(n, radix), big.NewInt(int64(d)))
	}
	zeros := len(text) - len(strings.TrimLeft(text, "1"))
	b := append(make([]byte, zeros), n.Bytes()...)
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: too short", ErrKey)
	}
	body, sum := b[:len(b)-4], b[len(b)-4:]
	if want := doubleSHA256(body); !bytes.Equal(sum, want[:4]) {
		return nil, fmt.Errorf("%w: checksum", ErrKey)
	}
	return body, nil
}

func doubleSHA256(b []byte) [32]byte {
	once := sha256.Sum256(b)
	return sha256.Sum256(once[:])
}
