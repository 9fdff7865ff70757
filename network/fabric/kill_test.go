package fabric_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// TestKills ends processes at once in the middle of load: a peer, a chaincode, the leader of the orderers, all of them.
// After each the load goes on; at the end everything that was acknowledged is on the ledger once, and another
// organisation's copy is the same.
func TestKills(t *testing.T) {
	n := launchtest.Network(t, launch.Config{})
	w, genesis := consenttest.NewWorld(t.Name())
	w.Now = consent.Millis(time.Now().UnixMilli())
	ctx := launchtest.Context(t)
	own := realGate(t, profileOf(t, n, hospital, launch.Chaincode), genesis)
	own.cfg.Patience = 2 * time.Minute // everything is away for a while
	own.start(t)
	ld := newLoad(ctx, t, w, own.l, 8)
	for _, kill := range []struct {
		what string
		do   func() error
	}{
		{"the custodian's peer", func() error { return restart(ctx, n, "peer-hospital") }},
		{"the trust's peer", func() error { return restart(ctx, n, "peer-trust") }},
		{"the custodian's chaincode", func() error { return restart(ctx, n, "cc-hospital") }},
		{"the orderers' leader", func() error { return restart(ctx, n, n.Leader(ctx)) }},
		{"everything", func() error {
			for _, name := range n.Names() {
				if err := n.Kill(ctx, name); err != nil {
					return err
				}
			}
			return n.Up(ctx)
		}},
	} {
		ld.awaitMore(ctx, t, 2*len(ld.all), "nothing") // the load is under way
		before := ld.acknowledged()
		if err := kill.do(); err != nil {
			t.Fatalf("%s: %v", kill.what, err)
		}
		began := time.Now()
		ld.awaitMore(ctx, t, 1, kill.what)
		t.Logf("%s: %d were acknowledged before; the first after its restart took %.1f s", kill.what, before, time.Since(began).Seconds())
	}
	ld.end()
	ld.check(t)
	other := realGate(t, profileOf(t, n, trust, launch.Chaincode), genesis).start(t)
	same(t, own.l, other.l)
}

// restart kills a process and starts it again a second later.
func restart(ctx context.Context, n *launch.Network, name string) error {
	if err := n.Kill(ctx, name); err != nil {
		return err
	}
	time.Sleep(time.Second) // not a wait for anything: the time for which it is away
	return n.Start(ctx, name)
}

func same(t *testing.T, a, b *fabric.Ledger) {
	t.Helper()
	one, err := a.Digest()
	if err != nil {
		t.Fatal(err)
	}
	two, err := b.Digest()
	if err != nil {
		t.Fatal(err)
	}
	if one != two || a.Position() != b.Position() {
		t.Fatalf("copies differ: %s at %d, %s at %d", one, a.Position(), two, b.Position())
	}
}

// load is patients who sign one grant after the other and submit each until it is acknowledged.
type load struct {
	l    *fabric.Ledger
	stop context.CancelFunc
	ends sync.WaitGroup

	mu   sync.Mutex // also of the world, whose stream of salts is one
	acks map[consent.Hash]int
	all  []*consenttest.Subject
	fail error
}

func newLoad(ctx context.Context, t *testing.T, w *consenttest.World, l *fabric.Ledger, patients int) *load {
	t.Helper()
	ld := &load{l: l, acks: map[consent.Hash]int{}}
	must := func(m consent.Message) {
		t.Helper()
		if err := ld.submit(ctx, w.Ledger, m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range w.Members() {
		must(m)
	}
	for range patients {
		p, open := w.Open()
		must(open)
		claim := p.Claim()
		must(claim)
		p.Moved(claim)
		ld.all = append(ld.all, p)
	}
	ctx, ld.stop = context.WithCancel(ctx)
	for _, p := range ld.all {
		ld.ends.Go(func() { ld.patient(ctx, w, p) })
	}
	return ld
}

func (ld *load) patient(ctx context.Context, w *consenttest.World, p *consenttest.Subject) {
	for ctx.Err() == nil {
		ld.mu.Lock()
		m := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		ld.mu.Unlock()
		// A message that was begun is seen through, after the end too: its patient must know what became of it.
		if err := ld.submit(context.WithoutCancel(ctx), w.Ledger, m); err != nil {
			ld.mu.Lock()
			ld.fail = errors.Join(ld.fail, err)
			ld.mu.Unlock()
			return
		}
		p.Moved(m)
	}
}

// submit puts a message on the ledger. Whatever is killed meanwhile, seeing it through is the ledger's own business.
func (ld *load) submit(ctx context.Context, ledger consent.Hash, m consent.Message) error {
	v, err := consent.Verify(ledger, m)
	if err != nil {
		return err
	}
	r, err := ld.l.Submit(ctx, v)
	if err != nil {
		return err
	}
	ld.mu.Lock()
	defer ld.mu.Unlock()
	ld.acks[r.Commitment]++
	return nil
}

func (ld *load) acknowledged() int {
	ld.mu.Lock()
	defer ld.mu.Unlock()
	return len(ld.acks)
}

// awaitMore waits until n more messages are acknowledged.
func (ld *load) awaitMore(ctx context.Context, t *testing.T, n int, what string) {
	t.Helper()
	want := ld.acknowledged() + n
	for ld.acknowledged() < want {
		ld.mu.Lock()
		err := ld.fail
		ld.mu.Unlock()
		if err != nil || ctx.Err() != nil || ld.l.Failed() != nil {
			t.Fatalf("after the kill of %s: %v, %v, %v", what, err, ctx.Err(), ld.l.Failed())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (ld *load) end() {
	ld.stop()
	ld.ends.Wait()
}

// check reads the whole ledger: each acknowledged message is there, nothing is there twice or by itself, and each
// patient's head is where she believes it.
func (ld *load) check(t *testing.T) {
	t.Helper()
	if ld.fail != nil {
		t.Fatal(ld.fail)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	end := errors.New("end")
	seen, to := map[consent.Hash]int{}, ld.l.Position()
	if err := ld.l.Follow(ctx, 0, func(ev network.Event) error {
		if ev.Position > 1 { // the genesis is not the load's
			seen[ev.Leaf.Commitment]++
		}
		if ev.Position == to {
			return end
		}
		return nil
	}); !errors.Is(err, end) {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ld.acks, seen); diff != "" {
		t.Fatalf("acknowledged and on the ledger (-want +got):\n%s", diff)
	}
	for _, p := range ld.all {
		b, err := ld.l.Get(consent.HeadKey(p.Handle))
		if err != nil {
			t.Fatal(err)
		}
		var h consent.Head
		if err := consent.Decode(b, &h); err != nil {
			t.Fatal(err)
		}
		if h.Seq != p.Seq || h.Prev != p.Prev {
			t.Fatalf("a head is at %d, its patient believes %d", h.Seq, p.Seq)
		}
	}
	t.Logf("%d messages, each once", len(seen))
}
