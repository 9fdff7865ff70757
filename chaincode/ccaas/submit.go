package ccaas

import (
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// entry is one message of a batch on its way through a transaction.
type entry struct {
	v     consent.Verified
	reads []string // keys that the contract asked for
	out   consent.Outcome
	err   error // why the message is refused
}

// submit runs a batch. An error is trouble of this host; what is wrong with a message is its code in the result.
func (c *Contract) submit(stub Stub, keep bool) (wire.Result, error) {
	tx, err := c.tx(stub)
	if err != nil {
		return wire.Result{}, err
	}
	batch, err := input(stub)
	if err != nil {
		return wire.Result{}, err
	}
	st := state{stub: stub, known: map[string][]byte{}}
	if err = st.fetch([]string{consent.GenesisKey(), wire.TakenKey}); err != nil {
		return wire.Result{}, err
	}
	if err = st.whole(); err != nil {
		return wire.Result{}, err
	}
	ledger, err := st.ledger()
	if err != nil {
		return wire.Result{}, err
	}
	entries := make([]entry, len(batch.Messages))
	verify(ledger, batch, entries)
	for i := range entries {
		c.admit(&entries[i], keep)
	}
	if err = st.run(tx, entries); err != nil {
		return wire.Result{}, err
	}
	separate(entries)
	into, err := kept(stub, entries, keep)
	if err != nil {
		return wire.Result{}, err
	}
	if err = write(stub, entries, into); err != nil {
		return wire.Result{}, err
	}
	return result(entries), nil
}

// tx takes id and time from the proposal. Endorsers whose clocks differ still agree on what they write, because the
// contract keeps minutes of the proposal's time and nothing of theirs.
func (c *Contract) tx(stub Stub) (consent.Tx, error) {
	stamp, err := stub.GetTxTimestamp()
	if err != nil {
		return consent.Tx{}, consent.Errorf(consent.Malformed, "read the proposal's time: %w", err)
	}
	at := stamp.AsTime()
	if skew := c.cfg.Now().Sub(at); skew.Abs() > MaxSkew {
		return consent.Tx{}, consent.Errorf(consent.Unavailable, "the proposal is %s off this clock", skew.Round(time.Second))
	}
	return consent.Tx{ID: stub.GetTxID(), Time: consent.Millis(at.UnixMilli())}, nil
}

func input(stub Stub) (wire.Batch, error) {
	transient, err := stub.GetTransient()
	if err != nil {
		return wire.Batch{}, consent.Errorf(consent.Malformed, "read the transient data: %w", err)
	}
	var b wire.Batch
	if err := consent.Decode(transient[wire.Transient], &b); err != nil {
		return wire.Batch{}, err
	}
	if n := len(b.Messages); n == 0 || n > wire.MaxBatch {
		return wire.Batch{}, consent.Errorf(consent.TooLarge, "a batch has 1 to %d messages", wire.MaxBatch)
	}
	return b, nil
}

// verify reads and verifies the messages on all cores. Each goroutine has its own places in entries, so the result does
// not depend on how they run.
func verify(ledger consent.Hash, b wire.Batch, entries []entry) {
	workers := min(runtime.GOMAXPROCS(0), len(entries))
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(entries); i += workers {
				m, err := consent.Unmarshal([]byte(b.Messages[i]))
				if err == nil {
					entries[i].v, err = consent.Verify(ledger, m)
				}
				entries[i].err = err
			}
		})
	}
	wg.Wait()
}

// admit refuses what this function or this organisation does not take.
func (c *Contract) admit(e *entry, keep bool) {
	if e.err != nil {
		return
	}
	body := e.v.Message().Body
	g, isInit := body.(*consent.Init)
	switch {
	case !keep && !wire.Withdrawal(body):
		e.err = consent.Errorf(consent.Malformed, "withdraw takes revocations and erasures")
	case isInit && !c.cfg.Ledger.IsZero() && consent.LedgerID(g) != c.cfg.Ledger:
		e.err = consent.Errorf(consent.Unauthorized, "this organisation agreed to another genesis")
	}
}

