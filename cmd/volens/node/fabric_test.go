package node_test

import (
	"context"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
	"github.com/volens-ledger/volens/policies"
)

// bound is how old what a gateway decides on may be: the default of --max-stale on Fabric.
const bound = 5 * time.Second

// inquiry is Rosa, who asks for a patient's records again and again.
type inquiry struct {
	t    *testing.T
	rosa *client.Client
	ask  api.AccessRequest
}

// code asks once: "" is a permit, else the first reason of the denial.
func (q *inquiry) code() string {
	q.t.Helper()
	a, err := q.rosa.Fetch(context.Background(), q.ask)
	if err != nil {
		q.t.Fatal(err)
	}
	if a.Decision.Decision == policies.Permit {
		return ""
	}
	return a.Decision.Reasons[0].Code
}

// until asks until the answer is what is wanted, a minute at most.
func (q *inquiry) until(what string, ok func(code string) bool) (last string) {
	q.t.Helper()
	end := time.Now().Add(time.Minute)
	for {
		if last = q.code(); ok(last) {
			return last
		}
		if time.Now().After(end) {
			q.t.Fatalf("%s: still %q after a minute", what, last)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func is(want string) func(string) bool { return func(code string) bool { return code == want } }

// onFabric starts City Hospital's node on a channel, through links of its own, and the patients' trust's beside it.
func onFabric(t *testing.T) (hospital, trust *nodetest.World, links launchtest.Links) {
	t.Helper()
	n, chaincode := launchtest.Shared(t)
	profile := func(path string) fabric.Profile {
		p, err := fabric.ReadProfile(path)
		if err != nil {
			t.Fatal(err)
		}
		p.Chaincode = chaincode
		return p
	}
	p := profile(n.Profile("Hospital"))
	addresses := slices.Clone(p.Orderers)
	for _, peer := range p.Peers {
		addresses = append(addresses, peer)
	}
	path, links := launchtest.Apart(t, p.Path, addresses...)
	p = profile(path)
	hospital = nodetest.Start(t, func(c *node.Config) { c.Fabric = &p })
	return hospital, hospital.Beside(profile(n.Profile("Trust"))), links
}

// Revocations on a channel: at once through the custodian's gateway, from before it is acknowledged; within the freshness
// bound through another organisation's. A gateway that is cut off denies everything within the bound, and permits again by
// itself.
func TestFabricRevocation(t *testing.T) {
	ctx := context.Background()
	hospital, trust, links := onFabric(t)
	hospital.Store["p1"] = []json.RawMessage{observation}
	alice, me := hospital.Enrol("p1")
	level := func() { // the trust's gateway knows what the hospital's does
		t.Helper()
		if err := trust.Node.Replica.Wait(ctx, hospital.Node.Ledger.Position()); err != nil {
			t.Fatal(err)
		}
	}
	level()
	far, err := nodetest.SignIn(ctx, trust.Client(), alice)
	if err != nil {
		t.Fatal(err)
	}
	q := &inquiry{t, hospital.Member(consenttest.RosaInstitute), api.AccessRequest{
		Subject: hospital.Pseudonym(alice, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/rosa"},
	}}
	submit := func(c *client.Client, m consent.Message) {
		t.Helper()
		if _, err := c.Submit(ctx, m); err != nil {
			t.Fatal(err)
		}
		alice.Moved(m)
	}
	grant := func() {
		t.Helper()
		submit(me, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
		q.until("granted", is(""))
	}
	const times = 5
	var own, ack, other, faraway []time.Duration
	for range times {
		grant()
		m := alice.RevokeAll()
		acknowledged := make(chan error, 1)
		began := time.Now()
		go func() {
			_, err := me.Submit(ctx, m)
			acknowledged <- err
		}()
		q.until("revoked here", is("revocation-pending"))
		own = append(own, time.Since(began))
		if err := <-acknowledged; err != nil {
			t.Fatal(err)
		}
		ack = append(ack, time.Since(began))
		alice.Moved(m)
		if code := q.code(); code == "" {
			t.Fatal("permitted after the revocation was acknowledged")
		}

		grant()
		level()
		m = alice.RevokeAll()
		began = time.Now()
		submit(far, m)
		faraway = append(faraway, time.Since(began))
		for code := ""; code == ""; code = q.code() {
			if since := time.Since(began); since > faraway[len(faraway)-1]+bound {
				t.Fatalf("permitted %v after the revocation began at another gateway", since)
			}
		}
		other = append(other, time.Since(began))
	}
	t.Logf("revoked through the custodian's gateway: denied %v after it began there, acknowledged after %v (the slowest of %d)", slices.Max(own), slices.Max(ack), times)
	t.Logf("revoked through the trust's gateway: acknowledged there after %v, denied at the custodian's after %v (the slowest of %d)", slices.Max(faraway), slices.Max(other), times)

	grant()
	level()
	links.Cut(true)
	began := time.Now()
	q.until("cut off", is("stale"))
	t.Logf("cut off: denied after %v", time.Since(began).Round(time.Millisecond))
	submit(far, alice.RevokeAll()) // which the hospital cannot hear of
	if code := q.code(); code != "stale" {
		t.Errorf("cut off, and answers %q", code)
	}
	links.Cut(false)
	began = time.Now()
	if code := q.until("joined again", func(code string) bool { return code != "stale" }); code == "" {
		t.Error("permitted after a revocation that was made while it was cut off")
	}
	t.Logf("joined again: decided on the newest state after %v", time.Since(began).Round(time.Millisecond))
}
