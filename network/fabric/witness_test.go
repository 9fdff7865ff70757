package fabric_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric"
)

// eventually waits for ok, a minute at most.
func (s *town) eventually(what string, ok func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("%s: not within a minute; %v behind, %v", what, s.g.l.Behind(), s.g.l.Failed())
		}
	}
}

// refused waits until the hospital's gate believes its peer no more, and says why.
func (s *town) refused(want string) {
	s.Helper()
	s.eventually("refuse", func() bool { return s.g.l.Failed() != nil })
	if err := s.g.l.Failed(); !strings.Contains(err.Error(), want) {
		s.Errorf("refused: %v, want %q", err, want)
	}
	if got := s.g.l.Behind(); got != math.MaxInt64 {
		s.Errorf("%v behind", got)
	}
}

// lies lets the hospital's own peer show something else of blocks that come from now on.
func (s *town) lies(h hooks, change func(b *fabric.Block)) {
	s.n.mu.Lock()
	defer s.n.mu.Unlock()
	from := uint64(len(s.n.blocks))
	h.show = func(org string, b fabric.Block) fabric.Block {
		if org == hospital && b.Number >= from {
			b.Transactions = slices.Clone(b.Transactions)
			change(&b)
		}
		return b
	}
	s.n.hooks = h
}

// hideFirst calls the transactions of the first block with leaves invalid, whenever it is shown.
func hideFirst() func(b *fabric.Block) {
	first := uint64(0)
	return func(b *fabric.Block) {
		for i, tx := range b.Transactions {
			if tx.Event == nil || first != 0 && first != b.Number {
				continue
			}
			first = b.Number
			b.Transactions[i].Code = "MVCC_READ_CONFLICT"
			b.Said[0]++
		}
	}
}

// away is an organisation whose peer does not answer.
func away(orgs ...string) func(string, uint64, *[32]byte) error {
	return func(org string, _ uint64, _ *[32]byte) error {
		if slices.Contains(orgs, org) {
			return errors.New("it does not answer")
		}
		return nil
	}
}

// A peer that hides a revocation is contradicted by the others', at once or when they can be reached again, and be it after
// a restart.
func TestHiddenRevocation(t *testing.T) {
	for name, h := range map[string]hooks{"at once": {}, "by whom comes back": {said: away(trust, regulator)}} {
		t.Run(name, func(t *testing.T) {
			s := newTown(t, nil)
			trusts := fakeGate(t, s.n, s.g.cfg.Genesis, trust).start(t)
			p := s.subject()
			m := s.grant(p)
			s.level(trusts, s.must(s.g, m).Position)
			p.Moved(m)
			s.lies(h, hideFirst())
			before := s.g.l.Position()
			s.must(trusts, p.RevokeAll())
			if h.said != nil {
				s.eventually("fresh, and wrong", func() bool { return s.g.l.Behind() < time.Second })
				if got := s.g.l.Position(); got != before {
					t.Errorf("at %d, was at %d", got, before)
				}
				s.subject() // what follows is told as it is, and the copy goes on with it
				s.g.Restart(t)
				s.n.mu.Lock()
				s.n.hooks.said = nil
				s.n.mu.Unlock()
			}
			s.refused("do not say the same")
		})
	}
}

// A peer of another organisation that contradicts the own one is no proof against it as long as a third one confirms it;
// until that one does, everything is denied.
func TestContradicted(t *testing.T) {
	s := newTown(t, nil)
	wrong := func(org string, _ uint64, said *[32]byte) error {
		if org == regulator {
			said[0]++
		}
		return nil
	}
	s.n.set(hooks{said: wrong})
	s.subject()
	s.n.set(hooks{said: func(org string, n uint64, said *[32]byte) error {
		return errors.Join(away(trust)(org, n, said), wrong(org, n, said))
	}})
	s.eventually("denied", func() bool { return s.g.l.Behind() == math.MaxInt64 })
	if err := s.g.l.Failed(); err != nil {
		t.Fatalf("one contradiction was enough: %v", err)
	}
	s.n.set(hooks{said: wrong})
	s.eventually("confirmed", func() bool { return s.g.l.Behind() < time.Second })
	s.subject()
}

