// Package networktest is the one suite that every network.Ledger passes. Run it from the ledger's own tests:
//
//	networktest.Run(t, func(t *testing.T, genesis consent.Message) networktest.Host { … })
package networktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
)

// Host opens ledgers for the suite.
type Host interface {
	// Ledger is the running ledger, with the genesis on it.
	Ledger() network.Ledger
	// Restart stops the ledger and opens it again.
	Restart(t *testing.T) network.Ledger
	// Check checks a receipt as somebody without the ledger would.
	Check(t *testing.T, r network.Receipt)
}

// Open makes a fresh host whose ledger has this genesis.
type Open func(t *testing.T, genesis consent.Message) Host

// Run runs the suite.
func Run(t *testing.T, open Open) {
	t.Helper()
	for name, f := range map[string]func(*scenario){
		"story":                  story,
		"resubmission":           resubmission,
		"one place, one message": onePlace,
		"strangers":              strangers,
		"follow":                 follow,
		"restart":                restart,
		"erasure":                erasure,
		"parallel subjects":      parallel,
		"second genesis":         secondGenesis,
	} {
		t.Run(name, func(t *testing.T) {
			w, genesis := consenttest.NewWorld(t.Name())
			w.Now = consent.Millis(time.Now().UnixMilli()) //nolint:forbidigo // hosts have the real clock
			s := &scenario{T: t, w: w, genesis: genesis, host: open(t, genesis)}
			s.l = s.host.Ledger()
			if s.l.ID() != w.Ledger {
				t.Fatalf("the ledger's id is %s, want %s", s.l.ID(), w.Ledger)
			}
			for _, m := range w.Members() {
				s.must(m)
			}
			f(s)
		})
	}
}

type scenario struct {
	*testing.T
	w       *consenttest.World
	genesis consent.Message
	host    Host
	l       network.Ledger
}

