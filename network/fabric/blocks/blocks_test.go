package blocks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// Blocks that a peer can make up, each with what gives it away.
func TestForged(t *testing.T) {
	n := newNet(t)
	stranger := newOrg(t, "OrdererMSP") // has the name, and another authority
	o1 := n.orderers.member("orderer")
	trust, hospital := n.trust.member("peer"), n.hospital.member("peer")
	gone := n.hospital.member("peer")
	n.hospital.revoke(gone)
	late := func(o *org, after time.Duration, unit string) *id { return o.until(now.Add(-after), unit) }
	honest := n.envelopeOf(n.tx(trust, hospital))
	one := func(by ...*id) []byte { return n.envelopeOf(n.tx(by...)) }
	with := func(change func(*tx)) []byte {
		x := n.tx(trust, hospital)
		change(&x)
		return n.envelopeOf(x)
	}
	high := *o1
	high.highS = true
	highPeer := *hospital
	highPeer.highS = true
	for _, c := range []struct {
		name string
		make func() *common.Block
		want string // of the error; "" when the block is the channel's
	}{
		{"an honest one", func() *common.Block { return n.signed(n.block(1, honest), o1) }, ""},
		{"an honest one of three", func() *common.Block {
			return n.signed(n.block(1, one(trust, hospital, n.regulator.member("peer"))), o1)
		}, ""},
		{"nobody signed", func() *common.Block { return n.block(1, honest) }, "nobody signed"},
		{"another orderer's authority", func() *common.Block { return n.signed(n.block(1, honest), stranger.member("orderer")) }, "not of OrdererMSP"},
		{"an organisation that orders nothing", func() *common.Block { return n.signed(n.block(1, honest), n.hospital.member("orderer")) }, "no organisation of orderers"},
		{"a peer of the organisation that orders", func() *common.Block { return n.signed(n.block(1, honest), n.orderers.member("peer")) }, "not a orderer's"},
		{"a client that is an orderer, too", func() *common.Block { return n.signed(n.block(1, honest), n.orderers.member("client", "orderer")) }, "two units"},
		{"a certificate without a unit", func() *common.Block { return n.signed(n.block(1, honest), n.orderers.member()) }, "no unit"},
		{"the authority itself", func() *common.Block {
			ca := &id{TB: t, cert: n.orderers.cert, bytes: identity(t, n.orderers), key: n.orderers.key}
			return n.signed(n.block(1, honest), ca)
		}, "not one that signs"},
		{"a signature over another header", func() *common.Block {
			b := n.signed(n.block(1, honest), o1)
			b.Header.Number = 2
			return b
		}, "over something else"},
		{"a signature from another block", func() *common.Block {
			b, other := n.block(1, honest), n.signed(n.block(1, honest, honest), o1)
			b.Metadata.Metadata[common.BlockMetadataIndex_SIGNATURES] = other.GetMetadata().GetMetadata()[common.BlockMetadataIndex_SIGNATURES]
			return b
		}, "over something else"},
		{"the larger s", func() *common.Block { return n.signed(n.block(1, honest), &high) }, "larger s"},
		{"an orderer whose certificate ended last week", func() *common.Block { return n.signed(n.block(1, honest), late(n.orderers, 7*24*time.Hour, "orderer")) }, ""},
		{"an orderer whose certificate ended long ago", func() *common.Block {
			return n.signed(n.block(1, honest), late(n.orderers, 365*24*time.Hour/2, "orderer"))
		}, ""},
		{"other data", func() *common.Block {
			b := n.signed(n.block(1, honest), o1)
			b.Data.Data[0] = one(trust, hospital)
			return b
		}, "not what its header says"},
		{"two transactions joined, so that the first is hidden", func() *common.Block {
			b := n.signed(n.block(1, one(trust, hospital), honest), o1)
			b.Data.Data = [][]byte{append(b.GetData().GetData()[0], honest...)}
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{0}
			return b
		}, "not one envelope"},
		{"a transaction hidden", func() *common.Block {
			b := n.signed(n.block(1, honest, one(trust, hospital)), o1)
			b.Data.Data = b.GetData().GetData()[:1]
			return b
		}, "not what its header says"},
		{"no validation codes", func() *common.Block {
			b := n.signed(n.block(1, honest), o1)
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = nil
			return b
		}, "which transactions are valid"},
		{"no header", func() *common.Block { return &common.Block{} }, "no header"},
		{"nothing before it", func() *common.Block {
			b := n.block(1, honest)
			b.Header.PreviousHash = nil
			return n.signed(b, o1)
		}, "which block it follows"},
		{"another first block", func() *common.Block { return n.block(0, honest) }, "agreed on"},
		{"one endorsement", func() *common.Block { return n.signed(n.block(1, one(hospital)), o1) }, "endorsed it: 1, 2"},
		{"one organisation twice", func() *common.Block { return n.signed(n.block(1, one(hospital, n.hospital.member("peer"))), o1) }, "endorsed it: 1, 2"},
		{"no endorsement", func() *common.Block { return n.signed(n.block(1, one()), o1) }, "endorsed it: 0, 2"},
		{"an endorsement over another result", func() *common.Block {
			return n.signed(n.block(1, with(func(x *tx) { x.signed = []byte("another result") })), o1)
		}, "over something else"},
		{"endorsements of another proposal", func() *common.Block {
			return n.signed(n.block(1, with(func(x *tx) { x.proposal = []byte("of another call") })), o1)
		}, "another proposal"},
		{"endorsements for another channel", func() *common.Block {
			return n.signed(n.block(1, with(func(x *tx) { x.channel = "other" })), o1)
		}, "of channel"},
		{"a client endorses", func() *common.Block { return n.signed(n.block(1, one(trust, n.hospital.member("client"))), o1) }, "not a peer's"},
		{"an orderer endorses", func() *common.Block { return n.signed(n.block(1, one(trust, o1)), o1) }, "no organisation of peers"},
		{"a stranger endorses", func() *common.Block {
			return n.signed(n.block(1, one(trust, newOrg(t, "HospitalMSP").member("peer"))), o1)
		}, "not of HospitalMSP"},
		{"a revoked peer endorses", func() *common.Block { return n.signed(n.block(1, one(trust, gone)), o1) }, "revoked"},
		{"an endorser with the larger s", func() *common.Block { return n.signed(n.block(1, one(trust, &highPeer)), o1) }, "larger s"},
		{"an endorser whose certificate ended long ago", func() *common.Block {
			return n.signed(n.block(1, one(trust, late(n.hospital, 365*24*time.Hour/2, "peer"))), o1)
		}, ""},
		{"rubbish that is called valid", func() *common.Block {
			return n.signed(n.block(1, n.envelope(common.HeaderType_ENDORSER_TRANSACTION, []byte("rubbish"))), o1)
		}, "transaction 0"},
		{"rubbish that is called what it is", func() *common.Block {
			b := n.signed(n.block(1, n.envelope(common.HeaderType_ENDORSER_TRANSACTION, []byte("rubbish"))), o1)
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(pb.TxValidationCode_BAD_PAYLOAD)}
			return b
		}, ""},
		{"one endorsement, called what it is", func() *common.Block {
			b := n.signed(n.block(1, one(hospital)), o1)
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(pb.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)}
			return b
		}, ""},
		{"another way of ordering", func() *common.Block {
			n.consensus = "BFT"
			defer func() { n.consensus = "etcdraft" }()
			return n.signed(n.block(1, n.config()), o1)
		}, "ordered by"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := n.verifier()
			before := v.Config()
			_, err := v.Next(c.make())
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if v.Config() != before {
				t.Error("a forged block changed what is believed")
			}
			if _, err := v.Next(n.signed(n.block(1, honest), o1)); err != nil {
				t.Errorf("the honest block after it: %v", err)
			}
		})
	}
}

