package replica_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/replica"
)

// ended returns a context that has ended.
func ended() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

func TestEnterDuringPending(t *testing.T) {
	s := open(t, nil)
	alice, bob := s.enrol(0), s.enrol(0)
	one, two := s.replica.Fence(alice.Handle), s.replica.Fence(alice.Handle)
	for range 2 { // as long as any message is on its way
		v := s.enter(alice, func() { t.Error("a reader that was refused was cut") })
		if !errors.Is(v.Refused, replica.ErrPending) || v.Handle != alice.Handle || v.Slot != alice.Slot {
			t.Fatalf("%+v", v)
		}
		one.Drain(ended())
		v.Leave()
		v.Leave()
		one.Lift()
	}
	if v := s.enter(bob, nil); v.Refused != nil {
		t.Error("another subject is refused")
	} else {
		v.Leave()
	}
	two.Drain(context.Background())
	two.Lift()
	two.Lift() // nothing is lifted twice
	v := s.enter(alice, nil)
	if v.Refused != nil || v.Seq != 3 {
		t.Fatalf("%+v", v)
	}
	v.Leave()
}

func TestDrainWaits(t *testing.T) {
	s := open(t, nil)
	alice := s.enrol(0)
	a, b := s.enter(alice, func() { t.Error("cut") }), s.enter(alice, func() { t.Error("cut") })
	f := s.replica.Fence(alice.Handle)
	drained := make(chan struct{})
	go func() {
		f.Drain(context.Background())
		close(drained)
	}()
	a.Leave()
	a.Leave() // does not count twice
	select {
	case <-drained:
		t.Fatal("drained with a reader inside")
	case <-time.After(20 * time.Millisecond):
	}
	b.Leave()
	<-drained
	f.Lift()
}

func TestDrainCuts(t *testing.T) {
	s := open(t, nil)
	alice, bob := s.enrol(0), s.enrol(0)
	cuts := 0
	in := []*replica.View{s.enter(alice, func() { cuts++ }), s.enter(alice, func() { cuts++ }), s.enter(alice, nil), s.enter(bob, func() { cuts++ })}
	out := s.enter(alice, func() { t.Error("cut after it left") })
	out.Leave()
	f := s.replica.Fence(alice.Handle, bob.Handle)
	f.Drain(ended())
	if cuts != 3 {
		t.Errorf("%d of 3 cut", cuts)
	}
	for i, v := range in {
		if !v.Cut() {
			t.Errorf("reader %d may still answer", i)
		}
		v.Leave()
	}
	f.Drain(context.Background()) // nobody is left to wait for
	f.Lift()
	if v := s.enter(alice, nil); v.Refused != nil || v.Cut() {
		t.Errorf("%+v", v)
	} else {
		v.Leave()
	}
}

// TestLinearizable has readers, and writers who revoke behind fences. After a fence is lifted no reader answers on what was
// before: the number of the state that a reader holds when it may answer is never below the last acknowledged one.
func TestLinearizable(t *testing.T) {
	s := open(t, func(c *replica.Config) { c.Subjects = 1 }) // the least cache, so that subjects come and go
	subjects := make([]*consenttest.Subject, 40)
	acknowledged := make([]consent.Uint64, len(subjects))
	var mu sync.RWMutex // guards acknowledged
	for i := range subjects {
		subjects[i] = s.enrol(0)
		acknowledged[i] = 3
	}
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for seed := range uint64(4) {
		readers.Go(func() {
			r := rand.New(rand.NewPCG(seed, 7))
			for {
				select {
				case <-stop:
					return
				default:
				}
				i := r.IntN(len(subjects))
				mu.RLock()
				least := acknowledged[i]
				mu.RUnlock()
				v, err := s.replica.Enter(subjects[i].Handle, func() {})
				if err != nil {
					t.Error(err)
					return
				}
				if v.Refused == nil && v.Seq < least {
					t.Errorf("a reader that entered after %d was acknowledged sees %d", least, v.Seq)
				}
				if r.IntN(4) == 0 {
					time.Sleep(time.Duration(r.IntN(300)) * time.Microsecond)
				}
				mu.RLock()
				if v.Refused == nil && !v.Cut() && v.Seq < acknowledged[i] {
					t.Errorf("a reader answers on %d after %d was acknowledged", v.Seq, acknowledged[i])
				}
				v.Leave() // the answer is out
				mu.RUnlock()
			}
		})
	}
	for n := range 300 {
		i := n % len(subjects)
		who := subjects[i]
		m := who.RevokeAll()
		f := s.replica.Fence(who.Handle)
		s.submit(who, m)
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(n%3)*time.Millisecond)
		f.Drain(ctx)
		cancel()
		f.Lift()
		mu.Lock()
		acknowledged[i] = who.Seq
		mu.Unlock()
	}
	close(stop)
	readers.Wait()
}

// TestReserve checks that a limited consent is used as often as it says, whoever asks at once, and whatever message of the
// subject comes while a use is on its way to the log.
func TestReserve(t *testing.T) {
	s := open(t, nil)
	alice := s.enrol(5)
	s.permits.Store(alice.Handle, uint64(2))
	var mu sync.Mutex
	var all sync.WaitGroup
	taken := 0
	for range 8 {
		all.Go(func() {
			v := s.enter(alice, nil)
			defer v.Leave()
			if v.Reserve([]consent.Uint64{3}) {
				mu.Lock()
				taken++
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if taken != 3 {
		t.Fatalf("%d uses of 3", taken)
	}
	v := s.enter(alice, nil)
	if recs := records(v); len(recs) != 1 || *recs[0].UsesLeft != 0 || !v.Limited() {
		t.Errorf("%+v", recs)
	}
	if v.Reserve([]consent.Uint64{3}) || !v.Reserve(nil) || !v.Reserve([]consent.Uint64{99}) {
		t.Error("a use was taken that is not there, or one refused that has no limit")
	}
	v.Leave()
	counted := s.counted
	s.submit(alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)))
	v = s.enter(alice, nil) // read anew: the log has not the three uses yet
	if recs := records(v); len(recs) != 2 || *recs[0].UsesLeft != 0 || recs[1].UsesLeft != nil {
		t.Errorf("after another message %+v", recs)
	}
	if !v.Reserve([]consent.Uint64{4}) || v.Reserve([]consent.Uint64{4, 3}) || s.counted != counted {
		t.Errorf("counted %d times more", s.counted-counted)
	}
	v.Leave()
}

func TestNobody(t *testing.T) {
	s := open(t, nil)
	_, err := s.replica.Enter(s.Rand.Handle(), nil)
	if consent.CodeOf(err) != consent.NotFound {
		t.Error(err)
	}
	if _, err := s.replica.Body(s.Rand.Handle(), 1); consent.CodeOf(err) != consent.NotFound {
		t.Error(err)
	}
	if _, ok := s.replica.Head(s.Rand.Handle()); ok {
		t.Error("nobody has a head")
	}
}
