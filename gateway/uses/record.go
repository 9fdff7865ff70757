package uses

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

const (
	// MaxUse is the longest use in canonical bytes.
	MaxUse = 256 << 10
	// MaxInput is the longest input of a decision.
	MaxInput = 1 << 20

	attachmentVersion = 1
	attachmentRequest = 2 // the same, of a use of kind proof.Request
	attachmentHeader  = 1 + 16 + 8 + 8
)

// Receipt says where a use is on record.
type Receipt struct {
	Index  consent.Uint64 `json:"index"`  // of its leaf in the log
	UseSeq consent.Uint64 `json:"useSeq"` // among the handle's uses
	Leaf   consent.Hash   `json:"leaf"`   // leaf hash
}

// Pending is a use on its way to the disk.
type Pending struct {
	log     *Log
	queued  *journal.Pending
	receipt Receipt
}

// Record puts a use on record and returns when it is durable. Only then may be done what it says.
func (l *Log) Record(ctx context.Context, slot consent.Uint64, u Use, input []byte) (Receipt, error) {
	p, err := l.Begin(slot, u, input)
	if err != nil {
		return Receipt{}, err
	}
	return p.Wait(ctx)
}

// Begin gives u the next number of its handle and queues it, sealed together with input, the full input of the decision.
// It sets UseSeq, Salt and InputHash. slot is the handle's, from the ledger. It does not wait for the disk, but for a
// handle that the vault has never seen. Errors are consent codes: Erased, Full, TooLarge, Conflict (the slot belongs to
// another handle), Fenced, Unavailable, Malformed. Then nothing is on record.
func (l *Log) Begin(slot consent.Uint64, u Use, input []byte) (*Pending, error) {
	if err := l.Fenced(); err != nil {
		return nil, err
	}
	if err := checkForm(slot, &u, input); err != nil {
		return nil, err
	}
	_, _ = rand.Read(u.Salt[:]) //nolint:errcheck // never fails (crypto/rand)
	u.InputHash = sha256.Sum256(input)
	body := seqless(&u, input)
	defer body.free()
	if err := l.ensureKey(slot, u.Handle); err != nil {
		return nil, err
	}
	lock := l.heads.lock(slot)
	lock.Lock()
	defer lock.Unlock()
	return l.enqueue(slot, &u, body)
}

func checkForm(slot consent.Uint64, u *Use, input []byte) error {
	switch {
	case slot >= proof.MaxSlots:
		return consent.Errorf(consent.Malformed, "slot %d is beyond %d", slot, proof.MaxSlots)
	case u.Handle.IsZero() || u.Kind == "" || u.Time <= 0:
		return consent.Errorf(consent.Malformed, "a use needs handle, kind and time")
	case u.Decision != proof.Permit && u.Decision != proof.Deny:
		return consent.Errorf(consent.Malformed, "a use is a permit or a deny")
	case len(input) > MaxInput:
		return consent.Errorf(consent.TooLarge, "an input of %d bytes", len(input))
	}
	return nil
}

// body is a plaintext whose use has no number yet. Only the number depends on the uses before, so that all the rest is
// encoded before the lock is taken.
type body struct {
	plain     []byte
	canonical []byte // within plain
	buf       *[]byte
}

const seqAt = 16 // canonical bytes begin with the handle and then the number

// plainPool holds buffers for what is sealed and then needed no more.
var plainPool = sync.Pool{New: func() any { return new([]byte) }}

func seqless(u *Use, input []byte) body {
	buf, ok := plainPool.Get().(*[]byte)
	if !ok {
		buf = new([]byte)
	}
	b := u.AppendTo(append((*buf)[:0], 0, 0, 0, 0))
	n := len(b)
	binary.BigEndian.PutUint32(b, uint32(n-4)) //nolint:gosec // bounded by memory, and refused above MaxUse
	b = append(b, input...)
	*buf = b
	return body{plain: b, canonical: b[4:n], buf: buf}
}

// free gives the buffer back, cleared: it held a person's data.
func (b *body) free() {
	if clear(b.plain); cap(b.plain) <= maxPooled {
		plainPool.Put(b.buf)
	}
}

const maxPooled = 16 << 10

