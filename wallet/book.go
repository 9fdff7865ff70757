package wallet

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Errors of the book. Each means that a server showed something that contradicts what it showed before: stop and tell
// the person.
var (
	ErrPinned   = errors.New("the ledger or its log key is not the one that was pinned at enrolment")
	ErrRollback = errors.New("the log is shorter than it was")
	ErrFork     = errors.New("the log shows another history than before")
)

// Book is what a wallet remembers besides its phrase. All of it is sealed with the file. Nothing in it is needed to
// regain the keys.
type Book struct {
	Ledgers  []Ledger                   `json:"ledgers"`
	Subjects []*Subject                 `json:"subjects"`
	Sections map[string]json.RawMessage `json:"sections,omitempty"` // free for programs on top, by name
}

// Ledger pins a ledger: the enrolment QR gives its id, its genesis and the key of its log, and they never change. The id
// alone would not do: a genesis may name the id of a ledger that it continues, so anybody can make one that names it.
type Ledger struct {
	ID      consent.Hash `json:"id"`
	Genesis consent.Hash `json:"genesis"` // commitment of the Init message; the id itself
	Name    string       `json:"name"`
	Log     Log          `json:"log"`
	Copies  []string     `json:"copies,omitempty"` // keys of other organisations' copies of the log, see PinCopy
}

// Log is a pinned append-only log and the last state of it that this wallet has verified.
type Log struct {
	Key        string     `json:"key"` // C2SP signed-note verifier key
	Checkpoint Checkpoint `json:"checkpoint"`
}

// Checkpoint is a verified state of a log. Note is the signed note itself, evidence against a log that shows another.
type Checkpoint struct {
	Size consent.Uint64 `json:"size"`
	Root consent.Hash   `json:"root"`
	Note string         `json:"note"`
}

// Subject is one handle of the person.
type Subject struct {
	Handle     consent.SubjectID          `json:"handle"`
	Label      string                     `json:"label"` // the person's own word for it
	Ledger     consent.Hash               `json:"ledger"`
	Custodian  consent.MemberID           `json:"custodian"`
	Gateway    string                     `json:"gateway"`    // URL
	Generation uint32                     `json:"generation"` // of the key, see the package comment
	Seq        consent.Uint64             `json:"seq"`        // of the handle's newest message known here
	Prev       consent.Hash               `json:"prev"`       // its commitment
	UseLog     Log                        `json:"useLog"`
	LastUse    UseMark                    `json:"lastUse"`
	Guardians  *consent.Guardians         `json:"guardians,omitempty"`
	Delegation *consent.Delegate          `json:"delegation,omitempty"` // somebody else's handle, for whom the person acts
	Records    []Record                   `json:"records"`
	Sections   map[string]json.RawMessage `json:"sections,omitempty"` // free for programs on top, by name
}

// UseMark is the last entry of the handle's chain of uses that this wallet has verified.
type UseMark struct {
	Seq  consent.Uint64 `json:"seq"`
	Leaf consent.Hash   `json:"leaf"`
}

// Record is a message of the handle with its openings and the ledger's receipt: the person's own proof of what she
// signed, also when the custodian has erased its copy.
type Record struct {
	Commitment consent.Hash    `json:"commitment"`
	Message    json.RawMessage `json:"message"`
	Receipt    json.RawMessage `json:"receipt,omitempty"`
}

// Ledger returns a pinned ledger.
func (b *Book) Ledger(id consent.Hash) (*Ledger, bool) {
	for i := range b.Ledgers {
		if b.Ledgers[i].ID == id {
			return &b.Ledgers[i], true
		}
	}
	return nil, false
}

// Pin remembers a ledger. Pinning the same one again changes nothing; with another genesis or log key it is
// ErrPinned.
func (b *Book) Pin(l Ledger) error {
	if l.ID.IsZero() || l.Genesis.IsZero() || l.Log.Key == "" {
		return errors.New("pin a ledger: it has an id, a genesis and a log key")
	}
	if old, known := b.Ledger(l.ID); known {
		if old.Genesis != l.Genesis || old.Log.Key != l.Log.Key {
			return ErrPinned
		}
		return nil
	}
	b.Ledgers = append(b.Ledgers, l)
	return nil
}

