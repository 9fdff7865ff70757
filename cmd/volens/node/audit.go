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
	ledger  consent.Hash
	genesis consent.Hash // its commitment, which the first leaf must be of
	vault   *vault.Vault // nil: leaves only
	again   bool         // run the contract

	messages, signatures, erased atomic.Int64

	once  sync.Once
	order *sequence[judged]
	state state
}

// judged is a record whose signatures hold.
type judged struct {
	leaf consent.Leaf
	v    *consent.Verified // nil: erased
}

func (a *audit) each(i int64, rec journal.Record) error {
	leaf, err := consent.ParseLeaf(rec.Leaf)
	if err != nil {
		return err
	}
	if i == 0 && leaf.Commitment != a.genesis {
		return errors.New("the first leaf is not of the genesis")
	}
	if a.vault == nil {
		return nil
	}
	v, err := a.open(i, rec)
	if err != nil || !a.again {
		return err
	}
	a.once.Do(func() {
		a.state = state{}
		a.order = newSequence(func(i int64, j judged) error { return a.state.apply(i, j) })
	})
	return a.order.add(i, judged{leaf, v})
}

// open opens a message and verifies its signatures; nil when it was erased.
func (a *audit) open(i int64, rec journal.Record) (*consent.Verified, error) {
	ev, err := embedded.EventAt(a.vault, i, rec)
	if err != nil {
		return nil, err
	}
	if ev.Message == nil && embedded.Elsewhere(rec.Attachment) {
		return nil, nil
	}
	if ev.Message == nil {
		return nil, a.gone(ev)
	}
	v, err := consent.Verify(a.ledger, *ev.Message)
	if err != nil {
		return nil, err
	}
	a.messages.Add(1)
	a.signatures.Add(int64(len(ev.Message.Sigs)))
	return &v, nil
}

// gone accepts that a message is not there only if its subject was erased.
func (a *audit) gone(ev network.Event) error {
	if ev.Event.Type != "Erase" && !a.vault.Erased(vault.ID(ev.Event.Handle)) {
		return errors.New("the message is not there, and its subject was not erased")
	}
	a.erased.Add(1)
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
		if err := s.agrees(j); err != nil {
			return err
		}
	}
	for _, w := range j.leaf.Writes {
		s[w.Key] = slices.Clone(w.Value)
	}
	return nil
}

// agrees runs the contract at both ends of the minute that the leaf gives: the host's time lay between them, and what
// depends on it (a delegation that begins, a delay that ends) does so once.
func (s state) agrees(j judged) error {
	var first error
	for _, at := range []consent.Millis{j.leaf.Time, j.leaf.Time + 59_999} {
		o, err := consent.Run(consent.Tx{ID: j.leaf.Commitment.String(), Time: at}, s, *j.v)
		if err == nil && string(o.Leaf.Marshal()) == string(j.leaf.Marshal()) {
			return nil
		}
		if err == nil {
			err = errors.New("the contract writes something else")
		}
		first = errors.Join(first, err)
	}
	return fmt.Errorf("run the contract again: %w", first)
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