// One organisation can have an event in a valid transaction, if it writes nothing but private values. It is nobody's: what
// counts is what enough organisations endorsed, and no gateway stops at what one can do alone.
func TestEventsOfOne(t *testing.T) {
	n := newNet(t)
	orderer, trust, hospital := n.orderers.member("orderer"), n.trust.member("peer"), n.hospital.member("peer")
	two, one, alone := n.tx(trust, hospital), n.tx(hospital), n.tx(hospital)
	alone.private = true
	b := n.signed(n.block(1, n.envelopeOf(alone), n.envelopeOf(one), n.envelopeOf(two), n.envelopeOf(two)), orderer)
	invalid := byte(pb.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{0, invalid, invalid, 0}
	got, err := n.verifier().Next(b)
	if err != nil {
		t.Fatal(err)
	}
	for i, counts := range []bool{false, false, true, true} {
		if tx := got.Transactions[i]; (tx.Event != nil) != counts {
			t.Errorf("transaction %d is %+v", i, tx)
		}
	}
}

// What a block says is what was put into it; what is called invalid is told as such.
func TestNext(t *testing.T) {
	n := newNet(t)
	x := n.tx(n.trust.member("peer"), n.hospital.member("peer"))
	b := n.signed(n.block(7, n.envelopeOf(x), n.envelopeOf(x)), n.orderers.member("orderer"))
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{0, byte(pb.TxValidationCode_MVCC_READ_CONFLICT)}
	got, err := n.verifier().Next(b)
	if err != nil {
		t.Fatal(err)
	}
	if got.Number != 7 || len(got.Transactions) != 2 {
		t.Fatalf("got %+v", got)
	}
	for i, code := range []string{blocks.Valid, "MVCC_READ_CONFLICT"} {
		if tx := got.Transactions[i]; tx.ID != txID("leaves") || tx.Code != code || string(tx.Event) != "leaves" {
			t.Errorf("transaction %d is %+v", i, tx)
		}
	}
	if !got.Transactions[0].Time.Equal(now) {
		t.Errorf("made at %v", got.Transactions[0].Time)
	}
	said, err := blocks.Said(b)
	if err != nil || said != got.Said {
		t.Errorf("another peer says %x of it, %v; want %x", said, err, got.Said)
	}
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{0, 0}
	if said, err = blocks.Said(b); err != nil || said == got.Said {
		t.Errorf("another code makes no difference, %v", err)
	}
}
