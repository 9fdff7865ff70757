package node_test

import (
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

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

// TestMoveToFabric: a ledger of one machine goes on on a channel of three organisations. The hospital's node goes on with
// all that it has; the trust's new node gets the whole ledger from the channel; to a patient nothing has happened.
func TestMoveToFabric(t *testing.T) {
	ctx := launchtest.Context(t)
	n, chaincode := launchtest.Shared(t)
	m := newMover(t)
	m.close()
	move := m.move()
	own, theirs := profileOf(t, n, "Hospital", chaincode), profileOf(t, n, "Trust", chaincode)
	forged := move
	forged.Opening = m.Sign(move.Export.Opening(consent.Hash{1}), authorities()[0])
	if _, err := forged.ImportFabric(ctx, m.Cfg.Paths, own); consent.CodeOf(err) != consent.Unauthorized {
		t.Fatal(err)
	}
	r, err := move.ImportFabric(ctx, m.Cfg.Paths, own)
	if err != nil || r.Leaves != move.Export.Size || r.Position != move.Export.Size+1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := move.ImportFabric(ctx, m.Cfg.Paths, own); err != nil || again.Leaves != 0 {
		t.Fatalf("again: %+v, %v", again, err)
	}
	if _, err := node.Submit(ctx, m.Cfg.Paths, m.Sign(&consent.Close{Seq: 4, Salt: m.Rand.Hash()}, authorities()...)); err == nil {
		t.Fatal("a copy of a channel took a message by itself")
	}
	m.Cfg.Fabric = &own
	m.Open()
	m.holds()

	other := m.Cfg
	other.Paths, other.Listen, other.Fabric = node.Under(t.TempDir()), "127.0.0.1:0", &theirs
	genesis := move.Export.Genesis
	if err := node.InitFabric(ctx, other.Paths, genesis, "", consenttest.Persona("nobody")); err != nil {
		t.Fatal(err)
	}
	trusted, err := node.Start(ctx, other)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = trusted.Close(ctx) }()
	for at := m.Node.Ledger.Position(); trusted.Ledger.Position() < at; time.Sleep(20 * time.Millisecond) {
		if ctx.Err() != nil {
			t.Fatalf("the trust has %d of %d", trusted.Ledger.Position(), at)
		}
	}
	size := m.Node.Ledger.Log().Durable().Size
	a, err := m.Node.Ledger.Log().RootAt(size)
	b, err2 := trusted.Ledger.Log().RootAt(size)
	if err != nil || err2 != nil || a != b {
		t.Fatalf("roots %s and %s: %v %v", a, b, err, err2)
	}
}

// BenchmarkMoveToFabric takes a ledger of 2,000 subjects over on a channel.
func BenchmarkMoveToFabric(b *testing.B) {
	m := bulk(b, 2000, 3)
	var took time.Duration
	for b.Loop() {
		n, chaincode := launchtest.Shared(b)
		move := m.move()
		began := time.Now()
		if _, err := move.ImportFabric(b.Context(), node.Paths{}, profileOf(b, n, "Hospital", chaincode)); err != nil {
			b.Fatal(err)
		}
		took += time.Since(began)
	}
	b.ReportMetric(2000*float64(b.N)/took.Seconds(), "subjects/s")
	b.ReportMetric(10000*float64(b.N)/took.Seconds(), "leaves/s")
}
