package node

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// audit re-verifies the records of a ledger as journal.Verify hands them out, on all processors; running the contract again
// is in order.
type audit struct {
	ledger consent.Hash // the commitment of its genesis, which the first leaf must be of
	open   bool         // read the messages, too, with the vault or, in an export, without one
	vault  *vault.Vault
	again  bool                      // run the contract
	then   func(network.Event) error // in order, after the contract ran; nil: nothing

	messages, signatures, erased atomic.Int64

	once  sync.Once
	order *sequence[judged]
	state state

	mu      sync.Mutex
	missing map[consent.SubjectID]int64 // without a vault: whose messages are not there, and a record of each
}

// judged is a record whose signatures hold.
type judged struct {
	ev network.Event
	v  *consent.Verified // nil: erased
}

func (a *audit) each(i int64, rec journal.Record) error {
	leaf, err := consent.ParseLeaf(rec.Leaf)
	if err != nil {
		return err
	}
	if i == 0 && leaf.Commitment != a.ledger {
		return errors.New("the first leaf is not of the genesis")
	}
	if !a.open {
		return nil
	}
	j, err := a.read(i, rec)
	if err != nil || !a.again {
		return err
	}
	a.once.Do(func() {
		a.state = state{}
		a.order = newSequence(a.apply)
	})
	return a.order.add(i, j)
}

func (a *audit) apply(i int64, j judged) error {
	err := a.state.apply(i, j)
	if err == nil && a.then != nil {
		err = a.then(j.ev)
	}
	return err
}

// read reads a message and verifies its signatures; it is nil when it was erased.
func (a *audit) read(i int64, rec journal.Record) (j judged, err error) {
	if j.ev, err = embedded.EventAt(a.vault, i, rec); err != nil {
		return j, err
	}
	if j.ev.Message == nil && embedded.Elsewhere(rec.Attachment) {
		return j, nil
	}
	if j.ev.Message == nil {
		return j, a.gone(j.ev)
	}
	v, err := consent.Verify(a.ledger, *j.ev.Message)
	if err != nil {
		return j, err
	}
	a.messages.Add(1)
	a.signatures.Add(int64(len(j.ev.Message.Sigs)))
	j.v = &v
	return j, nil
}

// errNotErased is why a message may not be missing.
var errNotErased = errors.New("the message is not there, and its subject was not erased")

// gone accepts that a message is not there only if its subject was erased. Without a vault that is known at the end.
func (a *audit) gone(ev network.Event) error {
	h, err := consent.AloneAbout(ev.Leaf)
	switch {
	case err != nil:
		return err
	case ev.Event.Type == "Erase":
	case a.vault == nil:
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.missing == nil {
			a.missing = map[consent.SubjectID]int64{}
		}
		a.missing[h] = int64(ev.Position) - 1 //nolint:gosec // far below 2^63
	case !a.vault.Erased(vault.ID(h)):
		return errNotErased
	}
	a.erased.Add(1)
	return nil
}

// end says whether all that was not there is of subjects whose erasure is on the ledger.
func (a *audit) end() error {
	for h, i := range a.missing {
		var head consent.Head
		if err := consent.Decode(a.state[consent.HeadKey(h)], &head); err != nil || head.State != consent.Gone {
			return errors.Join(fmt.Errorf("record %d: %w", i, errNotErased), err)
		}
	}
	return nil
}

// state is the public state that leaves come to. Its memory is that of the state: some 500 bytes a subject.
type state map[string][]byte

var _ consent.Reader = state(nil)

// Get implements consent.Reader.
func (s state) Get(key string) ([]byte, error) { return s[key], nil }

// apply runs the contract on the next message and compares what it writes with the leaf, which holds for erased messages
// by itself: other leaves lead to it and from it.
func (s state) apply(_ int64, j judged) error {
	if j.v != nil {
		if _, err := consent.Again(s, *j.v, j.ev.Leaf, logBefore(j)); err != nil {
			return err
		}
	}
	for _, w := range j.ev.Leaf.Writes {
		s[w.Key] = slices.Clone(w.Value)
	}
	return nil
}

// logBefore is the log that an Import takes over, as far as one can know without hashing again: it has all leaves before the
// Import. That its root was theirs the host checked when it put the Import there.
func logBefore(j judged) (t consent.Tree) {
	if m, ok := j.ev.Message.Body.(*consent.Import); ok {
		t.Size = consent.Uint64(j.ev.Position) - 1
		if t.Size == m.Size {
			t.Root = m.Root
		}
	}
	return t
}

// digest is the same as that of an embedded ledger's state.
func (s state) digest() consent.Hash {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(s)) {
		v := s[k]
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(k)))) //nolint:gosec // keys are short
		h.Write([]byte(k))
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(v)))) //nolint:gosec // values are short
		h.Write(v)
	}
	return consent.Hash(h.Sum(nil))
}

// sequence puts values that come from several goroutines, a little out of order, back in order. Whoever brings the next
// one takes it and those that wait behind it. How many wait is bounded by who brings them: the journal hands out a few runs
// of records at a time, and none far ahead of one that is not done.
type sequence[T any] struct {
	fn func(i int64, v T) error

	mu     sync.Mutex
	next   int64
	ahead  map[int64]T
	taking bool
	failed error
}

func newSequence[T any](fn func(i int64, v T) error) *sequence[T] {
	return &sequence[T]{fn: fn, ahead: map[int64]T{}}
}

// add gives the i-th value; each comes once. It returns fn's first error from then on.
func (s *sequence[T]) add(i int64, v T) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ahead[i] = v
	if s.taking {
		return s.failed
	}
	s.taking = true
	for s.failed == nil {
		v, ok := s.ahead[s.next]
		if !ok {
			break
		}
		delete(s.ahead, s.next)
		at := s.next
		s.mu.Unlock()
		err := s.fn(at, v)
		s.mu.Lock()
		s.next++
		if err != nil {
			s.failed = fmt.Errorf("record %d: %w", at, err)
		}
	}
	s.taking = false
	return s.failed
}
