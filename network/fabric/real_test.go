package fabric_test

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/networktest"
)

// real is the running network of VOLENS_FABRIC_NETWORK; without it the test is skipped. `make test-fabric` brings one up.
func real(t testing.TB) *launch.Network { //nolint:predeclared // as opposed to the fake one
	t.Helper()
	dir := os.Getenv("VOLENS_FABRIC_NETWORK")
	if dir == "" {
		t.Skip("VOLENS_FABRIC_NETWORK names no running network")
	}
	n, err := launch.Open(launch.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// fresh deploys a ledger of its own on the network and returns its chaincode name.
func fresh(t testing.TB, n *launch.Network) string {
	t.Helper()
	var b [6]byte
	_, _ = rand.Read(b[:])
	name := "t" + hex.EncodeToString(b[:])
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := n.Deploy(ctx, name); err != nil {
		t.Fatal(err)
	}
	return name
}

// profileOf is an organisation's profile for a ledger on the network.
func profileOf(t testing.TB, n *launch.Network, org, chaincode string) fabric.Profile {
	t.Helper()
	p, err := fabric.ReadProfile(n.Profile(org))
	if err != nil {
		t.Fatal(err)
	}
	p.Chaincode = chaincode
	return p
}

// realGate is a gate of an organisation on the network.
func realGate(t testing.TB, p fabric.Profile, genesis consent.Message) *gate {
	t.Helper()
	h := newGate(t, genesis, p.Organizations(), func(t testing.TB) fabric.Channel {
		t.Helper()
		c, err := fabric.Dial(p)
		if err != nil {
			t.Fatal(err)
		}
		return c
	})
	h.cfg.Beat = time.Second
	return h
}

func TestFabricNetwork(t *testing.T) {
	n := real(t)
	networktest.Run(t, func(t *testing.T, genesis consent.Message) networktest.Host {
		t.Helper()
		return realGate(t, profileOf(t, n, strings.ToLower(hospital), fresh(t, n)), genesis).start(t)
	})
}
