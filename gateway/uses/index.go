package uses

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	store "github.com/volens-ledger/volens/network/index"
	"github.com/volens-ledger/volens/network/journal"
)

// errIndex says that the index is not this journal's, or damaged. It is made anew.
var errIndex = errors.New("the index does not fit the journal")

// Keys of the index. Numbers are 8 bytes big-endian, so that they sort.
const (
	keyHead    = 'h' // slot → head
	keyZone    = 't' // block → first and last minute
	keyApplied = 'a' // → records, last leaf hash, slots line

	headSize = 16 + 32 + 32 + 8 + 8 + 8
	// zoneRecords is the length of a block of records whose first and last minute are kept.
	zoneRecords = 4096
	applyEvery  = 100 * time.Millisecond
	applyRows   = 2048
)

// batch is a run of uses on its way to the index.
type batch struct {
	end  int64 // records up to and with this batch
	last consent.Hash
	line string // slots line at end
	rows []row
}

// zone is when the uses of a block were.
type zone struct{ first, last consent.Uint64 }

// index is the rebuildable part: Badger, and what waits to go there.
type index struct {
	db      *store.DB
	lock    *os.File
	applied atomic.Int64

	applyMu sync.Mutex // held while a batch is written

	mu      sync.Mutex
	pending []batch
	waiting int // rows in pending
	zones   []zone

	poke chan struct{}
	stop chan struct{}
	done sync.WaitGroup
}

func openIndex(dir string, afresh bool) (*index, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	lock, err := lockFile(filepath.Clean(dir) + ".lock")
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if afresh {
		err = store.Drop(dir)
	}
	var db *store.DB
	if err == nil {
		db, err = store.Open(dir, store.Options{})
	}
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return &index{
		db: db, lock: lock, poke: make(chan struct{}, 1), stop: make(chan struct{}),
	}, nil
}

// close writes what is durable and closes Badger.
func (x *index) close() error {
	close(x.stop)
	x.done.Wait()
	if err := errors.Join(x.db.Close(), x.lock.Close()); err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// serve starts to follow the journal.
func (x *index) serve(j *journal.Log, fail func(error)) {
	x.done.Add(1)
	go func() {
		defer x.done.Done()
		t := time.NewTicker(applyEvery)
		defer t.Stop()
		for stopping := false; !stopping; {
			select {
			case <-t.C:
			case <-x.poke:
			case <-x.stop:
				stopping = true
			}
			if err := x.flush(j.Durable().Size); err != nil {
				fail(consent.Errorf(consent.Fenced, "index uses: %w", err))
				return
			}
		}
	}()
}

// queue adds the next batch.
func (x *index) queue(b batch) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.pending = append(x.pending, b)
	if x.waiting += len(b.rows); x.waiting >= applyRows {
		x.nudge()
	}
}

func (x *index) nudge() {
	select {
	case x.poke <- struct{}{}:
	default:
	}
}

// take removes and returns the oldest batches that are durable, as many as fit a transaction.
func (x *index) take(durable int64) []batch {
	x.mu.Lock()
	defer x.mu.Unlock()
	n, rows := 0, 0
	for n < len(x.pending) && x.pending[n].end <= durable && (n == 0 || rows+len(x.pending[n].rows) <= foldRows) {
		rows += len(x.pending[n].rows)
		n++
	}
	out := x.pending[:n:n]
	if x.pending = x.pending[n:]; len(x.pending) == 0 {
		x.pending = nil
	}
	x.waiting -= rows
	return out
}

// flush applies what is durable.
func (x *index) flush(durable int64) error {
	x.applyMu.Lock()
	defer x.applyMu.Unlock()
	for {
		bs := x.take(durable)
		if len(bs) == 0 {
			return nil
		}
		if err := x.apply(bs); err != nil {
			return err
		}
	}
}

// apply writes batches and how far they go in one transaction.
func (x *index) apply(bs []batch) error {
	txn := x.db.NewTransaction(true)
	defer txn.Discard()
	newest := make(map[consent.Uint64]*row)
	touched := make(map[int64]zone)
	for _, b := range bs {
		for k := range b.rows {
			w := &b.rows[k]
			newest[w.slot] = w
			x.widen(touched, w)
		}
	}
	for slot, w := range newest {
		h := w.head()
		if err := txn.Set(append([]byte{keyHead}, number(uint64(slot))...), h.bytes()); err != nil {
			return err
		}
	}
	for block, z := range touched {
		v := binary.BigEndian.AppendUint64(number(uint64(z.first)), uint64(z.last))
		if err := txn.Set(append([]byte{keyZone}, number(uint64(block))...), v); err != nil { //nolint:gosec // not negative
			return err
		}
	}
	end := bs[len(bs)-1]
	applied := append(append(number(uint64(end.end)), end.last[:]...), end.line...) //nolint:gosec // not negative
	if err := txn.Set([]byte{keyApplied}, applied); err != nil {
		return err
	}
	if err := txn.Commit(); err != nil {
		return err
	}
	x.publish(end.end, touched)
	return nil
}

