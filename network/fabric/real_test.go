package fabric_test

import (
	"slices"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
	"github.com/volens-ledger/volens/network/networktest"
)

// profileOf is an organisation's profile for a ledger on the network.
func profileOf(t testing.TB, n *launch.Network, org, chaincode string) fabric.Profile {
	t.Helper()
	return profileAt(t, n.Profile(org), chaincode)
}

func profileAt(t testing.TB, path, chaincode string) fabric.Profile {
	t.Helper()
	p, err := fabric.ReadProfile(path)
	if err != nil {
		t.Fatal(err)
	}
	p.Chaincode = chaincode
	return p
}

// dialer makes channels of a profile.
func dialer(p fabric.Profile) func(t testing.TB) fabric.Channel {
	return func(t testing.TB) fabric.Channel {
		t.Helper()
		c, err := fabric.Dial(p)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
}

// realGate is a gate of an organisation on the network.
func realGate(t testing.TB, p fabric.Profile, genesis consent.Message) *gate {
	t.Helper()
	h := newGate(t, genesis, p.Organizations(), dialer(p))
	h.cfg.Beat = time.Second
	return h
}

func TestOnFabric(t *testing.T) {
	networktest.Run(t, func(t *testing.T, genesis consent.Message) networktest.Host {
		t.Helper()
		n, chaincode := launchtest.Shared(t)
		return realGate(t, profileOf(t, n, hospital, chaincode), genesis).start(t)
	})
}

// apart is a profile whose gateway can be cut off from everybody.
func apart(t testing.TB, p fabric.Profile) (fabric.Profile, launchtest.Links) {
	t.Helper()
	addresses := slices.Clone(p.Orderers)
	for _, peer := range p.Peers {
		addresses = append(addresses, peer)
	}
	path, links := launchtest.Apart(t, p.Path, addresses...)
	return profileAt(t, path, p.Chaincode), links
}

// city is a town on a real network of its own.
type city struct {
	*town
	net *launch.Network
}

func newCity(t *testing.T, n *launch.Network, p fabric.Profile) *city {
	t.Helper()
	towns++
	w, genesis := consenttest.NewWorld(t.Name())
	w.Now = consent.Millis(time.Now().UnixMilli())
	g := realGate(t, p, genesis)
	g.cfg.Patience = 50 * time.Second // the machine may be busy with other things
	g.start(t)
	s := &city{&town{t, nil, w, g}, n}
	for _, m := range w.Members() {
		s.must(g, m)
	}
	return s
}

// until waits for ok, a minute at most.
func (s *city) until(what string, ok func() bool) {
	s.Helper()
	end := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(end) {
			s.Fatalf("%s: not within a minute; %v behind", what, s.g.l.Behind())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// The faults that one network is put through, one after the other. Each leaves it whole.
func TestFaults(t *testing.T) {
	n := launchtest.Network(t, launch.Config{})
	p, links := apart(t, profileOf(t, n, hospital, launch.Chaincode))
	s := newCity(t, n, p)
	s.unwilling()
	s.slowOrderer()
	s.partition(links)
	s.race()
	s.forger()
	s.island(links)
}

// unwilling: the hospital's chaincode does not answer. Patients can revoke all the same; nobody can grant.
func (s *city) unwilling() {
	p := s.subject()
	m := s.grant(p)
	s.must(s.g, m)
	p.Moved(m)
	s.kill("cc-hospital")
	began := time.Now()
	s.must(s.g, p.RevokeAll())
	s.Logf("revoked without the hospital after %v", time.Since(began).Round(time.Millisecond))
	s.raise("cc-hospital")
	q := s.subject()
	s.must(s.g, s.grant(q))
}

// slowOrderer: orderers that are stopped, one after the other and the leader among them, delay and lose nothing.
func (s *city) slowOrderer() {
	leader := s.net.Leader(launchtest.Context(s))
	for _, stopped := range []string{"o1", "o2", "o3"} {
		if err := s.net.Pause(stopped); err != nil {
			s.Fatal(err)
		}
		began := time.Now()
		p := s.subject()
		s.must(s.g, s.grant(p))
		s.Logf("three messages with %s stopped (leader %s) took %v", stopped, leader, time.Since(began).Round(time.Millisecond))
		if err := s.net.Resume(stopped); err != nil {
			s.Fatal(err)
		}
	}
}

// partition: a gateway that reaches nobody says how old its state is, and is fresh again by itself.
func (s *city) partition(links launchtest.Links) {
	const bound = 5 * time.Second
	links.Cut(true)
	began := time.Now()
	s.until("cut off", func() bool { return s.g.l.Behind() > bound })
	s.Logf("stale %v after the cut", time.Since(began).Round(time.Millisecond))
	links.Cut(false)
	began = time.Now()
	s.until("connected again", func() bool { return s.g.l.Behind() < bound })
	s.Logf("fresh %v after the connection was back", time.Since(began).Round(time.Millisecond))
	s.subject()
}

func (s *city) kill(name string) {
	s.Helper()
	if err := s.net.Kill(launchtest.Context(s), name); err != nil {
		s.Fatal(err)
	}
}

func (s *city) raise(name string) {
	s.Helper()
	if err := s.net.Start(launchtest.Context(s), name); err != nil {
		s.Fatal(err)
	}
}