func (s *scenario) submit(m consent.Message) (network.Receipt, error) {
	v, err := consent.Verify(s.w.Ledger, m)
	if err != nil {
		return network.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return s.l.Submit(ctx, v)
}

func (s *scenario) must(m consent.Message) network.Receipt {
	s.Helper()
	r, err := s.submit(m)
	if err != nil {
		s.Fatalf("%s: %v", consent.TypeOf(m.Body), err)
	}
	if r.Commitment != consent.Commitment(m.Body) || r.Position == 0 || r.Position > s.l.Position() {
		s.Fatalf("receipt %+v for commitment %s at ledger position %d", r, consent.Commitment(m.Body), s.l.Position())
	}
	return r
}

func (s *scenario) refuse(code consent.Code, m consent.Message) {
	s.Helper()
	at := s.l.Position()
	if _, err := s.submit(m); !errors.Is(err, &consent.Error{Code: code}) {
		s.Fatalf("%s: %v, want code %s", consent.TypeOf(m.Body), err, code)
	}
	if s.l.Position() != at {
		s.Fatalf("a refused message moved the ledger from %d to %d", at, s.l.Position())
	}
}

func (s *scenario) did(p *consenttest.Subject, m consent.Message) network.Receipt {
	s.Helper()
	r := s.must(m)
	p.Moved(m)
	return r
}

func (s *scenario) subject() *consenttest.Subject {
	s.Helper()
	p, open := s.w.Open()
	s.must(open)
	s.did(p, p.Claim())
	return p
}

func (s *scenario) head(p *consenttest.Subject) consent.Head {
	s.Helper()
	b, err := s.l.Get(consent.HeadKey(p.Handle))
	if err != nil {
		s.Fatal(err)
	}
	var h consent.Head
	if err := consent.Decode(b, &h); err != nil {
		s.Fatal(err)
	}
	return h
}

func story(s *scenario) {
	p := s.subject()
	grant := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	s.host.Check(s.T, s.did(p, grant))
	s.host.Check(s.T, s.did(p, p.Revoke(3)))
	s.refuse(consent.WrongState, p.Revoke(3))
	if h := s.head(p); h.Seq != p.Seq || h.Prev != p.Prev || h.State != consent.Active {
		s.Fatalf("head %+v, want seq %d", h, p.Seq)
	}
}

func resubmission(s *scenario) {
	p := s.subject()
	m := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	first := s.did(p, m)
	at := s.l.Position()
	again := s.must(m)
	if again.Position != first.Position || s.l.Position() != at {
		s.Fatalf("resubmitted: position %d, want %d; ledger at %d, want %d", again.Position, first.Position, s.l.Position(), at)
	}
	found, err := s.l.Lookup(context.Background(), first.Commitment)
	if err != nil || found.Position != first.Position {
		s.Fatalf("lookup: %+v, %v", found, err)
	}
	if _, err := s.l.Lookup(context.Background(), consent.Hash{1}); consent.CodeOf(err) != consent.NotFound {
		s.Fatalf("lookup of nothing: %v", err)
	}
	twice := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	var wg sync.WaitGroup
	positions := make([]network.Position, 8)
	for i := range positions {
		wg.Go(func() {
			r, err := s.submit(twice)
			if err != nil {
				s.Errorf("the same message at once: %v", err)
			}
			positions[i] = r.Position
		})
	}
	wg.Wait()
	for _, at := range positions {
		if at != positions[0] {
			s.Fatalf("one message landed at %v", positions)
		}
	}
}

func onePlace(s *scenario) {
	p := s.subject()
	ms := make([]consent.Message, 8)
	for i := range ms {
		ms[i] = p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	}
	errs := make([]error, len(ms))
	var wg sync.WaitGroup
	for i := range ms {
		wg.Go(func() { _, errs[i] = s.submit(ms[i]) })
	}
	wg.Wait()
	won := 0
	for _, err := range errs {
		if err == nil {
			won++
		} else if consent.CodeOf(err) != consent.Conflict {
			s.Errorf("got %v, want a conflict", err)
		}
	}
	if won != 1 {
		s.Fatalf("%d messages took one place in the chain", won)
	}
}

func strangers(s *scenario) {
	p := s.subject()
	mallory := consenttest.Persona("mallory")
	k := p.Link()
	s.refuse(consent.BadSignature, s.w.SignOpen(
		&consent.RevokeAll{Handle: k.Handle, Seq: k.Seq, Prev: k.Prev, Salt: s.w.Rand.Hash()},
		consent.Openings{KeySalt: &p.KeySalt}, mallory))
	s.refuse(consent.Unauthorized, s.w.Sign(&consent.MemberAdmit{
		Member: "mallory", Name: "Mallory", Roles: []consent.Role{consent.Custodian},
		Keys: []consent.Address{mallory.Address()}, Salt: s.w.Rand.Hash(),
	}, mallory))
	s.refuse(consent.Unauthorized, s.w.Sign(&consent.SubjectOpen{
		Handle: s.w.Rand.Handle(), Custodian: "nobody", Slot: 9, CodeCommit: s.w.Rand.Hash(), Salt: s.w.Rand.Hash(),
	}, mallory))
}

func secondGenesis(s *scenario) {
	_, other := consenttest.NewWorld("another")
	if _, err := s.submit(other); consent.CodeOf(err) != consent.Exists {
		s.Fatalf("a second genesis: %v", err)
	}
}

// collect follows from a position until the ledger's present one.
func (s *scenario) collect(from network.Position) []network.Event {
	s.Helper()
	to := s.l.Position()
	if from >= to {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var got []network.Event
	enough := errors.New("enough")
	err := s.l.Follow(ctx, from, func(ev network.Event) error {
		got = append(got, ev)
		if ev.Position == to {
			return enough
		}
		return nil
	})
	if !errors.Is(err, enough) {
		s.Fatalf("follow: %v", err)
	}
	return got
}

func follow(s *scenario) {
	p := s.subject()
	s.did(p, p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	all := s.collect(0)
	for i, ev := range all {
		if ev.Position != network.Position(i+1) { //nolint:gosec // counts
			s.Fatalf("event %d is at position %d", i, ev.Position)
		}
		if ev.Message == nil || consent.Commitment(ev.Message.Body) != ev.Leaf.Commitment {
			s.Fatalf("event %d has not its own message", i)
		}
		if want, err := consent.EventOf(ev.Leaf); err != nil || want != ev.Event {
			s.Fatalf("event %d: %+v, want %+v (%v)", i, ev.Event, want, err)
		}
	}
	for from := range all {
		if n := len(s.collect(network.Position(from))); n != len(all)-from { //nolint:gosec // counts
			s.Fatalf("%d events after %d, want %d", n, from, len(all)-from)
		}
	}
	// A follower that waits gets what comes.
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	live := make(chan network.Event, 1)
	go func() {
		err := s.l.Follow(ctx, s.l.Position(), func(ev network.Event) error { live <- ev; return nil })
		if !errors.Is(err, context.Canceled) {
			live <- network.Event{}
		}
	}()
	r := s.did(p, p.RevokeAll())
	if ev := <-live; ev.Position != r.Position || ev.Event.Type != "RevokeAll" {
		s.Fatalf("the follower got %+v", ev)
	}
}

func restart(s *scenario) {
	p := s.subject()
	r := s.did(p, p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	before, head := s.collect(0), s.head(p)
	s.l = s.host.Restart(s.T)
	if s.l.ID() != s.w.Ledger || s.l.Position() != before[len(before)-1].Position {
		s.Fatalf("after the restart: ledger %s at %d", s.l.ID(), s.l.Position())
	}
	if d := cmp.Diff(head, s.head(p)); d != "" {
		s.Fatal(d)
	}
	if d := cmp.Diff(before, s.collect(0)); d != "" {
		s.Fatalf("events differ after the restart: %s", d)
	}
	if again, err := s.l.Lookup(context.Background(), r.Commitment); err != nil || again.Position != r.Position {
		s.Fatalf("lookup after the restart: %+v, %v", again, err)
	}
	s.did(p, p.Revoke(3))
}

func erasure(s *scenario) {
	p, q := s.subject(), s.subject()
	s.did(p, p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	s.host.Check(s.T, s.did(p, p.Erase()))
	s.refuse(consent.Erased, p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	// A follower that was sent a message before the erasure has to drop it itself; a new one never gets it.
	s.l = s.host.Restart(s.T)
	for _, ev := range s.collect(0) {
		if ev.Event.Handle == p.Handle && ev.Message != nil {
			s.Fatalf("%s of the erased subject is readable", ev.Event.Type)
		}
		if ev.Event.Handle == q.Handle && ev.Message == nil {
			s.Fatalf("%s of another subject is gone", ev.Event.Type)
		}
	}
	s.did(q, q.RevokeAll())
}

func parallel(s *scenario) {
	const n = 24
	subjects := make([]*consenttest.Subject, n)
	messages := make([][]consent.Message, n)
	for i := range subjects {
		p := s.subject()
		subjects[i] = p
		for range 4 {
			m := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
			p.Moved(m)
			messages[i] = append(messages[i], m)
		}
	}
	var wg sync.WaitGroup
	receipts := make([][]network.Receipt, n)
	for i := range messages {
		wg.Go(func() {
			for _, m := range messages[i] {
				r, err := s.submit(m)
				if err != nil {
					s.Errorf("subject %d: %v", i, err)
				}
				receipts[i] = append(receipts[i], r)
			}
		})
	}
	wg.Wait()
	seen := map[network.Position]string{}
	for i, rs := range receipts {
		for j, r := range rs {
			if other, ok := seen[r.Position]; ok {
				s.Fatalf("position %d was given to %s and to %d/%d", r.Position, other, i, j)
			}
			seen[r.Position] = fmt.Sprintf("%d/%d", i, j)
			s.host.Check(s.T, r)
		}
	}
	if got := len(s.collect(0)); network.Position(got) != s.l.Position() {
		s.Fatalf("%d events at position %d", got, s.l.Position())
	}
}
