package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric"
)

// closedLedger is a closed ledger in memory.
type closedLedger struct {
	w       *consenttest.World
	genesis consent.Message
	state   map[string][]byte
	events  []network.Event
	hashes  []tlog.Hash
	alice   *consenttest.Subject
	opening consent.Verified
}

var _ fabric.Closed = (*closedLedger)(nil)

// Get implements consent.Reader.
func (c *closedLedger) Get(key string) ([]byte, error) { return c.state[key], nil }

// ReadHashes implements tlog.HashReader.
func (c *closedLedger) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, k := range at {
		out[i] = c.hashes[k]
	}
	return out, nil
}

// Each implements fabric.Closed.
func (c *closedLedger) Each(_ context.Context, from network.Position, fn func(network.Event) error) error {
	for _, ev := range c.events[from:] {
		if err := fn(ev); err != nil {
			return err
		}
	}
	return nil
}

// Prove implements fabric.Closed.
func (c *closedLedger) Prove(size network.Position) ([]consent.Hash, error) {
	p, err := tlog.ProveTree(int64(len(c.events)), int64(size), c) //nolint:gosec // small
	out := make([]consent.Hash, len(p))
	for i, h := range p {
		out[i] = consent.Hash(h)
	}
	return out, err
}

func (c *closedLedger) add(t *testing.T, m consent.Message) {
	t.Helper()
	v, err := consent.Verify(c.w.Ledger, m)
	if err != nil {
		t.Fatal(err)
	}
	o, err := consent.Run(consent.Tx{ID: "x", Time: c.w.Now}, c, v)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range o.Leaf.Writes {
		c.state[w.Key] = w.Value
	}
	h, err := tlog.StoredHashes(int64(len(c.events)), o.Leaf.Marshal(), c)
	if err != nil {
		t.Fatal(err)
	}
	c.hashes = append(c.hashes, h...)
	c.events = append(c.events, network.Event{Position: network.Position(len(c.events) + 1), Leaf: o.Leaf, Event: o.Event, Message: &m})
}

func newClosed(t *testing.T, subjects int) *closedLedger {
	t.Helper()
	c := &closedLedger{state: map[string][]byte{}}
	c.w, c.genesis = consenttest.NewWorld(t.Name())
	c.w.Now = consent.Millis(time.Now().Add(-time.Hour).UnixMilli())
	c.add(t, c.genesis)
	for _, m := range c.w.Members() {
		c.add(t, m)
	}
	for range subjects {
		s, open := c.w.Open()
		c.add(t, open)
		claim := s.Claim()
		c.add(t, claim)
		s.Moved(claim)
		grant := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		c.add(t, grant)
		s.Moved(grant)
		c.alice = s
	}
	both := []string{"trust", "regulator"}
	c.add(t, c.w.Sign(&consent.Close{Seq: 2, Salt: c.w.Rand.Hash()}, consenttest.Persona(both[0]), consenttest.Persona(both[1])))
	root, err := tlog.TreeHash(int64(len(c.events)), c)
	if err != nil {
		t.Fatal(err)
	}
	m := c.w.Sign(&consent.Import{Seq: 3, Size: consent.Uint64(len(c.events)), Root: consent.Hash(root), Salt: c.w.Rand.Hash()},
		consenttest.Persona(both[0]), consenttest.Persona(both[1]))
	if c.opening, err = consent.Verify(c.w.Ledger, m); err != nil {
		t.Fatal(err)
	}
	return c
}

// takeover is that of the hospital, in small chunks.
func (c *closedLedger) takeover(n *fakeNet) fabric.Takeover {
	return fabric.Takeover{Channel: &peer{n, hospital}, Organizations: organizations(hospital), Closed: c, Opening: c.opening, Limit: 5}
}