// ensureKey makes the handle's key durable before the first record that needs it is queued: a record on disk whose key was
// lost would break the handle's chain of openings for ever.
func (l *Log) ensureKey(slot consent.Uint64, handle consent.SubjectID) error {
	lock := l.heads.lock(slot)
	lock.Lock()
	used := l.heads.at(slot).seq > 0
	lock.Unlock()
	if used {
		return nil
	}
	if !l.cfg.Vault.Known(vault.ID(handle)) {
		if _, err := l.cfg.Vault.Seal(vault.ID(handle), nil, nil); err != nil {
			return codedVault(err)
		}
	}
	if err := l.cfg.Vault.Sync(); err != nil {
		err = consent.Errorf(consent.Fenced, "record use: %w", err)
		l.fence(err)
		return err
	}
	return nil
}

// enqueue numbers, seals and queues the use. It needs the slot's lock.
func (l *Log) enqueue(slot consent.Uint64, u *Use, b body) (*Pending, error) {
	if len(b.canonical) > MaxUse {
		return nil, consent.Errorf(consent.TooLarge, "a use of %d bytes", len(b.canonical))
	}
	h := l.heads.at(slot)
	next := *h
	switch {
	case h.seq == 0:
		next.handle, next.pseudonym = u.Handle, proof.Pseudonym(u.Handle, proof.SubjectSalt(u.Salt))
	case h.handle != u.Handle:
		return nil, consent.Errorf(consent.Conflict, "slot %d belongs to another handle", slot)
	}
	next.seq++
	u.UseSeq = next.seq
	binary.BigEndian.PutUint64(b.canonical[seqAt:], uint64(u.UseSeq))
	leaf := proof.Leaf{
		Slot: slot, Pseudonym: next.pseudonym, UseSeq: next.seq, Prev: h.leaf, Minute: proof.MinuteOf(u.Time),
		Commitment: proof.Commitment(u.Salt, b.canonical),
	}
	public := leaf.Marshal()
	next.leaf = leafHash(public)
	header := (&attachment{handle: u.Handle, prev: h.last, first: h.first, request: u.Kind == proof.Request}).header(len(b.plain) + vault.Overhead)
	sealed, err := l.cfg.Vault.AppendSealed(header, vault.ID(u.Handle), b.plain, slices.Concat(public, header))
	if err != nil {
		return nil, codedVault(err)
	}
	queued, err := l.journal.Enqueue(journal.Record{Leaf: public, Attachment: sealed}, journal.EnqueueOptions{})
	if err != nil {
		return nil, l.codedJournal(err)
	}
	next.last = queued.Index()
	if next.seq == 1 {
		next.first = next.last
	}
	*h = next
	p := &Pending{log: l, queued: queued, receipt: Receipt{
		Index: consent.Uint64(queued.Index()), UseSeq: next.seq, Leaf: next.leaf, //nolint:gosec // not negative
	}}
	if l.notices != nil {
		l.notices.add(u, p)
	}
	return p, nil
}

// Receipt is what Wait will return if it succeeds.
func (p *Pending) Receipt() Receipt { return p.receipt }

// Wait returns when the use is durable. Fenced and Unknown (ctx ended) mean that it may or may not be on record; nothing may be
// released on it.
func (p *Pending) Wait(ctx context.Context) (Receipt, error) {
	if err := p.queued.Wait(ctx); err != nil {
		if ctx.Err() != nil && !errors.Is(err, journal.ErrFenced) {
			return Receipt{}, consent.Errorf(consent.Unknown, "record use: %w", err)
		}
		return Receipt{}, p.log.codedJournal(err)
	}
	return p.receipt, nil
}

// codedJournal gives a journal's error its code, and fences the log unless it only says no to one record.
func (l *Log) codedJournal(err error) error {
	code := consent.Fenced
	switch {
	case errors.Is(err, journal.ErrFull):
		code = consent.Full
	case errors.Is(err, journal.ErrTooLarge):
		code = consent.TooLarge
	case errors.Is(err, journal.ErrClosed):
		code = consent.Unavailable
	}
	err = consent.Errorf(code, "record use: %w", err)
	if code == consent.Fenced {
		l.fence(err)
	}
	return err
}

func codedVault(err error) error {
	code := consent.Internal
	switch {
	case errors.Is(err, vault.ErrErased):
		code = consent.Erased
	case errors.Is(err, vault.ErrFenced):
		code = consent.Fenced
	case errors.Is(err, vault.ErrClosed):
		code = consent.Unavailable
	}
	return consent.Errorf(code, "use: %w", err)
}
