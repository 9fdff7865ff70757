package assertion

import (
	"crypto/sha256"

	"github.com/golang-jwt/jwt/v5"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// es256k is ECDSA on secp256k1 with SHA-256 (RFC 8812, section 3.2): r ‖ s, 64 bytes, here always with low s. It verifies
// by recovering the address, so that one library does all of secp256k1.
type es256k struct{}

var _ jwt.SigningMethod = es256k{}

// Alg implements jwt.SigningMethod.
func (es256k) Alg() string { return "ES256K" }

// Verify wants a sig.Address.
func (es256k) Verify(signed string, signature []byte, key any) error {
	want, ok := key.(sig.Address)
	if !ok || len(signature) != 64 {
		return ErrSignature
	}
	digest := sig.Hash(sha256.Sum256([]byte(signed)))
	var s sig.Signature
	copy(s[:], signature)
	for _, v := range []byte{27, 28} { // JOSE does not carry it
		s[64] = v
		if a, err := sig.Recover(digest, s); err == nil && a == want {
			return nil
		}
	}
	return ErrSignature
}

// Sign wants a sig.Key.
func (es256k) Sign(signed string, key any) ([]byte, error) {
	k, ok := key.(sig.Key)
	if !ok {
		return nil, ErrKey
	}
	s, err := k.Sign(sig.Hash(sha256.Sum256([]byte(signed))))
	if err != nil {
		return nil, err
	}
	return s[:64], nil
}
