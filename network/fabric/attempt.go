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

// halveAfter is how often a batch is tried as a whole before it is cut.
const halveAfter = 2

// attempt takes messages through all stages until each has an outcome.
func (c *carriage) attempt(batch []*message, tries int) {
	wait := againSoon
	for ; len(batch) > 0; tries++ {
		if c.l.ctx.Err() != nil {
			return // Close gives back what is left
		}
		if tries == c.l.cfg.Attempts {
			c.give(batch, &StageError{Endorsing, "", errors.New("no endorsement was to be had; try again")})
			return
		}
		if tries > 0 {
			pause(c.l.ctx, wait)
			wait = min(2*wait, againLate)
		}
		left, whole := c.once(batch, tries)
		if whole != nil && tries >= halveAfter && len(batch) > 1 {
			half := len(left) / 2
			c.attempt(left[:half], tries)
			c.attempt(left[half:], tries)
			return
		}
		if whole != nil && tries+1 == c.l.cfg.Attempts {
			c.give(left, whole)
			return
		}
		batch = left
	}
}

// once endorses, submits and commits a batch. It returns what has no outcome yet, and an error when the batch failed as a
// whole.
func (c *carriage) once(batch []*message, tries int) (left []*message, err error) {
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
		}
	}
	if len(accepted) == 0 {
		return left, nil
	}
	code, err := c.commit(e, accepted)
	if err != nil {
		c.give(accepted, err)
		return left, nil
	}
	switch code {
	case Valid:
		return left, nil
	case readConflict, phantomRead:
		if len(accepted) == len(batch) && tries >= halveAfter {
			return batch, &StageError{Committing, e.Tx, errors.New(code)}
		}
		return append(left, accepted...), nil
	}
	return append(left, accepted...), &StageError{Committing, e.Tx, errors.New(code)}
}

// endorse has a batch endorsed and returns a code for each message.
func (c *carriage) endorse(batch []*message, tries int) (Endorsed, []string, error) {
	ctx, cancel := context.WithTimeout(c.l.ctx, c.l.cfg.Endorse)
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

// commit submits an endorsed transaction and waits for its block. An error means that the outcome is not known.
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
	stage := Committing
	err := l.ch.Order(ctx, e)
	if err != nil {
		stage = Submitting
	}
	c.submitted()
	code := ""
	select {
	case code = <-told:
	case <-ctx.Done():
		code = c.outcome(e.Tx)
	}
	if code == "" {
		return "", &StageError{stage, e.Tx, errors.Join(errors.New("its outcome is not known"), err)}
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

// give gives messages back without an outcome: Unavailable when nothing of them can land, else Unknown.
func (c *carriage) give(ms []*message, err error) {
	c.l.mu.Lock()
	defer c.l.mu.Unlock()
	for _, m := range ms {
		if len(m.ordered) > 0 {
			c.l.unknown(m, err)
		} else {
			c.l.finish(m, consent.Errorf(consent.Unavailable, "%w", err))
		}
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