// TestTakeover brings a ledger onto a channel through all sorts of trouble: refused and forged endorsements, lost
// transactions, lost answers. Every leaf is there once, in order; whoever follows gets them; and the ledger goes on.
func TestTakeover(t *testing.T) {
	n, c := newFakeNet(), newClosed(t, 20)
	calls, orders := 0, 0
	n.set(hooks{
		endorse: func(_ string, call fabric.Call) error {
			calls++
			if call.Function == wire.TakeOver && calls%7 == 3 {
				return errors.New("the connection broke")
			}
			if call.Function == wire.TakeOver && calls%7 == 5 {
				return &fabric.AnswerError{Peer: "peer", Status: 500, Message: string(consent.Conflict)} // it is behind
			}
			return nil
		},
		forge: func(string) bool { return calls%11 == 4 },
		order: func(string) (bool, error) {
			orders++
			if orders%4 == 2 {
				return false, errors.New("no answer") // it arrived all the same
			}
			return false, nil
		},
	})
	var seen []int64
	take := c.takeover(n)
	take.Progress = func(done, _ int64) { seen = append(seen, done) }
	if err := take.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.IsSorted(seen) || seen[len(seen)-1] != int64(len(c.events)) {
		t.Fatalf("progress %v of %d", seen, len(c.events))
	}
	n.set(hooks{})
	if err := take.Run(t.Context()); err != nil { // it is there: nothing is done
		t.Fatal(err)
	}
	c.follows(t, n)
}

