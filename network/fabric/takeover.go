package fabric

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// Closed is a closed ledger that a channel is to take over.
type Closed interface {
	// Each calls fn for the leaves from position from+1 on, in order, with the messages that are still there.
	Each(ctx context.Context, from network.Position, fn func(network.Event) error) error
	// Prove is the RFC 6962 consistency proof from the tree of the first size leaves to the whole.
	Prove(size network.Position) ([]consent.Hash, error)
}

// Takeover brings a closed ledger onto a channel that has none. Channel, Organizations, Closed and Opening are needed.
type Takeover struct {
	Channel       Channel // the caller closes it
	Organizations Organizations
	Closed        Closed
	Opening       consent.Verified // the Import that its authorities signed
	Limit         int              // leaves in a transaction; 0 means 512, at most wire.MaxLeaves
	Attempts      int              // of one chunk in a row; 0 means 60
	Progress      func(done, total int64)
	Log           *slog.Logger
}

const (
	takeoverLimit    = 512
	takeoverAttempts = 60
	// maxChunk bounds the bytes of a chunk: leaves go into the block twice, in writes and in the event.
	maxChunk = 1 << 20
)

// takeoverPoll is how often the own peer is asked for a chunk's block.
const takeoverPoll = 20 * time.Millisecond

// orderAgain is how long an ordered chunk is waited for before it is ordered again; then twice as long, and so on.
const orderAgain = 2500 * time.Millisecond

// conflicts is how often endorsers may answer that a chunk does not follow, while the own peer says that it does, before they
// are believed.
const conflicts = 10

// Run takes the ledger over from where the channel is, and returns when the channel has it whole and open. It may be
// stopped at any time and run again. A chunk that the channel refuses for good ends it with the endorsers' code.
func (t Takeover) Run(ctx context.Context) error {
	m, ok := t.Opening.Message().Body.(*consent.Import)
	if !ok {
		return consent.Errorf(consent.Malformed, "a ledger is taken over by an Import")
	}
	if t.Log == nil {
		t.Log = slog.New(slog.DiscardHandler)
	}
	if t.Progress == nil {
		t.Progress = func(int64, int64) {}
	}
	t.Limit, t.Attempts = min(or(t.Limit, takeoverLimit), wire.MaxLeaves), or(t.Attempts, takeoverAttempts)
	for range t.Attempts {
		taken, err := t.taken(ctx)
		if err != nil {
			return err
		}
		if taken.Of != 0 && taken.Import != t.Opening.Commitment() {
			return consent.Errorf(consent.Exists, "the channel takes over, or took over, another log")
		}
		if taken.Of != 0 && taken.Size == taken.Of {
			t.Progress(int64(taken.Size), int64(taken.Of)) //nolint:gosec // far below 2^63
			return nil
		}
		t.Progress(int64(taken.Size), int64(m.Size)) //nolint:gosec // far below 2^63
		b := &bringer{t: t, whole: network.Position(m.Size), chunk: wire.Chunk{First: taken.Size}}
		if err := t.Closed.Each(ctx, network.Position(taken.Size), func(ev network.Event) error { return b.add(ctx, ev) }); err != nil {
			return err
		}
	}
	return consent.Errorf(consent.Unavailable, "the channel does not get on")
}

// taken asks the own peer how far the channel is.
func (t Takeover) taken(ctx context.Context) (taken wire.Taken, err error) {
	b, err := t.Channel.Query(ctx, Call{Function: wire.State, Args: []string{wire.TakenKey, consent.GenesisKey()}})
	if err != nil {
		return taken, consent.Errorf(consent.Unavailable, "ask how far the channel is: %w", err)
	}
	var v wire.Values
	if err := consent.Decode(b, &v); err != nil || len(v.Values) != 2 {
		return taken, errors.Join(errors.New("read how far the channel is"), err)
	}
	switch {
	case v.Values[0] != "":
		err = consent.Decode([]byte(v.Values[0]), &taken)
	case v.Values[1] != "":
		err = consent.Errorf(consent.Exists, "the channel has a ledger already")
	}
	return taken, err
}

