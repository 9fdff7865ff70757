package uses

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// DefaultPage is how many entries come at once when nothing is said, MaxPage how many at most.
const (
	DefaultPage = 100
	MaxPage     = 1000
)

// Query says what a wallet has verified already. The zero value asks for everything.
type Query struct {
	Since consent.Uint64 // size of the log it has seen
	After consent.Uint64 // the newest of its uses that it has verified
	Limit int            // entries in the first page; 0 is DefaultPage
}

// Statement returns the uses of a handle that a wallet has not verified yet, newest first, proved from one snapshot. When
// there are more than q.Limit, Entries has the rest. An erased handle is consent.Erased, a slot that is another handle's
// consent.NotFound. A log shorter than q.Since is consent.Conflict.
func (l *Log) Statement(ctx context.Context, slot consent.Uint64, handle consent.SubjectID, q Query) (Statement, error) {
	at, err := l.snapshot(slot)
	if err != nil {
		return Statement{}, err
	}
	cp := at.checkpoint
	s := Statement{Checkpoint: string(cp.Note), Since: q.Since, Slot: slot, SlotProof: at.path}
	if q.Since > consent.Uint64(cp.Size) { //nolint:gosec // not negative
		return Statement{}, consent.Errorf(consent.Conflict, "the log has %d uses, not %d", cp.Size, q.Since)
	}
	if q.Since > 0 {
		p, err := l.journal.ProveTree(cp.Size, int64(q.Since)) //nolint:gosec // at most cp.Size
		if err != nil {
			return Statement{}, l.codedRead(err)
		}
		s.Consistency = plain(p)
	}
	if at.last < 0 {
		return s, nil
	}
	newest, err := l.openOwn(at.last, slot, handle)
	if err != nil {
		return Statement{}, err
	}
	first := newest
	if newest.leaf.UseSeq > 1 {
		if first, err = l.openOwn(newest.first, slot, handle); err != nil {
			return Statement{}, err
		}
		if first.leaf.UseSeq != 1 {
			return Statement{}, consent.Errorf(consent.Internal, "record %d is not the first use of slot %d", newest.first, slot)
		}
	}
	s.UseSeq, s.SubjectSalt = newest.leaf.UseSeq, proof.SubjectSalt(first.use.Salt)
	s.Entries, err = l.walk(ctx, newest, cp.Size, q)
	return s, err
}

// Entries continues a statement behind entry record, the last one that came: the uses before it and above q.After, proved in
// the tree of size records, which is the size that the statement's checkpoint gives.
func (l *Log) Entries(ctx context.Context, slot consent.Uint64, handle consent.SubjectID, size, record consent.Uint64, q Query) ([]Entry, error) {
	if size > consent.Uint64(l.Count()) || record >= size { //nolint:gosec // not negative
		return nil, consent.Errorf(consent.NotFound, "no statement of %d uses", size)
	}
	o, err := l.openOwn(int64(record), slot, handle) //nolint:gosec // below Count
	if err != nil || o.leaf.UseSeq == 1 {
		return nil, err
	}
	if o, err = l.before(o); err != nil {
		return nil, err
	}
	return l.walk(ctx, o, int64(size), q) //nolint:gosec // at most Count
}

