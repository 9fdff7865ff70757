package fabric

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// place is how far the channel has been read: the next block, the position that the copy has before it, the hash of the
// block before it. It is kept with the copy; an older one only costs reading blocks again, and what they say is compared.
type place struct {
	next     uint64
	position network.Position
	previous [32]byte
	config   blocks.Ref // by which the next block is judged
	said     heard      // by the own peer
	agreed   heard      // of it, what another organisation's peer said, too
	kept     uint64     // next, as it was last kept
}

const placeSize = 8 + 8 + 32 + 8 + 32 + 2*heardSize + 1

// placeForm says how what peers say is hashed. A place of another form is not gone on from.
const placeForm = 2

// keepEvery is after how many blocks without leaves the place is kept all the same.
const keepEvery = 256

func (l *Ledger) readPlace() (p place, err error) {
	b, err := l.copy.Cursor()
	if err != nil || len(b) != placeSize || b[placeSize-1] != placeForm {
		return place{}, err
	}
	p.next = binary.BigEndian.Uint64(b)
	p.position = network.Position(binary.BigEndian.Uint64(b[8:]))
	p.previous = [32]byte(b[16:])
	p.config = blocks.Ref{Number: binary.BigEndian.Uint64(b[48:]), Hash: [32]byte(b[56:])}
	p.said, p.agreed = readHeard(b[88:]), readHeard(b[88+heardSize:])
	p.kept = p.next
	return p, nil
}

func (p place) bytes() []byte {
	b := binary.BigEndian.AppendUint64(nil, p.next)
	b = binary.BigEndian.AppendUint64(b, uint64(p.position))
	b = append(b, p.previous[:]...)
	b = binary.BigEndian.AppendUint64(b, p.config.Number)
	b = append(b, p.config.Hash[:]...)
	return append(p.agreed.append(p.said.append(b)), placeForm)
}

// errGap says that blocks are missing between those that came, so that they are asked for again.
var errGap = errors.New("blocks are missing")

// fatalError stops the follower for good.
type fatalError struct{ err error }

func (e *fatalError) Error() string { return e.err.Error() }
func (e *fatalError) Unwrap() error { return e.err }

// Waits of the follower after a connection broke. It doubles until a block comes.
const (
	followAgain = 50 * time.Millisecond
	followSlow  = 2 * time.Second
)

