package fabric_test

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/vault"
)

// town is a fake channel with the hospital's gate and members on it.
type town struct {
	*testing.T
	n *fakeNet
	w *consenttest.World
	g *gate
}

// towns makes each one's world another.
var towns int

func newTown(t *testing.T, tune func(*fabric.Config)) *town {
	t.Helper()
	towns++
	w, genesis := consenttest.NewWorld(t.Name() + strconv.Itoa(towns))
	w.Now = consent.Millis(time.Now().UnixMilli())
	n := newFakeNet()
	g := fakeGate(t, n, genesis, hospital)
	if tune != nil {
		tune(&g.cfg)
	}
	g.start(t)
	s := &town{t, n, w, g}
	for _, m := range w.Members() {
		s.must(g, m)
	}
	return s
}

func (s *town) submit(g *gate, m consent.Message) (network.Receipt, error) {
	v, err := consent.Verify(s.w.Ledger, m)
	if err != nil {
		return network.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return g.l.Submit(ctx, v)
}

func (s *town) must(g *gate, m consent.Message) network.Receipt {
	s.Helper()
	r, err := s.submit(g, m)
	if err != nil {
		s.Fatalf("%s: %v", consent.TypeOf(m.Body), err)
	}
	return r
}

// subject enrols one more patient of the hospital.
func (s *town) subject() *consenttest.Subject {
	s.Helper()
	p, open := s.w.Open()
	s.must(s.g, open)
	m := p.Claim()
	s.must(s.g, m)
	p.Moved(m)
	return p
}

func (s *town) grant(p *consenttest.Subject) consent.Message {
	return p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
}

// level waits until another gate has what this one has.
func (s *town) level(g *gate, at network.Position) {
	s.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	there := errors.New("there")
	if g.l.Position() >= at {
		return
	}
	if err := g.l.Follow(ctx, at-1, func(network.Event) error { return there }); !errors.Is(err, there) {
		s.Fatal(err)
	}
}

// Many patients' messages share transactions, and a bad one among them sinks nobody else.
func TestBatch(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Linger = 20 * time.Millisecond })
	const people = 40
	messages := make([]consent.Message, people)
	for i := range messages {
		p := s.subject()
		messages[i] = s.grant(p)
		if i == 7 { // one that does not follow its head
			p.Moved(messages[i])
			messages[i] = s.grant(p)
		}
	}
	s.n.mu.Lock()
	s.n.batches = nil
	s.n.mu.Unlock()
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() {
			_, err := s.submit(s.g, m)
			if i == 7 != (consent.CodeOf(err) == consent.Conflict) {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	wg.Wait()
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	if len(s.n.batches) > people/4 {
		t.Errorf("%d messages took %d transactions: %v", people, len(s.n.batches), s.n.batches)
	}
}

// A message that makes every batch fail that it is in is cut out of it.
func TestBisect(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Linger, c.Patience = 20*time.Millisecond, time.Second })
	messages := make([]consent.Message, 9)
	for i := range messages {
		messages[i] = s.grant(s.subject())
	}
	poison := string(messages[4].Marshal())
	s.n.set(hooks{endorse: func(_ string, c fabric.Call) error {
		var b wire.Batch
		if consent.Decode(c.Batch, &b) == nil && slices.Contains(b.Messages, poison) {
			return &fabric.AnswerError{Peer: "peer", Status: 500, Message: "internal"}
		}
		return nil
	}})
	var wg sync.WaitGroup
	for i, m := range messages {
		wg.Go(func() {
			_, err := s.submit(s.g, m)
			var stage *fabric.StageError
			if i == 4 && (consent.CodeOf(err) != consent.Unavailable || !errors.As(err, &stage) || stage.Stage != fabric.Endorsing) {
				t.Errorf("the poison: %v", err)
			}
			if i != 4 && err != nil {
				t.Errorf("message %d: %v", i, err)
			}
		})
	}
	wg.Wait()
}

// A hospital that refuses to endorse keeps nobody from revoking: trust and regulator carry it. It does keep its patients
// from granting.
func TestUnwillingHospital(t *testing.T) {
	for name, answer := range map[string]error{
		"answers an error": &fabric.AnswerError{Peer: "peer", Status: 500, Message: "unauthorized"},
		"refuses falsely":  &fabric.AnswerError{Peer: "peer", Status: wire.Refused, Message: "unauthorized"},
		"is down":          errors.New("connection refused"),
	} {
		t.Run(name, func(t *testing.T) {
			s := newTown(t, func(c *fabric.Config) { c.Patience = 500 * time.Millisecond })
			p := s.subject()
			m := s.grant(p)
			s.must(s.g, m)
			p.Moved(m)
			s.n.set(hooks{endorse: func(org string, c fabric.Call) error {
				if org == hospital && c.Function != wire.Genesis {
					return answer
				}
				return nil
			}})
			if _, err := s.submit(s.g, s.grant(p)); consent.CodeOf(err) != consent.Unavailable {
				t.Errorf("a grant: %v, want %s", err, consent.Unavailable)
			}
			s.must(s.g, p.RevokeAll())
		})
	}
}

