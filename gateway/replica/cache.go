package replica

import (
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// subjects is a bounded cache of subjects with second-chance eviction. A pinned subject stays: its lock, its readers and
// its pending marks are in use.
type subjects struct {
	shards [64]subjectShard
}

type subjectShard struct {
	mu   sync.Mutex
	max  int
	all  map[consent.SubjectID]*Subject
	ring []*Subject
	hand int
}

func (c *subjects) init(limit int) {
	for i := range c.shards {
		c.shards[i].max = max(limit/len(c.shards), 16)
		c.shards[i].all = map[consent.SubjectID]*Subject{}
	}
}

func (c *subjects) shard(h consent.SubjectID) *subjectShard { return &c.shards[h[0]%64] }

// pin returns the subject of a handle, empty when it was not in memory, and keeps it there until unpin.
func (c *subjects) pin(h consent.SubjectID) *Subject {
	sh := c.shard(h)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s, ok := sh.all[h]
	if !ok {
		s = &Subject{handle: h}
		sh.insert(s)
	}
	s.pins++
	s.used = true
	return s
}

func (c *subjects) unpin(s *Subject) {
	sh := c.shard(s.handle)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.pins--
}

// forget is unpin for a subject that is not there: its place is the next to be taken, so that asking for what does not
// exist does not push out what does.
func (c *subjects) forget(s *Subject) {
	sh := c.shard(s.handle)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	s.pins--
	s.used = false
}

// cool drops what is prepared of a subject, if it is in memory.
func (c *subjects) cool(h consent.SubjectID) {
	sh := c.shard(h)
	sh.mu.Lock()
	s, ok := sh.all[h]
	if ok {
		s.pins++
	}
	sh.mu.Unlock()
	if !ok {
		return
	}
	s.mu.Lock()
	s.hot = nil
	s.mu.Unlock()
	c.unpin(s)
}

// insert adds a subject and takes the place of the next one that is neither pinned nor lately used. When all are pinned
// the shard grows.
func (sh *subjectShard) insert(s *Subject) {
	sh.all[s.handle] = s
	if len(sh.ring) < sh.max {
		sh.ring = append(sh.ring, s)
		return
	}
	for range 2 * len(sh.ring) {
		sh.hand = (sh.hand + 1) % len(sh.ring)
		old := sh.ring[sh.hand]
		if old.pins == 0 && !old.used {
			delete(sh.all, old.handle)
			sh.ring[sh.hand] = s
			return
		}
		old.used = false
	}
	sh.ring = append(sh.ring, s)
}
