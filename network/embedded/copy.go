package embedded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// cursorKey is the key in Badger of how far a copy's host was read.
const cursorKey = "f"

// Entry is a leaf that another host has put in order.
type Entry struct {
	Leaf    []byte
	Message *consent.Message // nil: another organisation keeps it, or it was erased, or it is late
	Late    string           // where the host has it, when it is to be kept here and has not arrived; see Ledger.Late
	Erased  bool             // nobody keeps it any more
}

// InitCopy makes an empty ledger that will copy another host's. It refuses a folder that is not empty.
func InitCopy(cfg Config) error {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("make the ledger's folder: %w", err)
	}
	return journal.Init(cfg.Journal())
}

// Unsealed is the attachment of a message that is to be read without a vault, in an export; nil stands for one that is not
// there any more.
func Unsealed(m *consent.Message) []byte {
	if m == nil {
		return []byte{attachNone}
	}
	return append([]byte{attachPlain}, m.Marshal()...)
}

// Elsewhere reports whether a record's attachment says that the message is not in it because another organisation keeps it,
// or because it arrived after its leaf.
func Elsewhere(attachment []byte) bool {
	return isLate(attachment) || len(attachment) == 1 && attachment[0] == attachElsewhere
}

// Copied brings a copy on by the entries that follow position from, and keeps the host's cursor with them, in one step.
// Entries that the copy has already are compared and passed over; one that differs is refused with Internal, for then the
// host shows another history. It returns when all are durable and applied. One goroutine calls it.
func (l *Ledger) Copied(ctx context.Context, from network.Position, entries []Entry, cursor []byte) error {
	have := l.Position()
	if from > have {
		return consent.Errorf(consent.Internal, "copy after position %d: the copy ends at %d", from, have)
	}
	known := min(int(have-from), len(entries)) //nolint:gosec // positions are far below 2^63
	for i, e := range entries[:known] {
		rec, err := l.log.Read(int64(from) + int64(i)) //nolint:gosec // far below 2^63
		if err != nil {
			return storageError(err)
		}
		if !bytes.Equal(rec.Leaf, e.Leaf) {
			return consent.Errorf(consent.Internal, "position %d of the copy is not what the host has there", int(from)+i+1) //nolint:gosec // as above
		}
	}
	for entries = entries[known:]; len(entries) > maxApply; entries = entries[maxApply:] {
		if err := l.copyRun(ctx, entries[:maxApply], nil); err != nil {
			return err
		}
	}
	return l.copyRun(ctx, entries, cursor)
}

// Receipts are the receipts of leaves that Copied has brought, those after position from, under one checkpoint.
func (l *Ledger) Receipts(from network.Position, entries []Entry) ([]network.Receipt, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	cp := l.log.Durable()
	first := int64(from) //nolint:gosec // positions are far below 2^63
	proofs, err := l.log.ProveRecords(cp.Size, first, first+int64(len(entries)))
	if err != nil {
		return nil, storageError(err)
	}
	all := make([]network.Receipt, len(entries))
	for i, e := range entries {
		leaf, err := consent.ParseLeaf(e.Leaf)
		if err != nil {
			return nil, err
		}
		all[i] = receipt(from+network.Position(i)+1, leaf, e.Leaf, cp, proofs[i]) //nolint:gosec // an index
	}
	return all, nil
}

// Cursor is what Copied last kept, nil when the index was made anew since: then the host is read from its beginning.
func (l *Ledger) Cursor() ([]byte, error) { return l.read([]byte(cursorKey)) }

func (l *Ledger) copyRun(ctx context.Context, entries []Entry, cursor []byte) error {
	if len(entries) == 0 {
		return l.keepCursor(cursor)
	}
	events, recs, err := l.copiedRecords(entries)
	if err != nil {
		return err
	}
	if err := l.write(ctx, recs); err != nil {
		return err
	}
	leaves := make([]applied, len(events))
	for i, ev := range events {
		if err := l.eraseFor(ev.Leaf); err != nil {
			return storageError(err)
		}
		leaves[i] = applied{ev.Position, ev.Leaf, ev.Late}
	}
	if err := l.apply(leaves, cursor); err != nil {
		return storageError(err)
	}
	l.tail.push(events)
	return nil
}

