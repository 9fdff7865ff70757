package uses

import (
	"context"
	"sync"
)

// notices tells Config.Notify of durable uses, in order, in a goroutine of its own.
type notices struct {
	fn     func(Use, Receipt)
	mu     sync.Mutex
	more   sync.Cond
	queue  []notice
	closed bool
	done   sync.WaitGroup
}

type notice struct {
	use *Use
	p   *Pending
}

func newNotices(fn func(Use, Receipt)) *notices {
	n := &notices{fn: fn}
	n.more.L = &n.mu
	n.done.Add(1)
	go n.run()
	return n
}

// add keeps u, which must not change any more.
func (n *notices) add(u *Use, p *Pending) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.queue = append(n.queue, notice{u, p})
	n.more.Signal()
}

// close returns when the last notice was given. The journal is closed by then, so that every outcome is known.
func (n *notices) close() {
	n.mu.Lock()
	n.closed = true
	n.more.Signal()
	n.mu.Unlock()
	n.done.Wait()
}

func (n *notices) run() {
	defer n.done.Done()
	for {
		batch := n.take()
		if batch == nil {
			return
		}
		for _, x := range batch {
			if x.p.queued.Wait(context.Background()) == nil {
				n.fn(*x.use, x.p.receipt)
			}
		}
	}
}

func (n *notices) take() []notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.queue) == 0 && !n.closed {
		n.more.Wait()
	}
	batch := n.queue
	n.queue = nil
	return batch
}
