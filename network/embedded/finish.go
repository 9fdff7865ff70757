package embedded

import (
	"context"
	"errors"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// finish is the one goroutine that applies what has become durable, tells followers, and answers callers.
func (l *Ledger) finish() {
	defer l.ends.Done()
	var batch []*submission
	for s := range l.flow {
		batch = append(batch[:0], s)
		s.err = l.durable(s)
		for len(batch) < maxApply { // what became durable with it goes along
			var next *submission
			select {
			case next = <-l.flow:
			default:
			}
			if next == nil {
				break
			}
			next.err = l.durable(next)
			batch = append(batch, next)
		}
		l.land(batch)
	}
}

// durable waits until the record is on disk; the key it was sealed with is there already.
func (l *Ledger) durable(s *submission) error {
	if err := s.pending.Wait(context.Background()); err != nil {
		return storageError(err)
	}
	return storageErrorOrNil(l.eraseFor(s.out.Leaf))
}

func storageErrorOrNil(err error) error {
	if err == nil {
		return nil
	}
	return storageError(err)
}

// land applies a batch, publishes its events and answers the callers. An error anywhere leaves everything from there on
// unacknowledged: the journal decides at the next start.
func (l *Ledger) land(batch []*submission) {
	ok := len(batch)
	if i := slices.IndexFunc(batch, func(s *submission) bool { return s.err != nil }); i >= 0 {
		ok = i
	}
	leaves := make([]applied, 0, ok)
	for _, s := range batch[:ok] {
		leaves = append(leaves, applied{at: s.position(), leaf: s.out.Leaf})
	}
	if err := l.apply(leaves, nil); err != nil {
		ok = 0
		batch[0].err = storageError(err)
	}
	l.lift(batch)
	l.tail.add(batch[:ok])
	l.receipts(batch[:ok])
	for i, s := range batch {
		if i >= ok && s.err == nil {
			s.err = consent.Errorf(consent.Unknown, "a message before this one failed; look this one up after the restart")
		}
		close(s.done)
	}
}

func (l *Ledger) lift(batch []*submission) {
	for _, s := range batch {
		l.recent.lift(s.position(), s.out.Leaf.Writes)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range batch {
		delete(l.landing, s.v.Commitment())
	}
}

// receipts gives each message of a batch its receipt, all proved in the newest checkpoint, one read for many.
func (l *Ledger) receipts(batch []*submission) {
	if len(batch) == 0 {
		return
	}
	cp, first := l.log.Durable(), int64(batch[0].position())-1 //nolint:gosec // far below 2^63
	proofs, err := l.log.ProveRecords(cp.Size, first, first+int64(len(batch)))
	for i, s := range batch {
		if err != nil {
			s.err = storageError(err)
			continue
		}
		s.receipt = receipt(s.position(), s.out.Leaf, s.leaf, cp, proofs[i])
	}
}

func receipt(at network.Position, leaf consent.Leaf, raw []byte, cp journal.Checkpoint, proof tlog.RecordProof) network.Receipt {
	r := network.Receipt{
		Position: at, Commitment: leaf.Commitment, Time: leaf.Time, Leaf: raw, Checkpoint: cp.Note, Proof: make([]consent.Hash, len(proof)),
	}
	for i, h := range proof {
		r.Proof[i] = consent.Hash(h)
	}
	return r
}

// CheckReceipt checks offline that a receipt's leaf is in the tree that its checkpoint signs for, with journal.OpenCheckpoint
// done by the caller. It returns the parsed leaf.
func CheckReceipt(r network.Receipt, cp journal.Checkpoint) (consent.Leaf, error) {
	leaf, err := consent.ParseLeaf(r.Leaf)
	if err != nil {
		return consent.Leaf{}, err
	}
	if leaf.Commitment != r.Commitment || r.Position == 0 {
		return consent.Leaf{}, consent.Errorf(consent.Malformed, "the receipt is not of its leaf")
	}
	proof := make(tlog.RecordProof, len(r.Proof))
	for i, h := range r.Proof {
		proof[i] = tlog.Hash(h)
	}
	if err := tlog.CheckRecord(proof, cp.Size, cp.Root, int64(r.Position)-1, tlog.RecordHash(r.Leaf)); err != nil { //nolint:gosec // CheckRecord bounds it
		return consent.Leaf{}, consent.Errorf(consent.Malformed, "the receipt's proof fails: %w", err)
	}
	return leaf, nil
}

// tail keeps the newest events, so that followers who are up to date need not read them back from disk.
type tail struct {
	mu     sync.Mutex
	events []network.Event // consecutive
	wake   chan struct{}
}

const tailEvents = 4096

func (t *tail) add(batch []*submission) {
	events := make([]network.Event, 0, len(batch))
	for _, s := range batch {
		m := s.v.Message()
		ev := network.Event{Position: s.position(), Leaf: s.out.Leaf, Event: s.out.Event, Message: &m}
		if ev.Event.Type == "Erase" {
			ev.Message = nil
		}
		events = append(events, ev)
	}
	t.push(events)
}

// push adds events that are durable and applied, and wakes who waits for them.
func (t *tail) push(events []network.Event) {
	if len(events) == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.events = append(t.events, events...)
	if n := len(t.events) - tailEvents; n > tailEvents {
		t.events = slices.Clone(t.events[n:])
	}
	if t.wake != nil {
		close(t.wake)
		t.wake = nil
	}
}

// since returns the events after position from if the tail has them all, and a channel that closes when there are more.
func (t *tail) since(from network.Position) ([]network.Event, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.wake == nil {
		t.wake = make(chan struct{})
	}
	if len(t.events) == 0 || t.events[0].Position > from+1 {
		return nil, t.wake
	}
	skip := int(from + 1 - t.events[0].Position) //nolint:gosec // at most the tail's length, or beyond it
	if skip >= len(t.events) {
		return nil, t.wake
	}
	return slices.Clone(t.events[skip:]), t.wake
}

// Follow implements network.Ledger.
func (l *Ledger) Follow(ctx context.Context, from network.Position, fn func(network.Event) error) error {
	for {
		events, wake := l.tail.since(from)
		for _, ev := range events {
			if err := errors.Join(ctx.Err(), fn(ev)); err != nil {
				return err
			}
			from = ev.Position
		}
		switch at := l.Position(); {
		case len(events) > 0:
		case from < at: // older than the tail, or from before this start
			if err := l.replay(ctx, from, at, fn); err != nil {
				return err
			}
			from = at
		default:
			select {
			case <-wake:
			case <-ctx.Done():
				return ctx.Err()
			case <-l.stop:
				return consent.Errorf(consent.Unavailable, "the ledger is closing")
			}
		}
	}
}

// replay reads events back from the journal.
func (l *Ledger) replay(ctx context.Context, from, to network.Position, fn func(network.Event) error) error {
	return l.log.Scan(ctx, int64(from), int64(to), func(i int64, r journal.Record) error { //nolint:gosec // far below 2^63
		ev, err := l.eventAt(i, r)
		if err != nil {
			return err
		}
		return fn(ev)
	})
}

// LeafAt reads the public part of record i of a ledger's journal.
func LeafAt(i int64, r journal.Record) (network.Event, error) {
	leaf, err := consent.ParseLeaf(r.Leaf)
	if err != nil {
		return network.Event{}, consent.Errorf(consent.Internal, "record %d: %w", i, err)
	}
	ev := network.Event{Position: network.Position(i) + 1, Leaf: leaf} //nolint:gosec // not negative
	ev.Event, err = consent.EventOf(leaf)
	return ev, err
}

// EventAt reads record i of a ledger's journal. The message is nil when it was not kept, its subject was erased, or it came
// later than its leaf. Without a vault it reads journals in which nothing is sealed: exports.
func EventAt(v *vault.Vault, i int64, r journal.Record) (network.Event, error) {
	ev, err := LeafAt(i, r)
	if err != nil {
		return network.Event{}, err
	}
	m, err := openMessage(v, ev.Event, r.Attachment)
	if err != nil {
		return network.Event{}, consent.Errorf(consent.Internal, "record %d: %w", i, err)
	}
	ev.Message = m
	return ev, nil
}

func openMessage(v *vault.Vault, ev consent.Event, b []byte) (*consent.Message, error) {
	if len(b) == 0 {
		return nil, errors.New("no attachment")
	}
	body := b[1:]
	switch b[0] {
	case attachNone, attachElsewhere, attachLate:
		return nil, nil
	case attachPlain:
	case attachSealed:
		if v == nil {
			return nil, errors.New("a sealed message, and no vault")
		}
		var err error
		if body, err = v.Open(vault.ID(ev.Handle), body, ev.Commitment[:]); errors.Is(err, vault.ErrErased) {
			return nil, nil
		} else if err != nil {
			return nil, err
		}
	default:
		return nil, errors.New("an attachment of unknown form")
	}
	m, err := consent.Unmarshal(body)
	if err != nil {
		return nil, err
	}
	if consent.Commitment(m.Body) != ev.Commitment {
		return nil, errors.New("the message is not the one that the leaf commits to")
	}
	return &m, nil
}
