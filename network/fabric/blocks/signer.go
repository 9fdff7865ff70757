package blocks

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"encoding/asn1"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"time"
)

// signer is a certificate that was checked.
type signer struct {
	org   string
	roles []string
	key   crypto.PublicKey // *ecdsa.PublicKey or ed25519.PublicKey
	hash  func() hash.Hash // for ECDSA
	ends  time.Time
}

// verify checks a signature over some bytes, one after the other. It reads no less than Fabric's peers do: bytes after an
// ECDSA signature, or more in it than r and s, are nobody's, and anybody who passes a transaction on can put them there.
func (s signer) verify(signature []byte, over ...[]byte) error {
	message := slices.Concat(over...)
	var ok bool
	switch key := s.key.(type) {
	case ed25519.PublicKey:
		ok = ed25519.Verify(key, message, signature)
	case *ecdsa.PublicKey:
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(signature, &rs); err != nil || rs.R.Sign() != 1 || rs.S.Sign() != 1 {
			return fmt.Errorf("the signature of %s cannot be read", s.org)
		}
		if rs.S.Cmp(new(big.Int).Rsh(key.Params().N, 1)) > 0 {
			return fmt.Errorf("the signature of %s has the larger s, which Fabric does not take", s.org)
		}
		sum := s.hash()
		sum.Write(message)
		ok = ecdsa.Verify(key, sum.Sum(nil), rs.R, rs.S)
	}
	if !ok {
		return fmt.Errorf("the signature of %s is over something else", s.org)
	}
	return nil
}

// ended is a note for the log if a certificate had ended before the transactions that it vouches for, else "".
func (s signer) ended(at time.Time) string {
	if !at.After(s.ends) {
		return ""
	}
	return fmt.Sprintf("a certificate that %s signs with ended on %s", s.org, s.ends.UTC().Format(time.DateOnly))
}
