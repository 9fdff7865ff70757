package fabric

import (
	"errors"
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
	ln.waiting = slices.DeleteFunc(ln.waiting, func(m *message) bool {
		if m.settled {
			return true
		}
		if l.cfg.Now().After(m.until) {
			l.give(m, nil)
			return true
		}
		h, n := m.handle(), len(m.v.Marshal())
		if len(batch) == limit || len(batch) > 0 && size+n > maxBytes || !h.IsZero() && l.busy[h] != nil {
			return false
		}
		if !h.IsZero() {
			l.busy[h] = m
		}
		batch, size = append(batch, m), size+n
		return true
	})
	return batch
}

// carry takes a batch to its end.
func (l *Ledger) carry(ln *lane, batch []*message) {
	c := &carriage{l: l, ln: ln}
	c.attempt(batch, 0)
	c.submitted()
}
