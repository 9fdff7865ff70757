package fabric

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// message is one message on its way.
type message struct {
	v         consent.Verified
	lane      *lane
	until     time.Time // it is given back when it has no outcome by then
	askers    int       // who wait for it
	out       bool      // in a transaction that is being endorsed or ordered
	ordered   []string  // transactions that were submitted with it and may still land
	unheard   error     // of the last of them
	submitted bool
	receipt   *network.Receipt // of one that landed
	err       error
	done      chan struct{} // closed when err is final
	settled   bool
}

// handle is the subject that the message speaks of, zero for others.
func (m *message) handle() consent.SubjectID { return handleOf(m.v.Message().Body) }

func handleOf(b consent.Body) consent.SubjectID {
	switch b := b.(type) {
	case consent.SubjectBody:
		return b.Link().Handle
	case *consent.SubjectOpen:
		return b.Handle
	}
	return consent.SubjectID{}
}

// Submit implements network.Ledger. It returns when the message is in a valid transaction and in the copy. What fails on the
// way is tried again until ctx ends, or Config.Patience. Then the error is Unavailable when nothing of the message can land,
// else Unknown, which keeps the transactions' ids: a later Submit or Lookup of the message finds out what became of it.
func (l *Ledger) Submit(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	c := v.Commitment()
	if !v.Chained() {
		if r, err := l.copy.Lookup(ctx, c); consent.CodeOf(err) != consent.NotFound {
			return r, err
		}
	}
	if err := l.resolve(ctx, c); err != nil {
		return network.Receipt{}, err
	}
	m, err := l.take(v)
	if err != nil {
		return network.Receipt{}, err
	}
	return l.await(ctx, m)
}

// take queues a message, or joins the one that is on its way already.
func (l *Ledger) take(v consent.Verified) (*message, error) {
	ln, err := l.route(v)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, consent.Errorf(consent.Unavailable, "the ledger is closing")
	}
	if m := l.pending[v.Commitment()]; m != nil {
		return m, nil
	}
	m := &message{v: v, done: make(chan struct{}), ordered: l.doubt[v.Commitment()], until: l.cfg.Now().Add(l.cfg.Patience)}
	if len(m.ordered) > 0 {
		m.unheard = &StageError{Committing, m.ordered[0], errors.New("in no block yet")}
	}
	l.pending[v.Commitment()] = m
	l.queue(ln, m)
	return m, nil
}

func (l *Ledger) await(ctx context.Context, m *message) (network.Receipt, error) {
	l.mu.Lock()
	m.askers++
	l.mu.Unlock()
	select {
	case <-m.done:
	case <-ctx.Done():
		l.leave(m)
	}
	l.mu.Lock()
	m.askers--
	settled := m.settled
	l.mu.Unlock()
	if !settled {
		return network.Receipt{}, consent.Errorf(consent.Unknown, "gave up while the message was on its way; look it up")
	}
	if m.receipt != nil {
		return *m.receipt, nil
	}
	if m.err != nil && l.ctx.Err() != nil { // closing
		return network.Receipt{}, m.err
	}
	r, err := l.copy.Lookup(ctx, m.v.Commitment()) // whatever became of it now, it may have landed long ago
	if m.err != nil && err != nil {
		return network.Receipt{}, m.err
	}
	return r, err
}

// leave takes a message back that nobody waits for any more, if nothing of it is on its way.
func (l *Ledger) leave(m *message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.askers == 1 && !m.out && len(m.ordered) == 0 {
		l.finish(m, consent.Errorf(consent.Unavailable, "gave up before the message was submitted"))
	}
}

// Lookup implements network.Ledger. A message whose outcome is not known yet is Unknown, not NotFound.
func (l *Ledger) Lookup(ctx context.Context, commitment consent.Hash) (network.Receipt, error) {
	l.mu.Lock()
	m := l.pending[commitment]
	l.mu.Unlock()
	if m != nil {
		return l.await(ctx, m)
	}
	r, err := l.copy.Lookup(ctx, commitment)
	if consent.CodeOf(err) != consent.NotFound {
		return r, err
	}
	if err := l.resolve(ctx, commitment); err != nil {
		return network.Receipt{}, err
	}
	if txs := l.inDoubt(commitment); len(txs) > 0 {
		return network.Receipt{}, consent.Errorf(consent.Unknown, "%w", &StageError{Committing, txs[0], errors.New("in no block yet")})
	}
	return l.copy.Lookup(ctx, commitment)
}

