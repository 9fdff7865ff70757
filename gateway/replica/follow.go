package replica

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/vault"
)

// Keys in Badger: a subject's record under "h", its consents under "c", messages of authorities and members by position
// under "g", the newest anchor of each member's use log under "a", the place under "p"; subjects with messages that have not
// arrived under "w".
const (
	subjectKeys = "h"
	entryKeys   = "c"
	messageKeys = "g"
	anchorKeys  = "a"
	appliedKey  = "p"
)

func subjectKey(h consent.SubjectID) string { return subjectKeys + string(h[:]) }

// follow applies events until it is stopped. An event that cannot be applied stops the replica: from then on it is stale
// and everything is denied, which is better than a state with a hole.
func (r *Replica) follow(ctx context.Context) {
	defer close(r.done)
	err := r.cfg.Ledger.Follow(ctx, r.Position(), r.applyEvent)
	if r.batch.txn != nil {
		r.batch.txn.Discard()
	}
	if err == nil || ctx.Err() != nil {
		err = errors.New("the replica was closed")
	}
	r.failed.Store(&err)
}

// batch is what has been followed and not yet committed. While the replica is behind, many events share a transaction.
type batch struct {
	txn     *badger.Txn
	events  []network.Event
	members bool // a message of authorities or members is among them
	bytes   int  // put so far
}

// maxEvents and maxBytes bound a batch: Badger refuses a transaction above 15 % of its memory table, here 2.4 MB.
const (
	maxEvents = 500
	maxBytes  = 1 << 20
)

func (r *Replica) applyEvent(ev network.Event) error {
	r.writing.Lock()
	defer r.writing.Unlock()
	b := &r.batch
	if b.txn == nil {
		b.txn = r.db.NewTransaction(true)
	}
	if err := r.applySubject(b.txn, ev); err != nil {
		return fmt.Errorf("apply position %d: %w", ev.Position, err)
	}
	b.events = append(b.events, ev)
	b.members = b.members || ev.Event.Handle.IsZero()
	if ev.Position < r.cfg.Ledger.Position() && len(b.events) < maxEvents && b.bytes < maxBytes {
		return nil // the next event is there already
	}
	return r.flush()
}

// flush commits the batch and lets it be seen: the subjects in memory are read anew, then the position moves.
func (r *Replica) flush() error {
	b := r.batch
	r.batch = batch{}
	defer b.txn.Discard()
	last := b.events[len(b.events)-1].Position
	if err := r.put(b.txn, appliedKey, consent.Append(nil, appliedAt{format, r.cfg.Ledger.ID(), uint64(last)})); err != nil {
		return err
	}
	if err := b.txn.Commit(); err != nil {
		return fmt.Errorf("apply up to position %d: %w", last, err)
	}
	for _, ev := range b.events {
		if !ev.Event.Handle.IsZero() {
			r.subjects.cool(ev.Event.Handle)
		}
	}
	if b.members {
		if err := r.loadRoster(); err != nil {
			return err
		}
	}
	r.arrived(last)
	if r.cfg.OnEvent != nil {
		for _, ev := range b.events {
			r.cfg.OnEvent(ev)
		}
	}
	return nil
}

// arrived lets the position be seen and wakes who waits for it.
func (r *Replica) arrived(at network.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.position.Store(uint64(at))
	r.waiters = slices.DeleteFunc(r.waiters, func(w waiter) bool {
		if w.at > at {
			return false
		}
		close(w.done)
		return true
	})
}

// applySubject brings the subject of an event up to date in the index, and lets what is in memory be read anew.
func (r *Replica) applySubject(txn *badger.Txn, ev network.Event) error {
	h := ev.Event.Handle
	if h.IsZero() {
		return r.applyMember(txn, ev)
	}
	rec, err := r.readRecord(txn, h)
	if err != nil && !errors.Is(err, errAbsent) {
		return err
	}
	if err := rec.move(ev); err != nil {
		return err
	}
	if rec.Head.State != consent.Gone {
		err = r.applyTo(txn, &rec, ev)
	}
	if rec.Head.State == consent.Gone || errors.Is(err, vault.ErrErased) {
		return r.drop(txn, h, rec)
	}
	return err
}

// applyTo applies an event to a subject that is there, or was when the event happened: ErrErased when it was erased since.
func (r *Replica) applyTo(txn *badger.Txn, rec *record, ev network.Event) error {
	h := ev.Event.Handle
	if r.cfg.Vault.Erased(vault.ID(h)) {
		return vault.ErrErased
	}
	if ev.Late || len(rec.Waiting) > 0 {
		if err := r.wait(txn, rec, ev); err != nil {
			return err
		}
	} else if err := errors.Join(rec.absorb(ev), r.applyConsents(txn, ev)); err != nil {
		return err
	}
	return r.putRecord(txn, h, *rec)
}