// bringer gathers leaves into chunks and brings each onto the channel, one after the other: each builds on the one before.
type bringer struct {
	t         Takeover
	whole     network.Position
	chunk     wire.Chunk
	bytes     int
	custodian consent.MemberID
	done      network.Position
}

func (b *bringer) add(ctx context.Context, ev network.Event) error {
	e := wire.Entry{Leaf: string(ev.Leaf.Marshal())}
	if ev.Message != nil {
		e.Message = string(ev.Message.Marshal())
	}
	custodian := custodianIn(ev)
	if _, known := b.t.Organizations.Custodians[custodian]; custodian != "" && !known {
		return consent.Errorf(consent.WrongState, "no organisation of the channel keeps the records of %s", custodian)
	}
	size := len(e.Leaf) + len(e.Message)
	if !b.room(size, custodian) {
		if err := b.bring(ctx); err != nil {
			return err
		}
	}
	if custodian != "" {
		b.custodian = custodian
	}
	b.chunk.Entries, b.bytes, b.done = append(b.chunk.Entries, e), b.bytes+size, ev.Position
	if ev.Position == b.whole {
		return b.bring(ctx)
	}
	return nil
}

// room reports whether the chunk can take one more entry.
func (b *bringer) room(size int, custodian consent.MemberID) bool {
	if custodian != "" && b.custodian != "" && custodian != b.custodian {
		return false
	}
	return len(b.chunk.Entries) == 0 || len(b.chunk.Entries) < b.t.Limit && b.bytes+size <= maxChunk
}

// custodianIn is the custodian in whose collection an event's message is kept, "" when it is in none.
func custodianIn(ev network.Event) consent.MemberID {
	if ev.Message == nil || ev.Event.Handle.IsZero() {
		return ""
	}
	for _, w := range ev.Leaf.Writes {
		var h consent.Head
		if w.Key == consent.HeadKey(ev.Event.Handle) && consent.Decode(w.Value, &h) == nil {
			return h.Custodian
		}
	}
	return ""
}