// follow brings the copy on until the ledger is closed. Connections that break are made again; a history that differs from
// the copy's ends it, and with it the freshness: everything is denied.
func (l *Ledger) follow() {
	wait := followAgain
	for l.ctx.Err() == nil {
		before := l.place.next
		err := l.ch.Blocks(l.ctx, Start{l.place.next, l.place.config}, l.block)
		var fatal *fatalError
		if errors.As(err, &fatal) {
			l.fail(err)
			return
		}
		if l.ctx.Err() != nil {
			return
		}
		l.cfg.Log.Warn("the connection to the own peer broke", slog.Uint64("block", l.place.next), slog.Any("error", err))
		if l.place.next > before {
			wait = followAgain
		}
		pause(l.ctx, wait)
		wait = min(2*wait, followSlow)
	}
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// block brings the copy on by one block.
func (l *Ledger) block(b Block) error {
	p := l.place
	if failed := l.failed.Load(); failed != nil { // the witness found out
		return *failed
	}
	switch {
	case b.Number < p.next:
		return nil
	case b.Number > p.next:
		return fmt.Errorf("block %d came, %d is next: %w", b.Number, p.next, errGap)
	case p.next > 0 && b.Previous != p.previous:
		return &fatalError{consent.Errorf(consent.Internal, "block %d does not follow the one that came before: another history", b.Number)}
	}
	entries, err := l.entries(b)
	if err != nil {
		return err
	}
	said := p.said.hear(b.Said)
	agreed := l.witness.shown(said, hasLeaves(b), l.cfg.Now())
	p = place{b.Number + 1, p.position + network.Position(len(entries)), b.Hash, b.Config, said, agreed, p.kept}
	var cursor []byte
	if len(entries) > 0 || p.next-p.kept >= keepEvery {
		cursor, p.kept = p.bytes(), p.next
	}
	if err := l.copy.Copied(l.ctx, l.place.position, entries, cursor); err != nil {
		return &fatalError{fmt.Errorf("copy block %d: %w", b.Number, err)}
	}
	from := l.place.position
	l.place = p
	l.warn(b)
	l.missed(entries)
	receipts, err := l.receipts(from, entries)
	if err != nil {
		return &fatalError{fmt.Errorf("prove the leaves of block %d: %w", b.Number, err)}
	}
	l.landed(b, entries, receipts)
	return nil
}

// warn logs what is noted of blocks, each thing once.
func (l *Ledger) warn(b Block) {
	for _, note := range b.Notes {
		if _, ok := l.noted[note]; ok {
			continue
		}
		if len(l.noted) >= maxNoted {
			clear(l.noted)
		}
		l.noted[note] = struct{}{}
		l.cfg.Log.Warn("the channel", slog.Uint64("block", b.Number), slog.String("note", note))
	}
}

// maxNoted bounds the notes that are remembered.
const maxNoted = 1024

// receipts are those of a block's leaves, nil when nobody here waits for one of them.
func (l *Ledger) receipts(from network.Position, entries []embedded.Entry) ([]network.Receipt, error) {
	l.mu.Lock()
	none := len(l.pending) == 0
	l.mu.Unlock()
	if none {
		return nil, nil
	}
	return l.copy.Receipts(from, entries)
}

// entries are the leaves of a block with their messages.
func (l *Ledger) entries(b Block) ([]embedded.Entry, error) {
	var all []embedded.Entry
	var times []time.Time
	var missing []int // of all, and what their messages are
	var wants []body
	guesses := map[int]body{} // of all, whose messages were submitted here
	have := l.copy.Position()
	for _, tx := range b.Transactions {
		if tx.Code != Valid || tx.Event == nil {
			continue
		}
		var ev wire.Event
		if err := consent.Decode(tx.Event, &ev); err != nil {
			return nil, &fatalError{fmt.Errorf("read the event of transaction %s: %w", tx.ID, err)}
		}
		for _, part := range ev.Parts {
			e, want, err := l.entry(tx.ID, part)
			if err != nil {
				return nil, &fatalError{fmt.Errorf("read transaction %s: %w", tx.ID, err)}
			}
			switch {
			case want == nil || l.place.position+network.Position(len(all)) < have: // what the copy has it compares
			case e.Message != nil:
				guesses[len(all)] = *want
			default:
				missing, wants = append(missing, len(all)), append(wants, *want)
			}
			all, times = append(all, e), append(times, tx.Time)
		}
	}
	clear(l.given)
	if err := l.fetch(all, missing, wants); err != nil {
		return nil, err
	}
	return all, l.judge(all, times, guesses)
}

// hasLeaves reports whether a block has leaves, or might have if its transactions were valid and its envelopes' borders
// elsewhere.
func hasLeaves(b Block) bool {
	return slices.ContainsFunc(b.Transactions, func(tx Transaction) bool { return tx.Event != nil || tx.Unread })
}

// entry reads one part. It returns a body when the message is one that this organisation keeps: to be fetched, or submitted
// here and maybe not the one that landed.
func (l *Ledger) entry(tx string, part wire.Part) (embedded.Entry, *body, error) {
	e := embedded.Entry{Leaf: []byte(part.Leaf)}
	if part.Message != "" {
		m, err := consent.Unmarshal([]byte(part.Message))
		e.Message = &m
		return e, nil, err
	}
	leaf, err := consent.ParseLeaf(e.Leaf)
	if err != nil {
		return e, nil, err
	}
	ev, err := consent.EventOf(leaf)
	if err != nil || ev.Type == "Erase" {
		return e, nil, err
	}
	want := bodyOf(tx, leaf, ev)
	if !l.own(want.custodian) {
		return e, nil, nil
	}
	want.kept = part.Kept
	if e.Message = l.mine(ev.Commitment); e.Message == nil && !part.Kept {
		return e, nil, nil
	}
	return e, &want, nil
}

// own reports whether a custodian is of this organisation, so that its subjects' messages are kept here.
func (l *Ledger) own(m consent.MemberID) bool {
	org, ok := l.cfg.Organizations.Custodians[m]
	return ok && org == l.cfg.Organizations.Own
}

// mine is a message that was submitted here. Its commitment covers its body alone; what landed may have had other openings.
func (l *Ledger) mine(c consent.Hash) *consent.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.pending[c]; m != nil {
		msg := m.v.Message()
		return &msg
	}
	return nil
}

// ask queries the own peer for as many values as there are keys; those of Bodies follow a custodian and a transaction.
func (l *Ledger) ask(function string, args ...string) ([]string, error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.Endorse)
	defer cancel()
	b, err := l.ch.Query(ctx, Call{Function: function, Args: args})
	if err != nil {
		return nil, err
	}
	n := len(args)
	if function == wire.Bodies {
		n -= 2
	}
	return values(b, n)
}

// values reads the answer to a query.
func values(b []byte, n int) ([]string, error) {
	var v wire.Values
	if err := consent.Decode(b, &v); err != nil {
		return nil, err
	}
	if len(v.Values) != n {
		return nil, fmt.Errorf("%d values for %d keys", len(v.Values), n)
	}
	return v.Values, nil
}

// landed tells those who wait for a block what was in it.
func (l *Ledger) landed(b Block, entries []embedded.Entry, receipts []network.Receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, e := range entries {
		leaf, err := consent.ParseLeaf(e.Leaf)
		if err != nil {
			continue // Copied has read it
		}
		delete(l.doubt, leaf.Commitment)
		if m := l.pending[leaf.Commitment]; m != nil {
			if i < len(receipts) { // not those of a message that somebody began to wait for just now
				m.receipt = &receipts[i]
			}
			l.finish(m, nil)
		}
	}
	valid := func(id string) bool { // who knows its nonce may have had an invalid one with its id ordered before it
		return slices.ContainsFunc(b.Transactions, func(tx Transaction) bool { return tx.ID == id && tx.Code == Valid })
	}
	for _, tx := range b.Transactions {
		if c, ok := l.waiting[tx.ID]; ok && (tx.Code == Valid || !valid(tx.ID)) {
			delete(l.waiting, tx.ID)
			c <- tx.Code
		}
		l.fresh.seen(tx.ID)
	}
}