// PinCopy remembers the key of another organisation's copy of the ledger: of the one tree that all of them have, its gateway
// signs checkpoints of its own, and receipts hold by them from then on. It is the person's decision whom she believes so.
func (l *Ledger) PinCopy(key string) {
	if !l.Pinned(key) {
		l.Copies = append(l.Copies, key)
	}
}

// Admits refuses a log key that cannot be read, or that passes for one that is pinned.
func (l *Ledger) Admits(key string) error {
	v, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrPinned, err)
	}
	for _, other := range append([]string{l.Log.Key}, l.Copies...) {
		if o, err := note.NewVerifier(other); err == nil && alike(o, v) {
			return fmt.Errorf("%w: its key passes for one that is known", ErrPinned)
		}
	}
	return nil
}

// Pinned reports whether receipts by a log key hold.
func (l *Ledger) Pinned(key string) bool { return key == l.Log.Key || slices.Contains(l.Copies, key) }

// Subject returns the entry of a handle.
func (b *Book) Subject(handle consent.SubjectID) (*Subject, bool) {
	for _, s := range b.Subjects {
		if s.Handle == handle {
			return s, true
		}
	}
	return nil, false
}

// Add enters a handle of a pinned ledger.
func (b *Book) Add(s Subject) (*Subject, error) {
	if s.Handle.IsZero() {
		return nil, fmt.Errorf("%w: the handle is zero", ErrSubject)
	}
	if _, known := b.Subject(s.Handle); known {
		return nil, fmt.Errorf("handle %s is in the book already", s.Handle)
	}
	if _, pinned := b.Ledger(s.Ledger); !pinned {
		return nil, fmt.Errorf("%w: pin its ledger first", ErrPinned)
	}
	b.Subjects = append(b.Subjects, &s)
	return &s, nil
}

// Advance moves the log to a newer checkpoint, whose signature and consistency with the old one the caller has checked.
// It refuses to go back (ErrRollback) and another root at the same size (ErrFork).
func (l *Log) Advance(c Checkpoint) error {
	switch old := l.Checkpoint; {
	case c.Size < old.Size:
		return fmt.Errorf("%w: %d entries, there were %d", ErrRollback, c.Size, old.Size)
	case c.Size == old.Size && old.Note != "" && c.Root != old.Root:
		return fmt.Errorf("%w: two roots at size %d", ErrFork, c.Size)
	}
	l.Checkpoint = c
	return nil
}

// AdvanceUse moves the mark of verified uses, whose chain back to the old mark the caller has checked. It refuses to go
// back (ErrRollback) and another leaf at the same place (ErrFork).
func (s *Subject) AdvanceUse(m UseMark) error {
	switch old := s.LastUse; {
	case m.Seq < old.Seq:
		return fmt.Errorf("%w: %d uses, there were %d", ErrRollback, m.Seq, old.Seq)
	case m.Seq == old.Seq && m.Leaf != old.Leaf:
		return fmt.Errorf("%w: use %d is another", ErrFork, m.Seq)
	}
	s.LastUse = m
	return nil
}

// Record keeps a message of the handle and its receipt, and moves Seq and Prev on when it is the newest. Keeping the same
// message again replaces its receipt.
func (s *Subject) Record(m consent.Message, receipt json.RawMessage) error {
	b, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("keep a message: %w", err)
	}
	r := Record{consent.Commitment(m.Body), b, receipt}
	if linked, chained := m.Body.(consent.SubjectBody); chained {
		l := linked.Link()
		if l.Handle != s.Handle {
			return fmt.Errorf("%w: the message is of another", ErrSubject)
		}
		if l.Seq > s.Seq {
			s.Seq, s.Prev = l.Seq, r.Commitment
		}
	}
	for i := range s.Records {
		if s.Records[i].Commitment == r.Commitment {
			s.Records[i] = r
			return nil
		}
	}
	s.Records = append(s.Records, r)
	return nil
}

// unmarshalStrict refuses unknown members and trailing bytes: a file by a newer program must not lose what it added.
func unmarshalStrict(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("bytes after the end")
	}
	return nil
}
