package proof

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
)

const (
	pageNodes = 1024
	height    = 26 // 1 << height is MaxSlots
)

// SlotHash is a slot and its new leaf hash.
type SlotHash struct {
	Slot consent.Uint64
	Hash consent.Hash
}

// Slots is the slot tree in memory: 64 bytes a slot in use. It shows two states, the newest and the one at the last Mark,
// because a log may prove only what its durable checkpoint has signed while the next one is being written. Its methods
// need the caller's lock: Set and Mark exclusive, the others shared.
//
// The nodes kept are those of a tree of MaxSlots leaves of which the empty ones are left out. A subtree that lies wholly
// inside the first size leaves has the same hash in RFC 6962's tree of that size, and no other subtree is ever read.
type Slots struct {
	size  int64
	nodes [height + 1]level
	mark  *mark
}

// level holds the nodes of one height, in pages; a page not there, like a zero hash, stands for empty slots.
type level []*[pageNodes]tlog.Hash

// mark is what it takes to read the tree as it was: each node's value before it was first changed.
type mark struct {
	size    int64
	changed []change
	once    sync.Once
	before  map[place]tlog.Hash
}

type place struct {
	level int
	i     int64
}

type change struct {
	place
	was tlog.Hash
}

// empty holds the hash of a complete subtree of unused slots, by height.
var empty = func() (e [height + 1]tlog.Hash) {
	e[0] = tlog.RecordHash(nil)
	for l := 1; l <= height; l++ {
		e[l] = tlog.NodeHash(e[l-1], e[l-1])
	}
	return e
}()

// NewSlots returns an empty tree.
func NewSlots() *Slots { return &Slots{mark: &mark{}} }

// Size is one more than the highest slot in use.
func (t *Slots) Size() int64 { return t.size }

// Mark makes the present state the one that Marked shows.
func (t *Slots) Mark() { t.mark = &mark{size: t.size, changed: t.mark.changed[:0]} }

func (t *Slots) get(l int, i int64) tlog.Hash {
	if p := i / pageNodes; p < int64(len(t.nodes[l])) && t.nodes[l][p] != nil {
		if h := t.nodes[l][p][i%pageNodes]; h != (tlog.Hash{}) {
			return h
		}
	}
	return empty[l]
}

func (t *Slots) put(l int, i int64, h tlog.Hash) {
	p := int(i / pageNodes)
	for len(t.nodes[l]) <= p {
		t.nodes[l] = append(t.nodes[l], nil)
	}
	if t.nodes[l][p] == nil {
		t.nodes[l][p] = new([pageNodes]tlog.Hash)
	}
	at := &t.nodes[l][p][i%pageNodes]
	if i<<l < t.mark.size { // nobody reads further out in the marked tree
		was := *at
		if was == (tlog.Hash{}) {
			was = empty[l]
		}
		t.mark.changed = append(t.mark.changed, change{place{l, i}, was})
	}
	*at = h
}

// Set gives slots, each below MaxSlots, new leaf hashes; of a slot named twice the later one stands.
func (t *Slots) Set(leaves []SlotHash) {
	dirty := make([]int64, 0, len(leaves)+1)
	had := treeHeight(t.size)
	t.mark.once = sync.Once{} // what readers made of the changes so far is out of date
	if len(leaves) == 0 {
		return
	}
	for _, s := range leaves {
		i := int64(s.Slot) //nolint:gosec // below MaxSlots
		t.put(0, i, tlog.Hash(s.Hash))
		t.size = max(t.size, i+1)
		dirty = append(dirty, i)
	}
	slices.Sort(dirty)
	for l := 1; l <= treeHeight(t.size); l++ {
		for k := range dirty {
			dirty[k] >>= 1
		}
		if l > had && dirty[0] != 0 { // the tree became higher: what there was lies under its leftmost node
			dirty = slices.Insert(dirty, 0, 0)
		}
		dirty = slices.Compact(dirty)
		for _, i := range dirty {
			t.put(l, i, tlog.NodeHash(t.get(l-1, 2*i), t.get(l-1, 2*i+1)))
		}
	}
}

// treeHeight is the height of the lowest complete tree with at least size leaves.
func treeHeight(size int64) int { return bits.Len64(uint64(max(size-1, 0))) } //nolint:gosec // not negative

// A SlotView is one state of a tree, valid while the caller holds its lock.
type SlotView struct {
	t    *Slots
	size int64
	mark *mark // nil for the newest state
}

// Newest shows the tree as it is.
func (t *Slots) Newest() SlotView { return SlotView{t: t, size: t.size} }

// Marked shows the tree as it was at the last Mark.
func (t *Slots) Marked() SlotView { return SlotView{t: t, size: t.mark.size, mark: t.mark} }

// Size is the number of slots in this state.
func (v SlotView) Size() int64 { return v.size }

// ReadHashes implements tlog.HashReader.
func (v SlotView) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for k, x := range indexes {
		l, i := tlog.SplitStoredHashIndex(x)
		if h, ok := v.mark.find(place{l, i}); ok {
			out[k] = h
		} else {
			out[k] = v.t.get(l, i)
		}
	}
	return out, nil
}

func (m *mark) find(p place) (tlog.Hash, bool) {
	if m == nil {
		return tlog.Hash{}, false
	}
	m.once.Do(func() {
		m.before = make(map[place]tlog.Hash, len(m.changed))
		for _, c := range slices.Backward(m.changed) { // the first change of a node knew what it was
			m.before[c.place] = c.was
		}
	})
	h, ok := m.before[p]
	return h, ok
}

// Root is the tree hash.
func (v SlotView) Root() (consent.Hash, error) {
	h, err := tlog.TreeHash(v.size, v)
	return consent.Hash(h), err
}

// Prove is the audit path of a slot, which must be below Size.
func (v SlotView) Prove(slot consent.Uint64) ([]consent.Hash, error) {
	if slot >= consent.Uint64(v.size) { //nolint:gosec // not negative
		return nil, fmt.Errorf("prove slot %d of %d: beyond the tree", slot, v.size)
	}
	p, err := tlog.ProveRecord(v.size, int64(slot), v) //nolint:gosec // below Size
	return hashes(p), err
}

func hashes(in []tlog.Hash) []consent.Hash {
	out := make([]consent.Hash, len(in))
	for i, h := range in {
		out[i] = consent.Hash(h)
	}
	return out
}
