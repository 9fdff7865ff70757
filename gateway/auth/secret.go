package auth

import (
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// digest is the SHA-256 of a secret: all that is kept of it.
type digest [sha256.Size]byte

// use is where a secret may be presented.
type use uint8

const (
	inCookie use = iota + 1
	inHeader
)

// grant is what a secret stands for.
type grant struct {
	id      identity
	visas   int // bytes of what was shown
	use     use
	expires int64        // Unix nanoseconds
	idle    int64        // nanoseconds without use that end it; 0: none
	seen    atomic.Int64 // Unix nanoseconds
}

func (g *grant) live(now int64) bool {
	return now < g.expires && (g.idle == 0 || now-g.seen.Load() < g.idle)
}

// table holds the grants by the digest of their secret. Looking one up takes a read lock on one shard of 64; everything
// else happens when secrets are made and ended, under mu.
type table struct {
	shards [64]shard
	limit  int
	room   int // bytes of visas

	mu    sync.Mutex
	owned map[owner][]digest
	count int
	visas int
	swept int64
}

type shard struct {
	mu     sync.RWMutex
	grants map[digest]*grant
}

func newTable(limit, room int) *table {
	t := &table{limit: limit, room: room, owned: map[owner][]digest{}}
	for i := range t.shards {
		t.shards[i].grants = map[digest]*grant{}
	}
	return t
}

func (t *table) shard(d digest) *shard { return &t.shards[d[0]%64] }

// find returns the live grant of a secret for this use, and notes that it was used.
func (t *table) find(d digest, u use, now int64) *grant {
	g := t.peekLive(d, u, now)
	if g != nil && now-g.seen.Load() > int64(time.Second) { // finer would make all cores write to one place
		g.seen.Store(now)
	}
	return g
}

// peekLive is find without the note.
func (t *table) peekLive(d digest, u use, now int64) *grant {
	s := t.shard(d)
	s.mu.RLock()
	g := s.grants[d]
	s.mu.RUnlock()
	if g == nil || g.use != u || !g.live(now) {
		return nil
	}
	return g
}

// add keeps a grant. Of an owner who has limit grants the least recently used one ends; when the whole table is full, or
// has no room for what was shown, the error is Unavailable.
func (t *table) add(d digest, g *grant, limit int, now int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if (t.count >= t.limit || t.crowded(g)) && now-t.swept >= int64(time.Second) {
		t.forget(now)
	}
	mine := t.owned[g.id.owner]
	if len(mine) >= limit {
		t.drop(g.id.owner, t.oldest(mine))
	}
	if t.count >= t.limit {
		return consent.Errorf(consent.Unavailable, "too many people are signed in; try again in a minute")
	}
	if t.crowded(g) {
		return consent.Errorf(consent.Unavailable, "too many passports are being shown; try again in a minute")
	}
	t.owned[g.id.owner] = append(t.owned[g.id.owner], d)
	t.count++
	t.visas += g.visas
	s := t.shard(d)
	s.mu.Lock()
	s.grants[d] = g
	s.mu.Unlock()
	return nil
}

// crowded reports whether there is no room for what was shown with a grant; the caller holds mu.
func (t *table) crowded(g *grant) bool { return g.visas > 0 && t.visas+g.visas > t.room }

// oldest is the least recently used of these secrets.
func (t *table) oldest(ds []digest) digest {
	return slices.MinFunc(ds, func(a, b digest) int {
		return int(min(max(t.peek(a).seen.Load()-t.peek(b).seen.Load(), -1), 1))
	})
}

func (t *table) peek(d digest) *grant {
	s := t.shard(d)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.grants[d]
}

// drop ends one secret; the caller holds mu.
func (t *table) drop(o owner, d digest) {
	i := slices.Index(t.owned[o], d)
	if i < 0 {
		return
	}
	if t.owned[o] = slices.Delete(t.owned[o], i, i+1); len(t.owned[o]) == 0 {
		delete(t.owned, o)
	}
	t.count--
	t.visas -= t.peek(d).visas
	s := t.shard(d)
	s.mu.Lock()
	delete(s.grants, d)
	s.mu.Unlock()
}

// end ends one secret, if it is there.
func (t *table) end(d digest) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if g := t.peek(d); g != nil {
		t.drop(g.id.owner, d)
	}
}

// endAll ends every secret of an owner.
func (t *table) endAll(o owner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, d := range slices.Clone(t.owned[o]) {
		t.drop(o, d)
	}
}

func (t *table) sweep(now int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.forget(now)
}

func (t *table) forget(now int64) {
	t.swept = now
	for o, ds := range t.owned {
		for _, d := range slices.Clone(ds) {
			if !t.peek(d).live(now) {
				t.drop(o, d)
			}
		}
	}
}
