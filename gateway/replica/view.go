package replica

import (
	"slices"
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
	readers *View         // those that have not left, the newest first
	idle    chan struct{} // closed when the last reader leaves; nil when nobody waits
}

// hot is a subject prepared for deciding. Only the places in live change after it was made, under the subject's lock.
type hot struct {
	gone      bool // erased
	waits     bool // a message has not arrived
	custodian consent.MemberID
	slot      consent.Uint64
	seq       consent.Uint64
	live      []live
	maxUses   map[consent.Uint64]consent.Uint64 // of consents in force that limit their uses; nil when none does
}

// live is a consent in force on the ledger. It holds no pointer.
type live struct {
	filter   policies.Filter
	attested bool
	seq      consent.Uint64
	date     consent.Millis
	place    place // of its prepared form, if that is in memory
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
	// Refused says why nothing may be permitted on this view: ErrPending, ErrIncomplete, or the replica is stale. Such a view is not counted
	// as a reader; it is there so that the denial can be put on record.
	Refused error
	taken   []consent.Uint64 // of these consents, a use is taken already
	cut     func()
	gone    bool // it left

	reading      bool  // among the subject's readers
	before, next *View // there
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
	if err == nil && s.hot.gone {
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
	if s.hot.waits {
		v.Refused = ErrIncomplete
	}
	if s.pending > 0 {
		v.Refused = ErrPending
	}
	if v.Refused == nil {
		s.enter(v)
	}
	return v, nil
}

// warm reads the subject from the index, unless it is in memory. The subject is locked. Consents are prepared while there is
// room; the others when a decision first needs them.
func (r *Replica) warm(s *Subject) error {
	if s.hot != nil {
		return nil
	}
	h := &hot{}
	rec, err := r.consents(s.handle, func(e *entry) error { return r.add(h, e) })
	if err != nil {
		return err
	}
	h.live = append(make([]live, 0, len(h.live)), h.live...)
	h.waits = len(rec.Waiting) > 0
	h.gone, h.custodian, h.slot, h.seq = rec.Head.State == consent.Gone, r.named(rec.Head.Custodian), rec.Head.Slot, rec.Head.Seq
	// Counted once while the subject is in memory and never again: the log does not have the uses that are on their way to it.
	if h.maxUses != nil && s.permits == nil {
		if s.permits, err = r.cfg.Permits(s.handle, rec.Head.Slot); err != nil {
			return consent.Errorf(consent.Unavailable, "count the uses of a consent: %w", err)
		}
	}
	s.hot = h
	return nil
}

// add adds a consent, if it is in force.
func (r *Replica) add(h *hot, e *entry) error {
	k := &e.held
	if k.Status != consent.Live {
		return nil
	}
	p, room := r.shapes.find(e.digest)
	if p.number == 0 && room {
		shape, err := r.prepare(e)
		if err != nil {
			return err
		}
		p = r.shapes.put(shape)
	}
	h.live = append(h.live, live{
		filter: e.filter, attested: k.Kind == "ConsentAttest" && !k.Confirmed, seq: k.Seq, date: k.Date, place: p,
	})
	if k.MaxUses > 0 {
		if h.maxUses == nil {
			h.maxUses = map[consent.Uint64]consent.Uint64{}
		}
		h.maxUses[k.Seq] = k.MaxUses
	}
	return nil
}

// shape is a consent, prepared for deciding. The subject is locked.
func (r *Replica) shape(s *Subject, c *live) (shape *policies.Shape, err error) {
	if shape := r.shapes.at(c.place); shape != nil {
		return shape, nil
	}
	err = r.db.View(func(txn *badger.Txn) error {
		e, err := r.entry(txn, s.handle, c.seq)
		if err != nil {
			return err
		}
		if c.place, _ = r.shapes.find(e.digest); c.place.number != 0 {
			if shape = r.shapes.at(c.place); shape != nil {
				return nil
			}
		}
		shape, err = r.prepare(&e)
		return err
	})
	if err != nil {
		return nil, consent.Errorf(consent.Unavailable, "read a consent: %w", err)
	}
	c.place = r.shapes.put(shape)
	return shape, nil
}

func (r *Replica) prepare(e *entry) (*policies.Shape, error) {
	var c consent.Consent
	if err := consent.Decode(e.body, &c); err != nil {
		return nil, err
	}
	return r.cfg.Engine.Shape(c), nil
}

// InForce is a consent that was in force on the ledger when a decision was made, seen by its lens or not.
type InForce struct {
	Seq      consent.Uint64
	Date     consent.Millis
	Attested bool
	UsesLeft *consent.Uint64 // nil: no limit
}

// Considered is what one decision is made from.
type Considered struct {
	Records []policies.Record // the consents that the lens sees, in order of seq
	Rest    policies.Rest     // what matters of the others
	InForce []InForce         // all of them, in order of seq
}

// Consider returns the consents in force on the ledger as a request's lens sees them. It fails when a body cannot be read.
func (v *View) Consider(l policies.Lens) (Considered, error) { return v.consider(&l) }

// Records are all consents in force on the ledger, in order of seq. It fails when a body cannot be read.
func (v *View) Records() ([]policies.Record, error) {
	c, err := v.consider(nil)
	return c.Records, err
}

// consider sees everything without a lens.
func (v *View) consider(l *policies.Lens) (c Considered, err error) {
	c.InForce = make([]InForce, len(v.hot.live))
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	for i := range v.hot.live {
		k := &v.hot.live[i]
		f := &c.InForce[i]
		f.Seq, f.Date, f.Attested, f.UsesLeft = k.seq, k.date, k.attested, v.left(k.seq)
		if l != nil && !l.Sees(k.filter) {
			l.LeaveOut(&c.Rest, k.filter)
			continue
		}
		shape, err := v.r.shape(v.s, k)
		if err != nil {
			return Considered{}, err
		}
		c.Records = append(c.Records, policies.Record{
			ID: strconv.FormatUint(uint64(k.seq), 10), Status: policies.Active, Date: k.date, Attested: k.attested, UsesLeft: f.UsesLeft,
			Shape: shape,
		})
	}
	return c, nil
}

// left is how many uses a consent has left; nil: no limit. The subject is locked.
func (v *View) left(seq consent.Uint64) *consent.Uint64 {
	most, limited := v.hot.maxUses[seq]
	if !limited {
		return nil
	}
	left := most - min(most, consent.Uint64(v.s.permits[seq]))
	if slices.Contains(v.taken, seq) { // the one that this reader goes on with
		left++
	}
	return &left
}

// GoOn makes the decision part of an answer that has taken a use of each of these consents already: it takes none again.
func (v *View) GoOn(taken []consent.Uint64) { v.taken = taken }

// Counted are those of these consents that limit their uses.
func (v *View) Counted(seqs []consent.Uint64) (counted []consent.Uint64) {
	for _, seq := range seqs {
		if _, limited := v.hot.maxUses[seq]; limited {
			counted = append(counted, seq)
		}
	}
	return counted
}

// Limited reports whether any consent in force limits its uses.
func (v *View) Limited() bool { return v.hot.maxUses != nil }

// Reserve takes one use of each of these consents that limits its uses, all or none, and reports whether they were left. A
// reserved use counts even when its answer is lost: on record, never less.
func (v *View) Reserve(seqs []consent.Uint64) bool {
	if v.hot.maxUses == nil {
		return true
	}
	v.s.mu.Lock()
	defer v.s.mu.Unlock()
	var take []consent.Uint64
	for _, seq := range seqs {
		most, limited := v.hot.maxUses[seq]
		switch {
		case !limited || slices.Contains(v.taken, seq):
		case v.s.permits[seq] >= uint64(most):
			return false
		default:
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
	return !v.reading
}

// Leave ends the reader. Leaving again does nothing.
func (v *View) Leave() {
	s := v.s
	s.mu.Lock()
	if v.gone {
		s.mu.Unlock()
		return
	}
	v.gone = true
	s.leave(v)
	s.mu.Unlock()
	v.r.subjects.unpin(s)
}

// enter puts a reader among the subject's.
func (s *Subject) enter(v *View) {
	v.reading, v.next = true, s.readers
	if s.readers != nil {
		s.readers.before = v
	}
	s.readers = v
}

// leave takes a reader out, if it is in.
func (s *Subject) leave(v *View) {
	if !v.reading {
		return
	}
	if v.next != nil {
		v.next.before = v.before
	}
	if v.before != nil {
		v.before.next = v.next
	} else {
		s.readers = v.next
	}
	v.reading, v.before, v.next = false, nil, nil
	if s.readers == nil && s.idle != nil {
		close(s.idle)
		s.idle = nil
	}
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
