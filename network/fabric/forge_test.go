package fabric_test

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// liar is the package of a chaincode program that deceives.
const liar = "github.com/volens-ledger/volens/chaincode/ccaas/liar"

// at is a gate of another organisation, or another one of the hospital's, with little patience.
func (s *city) at(org string) *gate {
	s.Helper()
	g := realGate(s, profileOf(s, s.net, org, launch.Chaincode), s.g.cfg.Genesis)
	g.cfg.Patience = 5 * time.Second
	return g.start(s)
}

// forger: the hospital's peer gives results that are not the contract's. Nothing of them is ordered, patients can revoke, and
// of its answers to queries none is believed: the copy is the others', and lacks bodies until it is told the truth. Nor can it
// take what patients said out of the collection alone.
func (s *city) forger() {
	trusts := s.at(trust)
	p := s.subject()
	m := s.grant(p)
	s.must(s.g, m)
	p.Moved(m)
	program := launchtest.Program(s, liar)
	s.kill("cc-hospital")
	other, err := launch.Open(launch.Config{Dir: s.net.Dir(), Chaincode: program})
	if err != nil {
		s.Fatal(err)
	}
	if err := other.Start(launchtest.Context(s), "cc-hospital"); err != nil {
		s.Fatal(err)
	}
	late := s.at(hospital) // it asks the liar for every body
	at := s.g.l.Position()
	if _, err := s.submit(late, s.grant(p)); consent.CodeOf(err) != consent.Unavailable || !errors.Is(err, fabric.ErrMismatch) {
		s.Errorf("a grant that a liar endorses: %v", err)
	}
	seize := launchtest.Call{
		Org: hospital, User: "gateway", Endorsers: []string{hospital}, Chaincode: launch.Chaincode, Function: "seize",
		Args: []string{string(consenttest.CityHospital), consent.BodyKey(p.Handle, 1)},
	}
	seize.Refuse(s.T, s.net, "ENDORSEMENT_POLICY_FAILURE")
	if got := s.g.l.Position(); got != at {
		s.Errorf("position %d, want %d", got, at)
	}
	s.level(late, s.must(s.g, p.RevokeAll()).Position)
	s.level(trusts, late.l.Position())
	same(s.T, late.l, trusts.l)
	s.kill("cc-hospital")
	s.raise("cc-hospital")
	s.until("the bodies come", func() bool {
		missing, err := late.missing()
		return err == nil && missing == 0
	})
	s.subject()
}

// race: a revocation and a grant for one place in a subject's chain, at the gateways of two organisations. One of them wins.
func (s *city) race() {
	trusts := s.at(trust)
	won := map[string]int{}
	for range 5 {
		p := s.subject()
		grant, revoke := s.grant(p), p.RevokeAll()
		s.level(trusts, s.g.l.Position())
		var wg sync.WaitGroup
		var errs [2]error
		wg.Go(func() { _, errs[0] = s.submit(s.g, grant) })
		wg.Go(func() { _, errs[1] = s.submit(trusts, revoke) })
		wg.Wait()
		winner, lost := "grant", errs[1]
		if errs[0] != nil {
			winner, lost = "revocation", errs[0]
		}
		if (errs[0] == nil) == (errs[1] == nil) || consent.CodeOf(lost) != consent.Conflict {
			s.Fatalf("grant: %v, revocation: %v", errs[0], errs[1])
		}
		won[winner]++
	}
	s.Logf("grant against revocation at two gateways: won by %v", won)
}

// island: the hospital's peer hangs, then its gateway reaches that peer and nobody else. Each time it is stale within its
// bound and fresh again by itself, while the others go on and a patient revokes there.
func (s *city) island(links launchtest.Links) {
	trusts := s.at(trust)
	trusts.cfg.Patience = time.Minute
	own := profileOf(s, s.net, hospital, launch.Chaincode).Peers[hospital]
	for _, fault := range []struct {
		what       string
		make, mend func() error
	}{
		{"the own peer hangs", func() error { return s.net.Pause("peer-hospital") }, func() error { return s.net.Resume("peer-hospital") }},
		{"nobody but the own peer can be reached", func() error { links.Cut(true); links[own].Cut(false); return nil }, func() error { links.Cut(false); return nil }},
	} {
		p := s.subject()
		s.level(trusts, s.g.l.Position())
		if err := fault.make(); err != nil {
			s.Fatal(err)
		}
		began := time.Now()
		r := s.must(trusts, p.RevokeAll())
		took := time.Since(began)
		s.until(fault.what, func() bool { return s.g.l.Behind() > 5*time.Second })
		s.Logf("%s: revoked at the trust's gateway after %v, stale after %v", fault.what, took.Round(time.Millisecond), time.Since(began).Round(time.Millisecond))
		if err := fault.mend(); err != nil {
			s.Fatal(err)
		}
		began = time.Now()
		s.until(fault.what+" no more", func() bool { return s.g.l.Behind() < time.Second && s.g.l.Position() >= r.Position })
		s.Logf("fresh again after %v", time.Since(began).Round(time.Millisecond))
	}
	same(s.T, s.g.l, trusts.l)
}

// missing counts the messages that the gate's copy has not got.
func (h *gate) missing() (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	end, to := errors.New("end"), h.l.Position()
	err = h.l.Follow(ctx, 0, func(ev network.Event) error {
		if ev.Late {
			n++
		}
		if ev.Position == to {
			return end
		}
		return nil
	})
	if errors.Is(err, end) {
		err = nil
	}
	return n, err
}
