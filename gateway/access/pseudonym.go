package access

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"fmt"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Pseudonyms turns handles into the names that requesters know them by, and back. A pseudonym is the handle, one AES block,
// encrypted under a key of the member's own: two members' pseudonyms of one handle have nothing in common, no table of them
// exists, and no two handles share one. The text form is 32 lower-case hex digits.
type Pseudonyms struct {
	secret [32]byte
	known  *blocks
}

// blocks are the members' ciphers. Members are few.
type blocks struct {
	mu  sync.RWMutex
	all map[consent.MemberID]cipher.Block
}

// NewPseudonyms uses the gateway's secret. Losing it makes every pseudonym worthless; showing it links them.
func NewPseudonyms(secret [32]byte) Pseudonyms {
	return Pseudonyms{secret, &blocks{all: map[consent.MemberID]cipher.Block{}}}
}

var errPseudonym = consent.Errorf(consent.Malformed, "a subject is named by the pseudonym that the custodian gave you: 32 lower-case hex digits")

// Of is the pseudonym under which a member knows a handle.
func (p Pseudonyms) Of(m consent.MemberID, h consent.SubjectID) (string, error) {
	block, err := p.block(m)
	if err != nil {
		return "", err
	}
	block.Encrypt(h[:], h[:])
	return h.String(), nil
}

// Handle is the handle that a member's pseudonym names. Every well-formed pseudonym names one; whether it exists is for the
// ledger to say.
func (p Pseudonyms) Handle(m consent.MemberID, pseudonym string) (consent.SubjectID, error) {
	h, err := consent.ParseSubjectID(pseudonym)
	if err != nil {
		return h, errPseudonym
	}
	block, err := p.block(m)
	if err != nil {
		return h, err
	}
	block.Decrypt(h[:], h[:])
	return h, nil
}

func (p Pseudonyms) block(m consent.MemberID) (cipher.Block, error) {
	p.known.mu.RLock()
	b, ok := p.known.all[m]
	p.known.mu.RUnlock()
	if ok {
		return b, nil
	}
	key, err := hkdf.Key(sha256.New, p.secret[:], nil, "volens/pseudonym/1/"+string(m), 32)
	if err != nil {
		return nil, fmt.Errorf("make a member's pseudonym key: %w", err)
	}
	b, err = aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make a member's pseudonym key: %w", err)
	}
	p.known.mu.Lock()
	defer p.known.mu.Unlock()
	p.known.all[m] = b
	return b, nil
}
