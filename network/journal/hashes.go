package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"
)

// hashFile is the derived file of all tree hashes, in tlog's stored-hash layout, 32 bytes each. It is never trusted:
// whatever is read from it is proved against a signed root before it leaves the package, and the file is rebuilt from
// the segments when a proof does not hold.
type hashFile struct {
	f       file
	stale   atomic.Bool // a write to it went wrong
	rebuild sync.Mutex

	topMu sync.RWMutex
	top   map[int64]tlog.Hash // hashes of tileHeight levels up and higher, as read: two for every 256 records at most
}

func openHashes(cfg Config, flag int) (*hashFile, error) {
	if flag == os.O_RDWR {
		flag |= os.O_CREATE
	}
	f, err := cfg.disk.Open(filepath.Join(cfg.Dir, hashesName), flag)
	if flag == os.O_RDONLY && errors.Is(err, fs.ErrNotExist) {
		return &hashFile{f: noFile{}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open hashes: %w", err)
	}
	return &hashFile{f: f}, nil
}

// append stores the hashes of the records from first on. An error is not the journal's: proofs will fail and rebuild.
func (h *hashFile) append(first int64, stored []tlog.Hash) {
	b := make([]byte, 0, len(stored)*tlog.HashSize)
	for i := range stored {
		b = append(b, stored[i][:]...)
	}
	if _, err := h.f.WriteAt(b, tlog.StoredHashIndex(0, first)*tlog.HashSize); err != nil {
		h.stale.Store(true)
	}
}

// sync keeps a power cut from costing more than the hashes of the active segment, which a start recomputes anyway.
func (h *hashFile) sync() {
	if err := h.f.Datasync(); err != nil {
		h.stale.Store(true)
	}
}

// ReadHashes implements tlog.HashReader.
func (h *hashFile) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	r := h.reader()
	defer r.done()
	return r.ReadHashes(indexes)
}

// reader reads for many proofs that lie together. It must be given back with done.
func (h *hashFile) reader() *hashReader { return &hashReader{h: h} }

// A hashReader remembers the blocks that it read last: that of the records being proved, and that of the tree's right edge.
type hashReader struct {
	h    *hashFile
	held [2]*block
}

func (r *hashReader) done() {
	for _, b := range r.held {
		if b != nil {
			blocks.Put(b)
		}
	}
}

// ReadHashes implements tlog.HashReader. The lower levels of 256 records lie together and are read at once; the upper
// levels are few and remembered.
func (r *hashReader) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for k, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		if level >= tileHeight {
			var err error
			if out[k], err = r.h.readTop(x); err != nil {
				return nil, err
			}
			continue
		}
		tile := n >> (tileHeight - level)
		at := (x - tlog.StoredHashIndex(0, tile*tileWidth)) * tlog.HashSize
		b, err := r.block(tile, at)
		if err != nil {
			return nil, err
		}
		out[k] = tlog.Hash(b.buf[at:])
	}
	return out, nil
}

// block returns the block of a tile with the hash at byte at in it.
func (r *hashReader) block(tile, at int64) (*block, error) {
	b := r.held[tile&1]
	if b == nil {
		b, _ = blocks.Get().(*block) //nolint:errcheck // the pool holds nothing else
		b.tile = -1
		r.held[tile&1] = b
	}
	if b.tile != tile || at+tlog.HashSize > int64(b.n) {
		if err := r.h.readBlock(b, tile); err != nil {
			return nil, err
		}
	}
	if at+tlog.HashSize > int64(b.n) {
		return nil, fmt.Errorf("read hashes: %w", io.ErrUnexpectedEOF)
	}
	return b, nil
}

// block is all hashes below tileHeight of the 256 records of a tile: 511 of them.
type block struct {
	tile int64
	n    int
	buf  [(2*tileWidth - 1) * tlog.HashSize]byte
}

var blocks = sync.Pool{New: func() any { return new(block) }}

func (h *hashFile) readBlock(b *block, tile int64) error {
	n, err := h.f.ReadAt(b.buf[:], tlog.StoredHashIndex(0, tile*tileWidth)*tlog.HashSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read hashes: %w", err)
	}
	b.tile, b.n = tile, n
	return nil
}