// An organisation whose results differ from the others' is found out before anything is ordered.
func TestForgedResults(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Patience = 500 * time.Millisecond })
	p := s.subject()
	m := s.grant(p)
	s.must(s.g, m)
	p.Moved(m)
	s.n.set(hooks{forge: func(org string) bool { return org == hospital }})
	at := s.g.l.Position()
	if _, err := s.submit(s.g, s.grant(p)); !errors.Is(err, fabric.ErrMismatch) {
		t.Errorf("a grant: %v", err)
	}
	if got := s.g.l.Position(); got != at {
		t.Errorf("position %d, want %d", got, at)
	}
	s.must(s.g, p.RevokeAll())
}

// An outcome that is not known is said to be so, stays so, and is resolved by the transaction.
func TestUnknownOutcome(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Commit, c.Patience = 100*time.Millisecond, 300*time.Millisecond })
	p, q := s.subject(), s.subject()
	kept, gone := s.grant(p), s.grant(q)
	var hold atomic.Bool
	hold.Store(true)
	s.n.set(hooks{
		order:  func(string) (bool, error) { return true, errors.New("no answer") },
		blocks: func(uint64) error { return nil },
	})
	var stage *fabric.StageError
	_, err := s.submit(s.g, gone)
	if consent.CodeOf(err) != consent.Unknown || !errors.As(err, &stage) || stage.Tx == "" || stage.Stage != fabric.Submitting {
		t.Fatalf("a lost transaction: %v", err)
	}
	if _, err := s.g.l.Lookup(t.Context(), consent.Commitment(gone.Body)); consent.CodeOf(err) != consent.Unknown {
		t.Errorf("looked up while it may land: %v", err)
	}
	s.n.set(hooks{blocks: func(uint64) error { // it lands, and nobody hears of it
		if hold.Load() {
			return errors.New("no connection")
		}
		return nil
	}})
	if _, err = s.submit(s.g, kept); consent.CodeOf(err) != consent.Unknown {
		t.Fatalf("a transaction that nobody heard of: %v", err)
	}
	hold.Store(false)
	found, err := s.g.l.Lookup(t.Context(), consent.Commitment(kept.Body))
	if err != nil {
		t.Fatalf("looked up by its transaction: %v", err)
	}
	if again := s.must(s.g, kept); again.Position != found.Position {
		t.Errorf("submitted again: position %d, want %d", again.Position, found.Position)
	}
	s.must(s.g, gone)
}

// Revoke and grant for one handle at two gateways: one place in the chain, one of them.
func TestRevokeAgainstGrant(t *testing.T) {
	s := newTown(t, nil)
	other := fakeGate(t, s.n, s.g.cfg.Genesis, trust).start(t)
	for range 20 {
		p := s.subject()
		grant, revoke := s.grant(p), p.RevokeAll()
		s.level(other, s.g.l.Position())
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { _, errs[0] = s.submit(s.g, grant) })
		wg.Go(func() { _, errs[1] = s.submit(other, revoke) })
		wg.Wait()
		lost := errs[0]
		if lost == nil {
			lost = errs[1]
		}
		if (errs[0] == nil) == (errs[1] == nil) || consent.CodeOf(lost) != consent.Conflict {
			t.Fatalf("grant: %v, revoke: %v", errs[0], errs[1])
		}
	}
}

