package replica

import (
	"context"
	"errors"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/vault"
)

// A message can arrive after its leaf (network.Event.Late). Nothing can be said of its subject until then: the replica denies
// that subject and keeps the positions of this and all later messages of it. When the message is there they are applied, in
// order. Nobody else notices.

// lateKeys is the prefix of the subjects with messages that have not arrived.
const lateKeys = "w"

func lateKey(h consent.SubjectID) string { return lateKeys + string(h[:]) }

// ErrIncomplete says that a message of the subject has not arrived here, so that no decision can be made.
var ErrIncomplete = consent.Errorf(consent.Unavailable, "a message of this subject has not arrived here yet")

// wait puts an event off, behind those of its subject that wait already. Only the head, which is public, moves on.
func (r *Replica) wait(txn *badger.Txn, rec *record, ev network.Event) error {
	rec.Waiting = append(rec.Waiting, consent.Uint64(ev.Position))
	r.incomplete.Store(true)
	return r.put(txn, lateKey(ev.Event.Handle), nil)
}

// mendAgain is how often the ledger is asked for messages that have not arrived.
const mendAgain = 100 * time.Millisecond

// mend completes subjects as their messages arrive.
func (r *Replica) mend(ctx context.Context) {
	t := time.NewTicker(mendAgain)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		if !r.incomplete.Load() {
			continue
		}
		if err := r.mendAll(ctx); err != nil && ctx.Err() == nil {
			r.failed.CompareAndSwap(nil, &err)
			return
		}
	}
}

// mendAll mends what can be mended now. The follower waits meanwhile; while it has a batch open, mending waits.
func (r *Replica) mendAll(ctx context.Context) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if r.batch.txn != nil {
		return nil
	}
	var late []consent.SubjectID
	if err := r.each(lateKeys, func(key string, _ []byte) error {
		late = append(late, consent.SubjectID([]byte(key[len(lateKeys):])))
		return nil
	}); err != nil {
		return err
	}
	r.incomplete.Store(len(late) > 0)
	for _, h := range late {
		if err := r.mendOne(ctx, h); err != nil && !errors.Is(err, vault.ErrErased) { // the erasure is on its way here
			return err
		}
	}
	return nil
}

func (r *Replica) mendOne(ctx context.Context, h consent.SubjectID) error {
	txn := r.db.NewTransaction(true)
	defer txn.Discard()
	rec, err := r.readRecord(txn, h)
	if err != nil {
		return err
	}
	waiting, head := len(rec.Waiting), rec.Head
	for len(rec.Waiting) > 0 && head.State != consent.Gone {
		ev, err := r.eventAt(ctx, network.Position(rec.Waiting[0]))
		if err != nil {
			return err
		}
		if ev.Late {
			break
		}
		rec.Waiting = rec.Waiting[1:]
		if err := errors.Join(rec.absorb(ev), r.applyConsents(txn, ev)); err != nil {
			return err
		}
	}
	rec.Head = head // those that still wait have moved it on
	if len(rec.Waiting) == waiting && waiting > 0 {
		return nil
	}
	if err := r.keep(txn, h, rec); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return err
	}
	r.subjects.cool(h)
	return nil
}

// keep puts a subject's record, and takes it off the list of the incomplete when nothing waits.
func (r *Replica) keep(txn *badger.Txn, h consent.SubjectID, rec record) error {
	if len(rec.Waiting) == 0 {
		if err := txn.Delete([]byte(lateKey(h))); err != nil {
			return err
		}
	}
	return r.putRecord(txn, h, rec)
}

// eventAt reads one event of the ledger again.
func (r *Replica) eventAt(ctx context.Context, at network.Position) (found network.Event, err error) {
	done := errors.New("found")
	err = r.cfg.Ledger.Follow(ctx, at-1, func(ev network.Event) error {
		found = ev
		return done
	})
	if errors.Is(err, done) {
		err = nil
	}
	return found, err
}