func (h *hashFile) readTop(x int64) (v tlog.Hash, err error) {
	h.topMu.RLock()
	v, ok := h.top[x]
	h.topMu.RUnlock()
	if ok {
		return v, nil
	}
	var b tlog.Hash
	if _, err := h.f.ReadAt(b[:], x*tlog.HashSize); err != nil {
		return b, fmt.Errorf("read hashes: %w", err)
	}
	h.topMu.Lock()
	defer h.topMu.Unlock()
	if h.top == nil {
		h.top = make(map[int64]tlog.Hash)
	}
	h.top[x] = b
	return b, nil
}

// forget drops what is remembered of the file's content.
func (h *hashFile) forget() {
	h.topMu.Lock()
	defer h.topMu.Unlock()
	h.top = nil
}

// leaves reads the leaf hashes of records [i, j).
func (h *hashFile) leaves(i, j int64, out []tlog.Hash) ([]tlog.Hash, error) {
	lo, hi := tlog.StoredHashIndex(0, i), tlog.StoredHashIndex(0, j-1)+1
	b := make([]byte, (hi-lo)*tlog.HashSize)
	if _, err := h.f.ReadAt(b, lo*tlog.HashSize); err != nil {
		return nil, fmt.Errorf("read hashes: %w", err)
	}
	for out = out[:0]; i < j; i++ {
		out = append(out, tlog.Hash(b[(tlog.StoredHashIndex(0, i)-lo)*tlog.HashSize:]))
	}
	return out, nil
}

// sound says whether the file leads to the root of cp. It looks at few hashes: those inside are proved when used.
func (h *hashFile) sound(cp Checkpoint) bool {
	root, err := tlog.TreeHash(cp.Size, h)
	return err == nil && root == cp.Root
}

// rebuildHashes computes the hash file anew from the segments. Damage to the segments is a CorruptError and leaves the
// file as it is, because where its leaves differ is then the best witness of what was altered.
func (l *Log) rebuildHashes(ctx context.Context, cp Checkpoint) error {
	suspect, err := l.refold(ctx, cp, false)
	if err != nil {
		return err
	}
	if suspect != nil {
		return suspect
	}
	_, err = l.refold(ctx, cp, true) //nolint:errcheck // there was no suspect a moment ago
	l.hashes.forget()
	l.hashes.stale.Store(err != nil)
	return err
}

// refold hashes the first cp.Size records again and compares the root, or writes the hashes if told so. On another root
// it returns the first record whose stored leaf hash differs.
func (l *Log) refold(ctx context.Context, cp Checkpoint, write bool) (suspect *CorruptError, err error) {
	var tree frontier
	var stored, old []tlog.Hash
	first := &CorruptError{Index: -1, Reason: "the records do not hash to the signed root"}
	err = l.eachRun(ctx, 0, cp.Size, func(r *run) error {
		stored = stored[:0]
		if !write && first.Index < 0 {
			old, _ = l.hashes.leaves(r.first, r.first+r.len(), old) //nolint:errcheck // a short file has nothing to compare
		}
		for k := range r.starts[1:] {
			rec, err := r.record(k)
			if err != nil {
				return err
			}
			leaf := tlog.RecordHash(rec.Leaf)
			if !write && first.Index < 0 && k < len(old) && old[k] != leaf {
				first.Index, first.File, first.Offset = r.first+int64(k), r.segment, int64(r.starts[k])
			}
			stored = tree.graft(0, leaf, stored)
		}
		if write {
			l.hashes.append(r.first, stored)
		}
		l.cfg.Progress(tree.size, cp.Size)
		return nil
	})
	if err == nil && tree.root() != cp.Root {
		return first, nil
	}
	return nil, err
}

// noFile stands for a hash file that is not there, as in a backup. It is empty and takes no writes.
type noFile struct{}

var _ file = noFile{}

func (noFile) ReadAt([]byte, int64) (int, error)  { return 0, io.EOF }
func (noFile) WriteAt([]byte, int64) (int, error) { return 0, fs.ErrPermission }
func (noFile) Close() error                       { return nil }
func (noFile) Datasync() error                    { return nil }
func (noFile) Truncate(int64) error               { return fs.ErrPermission }
func (noFile) Size() (int64, error)               { return 0, nil }
func (noFile) Reserve(int64) error                { return fs.ErrPermission }
