package fabric

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// carriage takes one batch through its stages.
type carriage struct {
	l    *Ledger
	ln   *lane
	free bool // its place among the lane's running ones was given back
}

// submitted gives back the carriage's place among the running ones: the next batch may be endorsed.
func (c *carriage) submitted() {
	if c.free {
		return
	}
	c.free = true
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	c.ln.running--
	c.l.arm(c.ln)
}

// Waits between attempts.
const (
	againSoon = 20 * time.Millisecond
	againLate = time.Second
)

// halveAfter is how often a batch is tried as a whole before it is cut and others may go before it.
const halveAfter = 2

// attempt takes messages through all stages until each has an outcome. What failed before it was ordered is tried again;
// what was ordered and not heard of is endorsed anew, which cannot apply it twice: every message reads and writes the place
// in its chain that it takes, so of two transactions with it one is invalid at most, and the contract refuses the other.
func (c *carriage) attempt(batch []*message, tries int) {
	wait := againSoon
	var why error
	for ; ; tries++ {
		if batch = c.l.send(batch, why); len(batch) == 0 {
			return
		}
		left, err := c.once(batch, tries)
		if batch, why = c.l.stay(left), err; len(batch) == 0 {
			return
		}
		if tries >= halveAfter {
			if len(batch) == 1 && disagreed(why) {
				c.l.shun(batch[0])
			}
			c.submitted()
			if half := len(batch) / 2; half > 0 {
				other := &carriage{l: c.l, ln: c.ln, free: true}
				rest := batch[half:]
				c.l.ends.Go(func() { other.attempt(rest, tries+1) })
				batch = batch[:half]
			}
		}
		pause(c.l.ctx, wait)
		wait = min(2*wait, againLate)
	}
}

// disagreed reports whether endorsers answered, and not the same, or not what the own copy says.
func disagreed(err error) bool {
	var answer *AnswerError
	return errors.Is(err, ErrMismatch) || errors.Is(err, errRefused) || errors.As(err, &answer)
}

// send are the messages of a batch that are to be tried now. Those whose time is out are given back.
func (l *Ledger) send(batch []*message, why error) []*message {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	var some []*message
	for _, m := range batch {
		switch {
		case m.settled || l.closed: // Close gives back what is left
		case now.After(m.until):
			l.give(m, why)
		default:
			m.out = true
			some = append(some, m)
		}
	}
	return some
}

// stay marks messages that nothing is done with for a while.
func (l *Ledger) stay(batch []*message) []*message {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range batch {
		m.out = false
	}
	return batch
}

// errRefused is why a refusal is not believed.
var errRefused = errors.New("and the own copy does not")

// once endorses, submits and commits a batch. It returns what has no outcome yet, and why.
func (c *carriage) once(batch []*message, tries int) (left []*message, why error) {
	e, codes, err := c.endorse(batch, tries)
	if err != nil {
		return batch, &StageError{Endorsing, "", err}
	}
	var accepted []*message
	for i, m := range batch {
		if codes[i] == "" {
			accepted = append(accepted, m)
		} else if !c.refused(m, consent.Code(codes[i])) {
			left = append(left, m)
			why = &StageError{Endorsing, "", fmt.Errorf("the endorsers say %q, %w", codes[i], errRefused)}
		}
	}
	if len(accepted) == 0 {
		return left, why
	}
	code, err := c.commit(e, accepted)
	if err == nil && code == Valid {
		return left, why
	}
	if err == nil {
		err = &StageError{Committing, e.Tx, errors.New(code)}
	}
	return append(left, accepted...), err
}

// endorse has a batch endorsed and returns a code for each message.
func (c *carriage) endorse(batch []*message, tries int) (Endorsed, []string, error) {
	limit := c.l.cfg.Endorse
	if others := len(c.ln.pairs) > 1; others && tries < halveAfter { // there are others to ask
		limit /= 4
	}
	ctx, cancel := context.WithTimeout(c.l.ctx, limit)
	defer cancel()
	var b wire.Batch
	for _, m := range batch {
		b.Messages = append(b.Messages, string(m.v.Marshal()))
	}
	call := Call{Function: wire.Submit, Batch: consent.Append(nil, b)}
	if c.ln.withdraw {
		call.Function = wire.Withdraw
	}
	c.l.mu.Lock()
	pair := (c.ln.pair + tries) % len(c.ln.pairs)
	c.l.mu.Unlock()
	e, err := c.l.ch.Endorse(ctx, call, c.ln.pairs[pair])
	var answer *AnswerError
	if errors.As(err, &answer) && answer.Status == wire.Refused {
		codes := strings.Split(answer.Message, ",")
		if len(codes) == len(batch) && !slices.Contains(codes, "") {
			return e, codes, nil
		}
	}
	if err != nil {
		return e, nil, err
	}
	var r wire.Result
	if err := consent.Decode(e.Payload, &r); err != nil {
		return e, nil, fmt.Errorf("read the endorsers' answer: %w", err)
	}
	if len(r.Codes) != len(batch) {
		return e, nil, fmt.Errorf("the endorsers answer for %d messages of %d", len(r.Codes), len(batch))
	}
	c.l.mu.Lock()
	c.ln.pair = pair
	c.l.mu.Unlock()
	return e, r.Codes, nil
}

