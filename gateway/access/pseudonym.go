package access

import (
	"crypto/aes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Pseudonyms turns handles into the names that requesters know them by, and back. A pseudonym is the handle, one AES block,
// encrypted under a key of the member's own: two members' pseudonyms of one handle have nothing in common, no table of them
// exists, and no two handles share one. The text form is 32 lower-case hex digits.
type Pseudonyms struct{ secret [32]byte }

// NewPseudonyms uses the gateway's secret. Losing it makes every pseudonym worthless; showing it links them.
func NewPseudonyms(secret [32]byte) Pseudonyms { return Pseudonyms{secret} }

// Of is the pseudonym under which a member knows a handle.
func (p Pseudonyms) Of(m consent.MemberID, h consent.SubjectID) (string, error) {
	key, err := p.key(m)
	if err != nil {
		return "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", fmt.Errorf("make a pseudonym: %w", err)
	}
	var out [16]byte
	block.Encrypt(out[:], h[:])
	return hex.EncodeToString(out[:]), nil
}

// Handle is the handle that a member's pseudonym names. Every well-formed pseudonym names one; whether it exists is for the
// ledger to say.
func (p Pseudonyms) Handle(m consent.MemberID, pseudonym string) (consent.SubjectID, error) {
	in, err := consent.ParseSubjectID(pseudonym)
	if err != nil {
		return consent.SubjectID{}, consent.Errorf(consent.Malformed, "a pseudonym is 32 lower-case hex digits")
	}
	key, err := p.key(m)
	if err != nil {
		return consent.SubjectID{}, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return consent.SubjectID{}, fmt.Errorf("open a pseudonym: %w", err)
	}
	var out consent.SubjectID
	block.Decrypt(out[:], in[:])
	return out, nil
}

func (p Pseudonyms) key(m consent.MemberID) ([]byte, error) {
	return hkdf.Key(sha256.New, p.secret[:], nil, "volens/pseudonym/1/"+string(m), 32)
}