// follows opens a gate on the channel and goes through what it has.
func (c *closedLedger) follows(t *testing.T, n *fakeNet) {
	t.Helper()
	h := fakeGate(t, n, c.genesis, hospital).start(t)
	var got []network.Event
	stop := errors.New("enough")
	err := h.l.Follow(t.Context(), 0, func(ev network.Event) error {
		if got = append(got, ev); len(got) == len(c.events)+1 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	for i, ev := range c.events {
		if string(got[i].Leaf.Marshal()) != string(ev.Leaf.Marshal()) {
			t.Fatalf("leaf %d is another", i)
		}
		if got[i].Message == nil || string(got[i].Message.Marshal()) != string(ev.Message.Marshal()) {
			t.Fatalf("message %d is not there", i)
		}
	}
	v, err := consent.Verify(c.w.Ledger, c.alice.Revoke(3))
	if err != nil {
		t.Fatal(err)
	}
	r, err := h.l.Submit(t.Context(), v)
	if err != nil || int(r.Position) != len(c.events)+2 { //nolint:gosec // small
		t.Fatalf("%+v, %v", r, err)
	}
	h.Check(t, r)
}

// TestTakeoverOfADeadOrderer: an orderer takes a chunk and dies with it. The same transaction goes to the next one.
func TestTakeoverOfADeadOrderer(t *testing.T) {
	n, c := newFakeNet(), newClosed(t, 1)
	var ordered []string
	n.set(hooks{order: func(tx string) (bool, error) {
		ordered = append(ordered, tx)
		return len(ordered) == 2, nil
	}})
	if err := c.takeover(n).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(ordered) < 3 || ordered[1] != ordered[2] || ordered[0] == ordered[1] {
		t.Fatalf("ordered %q", ordered)
	}
	c.follows(t, n)
}

// TestTakeoverIsStopped: it is stopped after every chunk, goes on where it was, and no gate opens before the end.
func TestTakeoverIsStopped(t *testing.T) {
	n, c := newFakeNet(), newClosed(t, 5)
	for stops := 0; ; stops++ {
		ctx, cancel := context.WithCancel(t.Context())
		take := c.takeover(n)
		first := int64(-1)
		take.Progress = func(done, total int64) {
			if first < 0 {
				first = done
			} else if done < total {
				cancel()
			}
		}
		err := take.Run(ctx)
		cancel()
		if err == nil {
			if stops < 3 {
				t.Fatalf("stopped %d times", stops)
			}
			break
		}
		h := fakeGate(t, n, c.genesis, hospital)
		brief, cancelBrief := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if err := h.tryOpen(brief, t); consent.CodeOf(err) != consent.Unavailable {
			t.Fatalf("a gate on half a ledger: %v", err)
		}
		cancelBrief()
	}
	c.follows(t, n)
}

// TestTakeoverRefused: what can never be taken over is given back at once, with the endorsers' code.
func TestTakeoverRefused(t *testing.T) {
	c := newClosed(t, 2)
	other := newFakeNet()
	_, genesis := consenttest.NewWorld("another")
	fakeGate(t, other, genesis, hospital).start(t)
	if err := c.takeover(other).Run(t.Context()); consent.CodeOf(err) != consent.Exists {
		t.Errorf("a channel with a ledger: %v", err)
	}
	for _, code := range []consent.Code{consent.Malformed, consent.BadSignature, consent.Unauthorized, consent.Conflict} {
		n := newFakeNet()
		tries := 0
		n.set(hooks{endorse: func(string, fabric.Call) error {
			tries++
			return &fabric.AnswerError{Peer: "peer", Status: 500, Message: string(code)}
		}})
		if err := c.takeover(n).Run(t.Context()); consent.CodeOf(err) != code {
			t.Errorf("%s: %v", code, err)
		}
		if want := map[bool]int{true: 10, false: 1}[code == consent.Conflict]; tries != want {
			t.Errorf("%s: tried %d times, want %d", code, tries, want)
		}
	}
	n := newFakeNet()
	if err := c.takeover(n).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	again := c.takeover(n)
	m := c.opening.Message()
	i := *m.Body.(*consent.Import) //nolint:errcheck,forcetypeassert // it is one
	i.Salt[0] ^= 1
	var err error
	if again.Opening, err = consent.Verify(c.w.Ledger, c.w.Sign(&i, consenttest.Persona("trust"), consenttest.Persona("regulator"))); err != nil {
		t.Fatal(err)
	}
	if err := again.Run(t.Context()); consent.CodeOf(err) != consent.Exists {
		t.Errorf("another Import: %v", err)
	}
	if d := cmp.Diff(consent.Malformed, consent.CodeOf(fabric.Takeover{Channel: &peer{n, hospital}, Opening: verified(t, c)}.Run(t.Context()))); d != "" {
		t.Error(d)
	}
}

func verified(t *testing.T, c *closedLedger) consent.Verified {
	t.Helper()
	v, err := consent.Verify(c.w.Ledger, c.genesis)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// takeOver is the chaincode's takeover, as far as the client can see it; what it refuses is tested where it is.
func (n *fakeNet) takeOver(tx *fakeTx, c fabric.Call) (wire.Taken, error) {
	var ch wire.Chunk
	var taken wire.Taken
	err := consent.Decode(c.Batch, &ch)
	if b := n.state[wire.TakenKey].bytes; err == nil && b != nil {
		err = consent.Decode(b, &taken)
	}
	tx.reads[wire.TakenKey] = n.state[wire.TakenKey].version
	var m consent.Message
	if err == nil {
		m, err = consent.Unmarshal([]byte(ch.Import))
	}
	i, ok := m.Body.(*consent.Import)
	if err != nil || !ok {
		return taken, fmt.Errorf("read the chunk: %w", err)
	}
	if taken.Size != ch.First {
		return taken, &fabric.AnswerError{Peer: "peer", Status: 500, Message: string(consent.Conflict)}
	}
	taken.Import, taken.Of = consent.Commitment(i), i.Size
	over := map[string][]byte{}
	var ev wire.Event
	for _, e := range ch.Entries {
		leaf, err := consent.ParseLeaf([]byte(e.Leaf))
		if err != nil {
			return taken, err
		}
		ev.Parts = append(ev.Parts, n.taken(tx, leaf, e))
		for _, w := range leaf.Writes {
			over[w.Key] = w.Value
		}
		taken.Size++
	}
	if taken.Size == taken.Of {
		var g consent.Genesis
		if err := consent.Decode(over[consent.GenesisKey()], &g); err != nil {
			return taken, err
		}
		g.Closed, g.Seq = false, i.Seq
		over[consent.GenesisKey()] = consent.Append(nil, g)
		leaf := consent.Leaf{
			Type: "Import", Time: consent.Millis(time.Now().UnixMilli()) / 60_000 * 60_000, Commitment: taken.Import,
			Writes: []consent.Write{{Key: consent.GenesisKey(), Value: over[consent.GenesisKey()]}},
		}
		ev.Parts = append(ev.Parts, wire.Part{Leaf: string(leaf.Marshal()), Message: ch.Import})
	}
	over[wire.TakenKey] = consent.Append(nil, taken)
	for k, v := range over {
		tx.writes = append(tx.writes, consent.Write{Key: k, Value: v})
	}
	tx.event, tx.messages = consent.Append(nil, ev), len(ev.Parts)
	return taken, nil
}

func (n *fakeNet) taken(tx *fakeTx, leaf consent.Leaf, e wire.Entry) wire.Part {
	p := wire.Part{Leaf: e.Leaf, Message: e.Message}
	if ev, err := consent.EventOf(leaf); err == nil && !ev.Handle.IsZero() {
		p.Message, p.Kept = "", true
		tx.bodies[consent.BodyKey(ev.Handle, ev.Seq)] = e.Message
	}
	return p
}
