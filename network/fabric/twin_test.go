package fabric_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric"
)

// A commitment covers a message's body alone. One with another opening that waits here is not the one that landed by another
// gateway, and whoever waits for it is told where its body is.
func TestTwinOfWhatLanded(t *testing.T) {
	for name, lost := range map[string]bool{"the own peer has it": false, "the own peer has not got it": true} {
		t.Run(name, func(t *testing.T) {
			s := newTown(t, func(c *fabric.Config) { c.Grace = time.Millisecond })
			trusts := fakeGate(t, s.n, s.g.cfg.Genesis, trust).start(t)
			p := s.subject()
			s.level(trusts, s.g.l.Position())
			good := s.grant(p)
			bad := good
			bad.Openings.KeySalt = &consent.Hash{1}
			asked, on := make(chan struct{}), make(chan struct{})
			var once sync.Once
			s.n.set(hooks{
				endorse: func(_ string, c fabric.Call) error {
					if strings.Contains(string(c.Batch), string(bad.Marshal())) {
						once.Do(func() { close(asked) })
						<-on
					}
					return nil
				},
				keep: func(string) bool { return !lost },
			})
			type answer struct {
				receipt network.Receipt
				err     error
			}
			answers := make(chan answer, 1)
			go func() {
				r, err := s.submit(s.g, bad)
				answers <- answer{r, err}
			}()
			<-asked
			r := s.must(trusts, good)
			got := <-answers
			close(on)
			if got.err != nil || got.receipt.Position != r.Position {
				t.Errorf("got %d, %v; want %d", got.receipt.Position, got.err, r.Position)
			}
			s.subject()
			if err := s.g.l.Failed(); err != nil {
				t.Error(err)
			}
			missing, err := s.g.missing()
			if err != nil || (missing > 0) != lost {
				t.Errorf("%d messages are missing, %v", missing, err)
			}
		})
	}
}

// An organisation's peer that tells the truth, but slower than blocks come, is left for another one.
func TestSlowWitness(t *testing.T) {
	s := newTown(t, func(c *fabric.Config) { c.Doubt = time.Second })
	s.eventually("confirmed", func() bool { return s.g.l.Behind() < time.Second })
	var asked atomic.Bool
	s.n.set(hooks{said: func(org string, _ uint64, _ *[32]byte) error {
		if org == regulator {
			time.Sleep(300 * time.Millisecond) // there are three heartbeats in it
		} else {
			asked.Store(true)
		}
		return nil
	}})
	s.eventually("ask the trust", func() bool {
		s.subject()
		return asked.Load()
	})
	s.eventually("confirmed again", func() bool { return s.g.l.Behind() < time.Second })
}
