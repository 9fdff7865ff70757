package replica

import (
	"context"
	"errors"
	"strconv"
	"sync"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// Subject is a subject in memory: what a decision needs and no more, since there are a million of them. pins and used are
// guarded by the cache's lock, the rest by mu.
type Subject struct {
	handle consent.SubjectID
	pins   int32
	used   bool // since the cache's hand passed

	mu      sync.Mutex
	hot     *hot                      // nil: read it from the index
	permits map[consent.Uint64]uint64 // permits under consents that limit them, those in flight too; nil when none does
	pending int32
	readers map[*View]struct{}
	idle    chan struct{} // closed when the last reader leaves; nil when nobody waits
}

// hot is a subject prepared for deciding.
type hot struct {
	state     consent.SubjectState
	custodian consent.MemberID
	slot      consent.Uint64
	seq       consent.Uint64
	live      []live
	limited   bool // a consent in force limits its uses
}

// live is a consent in force on the ledger.
type live struct {
	seq      consent.Uint64
	date     consent.Millis
	maxUses  consent.Uint64
	attested bool
	shape    *policies.Shape
}

// ErrPending says that a message of the subject is on its way, so that no decision can be made just now.
var ErrPending = consent.Errorf(consent.Unavailable, "a message of this subject is on its way to the ledger")

// View is the state of a subject that one reader decides on. It must be given back with Leave, once, after the answer.
type View struct {
	r         *Replica
	s         *Subject
	hot       *hot
	Handle    consent.SubjectID
	Custodian consent.MemberID
	Slot      consent.Uint64
	Seq       consent.Uint64 // of the subject's newest message: the version of this state
	Position  uint64         // the ledger position that the replica had applied
	// Refused says why nothing may be permitted on this view: ErrPending, or the replica is stale. Such a view is not counted
	// as a reader; it is there so that the denial can be put on record.
	Refused error
	cut     func()
	left    bool
}

// Enter begins a decision: NotFound when there is no such subject, Erased when it was erased. cut is called, at most once
// and never after Leave, when the reader must not answer any more: it did not leave in time before a revocation was
// acknowledged. It is called with the subject locked, so it does not wait and asks nothing of the View.
func (r *Replica) Enter(h consent.SubjectID, cut func()) (*View, error) {
	refused := r.Fresh()
	s := r.subjects.pin(h)
	s.mu.Lock()
	defer s.mu.Unlock()
	err := r.warm(s)
	if err == nil && s.hot.state == consent.Gone {
		err = consent.Errorf(consent.Erased, "the subject was erased")
	}
	if err != nil {
		r.subjects.forget(s)
		return nil, err
	}
	v := &View{
		r: r, s: s, hot: s.hot, Handle: h, Custodian: s.hot.custodian, Slot: s.hot.slot, Seq: s.hot.seq,
		Position: r.position.Load(), Refused: refused, cut: cut,
	}
	if s.pending > 0 {
		v.Refused = ErrPending
	}
	if v.Refused != nil {
		return v, nil
	}
	if s.readers == nil {
		s.readers = make(map[*View]struct{}, 1)
	}
	s.readers[v] = struct{}{}
	return v, nil
}

// warm reads the subject from the index, unless it is in memory. The subject is locked.
func (r *Replica) warm(s *Subject) error {
	if s.hot != nil {
		return nil
	}
	rec, err := r.record(s.handle)
	if err != nil {
		return err
	}
	h := &hot{state: rec.Head.State, custodian: rec.Head.Custodian, slot: rec.Head.Slot, seq: rec.Head.Seq}
	for _, c := range rec.Consents {
		if c.Status != consent.Live || c.Seq <= rec.Head.RevokedThrough {
			continue
		}
		shape, err := r.shape(s.handle, c.Seq)
		if err != nil {
			return err
		}
		h.live = append(h.live, live{c.Seq, c.Date, c.MaxUses, c.Kind == "ConsentAttest" && !c.Confirmed, shape})
		h.limited = h.limited || c.MaxUses > 0
	}
	// Counted once while the subject is in memory and never again: the log does not have the uses that are on their way to it.
	if h.limited && s.permits == nil {
		if s.permits, err = r.cfg.Permits(s.handle, rec.Head.Slot); err != nil {
			return consent.Errorf(consent.Unavailable, "count the uses of a consent: %w", err)
		}
	}
	s.hot = h
	return nil
}

// shape is a consent, prepared for deciding.
func (r *Replica) shape(h consent.SubjectID, seq consent.Uint64) (*policies.Shape, error) {
	body, err := r.Body(h, seq)
	if err != nil {
		return nil, consent.Errorf(consent.Unavailable, "%w", err)
	}
	shape, over := r.shapes.intern(r.cfg.Engine.Shape(body))
	if over {
		r.subjects.coolAll()
	}
	return shape, nil
}

// Records are the consents in force on the ledger, in order of seq, as the evaluator takes them.
func (v *View) Records() []policies.Record {
	recs := make([]policies.Record, len(v.hot.live))
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	for i, c := range v.hot.live {
		recs[i] = policies.Record{
			ID: strconv.FormatUint(uint64(c.seq), 10), Status: policies.Active, Date: c.date, Attested: c.attested, Shape: c.shape,
		}
		if c.maxUses > 0 {
			left := c.maxUses - min(c.maxUses, consent.Uint64(v.s.permits[c.seq]))
			recs[i].UsesLeft = &left
		}
	}
	return recs
}

// Limited reports whether any consent in force limits its uses.
func (v *View) Limited() bool { return v.hot.limited }

// Reserve takes one use of each of these consents that limits its uses, all or none, and reports whether they were left. A
// reserved use counts even when its answer is lost: on record, never less.
func (v *View) Reserve(seqs []consent.Uint64) bool {
	if !v.hot.limited {
		return true
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	var take []consent.Uint64
	for _, c := range v.hot.live {
		for _, seq := range seqs {
			if c.seq != seq || c.maxUses == 0 {
				continue
			}
			if v.s.permits[seq] >= uint64(c.maxUses) {
				return false
			}
			take = append(take, seq)
		}
	}
	for _, seq := range take {
		v.s.permits[seq]++
	}
	return true
}

// Cut reports whether the reader was cut off and must not answer.
func (v *View) Cut() bool {
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	_, in := v.s.readers[v]
	return !in
}

// Leave ends the reader. Leaving again does nothing.
func (v *View) Leave() {
	s := v.s
	s.mu.Lock()
	if v.left {
		s.mu.Unlock()
		return
	}
	v.left = true
	s.leave(v)
	s.mu.Unlock()
	v.r.subjects.unpin(s)
}

func (s *Subject) leave(v *View) {
	delete(s.readers, v)
	if len(s.readers) == 0 && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
}

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
	if len(s.readers) == 0 {
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
	for v := range s.readers {
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

// record reads a subject's record from the index; NotFound when there is none.
func (r *Replica) record(h consent.SubjectID) (record, error) {
	var rec record
	err := r.db.View(func(txn *badger.Txn) (err error) {
		rec, err = r.readRecord(txn, h)
		return err
	})
	switch {
	case errors.Is(err, errAbsent):
		return record{}, consent.Errorf(consent.NotFound, "there is no such subject")
	case err != nil:
		return record{}, consent.Errorf(consent.Unavailable, "%w", err)
	}
	return rec, nil
}

// Warm brings subjects into memory, n of them as handle names them: what a start does in the background, or a benchmark
// before its clock starts.
func (r *Replica) Warm(n int, handle func(int) consent.SubjectID) error {
	for i := range n {
		v, err := r.Enter(handle(i), nil)
		if err != nil {
			return err
		}
		v.Leave()
	}
	return nil
}
