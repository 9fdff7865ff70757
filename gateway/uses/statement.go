package uses

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

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
	cp, path, err := l.snapshot(slot)
	if err != nil {
		return Statement{}, err
	}
	s := Statement{Checkpoint: string(cp.Note), Since: q.Since, Slot: slot, SlotProof: path}
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
	newest, err := l.newest(ctx, slot, handle, cp.Size)
	if err != nil || newest.seq == 0 {
		return s, err
	}
	s.UseSeq = newest.seq
	if s.SubjectSalt, err = l.subjectSalt(slot, handle, cp.Size); err != nil {
		return Statement{}, err
	}
	s.Entries, err = l.entries(ctx, slot, handle, page{size: cp.Size, from: newest.seq, after: q.After, limit: q.Limit})
	return s, err
}

// Entries continues a statement: the uses with numbers below before and above q.After, proved in the tree of size records, which
// is the size that the statement's checkpoint gives.
func (l *Log) Entries(ctx context.Context, slot consent.Uint64, handle consent.SubjectID, size, before consent.Uint64, q Query) ([]Entry, error) {
	if size > consent.Uint64(l.Count()) || before == 0 { //nolint:gosec // not negative
		return nil, consent.Errorf(consent.NotFound, "no statement of %d uses", size)
	}
	if _, err := l.newest(ctx, slot, handle, int64(size)); err != nil { //nolint:gosec // at most Count
		return nil, err
	}
	return l.entries(ctx, slot, handle, page{size: int64(size), from: before - 1, after: q.After, limit: q.Limit}) //nolint:gosec // at most Count
}

// snapshot is the newest durable checkpoint and the path of a slot in its slot tree, nil beyond its size.
func (l *Log) snapshot(slot consent.Uint64) (journal.Checkpoint, []consent.Hash, error) {
	l.treeMu.RLock()
	defer l.treeMu.RUnlock()
	cp := l.journal.Durable()
	v := l.tree.Newest()
	if cp.Size != l.treeAt {
		v = l.tree.Marked()
		if cp.Size != l.markAt {
			return cp, nil, consent.Errorf(consent.Internal, "slot tree at %d or %d, checkpoint at %d", l.markAt, l.treeAt, cp.Size)
		}
	}
	if slot >= consent.Uint64(v.Size()) { //nolint:gosec // not negative
		return cp, nil, nil
	}
	path, err := v.Prove(slot)
	if err != nil {
		return cp, nil, consent.Errorf(consent.Internal, "prove slot: %w", err)
	}
	return cp, path, nil
}

// newest is the handle's newest use among the first size records; seq 0 when there is none.
func (l *Log) newest(ctx context.Context, slot consent.Uint64, handle consent.SubjectID, size int64) (place, error) {
	if slot >= proof.MaxSlots {
		return place{}, consent.Errorf(consent.NotFound, "no such slot")
	}
	lock := l.heads.lock(slot)
	lock.Lock()
	h := *l.heads.at(slot)
	lock.Unlock()
	if h.seq == 0 {
		return place{}, nil
	}
	if h.handle != handle {
		return place{}, consent.Errorf(consent.NotFound, "no such slot")
	}
	if err := l.index.wait(ctx, size); err != nil {
		return place{}, err
	}
	ps, err := l.index.places(slot, h.seq, 0, size, 1)
	if err != nil || len(ps) == 0 {
		return place{}, l.codedRead(err)
	}
	return ps[0], nil
}

func (l *Log) subjectSalt(slot consent.Uint64, handle consent.SubjectID, size int64) (consent.Hash, error) {
	ps, err := l.index.places(slot, 1, 0, size, 1)
	if err == nil && len(ps) != 1 {
		err = consent.Errorf(consent.Internal, "the index has no first use of slot %d", slot)
	}
	if err != nil {
		return consent.Hash{}, l.codedRead(err)
	}
	o, err := l.open(ps[0].index)
	if err == nil {
		err = o.is(slot, handle, 1)
	}
	if err != nil {
		return consent.Hash{}, err
	}
	return proof.SubjectSalt(o.use.Salt), nil
}

// page is a stretch of a handle's uses.
type page struct {
	size        int64
	from, after consent.Uint64
	limit       int
}

func (l *Log) entries(ctx context.Context, slot consent.Uint64, handle consent.SubjectID, p page) ([]Entry, error) {
	if p.limit <= 0 {
		p.limit = DefaultPage
	}
	places, err := l.index.places(slot, p.from, p.after, p.size, min(p.limit, MaxPage))
	if err != nil {
		return nil, l.codedRead(err)
	}
	out := make([]Entry, 0, len(places))
	for k, at := range places {
		if err := ctx.Err(); err != nil {
			return nil, consent.Errorf(consent.Unavailable, "read uses: %w", err)
		}
		if at.seq != p.from-consent.Uint64(k) {
			return nil, consent.Errorf(consent.Internal, "the index skips use %d of slot %d", p.from-consent.Uint64(k), slot)
		}
		o, err := l.open(at.index)
		if err == nil {
			err = o.is(slot, handle, at.seq)
		}
		if err != nil {
			return nil, err
		}
		path, err := l.journal.ProveRecord(p.size, at.index)
		if err != nil {
			return nil, l.codedRead(err)
		}
		out = append(out, Entry{Index: consent.Uint64(at.index), Prev: o.leaf.Prev, Use: o.use, Proof: plain(path)}) //nolint:gosec // not negative
	}
	return out, nil
}

// opened is a record with its seal opened.
type opened struct {
	leaf  proof.Leaf
	use   Use
	input []byte
}

// is says whether the index led to the right record.
func (o *opened) is(slot consent.Uint64, handle consent.SubjectID, seq consent.Uint64) error {
	if o.leaf.Slot != slot || o.leaf.UseSeq != seq || o.use.Handle != handle {
		return consent.Errorf(consent.Internal, "the index of uses leads to another record")
	}
	return nil
}

// Open returns the use of record i and its input, for replay: consent.Erased when the handle is erased, consent.NotFound
// when there is no such record.
func (l *Log) Open(i consent.Uint64) (Use, []byte, error) {
	if i >= consent.Uint64(l.Count()) { //nolint:gosec // not negative
		return Use{}, nil, consent.Errorf(consent.NotFound, "no use %d", i)
	}
	o, err := l.open(int64(i)) //nolint:gosec // below Count
	return o.use, o.input, err
}

func (l *Log) open(i int64) (opened, error) {
	rec, err := l.journal.Read(i)
	if err != nil {
		return opened{}, l.codedRead(err)
	}
	return l.unseal(rec)
}

// unseal opens a record that the journal has proved.
func (l *Log) unseal(rec journal.Record) (o opened, err error) {
	if o.leaf, err = proof.ParseLeaf(rec.Leaf); err != nil {
		return o, err
	}
	handle, sealed, err := splitAttachment(rec.Attachment)
	if err != nil {
		return o, err
	}
	b, err := l.cfg.Vault.Open(vault.ID(handle), sealed, rec.Leaf)
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
