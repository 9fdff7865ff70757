package vault

import (
	"fmt"
	"io"
	"time"
)

// A file is what the log needs of an os.File.
type file interface {
	io.Writer
	Sync() error
	Close() error
}

// A ringFile is the ring in force, open at its end.
type ringFile struct {
	f      file
	path   string
	header header
	size   int64
}

// Fenced is nil until the first write to disk that failed; from then on the vault seals, erases and rotates nothing.
func (v *Vault) Fenced() error { return v.fenced() }

// fenced returns why the vault takes no more writes.
func (v *Vault) fenced() error {
	if e := v.fault.Load(); e != nil {
		return *e
	}
	return nil
}

// fence stops all writes for ever. The first reason stays.
func (v *Vault) fence(err error) error {
	v.fault.CompareAndSwap(nil, &err)
	return err
}

func (v *Vault) broken(cause error) error {
	return v.fence(fmt.Errorf("%w: %w", ErrFenced, cause))
}

// enqueue appends a record to the last batch that has room for it.
func enqueue(q []batch, r record) []batch {
	n := len(q)
	if n == 0 || len(q[n-1].payload)+keyRecord > frameMax {
		q, n = append(q, batch{}), n+1
	}
	q[n-1].payload = appendRecord(q[n-1].payload, r)
	q[n-1].records++
	return q
}

// enqueue needs mu.
func (v *Vault) enqueue(r record) {
	v.queue = enqueue(v.queue, r)
	v.queued.Add(1)
}

// Sync returns when every key used so far, and every erasure so far, is on disk. Concurrent calls share an fsync; when
// nothing is new it costs two loads. After an error (ErrFenced) it is unknown what is on disk.
func (v *Vault) Sync() error {
	for want := v.queued.Load(); v.synced.Load() < want; {
		if err := v.flush(want); err != nil {
			return fmt.Errorf("sync keys: %w", err)
		}
	}
	return v.fenced()
}

// flush appends one frame, unless another caller's fsync has covered want meanwhile.
func (v *Vault) flush(want uint64) error {
	v.commit.Lock()
	defer v.commit.Unlock()
	if v.synced.Load() >= want {
		return nil
	}
	if err := v.fenced(); err != nil {
		return err
	}
	v.mu.Lock()
	b := v.queue[0]
	v.queue[0] = batch{}
	v.queue = v.queue[1:]
	v.mu.Unlock()
	frame := appendFrame(nil, v.ring.header.salt(), v.ring.size, b.payload)
	_, err := v.ring.f.Write(frame)
	if err == nil {
		err = v.ring.f.Sync()
	}
	if err != nil {
		return v.broken(err)
	}
	v.ring.size += int64(len(frame))
	v.synced.Add(b.records)
	return nil
}

// Erase drops the keys of subjects: from memory before anything else, then by a durable tombstone each. When it
// returns nil nothing can be sealed or opened for them through this vault, ever; Rotate makes that true of every copy
// of the ring. Erasing an unknown subject keeps it from ever getting a key. Erasing again does nothing.
func (v *Vault) Erase(ids ...ID) error {
	v.change.RLock()
	err := v.drop(ids)
	v.change.RUnlock()
	if err == nil {
		err = v.Sync()
	}
	if err != nil {
		return fmt.Errorf("erase: %w", err)
	}
	return nil
}

func (v *Vault) drop(ids []ID) error {
	now := v.cfg.Now()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed {
		return ErrClosed
	}
	for _, id := range ids {
		if v.bury(id, now) {
			v.enqueue(record{kind: kindTombstone, id: id, seconds: now.Unix()})
		}
	}
	return nil
}

// bury marks a subject erased; false if it was. It needs mu.
func (v *Vault) bury(id ID, now time.Time) bool {
	hash := v.hash(id)
	e := v.table.find(id, hash)
	switch {
	case e == nil:
		v.table.add(id, hash)
	case e.erased():
		return false
	default:
		clear(e.wrapped[:])
		v.cache.drop(id, hash)
		if v.pending++; v.since.IsZero() || now.Before(v.since) {
			v.since = now
		}
	}
	v.erased++
	return true
}

// Pending is how many erased keys a copy of a ring could still give back, until Rotate has succeeded.
func (v *Vault) Pending() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.pending + v.unswept
}

// Erased says whether the subject was erased.
func (v *Vault) Erased(id ID) bool {
	e := v.lookup(id)
	return e != nil && e.erased()
}

// Known says whether the subject has a key.
func (v *Vault) Known(id ID) bool {
	e := v.lookup(id)
	return e != nil && !e.erased()
}

func (v *Vault) lookup(id ID) *entry {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e := v.table.find(id, v.hash(id))
	if e == nil {
		return nil
	}
	return &entry{wrapped: e.wrapped}
}

// Stats is a look at a vault.
type Stats struct {
	Epoch        uint64    `json:"epoch"`
	Keys         int       `json:"keys"`         // subjects with a key
	Erased       int       `json:"erased"`       // subjects erased, ever
	Pending      int       `json:"pending"`      // as Pending
	PendingSince time.Time `json:"pendingSince"` // the oldest pending erasure; zero when there is none
	RingBytes    int64     `json:"ringBytes"`
}

// Stats returns figures that say nothing about any subject.
func (v *Vault) Stats() Stats {
	v.commit.Lock()
	defer v.commit.Unlock()
	v.mu.RLock()
	defer v.mu.RUnlock()
	return Stats{
		Epoch: v.ring.header.epoch, Keys: v.table.n - v.erased, Erased: v.erased,
		Pending: v.pending + v.unswept, PendingSince: v.since, RingBytes: v.ring.size,
	}
}
