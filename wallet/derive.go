package wallet

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/wallet/hd"
)

// purpose is the first step of every path.
const purpose = 8080

// The last step of a path: what the derived 32 bytes are for.
const (
	useKey uint32 = iota
	useKeySalt
	useGuardianSalt
)

// MaxGenerations bounds the search of FindGeneration: a handle's key is rotated a few times in a life.
const MaxGenerations = 64

// pathOf is the path below 8080' of a handle's use, without the hardened bit.
func pathOf(handle consent.SubjectID, generation, use uint32) []uint32 {
	const mask = 1<<31 - 1
	hi, lo := binary.BigEndian.Uint64(handle[:8]), binary.BigEndian.Uint64(handle[8:])
	return []uint32{
		uint32(hi >> 60),                //nolint:gosec // cut to its width
		uint32(hi >> 29 & mask),         //nolint:gosec // cut to its width
		uint32((hi<<2 | lo>>62) & mask), //nolint:gosec // cut to its width
		uint32(lo >> 31 & mask),         //nolint:gosec // cut to its width
		uint32(lo & mask),               //nolint:gosec // cut to its width
		generation,
		use,
	}
}

// Path is the derivation path of a handle's signing key, for export to another program that knows BIP-32.
func Path(handle consent.SubjectID, generation uint32) string {
	var b strings.Builder
	fmt.Fprintf(&b, "m/%d'", purpose)
	for _, i := range pathOf(handle, generation, useKey) {
		fmt.Fprintf(&b, "/%d'", i)
	}
	return b.String()
}

// Keys derives a person's keys from her phrase. It hides itself from fmt; the root, m/8080', is behind a function for the
// reason that hd.Phrase gives.
type Keys struct{ root func() *hd.Key }

// NewKeys makes the keys of a phrase and its optional passphrase.
func NewKeys(p hd.Phrase, passphrase string) (Keys, error) {
	seed, err := p.Seed(passphrase)
	if err != nil {
		return Keys{}, err
	}
	defer clear(seed)
	master, err := hd.Master(seed)
	if err != nil {
		return Keys{}, err
	}
	defer master.Wipe()
	root, err := master.Path(purpose)
	if err != nil {
		return Keys{}, err
	}
	return Keys{func() *hd.Key { return root }}, nil
}

// Key is the signing key of a handle in a generation.
func (k Keys) Key(handle consent.SubjectID, generation uint32) (sig.Key, error) {
	b, err := k.derive(handle, generation, useKey)
	if err != nil {
		return sig.Key{}, err
	}
	defer clear(b)
	return sig.ParseKey(b)
}

// KeySalt is the salt under which that key's address is committed to on the ledger.
func (k Keys) KeySalt(handle consent.SubjectID, generation uint32) (consent.Hash, error) {
	return k.salt(handle, generation, useKeySalt)
}

// GuardianSalt is the salt under which a guardian set is committed to on the ledger.
func (k Keys) GuardianSalt(handle consent.SubjectID, generation uint32) (consent.Hash, error) {
	return k.salt(handle, generation, useGuardianSalt)
}

// Commitment is what the ledger shows of a registered key.
func (k Keys) Commitment(handle consent.SubjectID, generation uint32) (consent.Hash, error) {
	key, err := k.Key(handle, generation)
	if err != nil {
		return consent.Hash{}, err
	}
	salt, err := k.KeySalt(handle, generation)
	if err != nil {
		return consent.Hash{}, err
	}
	return consent.KeyCommitment(salt, key.Address()), nil
}

func (k Keys) salt(handle consent.SubjectID, generation, use uint32) (consent.Hash, error) {
	b, err := k.derive(handle, generation, use)
	if err != nil {
		return consent.Hash{}, err
	}
	return consent.Hash(b), nil
}

func (k Keys) derive(handle consent.SubjectID, generation, use uint32) ([]byte, error) {
	if k.root == nil {
		return nil, ErrClosed
	}
	if generation >= hd.Hardened {
		return nil, fmt.Errorf("derive a key: generation %d is too large", generation)
	}
	c, err := k.root().Path(pathOf(handle, generation, use)...)
	if err != nil {
		return nil, fmt.Errorf("derive a key: %w", err)
	}
	defer c.Wipe()
	return c.Private(), nil
}

// Format implements fmt.Formatter and hides the keys from every verb.
func (k Keys) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte("wallet.Keys(hidden)")) } //nolint:errcheck // fmt keeps the error

// String hides the keys.
func (k Keys) String() string { return "wallet.Keys(hidden)" }
