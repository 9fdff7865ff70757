package journal

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

var (
	// errUnproved means that what the hash file says does not lead to the signed root: the hash file is wrong.
	errUnproved = errors.New("hashes do not lead to the signed root")
	// errAltered means that the tree holds another leaf than the record has: the record is wrong.
	errAltered = errors.New("the leaf is not the one the signed root holds")
)

// tileHeight is C2SP tlog-tiles' only height; a tile and an entry bundle are 256 wide.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

// proved runs fn, and once more after rebuilding the hash file if that was what was wrong.
func (l *Log) proved(fn func() error) error {
	err := fn()
	if !errors.Is(err, errUnproved) {
		return err
	}
	l.hashes.rebuild.Lock()
	defer l.hashes.rebuild.Unlock()
	if err = fn(); !errors.Is(err, errUnproved) {
		return err // another reader has rebuilt it meanwhile
	}
	if err := l.rebuildHashes(context.Background(), l.Durable()); err != nil { // for later readers too
		return fmt.Errorf("rebuild hashes: %w", err)
	}
	return fn()
}

// rootCache remembers roots of past sizes that were proved consistent with a signed one.
type rootCache struct {
	mu    sync.Mutex
	roots map[int64]tlog.Hash
}

const maxRoots = 1024

func (c *rootCache) find(size int64) (tlog.Hash, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.roots[size]
	return h, ok
}

func (c *rootCache) store(size int64, h tlog.Hash) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.roots == nil || len(c.roots) >= maxRoots {
		c.roots = make(map[int64]tlog.Hash)
	}
	c.roots[size] = h
}

// rootAt is the root of the first size records, proved consistent with cp.
func (l *Log) rootAt(cp Checkpoint, size int64) (tlog.Hash, error) {
	if size == cp.Size {
		return cp.Root, nil
	}
	if h, ok := l.roots.find(size); ok {
		return h, nil
	}
	h, err := tlog.TreeHash(size, l.hashes)
	if err != nil {
		return h, fmt.Errorf("%w: %w", errUnproved, err)
	}
	if size > 0 {
		p, err := tlog.ProveTree(cp.Size, size, l.hashes)
		if err == nil {
			err = tlog.CheckTree(p, cp.Size, cp.Root, size, h)
		}
		if err != nil {
			return h, fmt.Errorf("%w: %w", errUnproved, err)
		}
	}
	l.roots.store(size, h)
	return h, nil
}

// recordProof proves record i in the tree of size records and checks the proof with the record's own leaf hash.
func (l *Log) recordProof(cp Checkpoint, size, i int64, leaf tlog.Hash, hashes tlog.HashReader) (tlog.RecordProof, error) {
	root, err := l.rootAt(cp, size)
	if err != nil {
		return nil, err
	}
	p, err := tlog.ProveRecord(size, i, hashes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnproved, err)
	}
	if tlog.CheckRecord(p, size, root, i, leaf) == nil {
		return p, nil
	}
	stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
	if err == nil && stored[0] != leaf && tlog.CheckRecord(p, size, root, i, stored[0]) == nil {
		return nil, errAltered
	}
	return nil, errUnproved
}

// ProveRecord proves that record i is in the tree of the first size records. The proof was checked against a root that
// is, or is consistent with, the newest signed one.
func (l *Log) ProveRecord(size, i int64) (tlog.RecordProof, error) {
	ps, err := l.ProveRecords(size, i, i+1)
	if err != nil {
		return nil, err
	}
	return ps[0], nil
}

// ProveRecords is ProveRecord for the records [from, to), at a fraction of the cost of proving one after the other.
func (l *Log) ProveRecords(size, from, to int64) ([]tlog.RecordProof, error) {
	ps, _, err := l.proveStored(size, from, to)
	return ps, err
}

// LeafHash is record i's leaf hash, proved against the newest checkpoint.
func (l *Log) LeafHash(i int64) (tlog.Hash, error) {
	_, h, err := l.proveStored(l.Durable().Size, i, i+1)
	if err != nil {
		return tlog.Hash{}, err
	}
	return h[0], nil
}

