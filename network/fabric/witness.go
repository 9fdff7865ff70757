package fabric

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// heard is how far what a peer said was listened to: the next block, and everything it said before, hashed.
type heard struct {
	next   uint64
	digest [32]byte
}

// hear adds what is said of the next block.
func (h heard) hear(said [32]byte) heard {
	return heard{h.next + 1, sha256.Sum256(append(h.digest[:], said[:]...))}
}

const heardSize = 8 + 32

func (h heard) append(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, h.next), h.digest[:]...)
}

func readHeard(b []byte) heard { return heard{binary.BigEndian.Uint64(b), [32]byte(b[8:heardSize])} }

// witness compares what the own peer says with what another organisation's peer says. Validation codes are signed by
// nobody: each peer finds them by itself, so the only proof of them is that two organisations found the same. What is said
// is hashed onto what was said before, so that one comparison confirms all blocks up to it.
type witness struct {
	limit  time.Duration
	others []string

	mu      sync.Mutex
	own     []mark           // what the own peer said, not confirmed yet, oldest first
	agreed  heard            // what another organisation's peer has confirmed
	doubt   time.Time        // when the oldest leaf came that is not confirmed; zero: there is none
	against map[string]error // who contradicts the own peer about a block that nobody confirms
	more    chan struct{}    // closed when the own peer has said more
}

// mark is what the own peer had said up to a block.
type mark struct {
	heard
	leaves bool
	at     time.Time
}

// maxMarks bounds the marks. Older ones are given up: a later one stands for them.
const maxMarks = 4096

// others are the organisations that can confirm what the own peer says.
func (o Organizations) others() []string {
	all := []string{o.Trust, o.Regulator}
	for _, org := range o.Custodians {
		all = append(all, org)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(org string) bool { return org == o.Own || org == "" })
}

func (w *witness) begin(l *Ledger) {
	w.limit, w.others, w.agreed = l.cfg.Doubt, l.cfg.Organizations.others(), l.place.agreed
	w.against, w.more = map[string]error{}, make(chan struct{})
	if l.place.said.next > w.agreed.next {
		w.own = []mark{{heard: l.place.said}}
	}
}

// shown notes what the own peer had said when it had shown a block, and returns how far others have confirmed it.
func (w *witness) shown(h heard, leaves bool, now time.Time) heard {
	w.mu.Lock()
	defer w.mu.Unlock()
	if h.next <= w.agreed.next { // read again from a place of before
		return w.agreed
	}
	if len(w.own) == maxMarks {
		w.own = slices.Delete(w.own, 0, maxMarks/2)
	}
	w.own = append(w.own, mark{h, leaves, now})
	if leaves && w.doubt.IsZero() {
		w.doubt = now
	}
	close(w.more)
	w.more = make(chan struct{})
	return w.agreed
}

// reached waits until the own peer has said something of a block.
func (w *witness) reached(ctx context.Context, next uint64) error {
	for {
		w.mu.Lock()
		more, far := w.more, len(w.own) > 0 && w.own[len(w.own)-1].next >= next
		w.mu.Unlock()
		if far {
			return nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errContradiction says that two organisations' peers do not say the same.
var errContradiction = errors.New("the own peer and another organisation's do not say the same")

// compare holds what an organisation's peer said up to a block against what the own one said.
func (w *witness) compare(org string, h heard) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	i := slices.IndexFunc(w.own, func(m mark) bool { return m.next >= h.next })
	if i < 0 || w.own[i].next != h.next {
		return nil // given up, a later one will do
	}
	if w.own[i].digest != h.digest {
		err := fmt.Errorf("block %d or one before it, %s: %w", h.next-1, org, errContradiction)
		w.against[org] = err
		return err
	}
	w.agreed, w.own = h, slices.Delete(w.own, 0, i+1)
	clear(w.against)
	w.doubt = time.Time{}
	if i = slices.IndexFunc(w.own, func(m mark) bool { return m.leaves }); i >= 0 {
		w.doubt = w.own[i].at
	}
	return nil
}

// enough is how many organisations must contradict the own peer before it is the one that lies.
const enough = 2

// refuted is why the own peer is not to be believed any more, nil while it is.
func (w *witness) refuted() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.against) < min(enough, len(w.others)) {
		return nil
	}
	var all error
	for _, err := range w.against {
		all = errors.Join(all, err)
	}
	return all
}

// doubtful is how old the copy must be taken to be: without end while somebody contradicts the own peer and nobody confirms
// it, and since the oldest leaf that nobody has confirmed when that is too long ago.
func (w *witness) doubtful(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case len(w.against) > 0:
		return math.MaxInt64
	case !w.doubt.IsZero() && len(w.others) > 0 && now.Sub(w.doubt) > w.limit:
		return now.Sub(w.doubt)
	}
	return 0
}

// listen asks one organisation's peer after the other until the ledger is closed or the own peer is refuted.
func (l *Ledger) listen() {
	w := &l.witness
	wait := followAgain
	for i := 0; l.ctx.Err() == nil && len(w.others) > 0; i++ {
		org := w.others[i%len(w.others)]
		heard, err := l.hear(org)
		if refuted := w.refuted(); refuted != nil {
			l.fail(&fatalError{consent.Errorf(consent.Internal, "%w", refuted)})
			return
		}
		if l.ctx.Err() != nil {
			return
		}
		l.cfg.Log.Warn("another organisation's peer does not confirm the own one", slog.String("organization", org), slog.Any("error", err))
		if heard {
			wait = followAgain
		}
		if !errors.Is(err, errContradiction) && !errors.Is(err, errSlow) {
			pause(l.ctx, wait)
			wait = min(2*wait, followSlow)
		}
	}
}

// hear listens to one organisation's peer until it breaks off, contradicts or takes too long. It reports whether anything came.
func (l *Ledger) hear(org string) (heard bool, err error) {
	w := &l.witness
	ctx, leave := context.WithCancelCause(l.ctx)
	defer leave(nil)
	go w.leave(ctx, leave, l.cfg.Now)
	w.mu.Lock()
	h := w.agreed
	w.mu.Unlock()
	err = l.ch.Said(ctx, org, h.next, func(number uint64, said [32]byte) error {
		if number != h.next {
			return fmt.Errorf("block %d came, %d is next: %w", number, h.next, errGap)
		}
		heard, h = true, h.hear(said)
		if err := w.reached(ctx, h.next); err != nil {
			return err
		}
		return w.compare(org, h)
	})
	if cause := context.Cause(ctx); errors.Is(cause, errSlow) && !errors.Is(err, errContradiction) {
		err = cause
	}
	return heard, err
}

// errSlow says that a peer is left for another one.
var errSlow = errors.New("it does not confirm in time")

// leave ends the listening to a peer when a leaf waits too long: each of the organisations gets its share of half the time
// after which everything is denied, so that one whose peer is slow does not keep those from being asked who are not.
func (w *witness) leave(ctx context.Context, leave context.CancelCauseFunc, now func() time.Time) {
	share := max(w.limit/2/time.Duration(len(w.others)), time.Millisecond)
	began := now()
	t := time.NewTicker(max(share/4, time.Millisecond))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		w.mu.Lock()
		doubt := w.doubt
		w.mu.Unlock()
		if at := now(); !doubt.IsZero() && at.Sub(doubt) > share && at.Sub(began) > share {
			leave(errSlow)
			return
		}
	}
}

// fail ends the follower for good, and with it the freshness: everything is denied.
func (l *Ledger) fail(err error) {
	if l.failed.CompareAndSwap(nil, &err) {
		l.cfg.Log.Error("the channel cannot be followed any more", slog.String("error", err.Error()))
	}
}
