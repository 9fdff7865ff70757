package replica

import (
	"sync"
	"sync/atomic"

	"github.com/volens-ledger/volens/policies"
)

// shapes keeps prepared consents, one for all people who signed the same form, and evicts by second chance. A subject in
// memory holds places and no pointers: there are ten million consents, and the garbage collector need not look at them.
type shapes struct {
	slots []atomic.Pointer[kept]

	mu    sync.Mutex
	used  int // slots
	hand  int
	place map[[32]byte]place
}

// kept is a prepared consent in its slot. Whoever finds another number there than it remembers must read the consent again.
type kept struct {
	shape  *policies.Shape
	number uint32
	read   atomic.Bool // since the hand passed
}

// place says where a prepared consent was put, zero for nowhere.
type place struct{ slot, number uint32 }

func (c *shapes) init(limit int) {
	c.slots, c.place = make([]atomic.Pointer[kept], limit), map[[32]byte]place{}
}

// at returns what was put in a place, nil when it was evicted.
func (c *shapes) at(p place) *policies.Shape {
	if p.number == 0 {
		return nil
	}
	k := c.slots[p.slot].Load()
	if k.number != p.number {
		return nil
	}
	if !k.read.Load() {
		k.read.Store(true)
	}
	return k.shape
}

// find returns where the prepared form with this digest is, zero when it is not kept, and whether there is room for more.
func (c *shapes) find(digest [32]byte) (p place, room bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.place[digest], c.used < len(c.slots)
}

// put keeps a prepared consent, or finds an equal one, and says where it is.
func (c *shapes) put(s *policies.Shape) place {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p, ok := c.place[s.Digest()]; ok {
		return p
	}
	p := place{uint32(c.used), 1} //nolint:gosec // as many as slots
	if c.used < len(c.slots) {
		c.used++
	} else {
		p = c.evict()
	}
	c.slots[p.slot].Store(&kept{shape: s, number: p.number})
	c.place[s.Digest()] = p
	return p
}

// evict frees the next place that was not read from since the hand passed. Its number moves, and is never zero.
func (c *shapes) evict() place {
	for {
		c.hand = (c.hand + 1) % len(c.slots)
		old := c.slots[c.hand].Load()
		if old.read.Swap(false) {
			continue
		}
		delete(c.place, old.shape.Digest())
		return place{uint32(c.hand), max(old.number+1, 1)} //nolint:gosec // an index of slots
	}
}
