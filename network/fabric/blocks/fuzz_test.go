package blocks_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/hyperledger/fabric-protos-go/common"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

func parse(raw []byte) (*common.Block, error) {
	var b common.Block
	err := proto.Unmarshal(raw, protoadapt.MessageV2Of(&b))
	return &b, err
}

// example is an honest block of two transactions, of which one is not valid.
func example(t testing.TB, n *net) *common.Block {
	t.Helper()
	valid := n.envelopeOf(n.tx(n.trust.member("peer"), n.hospital.member("peer")))
	b := n.signed(n.block(1, valid, n.envelopeOf(n.tx(n.hospital.member("peer")))), n.orderers.member("orderer"))
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{0, byte(pb.TxValidationCode_ENDORSEMENT_POLICY_FAILURE)}
	return b
}

// No byte of a block can be changed so that something else is believed. Its validation codes can, in so far as a
// transaction with enough endorsements may be called invalid; and the orderer's notes say nothing that is read.
func TestEveryByte(t *testing.T) {
	n := newNet(t)
	b := example(t, n)
	raw := marshal(t, b)
	v := n.verifier()
	honest, err := v.Next(b)
	if err != nil {
		t.Fatal(err)
	}
	believed := 0
	for i := range raw {
		bad := slices.Clone(raw)
		bad[i] ^= 1
		other, err := parse(bad)
		if err != nil {
			continue
		}
		got, err := v.Next(other)
		if err != nil {
			continue
		}
		believed++
		if got.Hash != honest.Hash || len(got.Transactions) != 2 || !bytes.Equal(got.Transactions[0].Event, honest.Transactions[0].Event) {
			t.Fatalf("byte %d can be changed: %+v", i, got)
		}
	}
	t.Logf("%d of %d bytes make no difference to what is read", believed, len(raw))
}

// FuzzNext: whatever a peer sends, the verifier does not panic, and believes blocks of the channel only.
func FuzzNext(f *testing.F) {
	n := newNet(f)
	honest, config := example(f, n), n.signed(n.block(1, n.config()), n.orderers.member("orderer"))
	known := map[string]bool{}
	for _, b := range []*common.Block{honest, config, n.block(0, n.config()), n.block(1), {}} {
		f.Add(marshal(f, b))
		if b.GetHeader() != nil {
			known[fmt.Sprintf("%x", headerOf(f, b))] = true
		}
	}
	v := n.verifier()
	agreed := v.Config()
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := parse(raw)
		if err != nil {
			return
		}
		if v.Config() != agreed {
			if err := v.Resume(agreed, nil); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := v.Next(b); err == nil && !known[fmt.Sprintf("%x", headerOf(t, b))] {
			t.Errorf("believed: %x", headerOf(t, b))
		}
		if err := v.Resume(agreed, b); err == nil && b.GetHeader().GetNumber() != 0 {
			t.Errorf("put in force: %x", headerOf(t, b))
		}
	})
}

// FuzzConfig: a first block may say anything; it is read or refused.
func FuzzConfig(f *testing.F) {
	n := newNet(f)
	var env common.Envelope
	var payload common.Payload
	if err := errors.Join(proto.Unmarshal(n.config(), protoadapt.MessageV2Of(&env)), proto.Unmarshal(env.GetPayload(), protoadapt.MessageV2Of(&payload))); err != nil {
		f.Fatal(err)
	}
	for _, data := range [][]byte{nil, payload.GetData(), n.config()} {
		f.Add(data)
	}
	trust := n.beliefs()
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &net{TB: t}
		trust.Genesis = marshal(t, in.block(0, in.envelope(common.HeaderType_CONFIG, data)))
		if v, err := blocks.New(trust); err == nil && v.Config().Hash == [32]byte{} {
			t.Error("it believes nothing in particular")
		}
	})
}

// BenchmarkNext is what a block costs, by the number of its transactions, each with two endorsements and a leaf.
func BenchmarkNext(b *testing.B) {
	for _, size := range []int{1, 8} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			n := newNet(b)
			trust, hospital := n.trust.member("peer"), n.hospital.member("peer")
			var data [][]byte
			for range size {
				data = append(data, n.envelopeOf(n.tx(trust, hospital)))
			}
			block, v := n.signed(n.block(1, data...), n.orderers.member("orderer")), n.verifier()
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Next(block); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
