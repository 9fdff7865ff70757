package replica

import (
	"context"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// A Fence keeps decisions about subjects from starting while messages of theirs are on their way.
type Fence struct {
	r        *Replica
	subjects []*Subject
}

// Fence marks a message as pending for each handle. The caller has checked that the messages are acceptable, or anybody
// could cause denials.
func (r *Replica) Fence(handles ...consent.SubjectID) *Fence {
	f := &Fence{r: r}
	for _, h := range handles {
		s := r.subjects.pin(h)
		s.mu.Lock()
		s.pending++
		s.mu.Unlock()
		f.subjects = append(f.subjects, s)
	}
	return f
}

// Drain waits for the readers that entered before the fence. When ctx ends first, those that are left are cut off. After
// Drain no decision that was made on the older state can still be answered.
func (f *Fence) Drain(ctx context.Context) {
	for _, s := range f.subjects {
		if idle := s.idleOnce(); idle != nil {
			select {
			case <-idle:
			case <-ctx.Done():
				s.cutOff()
			}
		}
	}
}

// idleOnce returns a channel that closes when no reader is left, nil when there is none now.
func (s *Subject) idleOnce() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		return nil
	}
	if s.idle == nil {
		s.idle = make(chan struct{})
	}
	return s.idle
}

// cutOff ends every reader. The lock is held while their connections are cut: a reader that is leaving waits for it, so no
// connection is cut that carries another request by then.
func (s *Subject) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for v := s.readers; v != nil; v = s.readers {
		s.leave(v)
		if v.cut != nil {
			v.cut()
		}
	}
}

// Lift ends the fence: decisions may start again, on whatever state is applied by now. Call it when every message of the
// fence is applied or was refused; while an outcome is unknown the fence stays.
func (f *Fence) Lift() {
	for _, s := range f.subjects {
		s.mu.Lock()
		s.pending--
		s.mu.Unlock()
		f.r.subjects.unpin(s)
	}
	f.subjects = nil
}