// bring has the chunk endorsed, ordered and committed, however often that takes, and begins the next one.
func (b *bringer) bring(ctx context.Context) error {
	b.chunk.Import, b.chunk.Proof = string(b.t.Opening.Marshal()), nil
	if b.done < b.whole {
		var err error
		if b.chunk.Proof, err = b.t.Closed.Prove(b.done); err != nil {
			return err
		}
	}
	call := Call{Function: wire.TakeOver, Batch: consent.Append(nil, b.chunk)}
	var last error
	refusals := 0
	for tries := range b.t.Attempts {
		if tries > 0 {
			pause(ctx, min(againSoon<<min(tries, 6), againLate))
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var over bool
		if over, last = b.once(ctx, call); over {
			return last
		}
		if code := answered(last); code == consent.Conflict {
			if refusals++; refusals == conflicts {
				return consent.Errorf(code, "bring the leaves from %d: %w", b.chunk.First, last)
			}
		}
		b.t.Log.WarnContext(ctx, "take a ledger over", slog.Uint64("leaf", uint64(b.chunk.First)), slog.Any("error", last))
	}
	return consent.Errorf(consent.Unavailable, "bring the leaves from %d: %w", b.chunk.First, last)
}

// once tries to bring the chunk. It is over when the chunk is on the channel, perhaps by an earlier try, or can never be.
func (b *bringer) once(ctx context.Context, call Call) (over bool, err error) {
	taken, err := b.t.taken(ctx)
	if err != nil {
		return consent.CodeOf(err) == consent.Exists, err
	}
	if taken.Size >= consent.Uint64(b.done) {
		b.next(taken)
		return true, nil
	}
	e, err := b.endorse(ctx, call)
	if err != nil {
		return final(answered(err)), err
	}
	if err := b.order(ctx, e); err != nil {
		return false, err
	}
	b.next(wire.Taken{Size: consent.Uint64(b.done), Of: consent.Uint64(b.whole)})
	return true, nil
}

func (b *bringer) next(taken wire.Taken) {
	b.t.Progress(int64(taken.Size), int64(b.whole)) //nolint:gosec // far below 2^63
	b.chunk = wire.Chunk{First: consent.Uint64(b.done)}
	b.bytes, b.custodian = 0, ""
}

func (b *bringer) endorse(ctx context.Context, call Call) (Endorsed, error) {
	o := b.t.Organizations
	org := o.Custodians[b.custodian]
	if org == "" {
		org = o.Own
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	e, err := b.t.Channel.Endorse(ctx, call, pairs(org, o)[0])
	if err != nil {
		return e, consent.Errorf(or(answered(err), consent.Unavailable), "%w", &StageError{Endorsing, "", err})
	}
	return e, nil
}

// answered is the code that an endorser answered with, "" when none did.
func answered(err error) consent.Code {
	var answer *AnswerError
	if !errors.As(err, &answer) {
		return ""
	}
	return consent.Code(answer.Message)
}

// final reports whether an endorser's answer will be the same tomorrow. One that is behind answers with a conflict, and one
// in trouble with unavailable or internal.
func final(code consent.Code) bool {
	switch code { //nolint:exhaustive // the others may change
	case consent.Malformed, consent.TooLarge, consent.BadSignature, consent.Unauthorized, consent.Exists, consent.WrongState, consent.NotFound:
		return true
	}
	return false
}

// order has an endorsed chunk ordered and waits for its block. An orderer may have died with it, so it is ordered again, by
// the next one, when nothing is heard of it: the same transaction counts once.
func (b *bringer) order(ctx context.Context, e Endorsed) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for wait := orderAgain; ; wait *= 2 {
		if err := b.t.Channel.Order(ctx, e); err != nil {
			return &StageError{Submitting, e.Tx, err}
		}
		code, err := b.outcome(ctx, e.Tx, wait)
		switch {
		case code == Valid:
			return nil
		case code != "":
			return &StageError{Committing, e.Tx, errors.New(code)}
		case ctx.Err() != nil:
			return &StageError{Committing, e.Tx, errors.Join(errors.New("its outcome is not known"), err)}
		}
	}
}

// outcome waits a while for the block of a transaction, "" when there is none.
func (b *bringer) outcome(ctx context.Context, tx string, wait time.Duration) (code string, err error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for ctx.Err() == nil {
		if code, err = b.t.Channel.Outcome(ctx, tx); err == nil && code != "" {
			return code, nil
		}
		pause(ctx, takeoverPoll)
	}
	return "", err
}

// whole waits until no ledger is being taken over on the channel any more: until then it shows the past. Two organisations say
// so, or, when no two can be asked, the own one, whose blocks are believed as well.
func (l *Ledger) whole(ctx context.Context) error {
	o := l.cfg.Organizations
	ways := append(pairs(o.Own, o), []string{o.Own})
	for turn := 0; ; turn++ {
		taken, err := l.taken(ctx, ways[turn%len(ways)])
		if err == nil && taken.Size == taken.Of {
			return nil
		}
		if err == nil {
			err = fmt.Errorf("the ledger is being taken over: %d leaves of %d", taken.Size, taken.Of)
		}
		pause(ctx, l.cfg.Beat)
		if ctx.Err() != nil {
			return consent.Errorf(consent.Unavailable, "reach the channel: %w", err)
		}
	}
}

// taken is how far a ledger was taken over, as these organisations agree; the zero Taken when none was.
func (l *Ledger) taken(ctx context.Context, organizations []string) (taken wire.Taken, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*l.cfg.Beat)
	defer cancel()
	e, err := l.ch.Endorse(ctx, Call{Function: wire.State, Args: []string{wire.TakenKey}}, organizations)
	if err != nil {
		return taken, err
	}
	one, err := values(e.Payload, 1)
	if err == nil && one[0] != "" {
		err = consent.Decode([]byte(one[0]), &taken)
	}
	return taken, err
}
