package replica_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

// ledger is a network.Ledger in memory whose followers can be held up and failed.
type ledger struct {
	w     *consenttest.World
	vault *vault.Vault

	mu      sync.Mutex
	state   *consenttest.Memory
	events  []network.Event
	moved   chan struct{} // closed at each event
	fail    error         // of Follow, before the next event
	held    bool          // Follow gives nothing out
	follows int
	late    map[consent.Hash]bool // messages that have not arrived
}

var _ network.Ledger = (*ledger)(nil)

func (l *ledger) ID() consent.Hash { return l.w.Ledger }

func (l *ledger) Submit(_ context.Context, v consent.Verified) (network.Receipt, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out, err := consent.Run(consent.Tx{ID: v.Commitment().String(), Time: l.w.Now}, l.state, v)
	if err != nil {
		return network.Receipt{}, err
	}
	for _, w := range out.Leaf.Writes {
		if err := l.state.Put(w.Key, w.Value); err != nil {
			return network.Receipt{}, err
		}
	}
	l.state.Commit()
	ev := network.Event{Position: network.Position(len(l.events) + 1), Leaf: out.Leaf, Event: out.Event}
	if m := v.Message(); out.Event.Type == "Erase" {
		err = l.vault.Erase(vault.ID(out.Event.Handle))
		for i := range l.events { // the messages cannot be opened any more
			if l.events[i].Event.Handle == out.Event.Handle {
				l.events[i].Message = nil
			}
		}
	} else {
		ev.Message = &m
	}
	l.events = append(l.events, ev)
	l.wake()
	return network.Receipt{Position: ev.Position}, err
}

func (l *ledger) wake() {
	close(l.moved)
	l.moved = make(chan struct{})
}

func (l *ledger) set(fn func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fn()
	l.wake()
}

func (l *ledger) Lookup(context.Context, consent.Hash) (network.Receipt, error) {
	return network.Receipt{}, consent.Errorf(consent.NotFound, "nothing")
}

func (l *ledger) Get(key string) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state.Get(key)
}

func (l *ledger) Position() network.Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return network.Position(len(l.events))
}

func (l *ledger) Follow(ctx context.Context, from network.Position, fn func(network.Event) error) error {
	l.set(func() { l.follows++ })
	for {
		l.mu.Lock()
		fail, moved := l.fail, l.moved
		var ev *network.Event
		if !l.held && int(from) < len(l.events) {
			next := l.events[from]
			if l.late[next.Leaf.Commitment] {
				next.Message, next.Late = nil, true
			}
			ev = &next
		}
		l.mu.Unlock()
		switch {
		case fail != nil:
			return fail
		case ev == nil:
			select {
			case <-moved:
			case <-ctx.Done():
				return ctx.Err()
			}
		default:
			if err := fn(*ev); err != nil {
				return err
			}
			from++
		}
	}
}

func (l *ledger) Close() error { return nil }

// scene is a replica on such a ledger.
type scene struct {
	*consenttest.World
	t       testing.TB
	ledger  *ledger
	vault   *vault.Vault
	cfg     replica.Config
	replica *replica.Replica
	permits sync.Map // what the use log would count
	counted int
}

var engine = sync.OnceValues(func() (*policies.Engine, error) { return policies.New(policies.Config{}) })

func open(t testing.TB, change func(*replica.Config)) *scene {
	t.Helper()
	w, genesis := consenttest.NewWorld(t.Name())
	s := &scene{World: w, t: t}
	dir := t.TempDir()
	vc := vault.Config{Dir: filepath.Join(dir, "vault"), EpochKeyPath: filepath.Join(dir, "epoch")}
	s.must(vault.Init(context.Background(), vc))
	var err error
	s.vault, err = vault.Open(context.Background(), vc)
	s.must(err)
	e, err := engine()
	s.must(err)
	s.ledger = &ledger{w: w, vault: s.vault, state: consenttest.NewMemory(), moved: make(chan struct{})}
	s.cfg = replica.Config{
		Dir: dir, Ledger: s.ledger, Vault: s.vault, Engine: e, MaxStale: 100 * time.Millisecond,
		Permits: func(h consent.SubjectID, _ consent.Uint64) (map[consent.Uint64]uint64, error) {
			s.counted++
			n := map[consent.Uint64]uint64{}
			if c, ok := s.permits.Load(h); ok {
				n[3] = c.(uint64)
			}
			return n, nil
		},
	}
	if change != nil {
		change(&s.cfg)
	}
	for _, m := range append([]consent.Message{genesis}, w.Members()...) {
		s.submit(nil, m)
	}
	s.start()
	t.Cleanup(func() {
		s.stop()
		s.must(s.vault.Close())
	})
	return s
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) start() {
	s.t.Helper()
	r, err := replica.Open(context.Background(), s.cfg)
	s.must(err)
	s.replica = r
}

func (s *scene) stop() {
	s.t.Helper()
	if s.replica != nil {
		s.must(s.replica.Close())
		s.replica = nil
	}
}

// submit puts a message on the ledger; the subject moves on and the replica has it.
func (s *scene) submit(who *consenttest.Subject, m consent.Message) {
	s.t.Helper()
	v, err := consent.Verify(s.Ledger, m)
	s.must(err)
	r, err := s.ledger.Submit(context.Background(), v)
	s.must(err)
	if who != nil {
		who.Moved(m)
	}
	if s.replica != nil && !s.ledger.held {
		s.must(s.replica.Wait(context.Background(), r.Position))
	}
}

// enrol is a subject with a key and a research consent for Rosa, at seq 3.
func (s *scene) enrol(maxUses consent.Uint64) *consenttest.Subject {
	s.t.Helper()
	who, m := s.World.Open()
	who.Seq, who.Prev = 0, consent.Hash{}
	s.submit(who, m)
	s.submit(who, who.Claim())
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.MaxUses = maxUses
	s.submit(who, who.Grant(c))
	return who
}

func (s *scene) enter(who *consenttest.Subject, cut func()) *replica.View {
	s.t.Helper()
	v, err := s.replica.Enter(who.Handle, cut)
	s.must(err)
	return v
}

// live is how many consents are in force for a subject.
func (s *scene) live(who *consenttest.Subject) int {
	s.t.Helper()
	v := s.enter(who, nil)
	defer v.Leave()
	return len(records(v))
}

func records(v *replica.View) []policies.Record {
	recs, err := v.Records()
	if err != nil {
		panic(err)
	}
	return recs
}
