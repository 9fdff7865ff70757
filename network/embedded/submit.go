package embedded

import (
	"context"
	"errors"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// submission is one message on its way.
type submission struct {
	v       consent.Verified
	reopens bool // an Import on a ledger whose every leaf was taken over
	out     consent.Outcome
	leaf    []byte
	pending *journal.Pending
	err     error
	done    chan struct{}
	receipt network.Receipt
}

// Submit implements network.Ledger.
func (l *Ledger) Submit(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	if !v.Chained() {
		if r, err := l.Lookup(ctx, v.Commitment()); consent.CodeOf(err) != consent.NotFound {
			return r, err
		}
	}
	if err := l.prepareKey(v); err != nil {
		return network.Receipt{}, err
	}
	r, err := l.submit(ctx, v)
	if err != nil { // perhaps because it is there already, or is on its way
		if again, lookupErr := l.Lookup(ctx, v.Commitment()); lookupErr == nil {
			return again, nil
		}
	}
	return r, err
}

// Reopen puts the authorities' Import on a closed ledger whose every leaf this host has, which opens it here. Doing it again
// returns the first receipt.
func (l *Ledger) Reopen(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	if r, err := l.Lookup(ctx, v.Commitment()); consent.CodeOf(err) != consent.NotFound {
		return r, err
	}
	return l.send(ctx, &submission{v: v, reopens: true, done: make(chan struct{})})
}

func (l *Ledger) submit(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	return l.send(ctx, &submission{v: v, done: make(chan struct{})})
}

func (l *Ledger) send(ctx context.Context, s *submission) (network.Receipt, error) {
	select {
	case l.queue <- s:
	case <-l.stop:
		return network.Receipt{}, consent.Errorf(consent.Unavailable, "the ledger is closing")
	case <-ctx.Done():
		return network.Receipt{}, consent.Errorf(consent.Unavailable, "gave up before the message was taken")
	}
	return l.await(ctx, s)
}

// prepareKey makes a new subject's key durable before any record is sealed with it, in the caller's goroutine so that many
// share one fsync. Only a message that the contract accepts gets that far: nobody else can make the vault grow.
func (l *Ledger) prepareKey(v consent.Verified) error {
	b, ok := v.Message().Body.(*consent.SubjectOpen)
	if !ok || l.cfg.Vault.Known(vault.ID(b.Handle)) {
		return nil
	}
	tx := consent.Tx{ID: v.Commitment().String(), Time: consent.Millis(l.cfg.Now().UnixMilli())}
	if _, err := consent.Run(tx, overlayReader{l}, v); err != nil {
		return err
	}
	if _, err := l.cfg.Vault.Seal(vault.ID(b.Handle), nil, nil); err != nil {
		return storageError(err)
	}
	return storageErrorOrNil(l.cfg.Vault.Sync())
}

func (l *Ledger) await(ctx context.Context, s *submission) (network.Receipt, error) {
	select {
	case <-s.done:
		return s.receipt, s.err
	case <-ctx.Done():
		return network.Receipt{}, consent.Errorf(consent.Unknown, "gave up while the message was on its way; look it up")
	}
}

// Lookup implements network.Ledger.
func (l *Ledger) Lookup(ctx context.Context, commitment consent.Hash) (network.Receipt, error) {
	l.mu.RLock()
	s := l.landing[commitment]
	l.mu.RUnlock()
	if s != nil {
		return l.await(ctx, s)
	}
	at, leaf, raw, err := l.find(commitment)
	if err != nil || at == 0 {
		return network.Receipt{}, errors.Join(err, consent.Errorf(consent.NotFound, "no such message is on the ledger"))
	}
	cp := l.log.Durable()
	p, err := l.log.ProveRecord(cp.Size, int64(at)-1) //nolint:gosec // far below 2^63
	if err != nil {
		return network.Receipt{}, storageError(err)
	}
	return receipt(at, leaf, raw, cp, p), nil
}

// sequence is the one goroutine that gives messages their order.
func (l *Ledger) sequence() {
	defer l.ends.Done()
	defer close(l.flow)
	for {
		select {
		case s := <-l.queue:
			if s.err = l.accept(s); s.err != nil {
				close(s.done)
				continue
			}
			l.flow <- s
		case <-l.stop:
			return
		}
	}
}

// accept runs the contract on top of everything that is enqueued, enqueues the record, and lays the message's writes over
// the state. A message that the journal does not take has changed nothing.
func (l *Ledger) accept(s *submission) error {
	if !s.v.Chained() && l.landed(s.v.Commitment()) {
		return consent.Errorf(consent.Conflict, "the message is on the ledger already")
	}
	now := consent.Millis(l.cfg.Now().UnixMilli())
	if now < l.lastTx-maxBehind {
		return consent.Errorf(consent.Unavailable, "the clock is more than a minute behind the ledger")
	}
	now = max(now, l.lastTx)
	tx := consent.Tx{ID: s.v.Commitment().String(), Time: now}
	if s.reopens { // the ledger is closed: nothing else is on its way
		cp := l.log.Durable()
		tx.Log = consent.Tree{Size: consent.Uint64(cp.Size), Root: consent.Hash(cp.Root)} //nolint:gosec // not negative
	}
	var err error
	if s.out, err = consent.Run(tx, overlayReader{l}, s.v); err != nil {
		return err
	}
	attachment, err := Attach(l.cfg.Vault, s.v.Message(), s.out)
	if err != nil {
		return storageError(err)
	}
	s.leaf = s.out.Leaf.Marshal()
	s.pending, err = l.log.Enqueue(journal.Record{Leaf: s.leaf, Attachment: attachment}, journal.EnqueueOptions{Priority: urgent(s.v)})
	if err != nil {
		return storageError(err)
	}
	l.lastTx = now
	l.recent.enqueue(s.position(), s.out.Leaf.Writes)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.landing[s.v.Commitment()] = s
	return nil
}

// position is where the message lands.
func (s *submission) position() network.Position { return network.Position(s.pending.Index()) + 1 } //nolint:gosec // not negative

func (l *Ledger) landed(c consent.Hash) bool {
	l.mu.RLock()
	_, ok := l.landing[c]
	l.mu.RUnlock()
	if ok {
		return true
	}
	at, _, _, err := l.find(c)
	return err == nil && at != 0
}

// overlayReader reads the applied state with everything enqueued on top.
type overlayReader struct{ l *Ledger }

// Get implements consent.Reader.
func (r overlayReader) Get(key string) ([]byte, error) {
	if b, ok := r.l.recent.next(key); ok {
		return b, nil
	}
	return r.l.read(stateKey(key))
}

// urgent messages may use the disk reserve: they take permission away.
func urgent(v consent.Verified) bool {
	switch v.Message().Body.(type) {
	case *consent.ConsentRevoke, *consent.RevokeAll, *consent.Erase, *consent.RecoveryVeto, *consent.DelegateEnd, *consent.MemberSuspend:
		return true
	}
	return false
}

// Forms of an attachment: its first byte.
const (
	attachNone      = 0 // the message was not kept: an erasure
	attachPlain     = 1 // the message, of a kind that speaks of no subject
	attachSealed    = 2 // the message, sealed under the subject's key
	attachElsewhere = 3 // the message is another organisation's to keep; only in copies
	attachLate      = 4 // the message had not arrived when the leaf did; only in copies
)

// Attach is the attachment of an accepted message: sealed for a subject, plain for others, empty for an erasure, which
// keeps no private copy.
func Attach(v *vault.Vault, m consent.Message, o consent.Outcome) ([]byte, error) {
	switch {
	case len(o.Private) > 0:
		sealed, err := v.Seal(vault.ID(o.Event.Handle), o.Private[0].Value, o.Event.Commitment[:])
		return append([]byte{attachSealed}, sealed...), err
	case o.Event.Handle.IsZero():
		return append([]byte{attachPlain}, m.Marshal()...), nil
	}
	return []byte{attachNone}, nil
}

// storageError gives a storage failure its code. What failed after it was enqueued may have landed.
func storageError(err error) error {
	var e *consent.Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, journal.ErrFull):
		return consent.Errorf(consent.Full, "%w", err)
	case errors.Is(err, vault.ErrErased):
		return consent.Errorf(consent.Erased, "%w", err)
	case errors.Is(err, journal.ErrClosed), errors.Is(err, vault.ErrClosed):
		return consent.Errorf(consent.Unavailable, "%w", err)
	case errors.Is(err, journal.ErrFenced), errors.Is(err, vault.ErrFenced):
		return consent.Errorf(consent.Fenced, "%w", err)
	}
	return consent.Errorf(consent.Internal, "%w", fmt.Errorf("ledger storage: %w", err))
}
