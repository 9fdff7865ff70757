package fabric_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric"
)

// Whatever is lost or refused on the way for a while, one Submit sees the message through, and it is applied once.
func TestSeenThrough(t *testing.T) {
	some := func(n int64, fails func() error) func() error {
		var calls atomic.Int64
		return func() error {
			if calls.Add(1) <= n {
				return fails()
			}
			return nil
		}
	}
	down := func() error { return errors.New("connection refused") }
	chaincode := func() error {
		return &fabric.AnswerError{Peer: "peer", Status: 500, Message: "could not launch chaincode"}
	}
	behind := func() error {
		return &fabric.AnswerError{Peer: "peer", Status: wire.Refused, Message: string(consent.NotFound)}
	}
	endorse := func(fails func() error) hooks {
		return hooks{endorse: func(_ string, c fabric.Call) error {
			if c.Function == wire.Genesis {
				return nil
			}
			return fails()
		}}
	}
	order := func(n int64, report error) hooks {
		var mu sync.Mutex
		lost := map[string]int64{}
		return hooks{order: func(tx string) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if lost[tx]++; lost[tx] <= n {
				return true, report
			}
			return false, nil
		}}
	}
	var first atomic.Pointer[string]
	for name, h := range map[string]hooks{
		"no peer":               endorse(some(6, down)),
		"no chaincode":          endorse(some(6, chaincode)),
		"a peer that is behind": endorse(some(6, behind)),
		"no orderer":            order(2, errors.New("no leader")),
		"an orderer that loses": order(2, nil),
		"an orderer that says no": {order: func() func(string) (bool, error) {
			f := some(2, down)
			return func(string) (bool, error) { return false, f() }
		}()},
		"a transaction lost for all": {order: func(tx string) (bool, error) { first.CompareAndSwap(nil, &tx); return tx == *first.Load(), nil }},
	} {
		t.Run(name, func(t *testing.T) {
			s := newTown(t, func(c *fabric.Config) { c.Commit, c.Beat = 200*time.Millisecond, time.Hour })
			p := s.subject()
			s.n.set(h)
			r := s.must(s.g, s.grant(p))
			if got := s.g.l.Position(); got != r.Position {
				t.Errorf("the message is at %d, and the ledger at %d", r.Position, got)
			}
		})
	}
}

// A message that nobody waits for any more, and of which nothing was submitted, is not submitted later.
func TestGaveUp(t *testing.T) {
	s := newTown(t, nil)
	p := s.subject()
	s.n.set(hooks{endorse: func(_ string, c fabric.Call) error {
		if c.Function == wire.Genesis {
			return nil
		}
		return errors.New("connection refused")
	}})
	v, err := consent.Verify(s.w.Ledger, s.grant(p))
	if err != nil {
		t.Fatal(err)
	}
	code := consent.Unknown
	for range 50 { // now and then it is being endorsed in the very moment
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err = s.g.l.Submit(ctx, v)
		cancel()
		if code = consent.CodeOf(err); code == consent.Unavailable {
			break
		}
	}
	if code != consent.Unavailable {
		t.Fatalf("gave up: %v, want %s", err, consent.Unavailable)
	}
	s.n.set(hooks{})
	if _, err := s.g.l.Lookup(t.Context(), v.Commitment()); consent.CodeOf(err) != consent.NotFound {
		t.Errorf("looked up: %v, want %s", err, consent.NotFound)
	}
}

// A withdrawal does not wait for a message of its subject that gets no endorsement.
func TestWithdrawalGoesFirst(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Patience = time.Hour })
	p := s.subject()
	m := s.grant(p)
	s.must(s.g, m)
	p.Moved(m)
	asked := make(chan struct{}, 1)
	s.n.set(hooks{endorse: func(org string, c fabric.Call) error {
		if org != hospital || c.Function == wire.Genesis {
			return nil
		}
		select {
		case asked <- struct{}{}:
		default:
		}
		return errors.New("connection refused")
	}})
	stuck := make(chan error, 1)
	next := s.grant(p)
	go func() {
		_, err := s.submit(s.g, next)
		stuck <- err
	}()
	<-asked
	s.must(s.g, p.RevokeAll())
	if err := <-stuck; consent.CodeOf(err) != consent.Unavailable {
		t.Errorf("the grant: %v, want %s", err, consent.Unavailable)
	}
}

// A subject that makes every batch fail that she is in does so once: then her messages go alone, and those of others together.
func TestLonely(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Linger, c.Patience = 20*time.Millisecond, 2*time.Second })
	const people = 12
	poison := s.subject()
	var failed atomic.Int64
	poisoned := func(m consent.Message) hooks {
		text := string(m.Marshal())
		return hooks{endorse: func(_ string, c fabric.Call) error {
			var b wire.Batch
			if consent.Decode(c.Batch, &b) == nil && slices.Contains(b.Messages, text) {
				if len(b.Messages) > 1 {
					failed.Add(1)
				}
				return fabric.ErrMismatch
			}
			return nil
		}}
	}
	for round := range 2 {
		last := s.grant(poison)
		var all []consent.Message
		for range people {
			all = append(all, s.grant(s.subject()))
		}
		s.n.set(poisoned(last))
		var wg sync.WaitGroup
		for _, m := range append(all, last) {
			wg.Go(func() {
				if _, err := s.submit(s.g, m); err != nil && m.Body != last.Body {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		s.n.set(hooks{})
		if round == 0 && failed.Swap(0) == 0 {
			t.Fatal("no batch failed")
		}
	}
	if n := failed.Load(); n > 0 {
		t.Errorf("%d more batches failed", n)
	}
}