func (l *Log) proveStored(size, from, to int64) (ps []tlog.RecordProof, leaves []tlog.Hash, err error) {
	cp := l.Durable()
	if from < 0 || from >= to || to > size || size > cp.Size {
		return nil, nil, fmt.Errorf("prove records %d to %d of %d: %w", from, to-1, size, ErrNotFound)
	}
	err = l.proved(func() error {
		hashes := l.hashes.reader()
		defer hashes.done()
		ps, leaves = make([]tlog.RecordProof, 0, to-from), make([]tlog.Hash, 0, to-from)
		for i := from; i < to; i++ {
			stored, err := hashes.ReadHashes([]int64{tlog.StoredHashIndex(0, i)})
			if err != nil {
				return fmt.Errorf("%w: %w", errUnproved, err)
			}
			p, err := l.recordProof(cp, size, i, stored[0], hashes)
			if err != nil {
				return err
			}
			ps, leaves = append(ps, p), append(leaves, stored[0])
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("prove records %d to %d of %d: %w", from, to-1, size, err)
	}
	return ps, leaves, nil
}

// RootAt is the tree hash of the first size records, proved consistent with the newest checkpoint.
func (l *Log) RootAt(size int64) (root tlog.Hash, err error) {
	cp := l.Durable()
	if size < 0 || size > cp.Size {
		return root, fmt.Errorf("root of %d records: %w", size, ErrNotFound)
	}
	err = l.proved(func() error {
		root, err = l.rootAt(cp, size)
		return err
	})
	if err != nil {
		return root, fmt.Errorf("root of %d records: %w", size, err)
	}
	return root, nil
}

// ProveTree proves that the tree of newSize records extends that of oldSize, 1 <= oldSize <= newSize <= Durable().Size.
func (l *Log) ProveTree(newSize, oldSize int64) (p tlog.TreeProof, err error) {
	cp := l.Durable()
	if oldSize < 1 || oldSize > newSize || newSize > cp.Size {
		return nil, fmt.Errorf("prove tree %d in %d: %w", oldSize, newSize, ErrNotFound)
	}
	err = l.proved(func() error {
		newRoot, err := l.rootAt(cp, newSize)
		if err != nil {
			return err
		}
		oldRoot, err := l.rootAt(cp, oldSize)
		if err != nil {
			return err
		}
		if p, err = tlog.ProveTree(newSize, oldSize, l.hashes); err == nil {
			err = tlog.CheckTree(p, newSize, newRoot, oldSize, oldRoot)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errUnproved, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prove tree %d in %d: %w", oldSize, newSize, err)
	}
	return p, nil
}

// ReadTile returns a hash tile of C2SP tlog-tiles: height 8, level t.L >= 0, t.W hashes of 32 bytes, proved against the
// newest checkpoint. A tile that is not full yet, or not that full, is ErrNotFound.
func (l *Log) ReadTile(t tlog.Tile) (data []byte, err error) {
	cp := l.Durable()
	if t.H != tileHeight || t.L < 0 || t.L > 7 || t.N < 0 || t.N > cp.Size || t.W < 1 || t.W > tileWidth ||
		t.N*tileWidth+int64(t.W) > cp.Size>>(tileHeight*t.L) {
		return nil, fmt.Errorf("read tile %+v: %w", t, ErrNotFound)
	}
	err = l.proved(func() error {
		checked := tlog.TileHashReader(tlog.Tree{N: cp.Size, Hash: cp.Root}, tiles{l.hashes})
		if data, err = tlog.ReadTileData(t, checked); err != nil {
			return fmt.Errorf("%w: %w", errUnproved, err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read tile %s: %w", t.Path(), err)
	}
	return data, nil
}

// tiles cuts tiles from the hash file. tlog proves them.
type tiles struct{ h *hashFile }

// Height implements tlog.TileReader.
func (t tiles) Height() int { return tileHeight }

// ReadTiles implements tlog.TileReader.
func (t tiles) ReadTiles(want []tlog.Tile) ([][]byte, error) {
	out := make([][]byte, 0, len(want))
	for _, w := range want {
		b, err := tlog.ReadTileData(w, t.h)
		if err != nil {
			return nil, err
		}
		out = append(out, b)
	}
	return out, nil
}

// SaveTiles implements tlog.TileReader. The hash file has them already.
func (t tiles) SaveTiles([]tlog.Tile, [][]byte) {}

// ReadEntries returns width entries of C2SP tlog-tiles' entry bundle n: the leaves of records 256n and on, each after its
// length in 16 bits, big-endian. A bundle that is not that full yet is ErrNotFound.
func (l *Log) ReadEntries(ctx context.Context, n int64, width int) ([]byte, error) {
	size := l.Durable().Size
	if n < 0 || n > size || width < 1 || width > tileWidth || n*tileWidth+int64(width) > size {
		return nil, fmt.Errorf("read entries %d of width %d: %w", n, width, ErrNotFound)
	}
	var b []byte
	err := l.Scan(ctx, n*tileWidth, n*tileWidth+int64(width), func(_ int64, r Record) error {
		b = binary.BigEndian.AppendUint16(b, uint16(len(r.Leaf))) //nolint:gosec // bounded by MaxLeaf
		b = append(b, r.Leaf...)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read entries %d: %w", n, err)
	}
	return b, nil
}