// refused makes a refusal final if the contract, run on the own copy, refuses too. Otherwise the endorsers are behind, or
// do not tell the truth, and the message is tried again.
func (c *carriage) refused(m *message, code consent.Code) bool {
	now := c.l.cfg.Now()
	tx := consent.Tx{ID: m.v.Commitment().String(), Time: consent.Millis(now.UnixMilli())}
	_, err := consent.Run(tx, c.l.copy, m.v)
	if err == nil {
		return false
	}
	if consent.CodeOf(err) == consent.Internal { // the copy could not be read
		return false
	}
	err = consent.Errorf(consent.CodeOf(err), "%w", &StageError{Endorsing, "", err})
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	if len(m.ordered) > 0 && !passed(consent.CodeOf(err)) {
		return c.l.unknown(m, err)
	}
	_ = code // the own copy says it better, with its reason
	c.l.finish(m, err)
	return true
}

// passed reports whether a refusal means that a transaction with the message, endorsed before, cannot become valid any
// more: what it read has changed for good.
func passed(code consent.Code) bool {
	switch code { //nolint:exhaustive // all others may change with the time
	case consent.Conflict, consent.Exists, consent.Erased, consent.Closed, consent.WrongState:
		return true
	}
	return false
}

// commit submits an endorsed transaction and waits for its block. It is submitted again, to the next orderer, when nothing
// is heard of it: an orderer may have lost it, and the same transaction counts once. An error means that the outcome is not
// known.
func (c *carriage) commit(e Endorsed, ms []*message) (string, error) {
	l := c.l
	told := make(chan string, 1)
	l.mu.Lock()
	l.waiting[e.Tx] = told
	for _, m := range ms {
		m.submitted, m.ordered = true, append(m.ordered, e.Tx)
	}
	l.mu.Unlock()
	l.fresh.sending(e.Tx, l.cfg.Now())
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Commit)
	defer cancel()
	code, stage, err := c.order(ctx, e, told)
	if code == "" {
		err = &StageError{stage, e.Tx, errors.Join(errors.New("its outcome is not known"), err)}
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, m := range ms {
			m.unheard = err
		}
		return "", err
	}
	if code != Valid {
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, m := range ms {
			m.ordered = slices.DeleteFunc(m.ordered, func(tx string) bool { return tx == e.Tx })
		}
	}
	return code, nil
}

// order submits a transaction until its code is told or ctx ends.
func (c *carriage) order(ctx context.Context, e Endorsed, told <-chan string) (code string, stage Stage, err error) {
	wait := c.l.cfg.Commit / 4
	for stage = Submitting; ; wait *= 2 {
		again := wait
		if err = c.l.ch.Order(ctx, e); err == nil {
			stage = Committing
			c.submitted()
		} else {
			again = min(wait, againLate)
		}
		t := time.NewTimer(again)
		select {
		case code = <-told:
			t.Stop()
			return code, stage, nil
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return c.outcome(e.Tx), stage, err
		}
	}
}

// outcome asks for a transaction that did not come in time, once.
func (c *carriage) outcome(tx string) string {
	c.l.mu.Lock()
	delete(c.l.waiting, tx)
	c.l.mu.Unlock()
	ctx, cancel := context.WithTimeout(c.l.ctx, c.l.cfg.Beat)
	defer cancel()
	code, err := c.l.ch.Outcome(ctx, tx)
	if err != nil || code == Valid { // valid, and the copy has not got it: not durable here
		return ""
	}
	return code
}

// give gives a message back without an outcome: Unavailable when nothing of it can land, else Unknown. The ledger is
// locked.
func (l *Ledger) give(m *message, why error) {
	switch {
	case len(m.ordered) > 0:
		l.unknown(m, m.unheard)
	case why == nil:
		l.finish(m, consent.Errorf(consent.Unavailable, "%w", &StageError{Waiting, "", errors.New("it gave way to another message of its subject")}))
	default:
		l.finish(m, consent.Errorf(consent.Unavailable, "%w", why))
	}
}

// unknown gives a message back as Unknown and keeps its transactions; the ledger is locked.
func (l *Ledger) unknown(m *message, err error) bool {
	if !m.settled {
		l.doubt[m.v.Commitment()] = slices.Clone(m.ordered)
	}
	l.finish(m, consent.Errorf(consent.Unknown, "%w", err))
	return true
}