// separate makes the transaction equal to its messages one after another: a message that reads or writes what one before
// it writes is refused, because it was judged by the state before both. So is one of another custodian.
func separate(entries []entry) {
	written, custodian := map[string]bool{}, consent.MemberID("")
	for i := range entries {
		e := &entries[i]
		if e.err != nil {
			continue
		}
		touched := func(key string) bool { return written[key] }
		own := custodianOf(e.out)
		switch {
		case slices.ContainsFunc(e.reads, touched), slices.ContainsFunc(e.out.Leaf.Writes, func(w consent.Write) bool { return touched(w.Key) }):
			e.err = consent.Errorf(consent.Unavailable, "the message depends on another one of its batch")
			continue
		case own != "" && custodian != "" && own != custodian:
			e.err = consent.Errorf(consent.Unavailable, "the batch is another custodian's")
			continue
		}
		if own != "" {
			custodian = own
		}
		for _, w := range e.out.Leaf.Writes {
			written[w.Key] = true
		}
	}
}

// custodianOf is the custodian whose collection an outcome needs, "" when it needs none.
func custodianOf(o consent.Outcome) consent.MemberID {
	if len(o.Private)+len(o.Purge) == 0 {
		return ""
	}
	for _, w := range o.Leaf.Writes {
		var h consent.Head
		if strings.HasPrefix(w.Key, "head/") && consent.Decode(w.Value, &h) == nil {
			return h.Custodian
		}
	}
	return ""
}

// kept is the collection with what the accepted messages keep and purge, nil when they do neither. A message whose subject's
// opening is not at this peer yet is refused: it comes with the peer's next reconciliation.
func kept(stub Stub, entries []entry, keep bool) (*collection, error) {
	var outs []consent.Outcome
	c := &collection{}
	for i := range entries {
		e := &entries[i]
		if e.err != nil {
			continue
		}
		if !keep {
			e.out.Private = nil
		}
		if own := custodianOf(e.out); own != "" {
			c.name = string(own)
			outs = append(outs, e.out)
		}
	}
	if c.name == "" {
		return nil, nil
	}
	if err := c.know(stub, outs); err != nil {
		return nil, err
	}
	for i := range entries {
		e := &entries[i]
		if e.err == nil && !c.knows(e.out) {
			e.err = consent.Errorf(consent.Unavailable, "the subject's opening is not at this peer")
		}
		if e.err != nil {
			continue
		}
		if err := c.add(e.out); err != nil {
			return nil, consent.Errorf(consent.Internal, "seal: %w", err)
		}
	}
	return c, nil
}

// write makes the writes of the accepted messages and says them in one event.
func write(stub Stub, entries []entry, c *collection) error {
	var ev wire.Event
	stub.StartWriteBatch()
	for i := range entries {
		e := &entries[i]
		if e.err != nil {
			continue
		}
		for _, w := range e.out.Leaf.Writes {
			if err := stub.PutState(w.Key, w.Value); err != nil {
				return consent.Errorf(consent.Internal, "write: %w", err)
			}
		}
		p := wire.Part{Leaf: string(e.out.Leaf.Marshal()), Kept: len(e.out.Private) > 0}
		if e.out.Event.Handle.IsZero() {
			p.Message = string(e.v.Marshal())
		}
		ev.Parts = append(ev.Parts, p)
	}
	if c != nil {
		if err := c.write(stub); err != nil {
			return consent.Errorf(consent.Internal, "write: %w", err)
		}
	}
	if err := stub.FinishWriteBatch(); err != nil {
		return consent.Errorf(consent.Internal, "write: %w", err)
	}
	if len(ev.Parts) == 0 {
		return nil
	}
	if err := stub.SetEvent(wire.EventName, consent.Append(nil, ev)); err != nil {
		return consent.Errorf(consent.Internal, "set the event: %w", err)
	}
	return nil
}

func result(entries []entry) wire.Result {
	r := wire.Result{Codes: make([]string, len(entries))}
	for i := range entries {
		r.Codes[i] = string(consent.CodeOf(entries[i].err))
	}
	return r
}