// Both gates have one tree, and only the custodian's has the bodies.
func TestTwoGates(t *testing.T) {
	s := newTown(t, nil)
	other := fakeGate(t, s.n, s.g.cfg.Genesis, regulator).start(t)
	r := s.must(s.g, s.grant(s.subject()))
	s.level(other, r.Position)
	mine, err := s.g.l.Log().RootAt(int64(r.Position))
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := other.l.Log().RootAt(int64(r.Position))
	if err != nil || mine != theirs {
		t.Fatalf("roots %s and %s, %v", mine, theirs, err)
	}
	done := errors.New("done")
	err = other.l.Follow(t.Context(), 0, func(ev network.Event) error {
		if public := ev.Event.Handle.IsZero(); public != (ev.Message != nil) {
			t.Errorf("%s at the regulator: message %v", ev.Event.Type, ev.Message)
		}
		if ev.Position == r.Position {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Error(err)
	}
}

// A gate that was elsewhere gets the bodies from its peer, waits for one that comes late, and does without those of
// patients who were erased since.
func TestBodies(t *testing.T) {
	s := newTown(t, nil)
	p, q := s.subject(), s.subject()
	m := s.grant(q)
	s.must(s.g, m)
	q.Moved(m)
	s.must(s.g, q.Erase())
	last := s.must(s.g, s.grant(p))
	late := consent.BodyKey(p.Handle, p.Seq+1)
	s.n.mu.Lock()
	body := s.n.bodies[late]
	delete(s.n.bodies, late)
	s.n.mu.Unlock()
	time.AfterFunc(300*time.Millisecond, func() {
		s.n.mu.Lock()
		defer s.n.mu.Unlock()
		s.n.bodies[late] = body
	})
	g := fakeGate(t, s.n, s.g.cfg.Genesis, hospital).start(t)
	s.level(g, last.Position)
	done := errors.New("done")
	err := g.l.Follow(t.Context(), 0, func(ev network.Event) error {
		if want := ev.Event.Handle != q.Handle; want != (ev.Message != nil) {
			t.Errorf("%s at %d: message %v", ev.Event.Type, ev.Position, ev.Message != nil)
		}
		if ev.Position == last.Position {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Error(err)
	}
}

// A copy whose peer is cut off says how old it may be, and is fresh again when it is not.
func TestBehind(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Beat = 20 * time.Millisecond })
	var cut atomic.Bool
	cut.Store(true)
	s.n.set(hooks{blocks: func(uint64) error {
		if cut.Load() {
			return errors.New("no connection")
		}
		return nil
	}})
	wait := func(what string, ok func(time.Duration) bool) {
		t.Helper()
		for !ok(s.g.l.Behind()) {
			select {
			case <-t.Context().Done():
				t.Fatalf("%s: %v behind", what, s.g.l.Behind())
			default:
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	wait("cut off", func(d time.Duration) bool { return d > 500*time.Millisecond })
	cut.Store(false)
	wait("connected", func(d time.Duration) bool { return d < 300*time.Millisecond })
}

// A peer that shows another history is not followed.
func TestAnotherHistory(t *testing.T) {
	s, other := newTown(t, nil), newTown(t, nil)
	other.subject()
	s.g.close(t)
	defer s.g.open(t)
	v, err := vault.Open(t.Context(), s.g.vault)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.g.cfg
	cfg.Channel, cfg.Copy.Vault = &peer{other.n, hospital}, v
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	l, err := fabric.Open(ctx, cfg)
	if err == nil || ctx.Err() != nil {
		t.Errorf("opened on another channel: %v, %v", l, err)
	}
	if err := v.Close(); err != nil {
		t.Error(err)
	}
}

// A body that does not arrive holds nobody else up: the copy goes on, says that it is late, and has it when it comes, after a
// restart too.
func TestLateBody(t *testing.T) {
	s := newTown(t, nil)
	p, q := s.subject(), s.subject()
	m := s.grant(p)
	missing := s.must(s.g, m)
	late := consent.BodyKey(p.Handle, p.Seq+1)
	s.n.mu.Lock()
	body := s.n.bodies[late]
	delete(s.n.bodies, late)
	s.n.mu.Unlock()
	g := fakeGate(t, s.n, s.g.cfg.Genesis, hospital)
	g.cfg.Grace = 50 * time.Millisecond
	g.start(t)
	s.level(g, s.must(s.g, s.grant(q)).Position)
	check := func(late bool) {
		t.Helper()
		done := errors.New("done")
		if err := g.l.Follow(t.Context(), missing.Position-1, func(ev network.Event) error {
			if ev.Late != late || (ev.Message == nil) != late {
				t.Errorf("late %v with message %v, want late %v", ev.Late, ev.Message != nil, late)
			}
			return done
		}); !errors.Is(err, done) {
			t.Error(err)
		}
	}
	check(true)
	g.close(t)
	g.open(t)
	check(true)
	forged := m
	other := *m.Body.(*consent.ConsentGrant)
	other.Salt[0] ^= 1
	forged.Body = &other
	s.n.mu.Lock()
	s.n.bodies[late] = string(forged.Marshal()) // not what the leaf commits to
	s.n.mu.Unlock()
	time.Sleep(500 * time.Millisecond) // in which it is asked for, and must not be taken
	check(true)
	s.n.mu.Lock()
	s.n.bodies[late] = body
	s.n.mu.Unlock()
	for arrived := false; !arrived; {
		done := errors.New("done")
		if err := g.l.Follow(t.Context(), missing.Position-1, func(ev network.Event) error {
			arrived = !ev.Late
			return done
		}); !errors.Is(err, done) {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	check(false)
	g.close(t)
	g.open(t)
	check(false)
}
