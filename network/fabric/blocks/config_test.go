package blocks_test

import (
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// identity is what an authority would sign as, if it could.
func identity(t testing.TB, o *org) []byte {
	t.Helper()
	return marshal(t, &msp.SerializedIdentity{Mspid: o.id, IdBytes: o.pem})
}

// The channel changes who may sign: the new authority counts from the next block on, the old one until then, and a
// verifier that begins in the middle goes by the configuration of the place.
func TestConfigurationsFollowEachOther(t *testing.T) {
	n := newNet(t)
	v := n.verifier()
	before := n.orderers.member("orderer")
	old := n.orderers
	n.orderers = newOrg(t, old.id)
	after := n.orderers.member("orderer")
	change := n.signed(n.block(1, n.config()), before)
	honest := n.envelopeOf(n.tx(n.trust.member("peer"), n.regulator.member("peer")))

	if _, err := v.Next(n.signed(n.block(1, n.config()), after)); err == nil {
		t.Fatal("a configuration was signed by whom it brings in")
	}
	b, err := v.Next(change)
	if err != nil {
		t.Fatal(err)
	}
	if b.Config.Number != 1 || b.Config.Hash != b.Hash || v.Config() != b.Config {
		t.Fatalf("in force is %+v", b.Config)
	}
	next := n.signed(n.block(2, honest), after)
	if b, err = v.Next(next); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Next(n.signed(n.block(3, honest), before)); err == nil || !strings.Contains(err.Error(), "not of OrdererMSP") {
		t.Errorf("the old authority still signs: %v", err)
	}

	again := n.verifierOf(old)
	if _, err := again.Next(next); err == nil {
		t.Fatal("a block was judged by a configuration of before")
	}
	if err := again.Resume(b.Config, n.signed(n.block(1, n.config()), before)); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Next(next); err != nil {
		t.Fatal(err)
	}
	forged := n.block(1, n.config())
	forged.Header.PreviousHash[0]++
	for what, b := range map[string]*common.Block{"another block": n.block(1, honest), "another header": forged, "nothing": nil} {
		if err := again.Resume(b2(v), b); err == nil {
			t.Errorf("%s was put in force", what)
		}
	}
	if err := again.Resume(blocks.Ref{}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Next(change); err != nil {
		t.Errorf("from the beginning again: %v", err)
	}
}

func b2(v *blocks.Verifier) blocks.Ref { return v.Config() }

// verifierOf believes the channel as it was with another organisation of orderers.
func (n *net) verifierOf(orderers *org) *blocks.Verifier {
	m := *n
	m.orderers = orderers
	return m.verifier()
}

// A configuration that is called invalid changes nothing; that it is called so is for another peer to contradict.
func TestConfigurationThatIsNotValid(t *testing.T) {
	n := newNet(t)
	v := n.verifier()
	by := n.orderers.member("orderer")
	n.hospital = newOrg(t, n.hospital.id)
	b := n.signed(n.block(1, n.config()), by)
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{255}
	got, err := v.Next(b)
	if err != nil || got.Config.Number != 0 {
		t.Fatalf("in force is %+v, %v", got.Config, err)
	}
}

func TestNew(t *testing.T) {
	n := newNet(t)
	for name, c := range map[string]struct {
		change func(*blocks.Trust)
		want   string
	}{
		"one endorsement":    {func(b *blocks.Trust) { b.Endorsements = 1 }, "proves nothing"},
		"no first block":     {func(b *blocks.Trust) { b.Genesis = nil }, "no header"},
		"not a block":        {func(b *blocks.Trust) { b.Genesis = []byte("rubbish") }, "first block"},
		"a later block":      {func(b *blocks.Trust) { b.Genesis = marshal(t, n.block(1, n.config())) }, "it is block 1"},
		"no configuration":   {func(b *blocks.Trust) { b.Genesis = marshal(t, n.block(0, n.envelope(common.HeaderType_MESSAGE, nil))) }, "no configuration"},
		"an empty one":       {func(b *blocks.Trust) { b.Genesis = marshal(t, n.block(0, n.envelope(common.HeaderType_CONFIG, nil))) }, "ordered by"},
		"of another channel": {func(b *blocks.Trust) { b.Channel = "other" }, "of channel"},
	} {
		t.Run(name, func(t *testing.T) {
			trust := n.beliefs()
			c.change(&trust)
			if _, err := blocks.New(trust); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}
