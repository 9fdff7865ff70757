package ccaas_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/ccaas"
	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
)

// Two endorsers whose clocks differ give the same response, event, reads and writes for 10,000 random transactions, good
// and bad, and stay equal when they commit them.
func TestTwoEndorsersAgree(t *testing.T) {
	transactions := 10_000
	if testing.Short() {
		transactions = 500
	}
	g := newGenerator(t)
	peers := []*fakePeer{g.peer(20 * time.Second), g.peer(-20 * time.Second)}
	accepted := map[string]int{}
	for i := range transactions {
		function, in, moved := g.transaction()
		var sims [2]*simulation
		for j, p := range peers {
			sims[j] = p.simulate(g.at, fmt.Sprintf("tx%d", i), function, in)
		}
		if diff := cmp.Diff(sims[0].all(), sims[1].all()); diff != "" {
			t.Fatalf("transaction %d, %s (-one +other):\n%s", i, function, diff)
		}
		got := codes(sims[0].response)
		for _, c := range got {
			accepted[c]++
		}
		if sims[0].response.Status == 200 && function != wire.State {
			if !peers[0].commit(sims[0]) || !peers[1].commit(sims[1]) {
				t.Fatalf("transaction %d is invalid", i)
			}
			for k, c := range got {
				if c == "" && k < len(moved) && moved[k] != nil {
					moved[k]()
				}
			}
		}
	}
	if diff := cmp.Diff(peers[0].state, peers[1].state, cmp.AllowUnexported(versioned{})); diff != "" {
		t.Fatalf("states differ:\n%s", diff)
	}
	if accepted[""] < transactions || accepted["conflict"] == 0 || accepted["signature"] == 0 || accepted["unavailable"] == 0 || accepted["erased"] == 0 {
		t.Fatalf("a poor mixture: %v", accepted)
	}
	t.Logf("%d transactions: %v", transactions, accepted)
}

// generator makes random transactions about a world that it keeps track of.
type generator struct {
	w      *consenttest.World
	r      *rand.Rand
	at     time.Time
	people []*consenttest.Subject
	last   consent.Message
	start  []consent.Message
	anchor consent.Uint64
}

func newGenerator(t *testing.T) *generator {
	t.Helper()
	w, genesis := consenttest.NewWorld("determinism")
	return &generator{
		w: w, r: rand.New(rand.NewPCG(1, 2)), at: time.UnixMilli(int64(w.Now)), last: genesis,
		start: append([]consent.Message{genesis}, w.Members()...),
	}
}

// peer is a peer with the members on it, whose clock is off by this much.
func (g *generator) peer(skew time.Duration) *fakePeer {
	p := newPeer(ccaas.Config{Now: func() time.Time { return g.at.Add(skew) }}, string(consenttest.CityHospital))
	for i, m := range g.start {
		p.commit(p.simulate(g.at, fmt.Sprintf("start%d", i), wire.Submit, batch(m)))
	}
	return p
}

// transaction is a function, its input and, for each message, what is to be noted when it was accepted.
func (g *generator) transaction() (function string, in []byte, moved []func()) {
	g.at = g.at.Add(time.Duration(g.r.IntN(3000)) * time.Millisecond)
	g.w.Now = consent.Millis(g.at.UnixMilli())
	if g.r.IntN(50) == 0 {
		junk := make([]byte, g.r.IntN(200))
		for i := range junk {
			junk[i] = byte(g.r.Uint32())
		}
		return wire.Submit, junk, nil
	}
	var ms []consent.Message
	for range 1 + g.r.IntN(5) {
		m, note := g.message()
		ms, moved = append(ms, m), append(moved, note)
	}
	g.last = ms[0]
	function = wire.Submit
	if g.r.IntN(8) == 0 {
		function = wire.Withdraw
	}
	return function, batch(ms...), moved
}

func (g *generator) message() (consent.Message, func()) {
	if len(g.people) < 20 || g.r.IntN(10) == 0 {
		p, m := g.w.Open()
		return m, func() { g.people = append(g.people, p) }
	}
	p := g.people[g.r.IntN(len(g.people))]
	if p.Seq == 1 {
		m := p.Claim()
		return m, func() { p.Moved(m) }
	}
	m := g.about(p)
	return m, func() {
		if b, ok := m.Body.(consent.SubjectBody); ok && b.Link().Handle == p.Handle {
			p.Moved(m)
		}
	}
}

func (g *generator) about(p *consenttest.Subject) consent.Message {
	switch n := g.r.IntN(100); {
	case n < 50:
		return p.Grant(research())
	case n < 70:
		return p.Revoke(consent.Uint64(g.r.Uint64N(uint64(p.Seq) + 2)))
	case n < 78:
		return p.RevokeAll()
	case n < 80:
		return p.Erase()
	case n < 86:
		stale := *p
		stale.Seq--
		return stale.RevokeAll()
	case n < 92:
		return g.w.SignOpen(p.RevokeAll().Body, consent.Openings{KeySalt: &p.KeySalt}, consenttest.Persona("mallory"))
	case n < 96:
		return g.last
	}
	g.anchor++
	return g.w.Sign(&consent.Anchor{
		Member: consenttest.CityHospital, Origin: "uses", Size: g.anchor, Root: g.w.Rand.Hash(), Salt: g.w.Rand.Hash(),
	}, consenttest.Persona(string(consenttest.CityHospital)))
}