// copiedRecords makes events and records of entries. The keys of new subjects are durable when it returns, before what they
// seal is written.
func (l *Ledger) copiedRecords(entries []Entry) ([]network.Event, []journal.Record, error) {
	at := l.Position()
	events, recs := make([]network.Event, len(entries)), make([]journal.Record, len(entries))
	fresh := false
	for i, e := range entries {
		var err error
		if events[i], err = l.copiedEvent(at+network.Position(i)+1, e); err != nil { //nolint:gosec // an index
			return nil, nil, err
		}
		h := vault.ID(events[i].Event.Handle)
		fresh = fresh || events[i].Message != nil && !l.cfg.Vault.Known(h)
		recs[i].Leaf = e.Leaf
		if e.Erased {
			recs[i].Attachment = Unsealed(nil)
			continue
		}
		if recs[i].Attachment, err = l.copiedAttachment(&events[i], e.Late); err != nil {
			return nil, nil, storageError(err)
		}
	}
	if fresh {
		if err := l.cfg.Vault.Sync(); err != nil {
			return nil, nil, storageError(err)
		}
	}
	return events, recs, nil
}

// keepCursor keeps a cursor alone, for a host that went on without leaves. An older one costs only reading it again.
func (l *Ledger) keepCursor(cursor []byte) error {
	if cursor == nil {
		return nil
	}
	err := l.db.Update(func(txn *badger.Txn) error { return txn.Set([]byte(cursorKey), cursor) })
	return storageErrorOrNil(err)
}

// write puts records on disk, all of them in as few syncs as the journal makes of it.
func (l *Ledger) write(ctx context.Context, recs []journal.Record) error {
	var last *journal.Pending
	for _, r := range recs {
		p, err := l.log.Enqueue(r, journal.EnqueueOptions{Priority: true}) // what the host has ordered cannot be refused
		if err != nil {
			return storageError(err)
		}
		last = p
	}
	if err := last.Wait(context.WithoutCancel(ctx)); err != nil {
		return storageError(err)
	}
	return nil
}

func (l *Ledger) copiedEvent(at network.Position, e Entry) (network.Event, error) {
	leaf, err := consent.ParseLeaf(e.Leaf)
	if err != nil {
		return network.Event{}, err
	}
	ev := network.Event{Position: at, Leaf: leaf, Message: e.Message, Late: e.Late != "" && e.Message == nil}
	if ev.Event, err = consent.EventOf(leaf); err != nil {
		return ev, err
	}
	if ev.Event.Type == "Erase" {
		ev.Message, ev.Late = nil, false
	}
	if ev.Message != nil && consent.Commitment(ev.Message.Body) != leaf.Commitment {
		return ev, consent.Errorf(consent.Internal, "position %d: the message is not the one that the leaf commits to", at)
	}
	return ev, nil
}

// copiedAttachment is the attachment of a copied event. A subject that was erased since gets none, as Attach would.
func (l *Ledger) copiedAttachment(ev *network.Event, late string) ([]byte, error) {
	switch h := ev.Event.Handle; {
	case ev.Event.Type == "Erase":
		return []byte{attachNone}, nil
	case ev.Message == nil && ev.Late:
		return append([]byte{attachLate}, late...), nil
	case ev.Message == nil:
		return []byte{attachElsewhere}, nil
	case h.IsZero():
		return append([]byte{attachPlain}, ev.Message.Marshal()...), nil
	default:
		sealed, err := l.cfg.Vault.Seal(vault.ID(h), ev.Message.Marshal(), ev.Event.Commitment[:])
		if errors.Is(err, vault.ErrErased) {
			ev.Message = nil
			return []byte{attachNone}, nil
		}
		return append([]byte{attachSealed}, sealed...), err
	}
}
