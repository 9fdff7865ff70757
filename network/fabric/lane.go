package fabric

import (
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// laneKey tells lanes apart: what may share a transaction shares a lane.
type laneKey struct {
	organization string // that endorses, with others
	member       any    // custodian whose private data the lane's transactions write; nil: none
	withdraw     bool   // messages that take permission away
	alone        bool   // messages of authorities and members: one to a transaction
}

// lane is a queue of messages that may share transactions.
type lane struct {
	laneKey
	pairs   [][]string // of organisations that may endorse, the usual one first
	pair    int        // the one that worked last
	waiting []*message
	running int // transactions that are not submitted yet
	armed   bool
}

// maxBytes bounds the messages of a transaction: orderers take blocks of a few megabytes.
const maxBytes = 512 << 10

// queue puts a message into its lane; the ledger is locked. One that takes permission away waits for no other of its subject
// that has not got as far as an orderer.
func (l *Ledger) queue(ln *lane, m *message) {
	m.lane = ln
	if ln.withdraw {
		for _, other := range l.pending {
			if other.handle() == m.handle() && !other.lane.withdraw {
				l.overtake(other)
			}
		}
	}
	ln.waiting = append(ln.waiting, m)
	l.arm(ln)
}

// overtake gives a message back as soon as nothing of it can land; the ledger is locked.
func (l *Ledger) overtake(m *message) {
	m.until = time.Time{}
	if !m.out && len(m.ordered) == 0 {
		l.finish(m, consent.Errorf(consent.Unavailable, "%w", &StageError{Waiting, "", errors.New("a withdrawal of its subject went first")}))
	}
}

// arm sees to it that a lane runs soon; the ledger is locked.
func (l *Ledger) arm(ln *lane) {
	if ln.armed || l.closed || len(ln.waiting) == 0 {
		return
	}
	ln.armed = true
	linger := l.cfg.Linger
	if ln.withdraw || ln.alone {
		linger = 0
	}
	time.AfterFunc(linger, func() { l.run(ln) })
}

// run starts as many transactions of a lane as may be under way.
func (l *Ledger) run(ln *lane) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ln.armed = false
	for !l.closed && ln.running < l.cfg.Lanes {
		batch := l.pick(ln)
		if len(batch) == 0 {
			return
		}
		ln.running++
		l.ends.Go(func() { l.carry(ln, batch) })
	}
}

// pick takes the next messages that may share a transaction: none of a handle that has one on its way, no two of one
// handle. Those that stay keep their order. The ledger is locked.
func (l *Ledger) pick(ln *lane) []*message {
	limit, size := l.cfg.Batch, 0
	if ln.alone {
		limit = 1
	}
	var batch []*message
	now := l.cfg.Now()
	ln.waiting = slices.DeleteFunc(ln.waiting, func(m *message) bool {
		if m.settled {
			return true
		}
		if now.After(m.until) {
			l.give(m, nil)
			return true
		}
		h, n := m.handle(), len(m.v.Marshal())
		lonely := now.Before(l.lonely[h])
		if len(batch) == limit || len(batch) > 0 && (lonely || size+n > maxBytes) || !h.IsZero() && l.busy[h] != nil {
			return false
		}
		if lonely {
			limit = 1
		}
		if !h.IsZero() {
			l.busy[h] = m
		}
		batch, size = append(batch, m), size+n
		return true
	})
	return batch
}

// A subject whose message endorsers do not agree about, because one of them has not got her opening yet, makes every batch
// fail that she is in. So her messages go alone for a while, unless there are many such: then it is not for the subjects.
const (
	lonelyFor  = 30 * time.Second
	manyLonely = 16
)

// shun notes that a message had no outcome by itself.
func (l *Ledger) shun(m *message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.cfg.Now()
	maps.DeleteFunc(l.lonely, func(_ consent.SubjectID, until time.Time) bool { return now.After(until) })
	if h := m.handle(); !h.IsZero() && len(l.lonely) < manyLonely {
		l.lonely[h] = now.Add(lonelyFor)
	}
}

// carry takes a batch to its end.
func (l *Ledger) carry(ln *lane, batch []*message) {
	c := &carriage{l: l, ln: ln}
	c.attempt(batch, 0)
	c.submitted()
}
