package consent

import (
	"encoding/binary"
	"slices"
	"strconv"
)

// State is the contract's storage. It has the meanest host's semantics, Fabric's: a read sees what was committed before
// this transaction and never a write of the same transaction. Keys are printable ASCII.
type State interface {
	// Get returns the committed public value of key, nil when there is none.
	Get(key string) ([]byte, error)
	// Put writes a public value; it must not be empty.
	Put(key string, value []byte) error
	// PutPrivate keeps a value that only the custodian and the patients' trust hold.
	PutPrivate(key string, value []byte) error
	// PurgePrivate removes a private value for good.
	PurgePrivate(key string) error
}

// Tx is what the host says of a transaction: its id, unique on the ledger, and its time.
type Tx struct {
	ID   string
	Time Millis
	// Log is the host's log before this message, where the host is taking a closed ledger over and the message may open it
	// again; zero everywhere else, so that no host opens what it closed itself.
	Log Tree
}

// Keys of the public state.
const genesisKey = "genesis"

// GenesisKey is the key of the ledger's Genesis.
func GenesisKey() string { return genesisKey }

// MemberKey is the key of a Member.
func MemberKey(id MemberID) string { return "member/" + string(id) }

// HeadKey is the key of a subject's Head.
func HeadKey(h SubjectID) string { return "head/" + h.String() }

// SlotKey is the key that keeps a custodian's slot taken.
func SlotKey(m MemberID, slot Uint64) string {
	return "slot/" + string(m) + "/" + strconv.FormatUint(uint64(slot), 10)
}

// EntryKey is the key of a consent's Entry.
func EntryKey(h SubjectID, seq Uint64) string {
	return "consent/" + h.String() + "/" + strconv.FormatUint(uint64(seq), 10)
}

// DelegationKey is the key of a delegation's Entry.
func DelegationKey(h SubjectID, seq Uint64) string {
	return "delegation/" + h.String() + "/" + strconv.FormatUint(uint64(seq), 10)
}

// AnchorKey is the key of a member's newest anchored use-log checkpoint.
func AnchorKey(m MemberID) string { return "anchor/" + string(m) }

// BodyKey is the private key under which the message with this seq is kept.
func BodyKey(h SubjectID, seq Uint64) string {
	return "body/" + h.String() + "/" + strconv.FormatUint(uint64(seq), 10)
}

// Genesis is the public record of the ledger itself.
type Genesis struct {
	Ledger        Hash
	Name          string
	Seq           Uint64 // of the newest AuthorityChange, Close or Import; 1 after Init
	Authorities   []Authority
	Threshold     Uint64
	RecoveryDelay Millis
	Closed        bool
}

// SubjectState is where a subject stands.
type SubjectState string

// The states. Opened: the custodian opened the handle, no key yet. Active: a key is registered. Recovering: guardians
// began a recovery; the old key still works and can veto. Erased: final.
const (
	Opened     SubjectState = "opened"
	Active     SubjectState = "active"
	Recovering SubjectState = "recovering"
	Gone       SubjectState = "erased"
)

// Head is the one public key of a subject. Every message of the subject reads and writes it, so the host's concurrency
// control puts them in one order.
type Head struct {
	State          SubjectState
	Custodian      MemberID
	Slot           Uint64 // place in the custodian's use-log slot tree
	Seq            Uint64 // of the newest message; the next one carries Seq+1
	Prev           Hash   // commitment of the newest message; the next one carries it
	Time           Millis // of the newest message, whole minutes
	KeyCommit      Hash   // of the registered key; while opened, of the enrolment code
	PendingCommit  Hash   // of the key that a recovery will register
	GuardianCommit Hash
	Deadline       Millis // opened: last moment to claim; recovering: first moment to finish
	RevokedThrough Uint64 // consents with this seq or less are revoked
}

// EntryStatus is the public status of a consent or delegation.
type EntryStatus string

// The statuses.
const (
	Live     EntryStatus = "live"
	Revoked  EntryStatus = "revoked"
	Replaced EntryStatus = "replaced"
	Ended    EntryStatus = "ended"
)

// Entry is the public record of a consent or a delegation: that there is one, never what it says.
type Entry struct {
	Kind       string // message type that made it: ConsentGrant, ConsentDecline, ConsentAttest, Delegate
	Commitment Hash
	Status     EntryStatus
	Confirmed  bool // a ConsentAttest that the patient made her own
}

// Anchored is the public record of a use-log checkpoint.
type Anchored struct {
	Origin string
	Size   Uint64
	Root   Hash
	Time   Millis
}

// Write is one public write.
type Write struct {
	Key   string
	Value []byte
}

// Leaf is what the ledger commits to for each transaction: the same bytes on every host and nothing personal. State is
// rebuilt from leaves alone.
type Leaf struct {
	Type       string
	Time       Millis // whole minutes
	Commitment Hash
	Writes     []Write // in order of Key
}

const minute = Millis(60_000)

// Marshal returns type ‖ version ‖ minute ‖ commitment ‖ writes, as FORMAT.md says.
func (l Leaf) Marshal() []byte {
	k, _ := kindNamed(l.Type)
	b := make([]byte, 0, 256)
	b = append(b, k.code, formatVersion)
	b = binary.BigEndian.AppendUint64(b, uint64(l.Time/minute)) //nolint:gosec // instants of transactions are positive
	b = append(b, l.Commitment[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(l.Writes))) //nolint:gosec // a transaction has few writes
	for _, w := range l.Writes {
		b = binary.BigEndian.AppendUint32(b, uint32(len(w.Key))) //nolint:gosec // bounded by the message size
		b = append(b, w.Key...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(w.Value))) //nolint:gosec // bounded by the message size
		b = append(b, w.Value...)
	}
	return b
}

// ParseLeaf reads a leaf; bytes that Marshal would not write are Malformed.
func ParseLeaf(b []byte) (Leaf, error) {
	const head = 2 + 8 + 32
	if len(b) < head+4 || b[1] != formatVersion {
		return Leaf{}, errorf(Malformed, "not a leaf of version %d", formatVersion)
	}
	k, ok := kindOf(b[0])
	if !ok {
		return Leaf{}, errorf(Malformed, "a leaf of unknown type %d", b[0])
	}
	minutes := binary.BigEndian.Uint64(b[2:])
	if minutes > 1<<40 {
		return Leaf{}, errorf(Malformed, "a leaf from beyond time")
	}
	l := Leaf{Type: k.name, Time: Millis(minutes) * minute, Commitment: Hash(b[10:head])}
	var err error
	l.Writes, err = parseWrites(b[head:])
	if err != nil {
		return Leaf{}, err
	}
	return l, nil
}

func parseWrites(b []byte) ([]Write, error) {
	n, b, err := decodeCount(b, 8)
	if err != nil {
		return nil, err
	}
	var ws []Write
	for range n {
		var key, value []byte
		if key, b, err = decodeBytes(b); err != nil {
			return nil, err
		}
		if value, b, err = decodeBytes(b); err != nil {
			return nil, err
		}
		if len(value) == 0 || len(ws) > 0 && ws[len(ws)-1].Key >= string(key) {
			return nil, errorf(Malformed, "writes of a leaf are sorted, single and not empty")
		}
		ws = append(ws, Write{string(key), slices.Clone(value)})
	}
	if len(b) > 0 {
		return nil, errorf(Malformed, "%d bytes after a leaf", len(b))
	}
	return ws, nil
}

func decodeBytes(b []byte) (value, rest []byte, err error) {
	n, b, err := decodeCount(b, 1)
	if err != nil {
		return nil, nil, err
	}
	return b[:n], b[n:], nil
}
