package embedded

import (
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// recent is the public state on its way to Badger, and what got there last: who has just signed signs again, and every
// message reads the genesis. Only what is written comes in, in order, so nothing here is ever older than Badger.
type recent struct {
	mu       sync.RWMutex
	enqueued map[string]enqueuedValue
	newer    map[string][]byte // applied
	older    map[string][]byte // applied before those; dropped when newer is full
}

// enqueuedValue is a public value that is enqueued and not yet applied.
type enqueuedValue struct {
	value []byte
	at    network.Position
}

// recentValues bounds each of the two generations: 3 MB each with subjects' heads.
const recentValues = 8192

func newRecent() *recent {
	return &recent{enqueued: map[string]enqueuedValue{}, newer: map[string][]byte{}}
}

// enqueue lays the writes of the message that lands at a position over the state.
func (r *recent) enqueue(at network.Position, writes []consent.Write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range writes {
		r.enqueued[w.Key] = enqueuedValue{w.Value, at}
	}
}

// lift takes the writes of a message off again, unless a later message wrote the key.
func (r *recent) lift(at network.Position, writes []consent.Write) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range writes {
		if r.enqueued[w.Key].at == at {
			delete(r.enqueued, w.Key)
		}
	}
}

// apply keeps what has just been applied.
func (r *recent) apply(leaves []applied) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range leaves {
		for _, w := range a.leaf.Writes {
			r.keep(w.Key, w.Value)
		}
	}
}

func (r *recent) keep(key string, value []byte) {
	if len(r.newer) >= recentValues {
		r.older, r.newer = r.newer, make(map[string][]byte, recentValues)
	}
	r.newer[key] = value
}

// next is the value of a key once everything enqueued is applied, if it is here.
func (r *recent) next(key string) ([]byte, bool) {
	r.mu.RLock()
	e, ok := r.enqueued[key]
	r.mu.RUnlock()
	if ok {
		return e.value, true
	}
	return r.now(key)
}

// now is the applied value of a key, if it is here. One that is still asked for stays.
func (r *recent) now(key string) ([]byte, bool) {
	r.mu.RLock()
	b, ok := r.newer[key]
	again := false
	if !ok {
		b, again = r.older[key]
	}
	r.mu.RUnlock()
	if !again {
		return b, ok
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if b, ok = r.newer[key]; ok { // written meanwhile
		return b, true
	}
	if b, ok = r.older[key]; ok {
		r.keep(key, b)
	}
	return b, ok
}
