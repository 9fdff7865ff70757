// Package consenttest is the kit for testing anything that stands on the contract: personas, a small world of members and
// subjects built by signed messages, a strict in-memory State, and the suite that every State passes.
package consenttest

import (
	"crypto/sha256"
	"encoding/binary"
	"io"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// Start is the time at which scenarios begin: 2026-01-01T00:00:00Z.
const Start consent.Millis = 1767225600000

// Stream is an endless deterministic byte stream, for keys and salts in tests only.
type Stream struct {
	seed [32]byte
	n    uint64
	buf  []byte
}

var _ io.Reader = (*Stream)(nil)

// NewStream returns the stream of a seed.
func NewStream(seed string) *Stream { return &Stream{seed: sha256.Sum256([]byte(seed))} }

// Read fills p.
func (s *Stream) Read(p []byte) (int, error) {
	for n := 0; n < len(p); {
		if len(s.buf) == 0 {
			block := sha256.Sum256(binary.BigEndian.AppendUint64(s.seed[:], s.n))
			s.n, s.buf = s.n+1, block[:]
		}
		k := copy(p[n:], s.buf)
		n, s.buf = n+k, s.buf[k:]
	}
	return len(p), nil
}

// Hash draws 32 bytes.
func (s *Stream) Hash() (h consent.Hash) {
	_, _ = s.Read(h[:]) //nolint:errcheck // a Stream does not fail
	return h
}

// Handle draws a handle.
func (s *Stream) Handle() (h consent.SubjectID) {
	_, _ = s.Read(h[:]) //nolint:errcheck // a Stream does not fail
	return h
}

// Persona returns the key of a named person or organisation: always the same for the same name. For tests only.
func Persona(name string) sig.Key {
	k, err := sig.GenerateKey(NewStream("persona " + name))
	if err != nil {
		panic(err)
	}
	return k
}

// The members of the test world.
const (
	CityHospital  consent.MemberID = "city-hospital"
	RosaInstitute consent.MemberID = "rosa-institute"
	BobPractice   consent.MemberID = "bob-practice"
	AurelAudit    consent.MemberID = "aurel-audit"
)