func (r *Replica) putRecord(txn *badger.Txn, h consent.SubjectID, rec record) error {
	sealed, err := r.cfg.Vault.Seal(vault.ID(h), pack(consent.Append(nil, &rec)), []byte(subjectKeys))
	if err != nil {
		return err
	}
	return r.put(txn, subjectKey(h), append([]byte{sealedRecord}, sealed...))
}

// applyMember keeps a message of authorities or members.
func (r *Replica) applyMember(txn *badger.Txn, ev network.Event) error {
	if ev.Event.Type == "Anchor" {
		return r.put(txn, anchorKeys+string(ev.Event.Member), ev.Leaf.Commitment[:])
	}
	if ev.Message == nil {
		return nil
	}
	return r.put(txn, messageKeys+string(binary.BigEndian.AppendUint64(nil, uint64(ev.Position))), ev.Message.Marshal())
}

// drop leaves nothing of an erased subject but its head. Its key is gone, or will be before the erasure is acknowledged.
func (r *Replica) drop(txn *badger.Txn, h consent.SubjectID, rec record) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: []byte(entryPrefix(h))})
	var entries [][]byte
	for it.Rewind(); it.Valid(); it.Next() {
		entries = append(entries, it.Item().KeyCopy(nil))
	}
	it.Close()
	for _, key := range entries {
		if err := txn.Delete(key); err != nil {
			return err
		}
	}
	if len(rec.Waiting) > 0 {
		if err := txn.Delete([]byte(lateKey(h))); err != nil {
			return err
		}
	}
	return r.put(txn, subjectKey(h), append([]byte{plainRecord}, consent.Append(nil, &record{Head: rec.Head})...))
}

// Forms of a subject's record: sealed under its key, or plain when the key is gone and only the head is left.
const (
	plainRecord  = 1
	sealedRecord = 2
)

func (r *Replica) readRecord(txn *badger.Txn, h consent.SubjectID) (rec record, err error) {
	b, err := get(txn, subjectKey(h))
	if err != nil {
		return rec, err
	}
	if len(b) == 0 {
		return rec, errors.New("an empty subject record")
	}
	body := b[1:]
	if b[0] == sealedRecord {
		body, err = r.cfg.Vault.Open(vault.ID(h), body, []byte(subjectKeys))
		if errors.Is(err, vault.ErrErased) { // erased, and the event that says so is on its way here
			return record{Head: consent.Head{State: consent.Gone}}, nil
		} else if err != nil {
			return rec, fmt.Errorf("open a subject's record: %w", err)
		}
		if body, err = unpack(body); err != nil {
			return rec, err
		}
	}
	if err := consent.Decode(body, &rec); err != nil {
		return rec, fmt.Errorf("read a subject's record: %w", err)
	}
	return rec, nil
}

// Anchor is the commitment of the newest message that anchors a member's use log, NotFound when there is none.
func (r *Replica) Anchor(m consent.MemberID) (c consent.Hash, err error) {
	b, err := r.readRaw(anchorKeys + string(m))
	if errors.Is(err, errAbsent) {
		return c, consent.Errorf(consent.NotFound, "the use log of %s is not anchored", m)
	}
	copy(c[:], b)
	return c, coded(err)
}

var errAbsent = errors.New("not in the index")

func (r *Replica) put(txn *badger.Txn, key string, value []byte) error {
	r.batch.bytes += len(key) + len(value)
	return txn.Set([]byte(key), value)
}

func (r *Replica) read(key string, v any) error {
	b, err := r.readRaw(key)
	if err != nil {
		return err
	}
	return consent.Decode(b, v)
}

func (r *Replica) readRaw(key string) (value []byte, err error) {
	err = r.db.View(func(txn *badger.Txn) error {
		value, err = get(txn, key)
		return err
	})
	return value, err
}

// get reads a value as the transaction sees it; errAbsent when there is none.
func get(txn *badger.Txn, key string) ([]byte, error) {
	item, err := txn.Get([]byte(key))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, errAbsent
	}
	if err != nil {
		return nil, err
	}
	return item.ValueCopy(nil)
}

// each calls fn for the keys with a prefix, in order.
func (r *Replica) each(prefix string, fn func(key string, value []byte) error) error {
	return r.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 100, Prefix: []byte(prefix)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			b, err := it.Item().ValueCopy(nil)
			if err != nil {
				return err
			}
			if err := fn(string(it.Item().Key()), b); err != nil {
				return err
			}
		}
		return nil
	})
}
