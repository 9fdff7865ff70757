package vault

import (
	"encoding/binary"
	"hash/maphash"
)

// pageEntries is how many subjects share one allocation: large enough that the garbage collector has little to count,
// small enough that growth never copies.
const pageEntries = 4096

// An entry is one subject. An erased subject keeps its entry, with its wrapped key zeroed, so that it stays erased.
type entry struct {
	id      ID
	wrapped wrappedKey
}

func (e *entry) erased() bool { return e.wrapped == wrappedKey{} }

type page [pageEntries]entry

// A table holds every subject in flat pages, found through an open-addressing index of entry numbers: 76 bytes a
// subject and 5 to 11 for the index, without a pointer a subject. Entries are never removed, and never move.
type table struct {
	seed  maphash.Seed
	index []uint32 // entry number + 1; 0 is free
	pages []*page
	n     int
}

func newTable(seed maphash.Seed, capacity uint64) table {
	size := 1024
	for uint64(size)*3/4 < capacity && size < 1<<31 {
		size *= 2
	}
	return table{seed: seed, index: make([]uint32, size)}
}

func (t *table) at(i int) *entry { return &t.pages[i/pageEntries][i%pageEntries] }

// find returns the subject's entry, or nil.
func (t *table) find(id ID, hash uint64) *entry {
	mask := uint64(len(t.index) - 1) //nolint:gosec // positive
	for s := hash & mask; t.index[s] != 0; s = (s + 1) & mask {
		if e := t.at(int(t.index[s] - 1)); e.id == id {
			return e
		}
	}
	return nil
}

// add appends an entry for a subject that find did not find.
func (t *table) add(id ID, hash uint64) *entry {
	if uint64(t.n+1)*4 > uint64(len(t.index))*3 { //nolint:gosec // positive
		t.grow()
	}
	if t.n%pageEntries == 0 {
		t.pages = append(t.pages, new(page))
	}
	t.n++
	t.place(hash, uint32(t.n)) //nolint:gosec // 2^32 subjects would fill 300 GB
	e := t.at(t.n - 1)
	e.id = id
	return e
}

func (t *table) place(hash uint64, number uint32) {
	mask := uint64(len(t.index) - 1) //nolint:gosec // positive
	s := hash & mask
	for t.index[s] != 0 {
		s = (s + 1) & mask
	}
	t.index[s] = number
}

func (t *table) grow() {
	t.index = make([]uint32, 2*len(t.index))
	for i := range t.n {
		t.place(maphash.Bytes(t.seed, t.at(i).id[:]), uint32(i+1)) //nolint:gosec // as in add
	}
}

// A record is one line of a ring: a subject's wrapped key, or its tombstone with the time of erasure.
type record struct {
	kind    byte
	id      ID
	wrapped wrappedKey
	seconds int64 // Unix time of an erasure; 0 in a snapshot, where nothing is pending any more
}

const (
	kindKey       = 'K'
	kindTombstone = 'T'
	kindEnd       = 'E' // closes a backup: then nothing is missing from it
	keyRecord     = 1 + len(ID{}) + len(wrappedKey{})
	tombRecord    = 1 + len(ID{}) + 8
	endRecord     = 1 + 8
)

func appendRecord(dst []byte, r record) []byte {
	dst = append(dst, r.kind)
	if r.kind != kindEnd {
		dst = append(dst, r.id[:]...)
	}
	if r.kind == kindKey {
		return append(dst, r.wrapped[:]...)
	}
	return binary.BigEndian.AppendUint64(dst, uint64(r.seconds)) //nolint:gosec // back by the same conversion
}

// cutRecord takes the first record off a payload; n is its length, 0 when there is no whole record.
func cutRecord(b []byte) (r record, n int) {
	sizes := [...]struct {
		kind byte
		size int
	}{{kindKey, keyRecord}, {kindTombstone, tombRecord}, {kindEnd, endRecord}}
	for _, s := range sizes {
		if len(b) >= s.size && b[0] == s.kind {
			n = s.size
		}
	}
	if n == 0 {
		return record{}, 0
	}
	r.kind = b[0]
	if r.kind != kindEnd {
		copy(r.id[:], b[1:])
	}
	if r.kind == kindKey {
		copy(r.wrapped[:], b[1+len(r.id):n])
	} else {
		r.seconds = int64(binary.BigEndian.Uint64(b[n-8 : n])) //nolint:gosec // as in appendRecord
	}
	return r, n
}