// Leaves that nobody confirms for too long are not decided upon. Blocks without leaves need no confirmation.
func TestNobodyConfirms(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Doubt = 20 * time.Millisecond })
	s.eventually("confirmed", func() bool { return s.g.l.Behind() < time.Second })
	s.n.set(hooks{said: away(trust, regulator)})
	p := s.subject()
	s.eventually("denied", func() bool { return s.g.l.Behind() > time.Second })
	s.n.set(hooks{})
	s.eventually("confirmed again", func() bool { return s.g.l.Behind() < time.Second })
	s.must(s.g, s.grant(p))
}

// A leaf that two organisations did sign, somewhen, is no leaf of this place: what a peer calls valid must follow from what
// is before it. Nobody else is asked here.
func TestLeavesFollow(t *testing.T) {
	silent := hooks{said: away(trust, regulator)}
	head := func(change func(*consent.Head)) func(*consent.Leaf) {
		return func(l *consent.Leaf) {
			for i, w := range l.Writes {
				var h consent.Head
				if strings.HasPrefix(w.Key, "head/") && consent.Decode(w.Value, &h) == nil {
					change(&h)
					l.Writes[i].Value = consent.Append(nil, h)
				}
			}
		}
	}
	for name, c := range map[string]struct {
		change func(*consent.Leaf)
		want   string
	}{
		"a place left out":          {head(func(h *consent.Head) { h.Seq++ }), "not the next one"},
		"a place taken twice":       {head(func(h *consent.Head) { h.Seq-- }), "not the next one"},
		"another message before it": {head(func(h *consent.Head) { h.Prev[0]++ }), "not the next one"},
		"a revocation undone":       {head(func(h *consent.Head) { h.RevokedThrough = 0 }), "not the next one"},
		"another custodian":         {head(func(h *consent.Head) { h.Custodian = "other" }), "what never changes"},
		"a member's record, too": {func(l *consent.Leaf) {
			l.Writes = append(l.Writes, consent.Write{Key: "zzz", Value: []byte("x")})
		}, "writes zzz"},
		"a chain that begins again": {func(l *consent.Leaf) { l.Type = "SubjectOpen" }, "begins twice"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTown(t, nil)
			p := s.subject()
			revoke := p.RevokeAll()
			s.must(s.g, revoke)
			p.Moved(revoke)
			trusts := fakeGate(t, s.n, s.g.cfg.Genesis, trust).start(t)
			s.level(trusts, s.g.l.Position())
			s.lies(silent, func(b *fabric.Block) { forgeLeaf(t, b, c.change) })
			s.must(trusts, p.RevokeAll()) // the hospital's gate has not got the message
			s.refused(c.want)
		})
	}
}

func forgeLeaf(t *testing.T, b *fabric.Block, change func(*consent.Leaf)) {
	t.Helper()
	for i, tx := range b.Transactions {
		var ev wire.Event
		if tx.Event == nil {
			continue
		}
		if err := consent.Decode(tx.Event, &ev); err != nil {
			t.Error(err)
		}
		for j, part := range ev.Parts {
			leaf, err := consent.ParseLeaf([]byte(part.Leaf))
			if err != nil {
				t.Error(err)
			}
			change(&leaf)
			ev.Parts[j].Leaf = string(leaf.Marshal())
		}
		b.Transactions[i].Event = consent.Append(nil, ev)
	}
}

// What was valid once is not valid again, and where the message is known the contract itself says what its leaf is.
func TestContractRunsAgain(t *testing.T) {
	silent := hooks{said: away(trust, regulator)}
	t.Run("a member's message a second time", func(t *testing.T) {
		s := newTown(t, nil)
		s.n.mu.Lock()
		var first fabric.Transaction
		for _, b := range s.n.blocks {
			for _, tx := range b.Transactions {
				if tx.Event != nil {
					first = tx
				}
			}
		}
		s.n.mu.Unlock()
		s.lies(silent, func(b *fabric.Block) { b.Transactions = append(b.Transactions, first) })
		s.refused("does not follow")
	})
	t.Run("another leaf than the message makes", func(t *testing.T) {
		s := newTown(t, func(c *fabric.Config) { c.Patience = time.Second })
		p := s.subject()
		s.lies(silent, func(b *fabric.Block) {
			forgeLeaf(t, b, func(l *consent.Leaf) { l.Writes = append(l.Writes, consent.Write{Key: "zzz", Value: []byte("x")}) })
		})
		if _, err := s.submit(s.g, s.grant(p)); err == nil {
			t.Error("it was taken")
		}
		s.refused("something else")
	})
}