// walk proves o and the uses before it, as many as q asks for.
func (l *Log) walk(ctx context.Context, o opened, size int64, q Query) (out []Entry, err error) {
	limit := q.Limit
	if limit <= 0 {
		limit = DefaultPage
	}
	for limit = min(limit, MaxPage); o.leaf.UseSeq > q.After; {
		if err := ctx.Err(); err != nil {
			return nil, l.codedRead(err)
		}
		path, err := l.journal.ProveRecord(size, o.index)
		if err != nil {
			return nil, l.codedRead(err)
		}
		out = append(out, Entry{Index: consent.Uint64(o.index), Prev: o.leaf.Prev, Use: o.use, Proof: plain(path)}) //nolint:gosec // not negative
		if len(out) == limit || o.leaf.UseSeq == 1 || o.leaf.UseSeq-1 == q.After {
			break
		}
		if o, err = l.before(o); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// History shows a handle's uses with their inputs to each, from the newest that is durable, or with before, a record of the
// handle's, from the use before that one, down to the first, until each fails. It checks the chain on the way and proves nothing.
func (l *Log) History(
	ctx context.Context, slot consent.Uint64, handle consent.SubjectID, before consent.Uint64,
	each func(index consent.Uint64, u *Use, input []byte) error,
) error {
	at, err := l.snapshot(slot)
	if err != nil || at.last < 0 {
		return err
	}
	if before > consent.Uint64(at.last) {
		return consent.Errorf(consent.NotFound, "no such use")
	}
	start := at.last
	if before > 0 {
		start = int64(before) //nolint:gosec // at most the newest
	}
	o, err := l.openOwn(start, slot, handle)
	for skip := before > 0; err == nil; skip = false {
		if err = ctx.Err(); err != nil {
			return l.codedRead(err)
		}
		if !skip {
			err = each(consent.Uint64(o.index), &o.use, o.input) //nolint:gosec // not negative
		}
		if err != nil || o.leaf.UseSeq == 1 {
			return err
		}
		o, err = l.before(o)
	}
	return err
}

// before opens the use before o, which must have one, and checks that the chain leads there.
func (l *Log) before(o opened) (opened, error) {
	p, err := l.openOwn(o.prev, o.leaf.Slot, o.use.Handle)
	if err == nil && p.leaf.Hash() != o.leaf.Prev {
		err = consent.Errorf(consent.Internal, "record %d is not the use before record %d", o.prev, o.index)
	}
	return p, err
}

// snapshot is one durable checkpoint and a slot in it.
type snapshot struct {
	checkpoint journal.Checkpoint
	path       []consent.Hash // in the slot tree; nil beyond its size
	last       int64          // record number of the slot's newest use, -1 for none
}

func (l *Log) snapshot(slot consent.Uint64) (snapshot, error) {
	l.treeMu.RLock()
	defer l.treeMu.RUnlock()
	s := snapshot{checkpoint: l.journal.Durable(), last: l.lasts.at(slot) - 1}
	v := l.tree.Newest()
	if s.checkpoint.Size != l.treeAt {
		v = l.tree.Marked()
		if s.checkpoint.Size != l.markAt {
			return s, consent.Errorf(consent.Internal, "slot tree at %d or %d, checkpoint at %d", l.markAt, l.treeAt, s.checkpoint.Size)
		}
		s.last = l.landed(slot, s.last)
	}
	if slot >= consent.Uint64(v.Size()) { //nolint:gosec // not negative
		return s, nil
	}
	var err error
	if s.path, err = v.Prove(slot); err != nil {
		return s, consent.Errorf(consent.Internal, "prove slot: %w", err)
	}
	return s, nil
}

// landed is a slot's newest use before those in flight.
func (l *Log) landed(slot consent.Uint64, last int64) int64 {
	for k := range l.flying {
		if w := &l.flying[k]; w.slot == slot {
			if w.seq == 1 {
				return -1
			}
			return w.prev
		}
	}
	return last
}

// opened is a record with its seal opened.
type opened struct {
	index, prev, first int64
	leaf               proof.Leaf
	use                Use
	input              []byte
}

// openOwn opens a record for the patient: one of another handle or slot does not exist.
func (l *Log) openOwn(i int64, slot consent.Uint64, handle consent.SubjectID) (opened, error) {
	rec, err := l.journal.Read(i)
	if err != nil {
		return opened{}, l.codedRead(err)
	}
	w, err := parseRow(i, rec)
	if err != nil {
		return opened{}, err
	}
	if w.slot != slot || w.handle != handle {
		return opened{}, consent.Errorf(consent.NotFound, "no such use")
	}
	return l.unseal(i, rec)
}

// Open returns the use of record i and its input, for replay: consent.Erased when the handle is erased, consent.NotFound
// when there is no such record.
func (l *Log) Open(i consent.Uint64) (Use, []byte, error) {
	if i >= consent.Uint64(l.Count()) { //nolint:gosec // not negative
		return Use{}, nil, consent.Errorf(consent.NotFound, "no use %d", i)
	}
	rec, err := l.journal.Read(int64(i)) //nolint:gosec // below Count
	if err != nil {
		return Use{}, nil, l.codedRead(err)
	}
	o, err := l.unseal(int64(i), rec) //nolint:gosec // below Count
	return o.use, o.input, err
}

// unseal opens a record that the journal has proved.
func (l *Log) unseal(i int64, rec journal.Record) (o opened, err error) {
	if o.leaf, err = proof.ParseLeaf(rec.Leaf); err != nil {
		return o, err
	}
	a, err := parseAttachment(rec.Attachment)
	if err != nil {
		return o, err
	}
	o.index, o.prev, o.first = i, a.prev, a.first
	bound := slices.Concat(rec.Leaf, rec.Attachment[:attachmentHeader])
	b, err := l.cfg.Vault.Open(vault.ID(a.handle), a.sealed, bound)
	if err != nil {
		return o, codedVault(err)
	}
	if len(b) < 4 || int(binary.BigEndian.Uint32(b)) > len(b)-4 {
		return o, consent.Errorf(consent.Internal, "the body of a use ends too early")
	}
	n := 4 + int(binary.BigEndian.Uint32(b))
	if proof.Commitment(saltOf(b[4:n]), b[4:n]) != o.leaf.Commitment {
		return o, consent.Errorf(consent.Internal, "the body of a use is not what its leaf commits to")
	}
	o.input = b[n:]
	o.use, err = proof.ParseUse(b[4:n])
	return o, err
}

// saltOf is the last field of a canonical use.
func saltOf(canonical []byte) (salt consent.Hash) {
	copy(salt[:], canonical[max(len(canonical)-len(salt), 0):])
	return salt
}

// codedRead gives a read's error its code.
func (l *Log) codedRead(err error) error {
	var coded *consent.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &coded):
		return err
	case errors.Is(err, journal.ErrNotFound):
		return consent.Errorf(consent.NotFound, "read uses: %w", err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return consent.Errorf(consent.Unavailable, "read uses: %w", err)
	}
	return consent.Errorf(consent.Internal, "read uses: %w", fmt.Errorf("storage: %w", err))
}

func plain[T ~[]tlog.Hash](in T) []consent.Hash {
	out := make([]consent.Hash, len(in))
	for i, h := range in {
		out[i] = consent.Hash(h)
	}
	return out
}
