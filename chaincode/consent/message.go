package consent

import (
	"crypto/sha256"
	"encoding/binary"
	"reflect"
	"slices"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// MaxMessage is the largest message, in canonical bytes.
const MaxMessage = 64 << 10

// ChainID is the EIP-712 chain id of every Volens ledger: the letters "volens" as a number, so that no public chain has it.
const ChainID = 0x766f6c656e73

// Body is the signed part of a message: one of the structs in this package that the table in kinds.go names.
type Body interface {
	// salt returns the 32 random bytes that make the commitment unguessable.
	salt() Hash
	// apply makes the body's change, or refuses it.
	apply(c *change) error
}

// SubjectBody is a body that speaks of one subject and moves its head on by one.
type SubjectBody interface {
	Body
	// Link returns the subject and the body's place in its chain.
	Link() Link
}

// Link places a message in its subject's chain: Seq is one more than the head's, Prev the commitment of the message before.
type Link struct {
	Handle SubjectID
	Seq    Uint64
	Prev   Hash
}

// Openings open the commitments that a message relies on. They are not signed: a false one simply fails to open.
type Openings struct {
	KeySalt    *Hash      `json:"keySalt,omitempty"`    // of the subject's registered key; the address comes from the signature
	NewKeySalt *Hash      `json:"newKeySalt,omitempty"` // of the key being registered
	Code       *Hash      `json:"code,omitempty"`       // the one-time enrolment code, hashed as CodeSecret says
	Guardians  *Guardians `json:"guardians,omitempty"`  // the guardian set
	Delegation *Delegate  `json:"delegation,omitempty"` // the delegation that the signer acts under
}

// Message is a body, its openings and its signatures.
type Message struct { //nolint:recvcheck // Sign adds to it
	Body     Body
	Openings Openings
	Sigs     []Signature
}

// TypeOf is the EIP-712 primary type of a body, "" for nil.
func TypeOf(b Body) string {
	if b == nil {
		return ""
	}
	return reflect.TypeOf(b).Elem().Name()
}

// canonicalBody appends type code ‖ version ‖ canonical fields.
func canonicalBody(buf []byte, b Body) []byte {
	k, ok := kindNamed(TypeOf(b))
	if !ok {
		return buf
	}
	return Append(append(buf, k.code, formatVersion), b)
}

// Commitment is SHA-256(salt ‖ canonical body). It names a message on the ledger without saying anything about it.
func Commitment(b Body) Hash {
	return commitment(b, canonicalBody(make([]byte, 0, 1024), b))
}

func commitment(b Body, canonical []byte) Hash {
	h, salt := sha256.New(), b.salt()
	h.Write(salt[:])
	h.Write(canonical)
	return Hash(h.Sum(nil))
}

// Marshal returns the canonical bytes of the whole message: body, openings, signatures. This is what an attachment or a
// private collection holds.
func (m Message) Marshal() []byte {
	b, _ := m.marshal()
	return b
}

// marshal returns the canonical bytes and, in them, those of the body.
func (m Message) marshal() (whole, body []byte) {
	const count = 4
	b := canonicalBody(make([]byte, count, 1024), m.Body)
	n := len(b)
	binary.BigEndian.PutUint32(b, uint32(n-count)) //nolint:gosec // bounded by the message size
	b = Append(b, struct {
		Openings Openings
		Sigs     []Signature
	}{m.Openings, m.Sigs})
	return b, b[count:n]
}

// Unmarshal reads what Marshal wrote, and at most MaxMessage of it.
func Unmarshal(b []byte) (Message, error) {
	if len(b) > MaxMessage {
		return Message{}, errorf(TooLarge, "a message has at most %d bytes", MaxMessage)
	}
	var raw struct {
		Body     string
		Openings Openings
		Sigs     []Signature
	}
	if err := Decode(b, &raw); err != nil {
		return Message{}, err
	}
	if len(raw.Body) < 2 || raw.Body[1] != formatVersion {
		return Message{}, errorf(Malformed, "unknown message version")
	}
	k, ok := kindOf(raw.Body[0])
	if !ok {
		return Message{}, errorf(Malformed, "there is no message type %d", raw.Body[0])
	}
	body := k.body()
	if err := Decode([]byte(raw.Body[2:]), body); err != nil {
		return Message{}, err
	}
	return Message{body, raw.Openings, raw.Sigs}, nil
}

// Digest is the EIP-712 digest that the signers of a body sign on the ledger with this id. Init is signed with the zero
// id, since the id is made from it.
func Digest(ledger Hash, b Body) Hash {
	if _, ok := b.(*Init); ok {
		ledger = Hash{}
	}
	return sig.Digest(separator(ledger), b)
}

// DomainOf is the EIP-712 domain of a ledger.
func DomainOf(ledger Hash) sig.Domain {
	return sig.Domain{Name: "Volens", Version: "1", ChainID: ChainID, Salt: ledger}
}

func separator(ledger Hash) Hash { return DomainOf(ledger).Separator() }

// LedgerID is the id that a genesis gives its ledger: its own commitment. The ledger keeps it wherever it moves.
func LedgerID(g *Init) Hash { return Commitment(g) }

// Sign appends a signature by each key.
func (m *Message) Sign(ledger Hash, keys ...sig.Key) error {
	d := Digest(ledger, m.Body)
	for _, k := range keys {
		s, err := k.Sign(d)
		if err != nil {
			return err
		}
		m.Sigs = append(m.Sigs, s)
	}
	return nil
}

// A Verified message is well formed, within the limits, and its signers are known. Only Verify makes one. Whether the
// signers may do what the message says is Apply's to decide.
type Verified struct {
	msg        Message
	canonical  []byte // of the whole message
	ledger     Hash
	commitment Hash
	signers    []Address
}

// Message returns the message; its body must not be changed.
func (v Verified) Message() Message { return v.msg }

// Marshal is the message's Marshal, made once; the bytes must not be changed.
func (v Verified) Marshal() []byte { return v.canonical }

// Ledger is the id of the ledger that the signatures were made for.
func (v Verified) Ledger() Hash { return v.ledger }

// Commitment names the message.
func (v Verified) Commitment() Hash { return v.commitment }

// Chained reports whether the message has a place in its subject's chain, so that the contract refuses it a second time.
func (v Verified) Chained() bool {
	_, ok := v.msg.Body.(SubjectBody)
	return ok
}

// Signers are the recovered addresses, in the order of the signatures, all different.
func (v Verified) Signers() []Address { return slices.Clone(v.signers) }

// Verify checks the form of a message and recovers its signers. It is stateless and may run in parallel; it costs about
// 45 microseconds a signature and 10 for everything else of a typical consent.
func Verify(ledger Hash, m Message) (Verified, error) {
	if m.Body == nil {
		return Verified{}, errorf(Malformed, "a message has a body")
	}
	if len(m.Sigs) == 0 {
		return Verified{}, errorf(BadSignature, "a message has at least one signature")
	}
	if _, ok := kindNamed(TypeOf(m.Body)); !ok {
		return Verified{}, errorf(Malformed, "unknown message type")
	}
	if len(m.Sigs) > maxSigs {
		return Verified{}, errorf(TooLarge, "more than %d signatures", maxSigs)
	}
	if err := checkForm(m); err != nil {
		return Verified{}, err
	}
	canonical, body := m.marshal()
	if len(canonical) > MaxMessage {
		return Verified{}, errorf(TooLarge, "a message has at most %d bytes", MaxMessage)
	}
	v := Verified{msg: m, canonical: canonical, ledger: ledger, commitment: commitment(m.Body, body)}
	digest := Digest(ledger, m.Body)
	for _, s := range m.Sigs {
		a, err := sig.Recover(digest, s)
		if err != nil {
			return Verified{}, errorf(BadSignature, "%w", err)
		}
		if slices.Contains(v.signers, a) {
			return Verified{}, errorf(BadSignature, "two signatures by one key")
		}
		v.signers = append(v.signers, a)
	}
	if g, ok := m.Body.(*Init); ok {
		v.ledger = LedgerID(g)
	}
	return v, nil
}
