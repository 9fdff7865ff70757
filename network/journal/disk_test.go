package journal_test

import (
	"bytes"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/volens-ledger/volens/network/journal"
)

// memoryDisk is a disk whose power can be cut. What was not synced is then kept or lost sector by sector and folder by
// folder, as chance has it. A hook sees every step by name and may make it go wrong, before or after its effect.
type memoryDisk struct {
	mu     sync.Mutex
	now    map[string]*inode // the names as programs see them
	stable map[string]*inode // the names as the disk has them
	locked map[string]bool
	hook   func(step, name string) (before, after error)
	free   int64
}

type inode struct {
	now, stable []byte
}

const sector = 512

func newMemoryDisk() *memoryDisk {
	return &memoryDisk{now: map[string]*inode{}, stable: map[string]*inode{}, locked: map[string]bool{}, free: 1 << 40}
}

// do runs one step under the hook.
func (d *memoryDisk) do(step, path string, effect func() error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var before, after error
	if d.hook != nil {
		before, after = d.hook(step, filepath.Base(path))
	}
	if before != nil {
		return before
	}
	if err := effect(); err != nil {
		return err
	}
	return after
}

func (d *memoryDisk) Open(path string, flag int) (f journal.File, err error) {
	err = d.do("open", path, func() error {
		n := d.now[path]
		switch {
		case n == nil && flag&os.O_CREATE == 0:
			return fs.ErrNotExist
		case n != nil && flag&os.O_EXCL != 0:
			return fs.ErrExist
		case n == nil:
			n = &inode{}
			d.now[path] = n
		case flag&os.O_TRUNC != 0:
			n.now = nil
		}
		f = &memoryFile{d: d, n: n, path: path}
		return nil
	})
	return f, err
}

func (d *memoryDisk) Rename(from, to string) error {
	return d.do("rename", to, func() error {
		d.now[to] = d.now[from]
		delete(d.now, from)
		return nil
	})
}

func (d *memoryDisk) Remove(path string) error {
	return d.do("remove", path, func() error {
		if d.now[path] == nil {
			return fs.ErrNotExist
		}
		delete(d.now, path)
		return nil
	})
}

func (d *memoryDisk) SyncDir(path string) error {
	return d.do("syncdir", path, func() error {
		syncNames(d.stable, d.now, path)
		return nil
	})
}

func syncNames(to, from map[string]*inode, dir string) {
	for p := range to {
		if filepath.Dir(p) == dir {
			delete(to, p)
		}
	}
	for p, n := range from {
		if filepath.Dir(p) == dir {
			to[p] = n
		}
	}
}

func (d *memoryDisk) List(path string) (names []string, err error) {
	err = d.do("list", path, func() error {
		for p := range d.now {
			if filepath.Dir(p) == path {
				names = append(names, filepath.Base(p))
			}
		}
		slices.Sort(names)
		return nil
	})
	return names, err
}

func (d *memoryDisk) Free(path string) (free int64, err error) {
	err = d.do("free", path, func() error { free = d.free; return nil })
	return free, err
}

func (d *memoryDisk) Lock(path string) (c io.Closer, err error) {
	err = d.do("lock", path, func() error {
		if d.locked[path] {
			return journal.ErrLocked
		}
		d.locked[path] = true
		c = unlock(func() { d.mu.Lock(); defer d.mu.Unlock(); delete(d.locked, path) })
		return nil
	})
	return c, err
}

type unlock func()

func (u unlock) Close() error { u(); return nil }

// cut returns the disk as it is found after a power cut.
func (d *memoryDisk) cut(r *rand.Rand) *memoryDisk {
	d.mu.Lock()
	defer d.mu.Unlock()
	after := newMemoryDisk()
	names := map[string]*inode{}
	for p, n := range d.stable {
		names[p] = n
	}
	dirs := map[string]bool{}
	for p := range d.now {
		dirs[filepath.Dir(p)] = true
	}
	for _, dir := range sorted(dirs) {
		if r.IntN(2) == 0 {
			syncNames(names, d.now, dir)
		}
	}
	for _, p := range sorted(names) {
		b := names[p].survive(r)
		after.now[p] = &inode{now: b, stable: slices.Clone(b)}
		after.stable[p] = after.now[p]
	}
	return after
}

func sorted[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// survive mixes what was synced with what was written since.
func (n *inode) survive(r *rand.Rand) []byte {
	size := len(n.stable)
	if r.IntN(2) == 0 {
		size = len(n.now)
	}
	out := make([]byte, size)
	for at := 0; at < size; at += sector {
		from := n.stable
		if r.IntN(2) == 0 {
			from = n.now
		}
		if at < len(from) {
			copy(out[at:min(at+sector, size)], from[at:])
		}
	}
	return out
}

type memoryFile struct {
	d    *memoryDisk
	n    *inode
	path string
}

func (f *memoryFile) ReadAt(b []byte, at int64) (n int, err error) {
	err = f.d.do("read", f.path, func() error {
		if at < int64(len(f.n.now)) {
			n = copy(b, f.n.now[at:])
		}
		if n < len(b) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

func (f *memoryFile) WriteAt(b []byte, at int64) (int, error) {
	err := f.d.do("write", f.path, func() error {
		f.n.grow(at + int64(len(b)))
		copy(f.n.now[at:], b)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

func (n *inode) grow(size int64) {
	if more := size - int64(len(n.now)); more > 0 {
		n.now = append(n.now, make([]byte, more)...)
	}
}

func (f *memoryFile) Close() error { return nil }

func (f *memoryFile) Datasync() error {
	return f.d.do("sync", f.path, func() error { f.n.stable = bytes.Clone(f.n.now); return nil })
}

func (f *memoryFile) Truncate(size int64) error {
	return f.d.do("truncate", f.path, func() error { f.n.grow(size); f.n.now = f.n.now[:size]; return nil })
}

func (f *memoryFile) Size() (n int64, err error) {
	err = f.d.do("size", f.path, func() error { n = int64(len(f.n.now)); return nil })
	return n, err
}

func (f *memoryFile) Reserve(size int64) error {
	return f.d.do("reserve", f.path, func() error {
		f.n.grow(size)
		f.n.stable = bytes.Clone(f.n.now)
		return nil
	})
}

// isSegment tells segment files from the rest.
func isSegment(name string) bool { return strings.HasSuffix(name, ".seg") }
