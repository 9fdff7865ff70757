package proof

import (
	"encoding/binary"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
)

const (
	leafVersion = 1
	// LeafSize is the length of a leaf in bytes.
	LeafSize = 1 + 8 + 32 + 8 + 32 + 8 + 32
	// MaxSlots bounds slots: a larger one is refused before memory is spent on it.
	MaxSlots = 1 << 26

	minute = consent.Millis(60_000)
	// maxMinute keeps a minute's milliseconds inside 63 bits.
	maxMinute = 1 << 40
	maxSeq    = 1 << 62
)

// Leaf is the public part of a use: what the log's tree holds. Nothing in it is personal.
type Leaf struct {
	Slot       consent.Uint64
	Pseudonym  consent.Hash
	UseSeq     consent.Uint64
	Prev       consent.Hash // leaf hash of the handle's previous use; zero for the first
	Minute     consent.Uint64
	Commitment consent.Hash
}

// LeafOf is the leaf of u in its place. A time before 1970 or beyond the format is cut to it.
func LeafOf(u *Use, slot consent.Uint64, subjectSalt, prev consent.Hash) Leaf {
	return Leaf{
		Slot: slot, Pseudonym: Pseudonym(u.Handle, subjectSalt), UseSeq: u.UseSeq, Prev: prev, Minute: MinuteOf(u.Time),
		Commitment: u.Commitment(),
	}
}

// MinuteOf is the whole minutes since 1970 that a leaf gives for t.
func MinuteOf(t consent.Millis) consent.Uint64 {
	return consent.Uint64(min(max(t/minute, 0), maxMinute)) //nolint:gosec // not negative
}

// Marshal returns the 121 bytes of the leaf.
func (l *Leaf) Marshal() []byte { return l.AppendTo(make([]byte, 0, LeafSize)) }

// AppendTo appends the bytes of the leaf.
func (l *Leaf) AppendTo(b []byte) []byte {
	b = append(b, leafVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Slot))
	b = append(b, l.Pseudonym[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.UseSeq))
	b = append(b, l.Prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Minute))
	return append(b, l.Commitment[:]...)
}

// Hash is the leaf's hash in the log's tree.
func (l *Leaf) Hash() consent.Hash { return consent.Hash(tlog.RecordHash(l.Marshal())) }

// ParseLeaf reads what Marshal wrote; any other bytes are consent.Malformed.
func ParseLeaf(b []byte) (Leaf, error) {
	if len(b) != LeafSize || b[0] != leafVersion {
		return Leaf{}, consent.Errorf(consent.Malformed, "not a use leaf of version %d", leafVersion)
	}
	l := Leaf{
		Slot: consent.Uint64(binary.BigEndian.Uint64(b[1:])), Pseudonym: consent.Hash(b[9:41]),
		UseSeq: consent.Uint64(binary.BigEndian.Uint64(b[41:])), Prev: consent.Hash(b[49:81]),
		Minute: consent.Uint64(binary.BigEndian.Uint64(b[81:])), Commitment: consent.Hash(b[89:]),
	}
	if l.Slot >= MaxSlots || l.UseSeq == 0 || l.UseSeq > maxSeq || l.Minute > maxMinute || (l.UseSeq == 1) != l.Prev.IsZero() {
		return Leaf{}, consent.Errorf(consent.Malformed, "a use leaf that no log writes")
	}
	return l, nil
}

// SlotLeaf is the hash, in the slot tree, of a slot whose newest use has this number and leaf hash. With useSeq 0 it is
// that of an unused slot.
func SlotLeaf(pseudonym consent.Hash, useSeq consent.Uint64, head consent.Hash) consent.Hash {
	if useSeq == 0 {
		return consent.Hash(tlog.RecordHash(nil))
	}
	return consent.Hash(tlog.RecordHash(slotData(pseudonym, useSeq, head)))
}

func slotData(pseudonym consent.Hash, useSeq consent.Uint64, head consent.Hash) []byte {
	const label = "volens/slot/1"
	b := make([]byte, 0, 1+len(label)+32+8+32)
	b = append(append(b, byte(len(label))), label...)
	b = append(b, pseudonym[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(useSeq))
	return append(b, head[:]...)
}
