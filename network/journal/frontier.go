package journal

import (
	"crypto/sha256"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// frontier is all of an RFC 6962 tree that appending needs: the roots of its maximal complete subtrees, largest first,
// one for each bit set in size.
type frontier struct {
	size  int64
	peaks []tlog.Hash
}

// graft appends a complete subtree of 2^level leaves with root h; size must be a multiple of 2^level. It appends to
// stored h and each node that h completes, in tlog's stored-hash order, and returns it.
func (f *frontier) graft(level int, h tlog.Hash, stored []tlog.Hash) []tlog.Hash {
	stored = append(stored, h)
	for l := level; f.size>>l&1 == 1; l++ {
		h = tlog.NodeHash(f.peaks[len(f.peaks)-1], h)
		f.peaks = f.peaks[:len(f.peaks)-1]
		stored = append(stored, h)
	}
	f.peaks = append(f.peaks, h)
	f.size += 1 << level
	return stored
}

// root is the RFC 6962 tree hash.
func (f *frontier) root() tlog.Hash {
	if f.size == 0 {
		return sha256.Sum256(nil)
	}
	h := f.peaks[len(f.peaks)-1]
	for i := len(f.peaks) - 2; i >= 0; i-- {
		h = tlog.NodeHash(f.peaks[i], h)
	}
	return h
}

func (f *frontier) equal(g frontier) bool { return f.size == g.size && slices.Equal(f.peaks, g.peaks) }
