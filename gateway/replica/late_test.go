package replica_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/replica"
)

// missing takes messages with these numbers of each subject away, as if they had not arrived.
func (s *scene) missing(all []*consenttest.Subject, seqs ...consent.Uint64) {
	s.ledger.set(func() {
		s.ledger.late = map[consent.Hash]bool{}
		for _, ev := range s.ledger.events {
			for _, who := range all {
				for _, seq := range seqs {
					if ev.Event.Handle == who.Handle && ev.Event.Seq == seq {
						s.ledger.late[ev.Leaf.Commitment] = true
					}
				}
			}
		}
	})
}

// refused waits until a subject is refused for this reason, nil for none.
func (s *scene) refused(who *consenttest.Subject, why error) {
	s.t.Helper()
	end := time.Now().Add(20 * time.Second)
	for {
		v := s.enter(who, nil)
		got := v.Refused
		v.Leave()
		if errors.Is(got, why) || why == nil && got == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("refused for %v, want %v", got, why)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// A message that has not arrived has its subject denied and nobody else's. When it is there all is as if it had never been
// late, whatever else had happened meanwhile and however often the replica was started.
func TestLateMessages(t *testing.T) {
	s := open(t, func(c *replica.Config) { c.MaxStale = time.Hour })
	all := s.history(6)
	want := s.dump(all)
	for _, seqs := range [][]consent.Uint64{{3}, {1, 4}, {1, 2, 3, 4, 5, 6, 7}} {
		s.stop()
		s.must(os.RemoveAll(filepath.Join(s.cfg.Dir, "replica")))
		s.missing(all[:3], seqs...)
		s.start()
		for i, who := range all {
			if i < 3 {
				s.refused(who, replica.ErrIncomplete)
			} else {
				s.refused(who, nil)
			}
		}
		s.stop()
		s.start()
		s.refused(all[0], replica.ErrIncomplete)
		s.missing(all[:1], seqs...) // the others' arrive
		s.refused(all[1], nil)
		s.refused(all[2], nil)
		s.refused(all[0], replica.ErrIncomplete)
		s.missing(nil)
		s.refused(all[0], nil)
		if diff := cmp.Diff(want, s.dump(all)); diff != "" {
			t.Fatalf("after messages %v were late (-want +got):\n%s", seqs, diff)
		}
	}
}

// What happens to a subject while a message of it is missing is not lost, and an erasure waits for nothing.
func TestLateMeanwhile(t *testing.T) {
	s := open(t, func(c *replica.Config) { c.MaxStale = time.Hour })
	who, gone := s.enrol(0), s.enrol(0)
	s.stop()
	s.must(os.RemoveAll(filepath.Join(s.cfg.Dir, "replica")))
	s.missing([]*consenttest.Subject{who, gone}, 3)
	s.start()
	s.refused(who, replica.ErrIncomplete)
	s.submit(who, who.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	s.submit(who, who.Revoke(3))
	s.submit(gone, gone.Erase())
	s.refused(who, replica.ErrIncomplete)
	if _, err := s.replica.Enter(gone.Handle, nil); consent.CodeOf(err) != consent.Erased {
		t.Errorf("an erased subject: %v", err)
	}
	s.missing(nil)
	s.refused(who, nil)
	if got := s.live(who); got != 1 {
		t.Errorf("%d consents in force, want 1", got)
	}
	if head, ok := s.replica.Head(who.Handle); !ok || head.Seq != who.Seq {
		t.Errorf("the head is at %d, want %d", head.Seq, who.Seq)
	}
}
