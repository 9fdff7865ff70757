package embedded

import (
	"encoding/binary"
	"errors"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// A copy's host can put a leaf in order whose message has not reached this organisation. The copy goes on without it: the
// record says so for good, and the message goes into the index when it comes, sealed like any other. The host has it still,
// so nothing is lost with the index.

// lateKeys is the prefix of rows for messages that came, or will come, after their leaves, by position. The value is empty
// until then.
const lateKeys = "l"

func lateKey(at network.Position) []byte {
	return binary.BigEndian.AppendUint64([]byte(lateKeys), uint64(at))
}

func isLate(attachment []byte) bool { return len(attachment) > 0 && attachment[0] == attachLate }

// Missing is an event whose message this organisation keeps and has not got yet.
type Missing struct {
	network.Event

	Where string // Late of its Entry
}

// Late returns what is missing, in order.
func (l *Ledger) Late() ([]Missing, error) {
	var missing []int64
	err := l.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 100, Prefix: []byte(lateKeys)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if it.Item().ValueSize() == 0 {
				missing = append(missing, int64(binary.BigEndian.Uint64(it.Item().Key()[len(lateKeys):]))-1) //nolint:gosec // far below 2^63
			}
		}
		return nil
	})
	if err != nil {
		return nil, storageError(err)
	}
	all := make([]Missing, len(missing))
	for n, i := range missing {
		rec, err := l.log.Read(i)
		if err == nil {
			all[n].Event, err = LeafAt(i, rec)
		}
		if err != nil {
			return nil, storageError(err)
		}
		all[n].Where = string(rec.Attachment[1:])
	}
	return all, nil
}

// Arrived gives a copy the message of a leaf that Late named; followers that read the leaf from now on get it. Nil says that
// it will not come: its subject was erased since.
func (l *Ledger) Arrived(ev network.Event, m *consent.Message) error {
	row := []byte{attachNone}
	if m != nil {
		if consent.Commitment(m.Body) != ev.Leaf.Commitment {
			return consent.Errorf(consent.Internal, "position %d: the message is not the one that the leaf commits to", ev.Position)
		}
		ev.Message = m
		var err error
		if row, err = l.copiedAttachment(&ev, ""); err != nil {
			return storageError(err)
		}
		if err := l.cfg.Vault.Sync(); err != nil {
			return storageError(err)
		}
	}
	if err := l.db.Update(func(txn *badger.Txn) error { return txn.Set(lateKey(ev.Position), row) }); err != nil {
		return storageError(err)
	}
	l.tail.arrived(ev.Position, ev.Message)
	return nil
}

// eventAt is EventAt with the message that came late.
func (l *Ledger) eventAt(i int64, r journal.Record) (network.Event, error) {
	if !isLate(r.Attachment) {
		return EventAt(l.cfg.Vault, i, r)
	}
	ev, err := LeafAt(i, r)
	if err != nil {
		return ev, err
	}
	row, err := l.read(lateKey(ev.Position))
	if err != nil {
		return ev, err
	}
	if len(row) == 0 {
		ev.Late = !l.cfg.Vault.Erased(vault.ID(ev.Event.Handle))
		return ev, nil
	}
	m, err := openMessage(l.cfg.Vault, ev.Event, row)
	if err != nil {
		return ev, consent.Errorf(consent.Internal, "the message of record %d: %w", i, err)
	}
	ev.Message = m
	return ev, nil
}

// arrived completes an event that followers may still get from memory.
func (t *tail) arrived(at network.Position, m *consent.Message) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.events {
		if t.events[i].Position == at {
			t.events[i].Message, t.events[i].Late = m, false
		}
	}
}

// late lets the index know of a leaf whose message has not come.
func (a applied) late(txn *badger.Txn) error {
	if !a.without {
		return nil
	}
	_, err := txn.Get(lateKey(a.at))
	if errors.Is(err, badger.ErrKeyNotFound) {
		err = txn.Set(lateKey(a.at), nil)
	}
	return err
}
