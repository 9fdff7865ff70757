package policies

import (
	"encoding/binary"
	"sync"
)

// memo is a bounded map from digests to values. It is sharded, and evicts by second chance: an entry that was read since
// the hand last passed stays.
type memo[V any] struct {
	shards [16]shard[V]
}

type shard[V any] struct {
	mu    sync.Mutex
	index map[[32]byte]int
	slots []slot[V]
	hand  int
	limit int
}

type slot[V any] struct {
	key   [32]byte
	value V
	read  bool
}

// newMemo makes a memo of about n entries; of none when n is not positive.
func newMemo[V any](n int) *memo[V] {
	m := &memo[V]{}
	for i := range m.shards {
		m.shards[i] = shard[V]{index: map[[32]byte]int{}, limit: (max(n, 0) + len(m.shards) - 1) / len(m.shards)}
	}
	return m
}

// shard picks by bits of the digest, which are as good as random.
func (m *memo[V]) shard(key [32]byte) *shard[V] {
	return &m.shards[binary.LittleEndian.Uint64(key[:8])%uint64(len(m.shards))]
}

func (m *memo[V]) get(key [32]byte) (V, bool) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[key]; ok {
		s.slots[i].read = true
		return s.slots[i].value, true
	}
	var none V
	return none, false
}

func (m *memo[V]) put(key [32]byte, v V) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.index[key]; ok {
		s.slots[i].value = v
		return
	}
	switch {
	case s.limit == 0:
	case len(s.slots) < s.limit:
		s.index[key] = len(s.slots)
		s.slots = append(s.slots, slot[V]{key: key, value: v})
	default:
		for s.slots[s.hand].read {
			s.slots[s.hand].read = false
			s.hand = (s.hand + 1) % len(s.slots)
		}
		delete(s.index, s.slots[s.hand].key)
		s.index[key] = s.hand
		s.slots[s.hand] = slot[V]{key: key, value: v}
		s.hand = (s.hand + 1) % len(s.slots)
	}
}