// widen makes the zone of w's block hold w.
func (x *index) widen(touched map[int64]zone, w *row) {
	block := w.index / zoneRecords
	z, ok := touched[block]
	if !ok {
		z = zone{w.minute, w.minute}
		if block < int64(len(x.zones)) { // only apply writes zones, one at a time
			z = x.zones[block]
		}
	}
	touched[block] = zone{min(z.first, w.minute), max(z.last, w.minute)}
}

func (x *index) publish(applied int64, touched map[int64]zone) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for int64(len(x.zones)) <= (applied-1)/zoneRecords {
		x.zones = append(x.zones, zone{})
	}
	for block, z := range touched {
		x.zones[block] = z
	}
	x.applied.Store(applied)
}

// zone is when the uses of a block were, false when it is not known to the last of them.
func (x *index) zone(block int64) (zone, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if block >= int64(len(x.zones)) || x.applied.Load() < (block+1)*zoneRecords {
		return zone{}, false
	}
	return x.zones[block], true
}

// load reads heads and zones, and says how far the index goes.
func (x *index) load(each func(slot consent.Uint64, h head)) (end batch, err error) {
	err = x.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte{keyApplied})
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := item.Value(end.parse); err != nil {
			return err
		}
		if err := scan(txn, keyZone, 16, func(_ uint64, v []byte) {
			x.zones = append(x.zones, zone{consent.Uint64(binary.BigEndian.Uint64(v)), consent.Uint64(binary.BigEndian.Uint64(v[8:]))})
		}); err != nil {
			return err
		}
		if int64(len(x.zones)) != (end.end+zoneRecords-1)/zoneRecords {
			return errors.New("a zone is missing")
		}
		return scan(txn, keyHead, headSize, func(k uint64, v []byte) {
			each(consent.Uint64(k%proof.MaxSlots), parseHead(v))
		})
	})
	if err != nil {
		return batch{}, fmt.Errorf("%w: %w", errIndex, err)
	}
	x.applied.Store(end.end)
	return end, x.db.Sound()
}

func (b *batch) parse(v []byte) error {
	if len(v) < 40 || binary.BigEndian.Uint64(v) > 1<<62 {
		return errors.New("bad position")
	}
	b.end, b.last, b.line = int64(binary.BigEndian.Uint64(v)), consent.Hash(v[8:40]), string(v[40:]) //nolint:gosec // checked
	return nil
}

// scan reads all entries under a one-byte prefix with a number behind it.
func scan(txn *badger.Txn, prefix byte, size int, fn func(k uint64, v []byte)) error {
	o := badger.DefaultIteratorOptions
	o.PrefetchSize = 1000
	o.Prefix = []byte{prefix}
	it := txn.NewIterator(o)
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		k := it.Item().Key()
		if len(k) != 9 {
			return errors.New("bad key")
		}
		err := it.Item().Value(func(v []byte) error {
			if len(v) != size {
				return errors.New("bad value")
			}
			fn(binary.BigEndian.Uint64(k[1:]), v)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func number(n uint64) []byte { return binary.BigEndian.AppendUint64(make([]byte, 0, 8+72), n) }

func (w *row) head() head {
	return head{handle: w.handle, pseudonym: w.pseudonym, leaf: w.leaf, seq: w.seq, last: w.index, first: w.first}
}

func (h *head) bytes() []byte {
	b := make([]byte, 0, headSize)
	b = append(append(append(b, h.handle[:]...), h.pseudonym[:]...), h.leaf[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.seq))
	b = binary.BigEndian.AppendUint64(b, uint64(h.last))     //nolint:gosec // not negative
	return binary.BigEndian.AppendUint64(b, uint64(h.first)) //nolint:gosec // not negative
}

func parseHead(b []byte) head {
	return head{
		handle: consent.SubjectID(b[:16]), pseudonym: consent.Hash(b[16:48]), leaf: consent.Hash(b[48:80]),
		seq:  consent.Uint64(binary.BigEndian.Uint64(b[80:])),
		last: int64(binary.BigEndian.Uint64(b[88:])), first: int64(binary.BigEndian.Uint64(b[96:])), //nolint:gosec // what it leads to is checked
	}
}