func (l *Ledger) inDoubt(c consent.Hash) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.doubt[c]
}

// resolve asks what became of the transactions that a message was given back as Unknown with. It returns nil when the copy
// knows, or when those that are left are in no block.
func (l *Ledger) resolve(ctx context.Context, c consent.Hash) error {
	var left []string
	for _, tx := range l.inDoubt(c) {
		code, err := l.ch.Outcome(ctx, tx)
		switch {
		case err != nil:
			return consent.Errorf(consent.Unknown, "%w", &StageError{Committing, tx, fmt.Errorf("ask for its outcome: %w", err)})
		case code == Valid:
			if err := l.arrives(ctx, c); err != nil {
				return consent.Errorf(consent.Unknown, "%w", &StageError{Committing, tx, err})
			}
			return nil
		case code == "":
			left = append(left, tx)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, still := l.doubt[c]; still {
		l.doubt[c] = left
		if len(left) == 0 {
			delete(l.doubt, c)
		}
	}
	return nil
}

// arrives waits until the copy has a message that is in a block of the own peer.
func (l *Ledger) arrives(ctx context.Context, c consent.Hash) error {
	for {
		if _, err := l.copy.Lookup(ctx, c); consent.CodeOf(err) != consent.NotFound {
			return err
		}
		pause(ctx, l.cfg.Linger)
		if err := errors.Join(ctx.Err(), l.ctx.Err(), l.Failed()); err != nil {
			return err
		}
	}
}

// route finds the lane of a message.
func (l *Ledger) route(v consent.Verified) (*lane, error) {
	o := l.cfg.Organizations
	body := v.Message().Body
	key := laneKey{organization: o.Own, alone: true}
	if h := handleOf(body); !h.IsZero() {
		member, err := l.custodian(h, body)
		if err != nil {
			return nil, err
		}
		key = laneKey{organization: o.Custodians[member], withdraw: wire.Withdrawal(body)}
		if !key.withdraw {
			key.member = member // one custodian's private data to a transaction
		}
		if key.organization == "" {
			key.organization = o.Own
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	ln := l.lanes[key]
	if ln == nil {
		ln = &lane{laneKey: key, pairs: pairs(key.organization, o)}
		if !key.withdraw && !key.alone {
			ln.pairs = ln.pairs[:1] // the others may not hold the custodian's records
		}
		l.lanes[key] = ln
	}
	return ln, nil
}

// custodian is the member whose subject a message speaks of, "" when that is not known here.
func (l *Ledger) custodian(h consent.SubjectID, body consent.Body) (consent.MemberID, error) {
	if b, ok := body.(*consent.SubjectOpen); ok {
		return b.Custodian, nil
	}
	b, err := l.copy.Get(consent.HeadKey(h))
	if err != nil || b == nil {
		return "", err
	}
	var head consent.Head
	if err := consent.Decode(b, &head); err != nil {
		return "", err
	}
	return head.Custodian, nil
}

// finish makes a message's outcome final; the ledger is locked. An error of a message that may still land is Unknown.
func (l *Ledger) finish(m *message, err error) {
	if m.settled {
		return
	}
	m.settled, m.err = true, err
	delete(l.pending, m.v.Commitment())
	if h := m.handle(); l.busy[h] == m {
		delete(l.busy, h)
		for _, ln := range l.lanes {
			l.arm(ln)
		}
	}
	if err == nil {
		delete(l.doubt, m.v.Commitment())
	}
	close(m.done)
}

// abandon gives back what waits when the ledger closes.
func (l *Ledger) abandon() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.pending {
		code := consent.Unavailable
		if m.submitted || len(m.ordered) > 0 {
			code = consent.Unknown
		}
		l.finish(m, consent.Errorf(code, "the ledger is closing"))
	}
}
