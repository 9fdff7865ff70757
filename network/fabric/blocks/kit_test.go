package blocks_test

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/ledger/rwset"
	"github.com/hyperledger/fabric-protos-go/ledger/rwset/kvrwset"
	"github.com/hyperledger/fabric-protos-go/msp"
	"github.com/hyperledger/fabric-protos-go/orderer"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// What the tests' channel is called, and when its transactions are made.
const (
	channel   = "care"
	chaincode = "volens"
	eventName = "volens"
)

var now = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func marshal(t testing.TB, m protoadapt.MessageV1) []byte {
	t.Helper()
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(protoadapt.MessageV2Of(m))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// org is an organisation with a certificate authority.
type org struct {
	testing.TB

	id      string
	family  string // of its members' hashes
	kind    int32  // of MSP
	divided bool   // its certificates have units
	client  string // what it calls the clients'; "": client
	key     *ecdsa.PrivateKey
	cert    *x509.Certificate
	pem     []byte
	revoked [][]byte
	serial  int64
}

func newOrg(t testing.TB, id string) *org {
	t.Helper()
	o := &org{TB: t, id: id, divided: true, key: newKey(t)}
	o.cert, o.pem = o.certificate(&x509.Certificate{
		Subject: pkix.Name{CommonName: "ca." + id}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(9, 0, 0), SubjectKeyId: []byte(id),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, &o.key.PublicKey)
	return o
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (o *org) certificate(c *x509.Certificate, key crypto.PublicKey) (*x509.Certificate, []byte) {
	o.Helper()
	o.serial++
	c.SerialNumber = big.NewInt(o.serial)
	parent := o.cert
	if parent == nil {
		parent = c
	}
	der, err := x509.CreateCertificate(rand.Reader, c, parent, key, o.key)
	if err != nil {
		o.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		o.Fatal(err)
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// id is who signs.
type id struct {
	testing.TB

	cert  *x509.Certificate
	bytes []byte // a msp.SerializedIdentity
	key   *ecdsa.PrivateKey
	highS bool
	hash  func() hash.Hash // nil: SHA-256
	ed    ed25519.PrivateKey
}

// member is an identity of the organisation with these units.
func (o *org) member(units ...string) *id { return o.until(now.AddDate(1, 0, 0), units...) }

func (o *org) until(end time.Time, units ...string) *id {
	o.Helper()
	key := newKey(o)
	cert, b := o.certificate(&x509.Certificate{
		Subject: pkix.Name{CommonName: "someone", OrganizationalUnit: units}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: end,
		KeyUsage: x509.KeyUsageDigitalSignature,
	}, &key.PublicKey)
	return &id{TB: o, cert: cert, bytes: marshal(o, &msp.SerializedIdentity{Mspid: o.id, IdBytes: b}), key: key}
}

// revoke puts an identity on the organisation's list.
func (o *org) revoke(i *id) {
	o.Helper()
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		Number: big.NewInt(1), ThisUpdate: now, NextUpdate: now.AddDate(1, 0, 0),
		RevokedCertificateEntries: []x509.RevocationListEntry{{SerialNumber: i.cert.SerialNumber, RevocationTime: now}},
	}, o.cert, o.key)
	if err != nil {
		o.Fatal(err)
	}
	o.revoked = append(o.revoked, pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der}))
}

// sign signs bytes, one after the other, with the smaller s or on purpose with the larger one.
func (i *id) sign(over ...[]byte) []byte {
	i.Helper()
	if i.ed != nil {
		return ed25519.Sign(i.ed, slices.Concat(over...))
	}
	if i.hash == nil {
		i.hash = sha256.New
	}
	sum := i.hash()
	for _, b := range over {
		sum.Write(b)
	}
	r, s, err := ecdsa.Sign(rand.Reader, i.key, sum.Sum(nil))
	if err != nil {
		i.Fatal(err)
	}
	n := elliptic.P256().Params().N
	if high := s.Cmp(new(big.Int).Rsh(n, 1)) > 0; high != i.highS {
		s.Sub(n, s)
	}
	b, err := asn1.Marshal(struct{ R, S *big.Int }{r, s})
	if err != nil {
		i.Fatal(err)
	}
	return b
}

// net is a channel of three organisations and an orderers' one.
type net struct {
	testing.TB

	orderers, trust, hospital, regulator *org
	consensus                            string
}

func newNet(t testing.TB) *net {
	t.Helper()
	return &net{t, newOrg(t, "OrdererMSP"), newOrg(t, "TrustMSP"), newOrg(t, "HospitalMSP"), newOrg(t, "RegulatorMSP"), "etcdraft"}
}

func (n *net) group(orgs ...*org) *common.ConfigGroup {
	g := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{}, Values: map[string]*common.ConfigValue{}}
	for _, o := range orgs {
		unit := func(name string) *msp.FabricOUIdentifier {
			return &msp.FabricOUIdentifier{OrganizationalUnitIdentifier: name, Certificate: o.pem}
		}
		family := &msp.FabricCryptoConfig{SignatureHashFamily: o.family}
		c := marshal(n, &msp.FabricMSPConfig{Name: o.id, RootCerts: [][]byte{o.pem}, RevocationList: o.revoked, CryptoConfig: family, FabricNodeOus: &msp.FabricNodeOUs{
			Enable: o.divided, PeerOuIdentifier: unit("peer"), OrdererOuIdentifier: unit("orderer"), ClientOuIdentifier: unit(cmp.Or(o.client, "client")), AdminOuIdentifier: unit("admin"),
		}})
		g.Groups[o.id] = &common.ConfigGroup{Values: map[string]*common.ConfigValue{"MSP": {Value: marshal(n, &msp.MSPConfig{Config: c, Type: o.kind})}}}
	}
	return g
}

// config is a configuration transaction with what the channel is now.
func (n *net) config() []byte {
	order := n.group(n.orderers)
	order.Values["ConsensusType"] = &common.ConfigValue{Value: marshal(n, &orderer.ConsensusType{Type: n.consensus})}
	root := &common.ConfigGroup{Groups: map[string]*common.ConfigGroup{"Orderer": order, "Application": n.group(n.trust, n.hospital, n.regulator)}}
	return n.envelope(common.HeaderType_CONFIG, marshal(n, &common.ConfigEnvelope{Config: &common.Config{ChannelGroup: root}}))
}

func (n *net) envelope(kind common.HeaderType, data []byte) []byte {
	h := &common.ChannelHeader{Type: int32(kind), ChannelId: channel, TxId: "tx", Timestamp: timestamppb.New(now)}
	p := marshal(n, &common.Payload{Header: &common.Header{ChannelHeader: marshal(n, h), SignatureHeader: n.submitter("tx")}, Data: data})
	return marshal(n, &common.Envelope{Payload: p, Signature: []byte("signed")})
}

// submitter is a signature header, with a nonce of its own for each transaction.
func (n *net) submitter(nonce string) []byte {
	return marshal(n, &common.SignatureHeader{Creator: []byte("the submitter"), Nonce: []byte(nonce)})
}

// txID is the id that such a transaction has.
func txID(nonce string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(nonce+"the submitter")))
}

// tx is a transaction of the ledger.
type tx struct {
	channel  string
	id       string // "": the one that is its own
	at       time.Time
	event    string
	proposal []byte // what the endorsers answered, nil: this one
	signed   []byte // what they signed, nil: the answer
	private  bool   // it writes no public state
	by       []*id
}

func (n *net) tx(by ...*id) tx { return tx{channel: channel, at: now, event: "leaves", by: by} }

func (n *net) envelopeOf(x tx) []byte {
	header := &common.Header{
		ChannelHeader: marshal(n, &common.ChannelHeader{
			Type: int32(common.HeaderType_ENDORSER_TRANSACTION), ChannelId: x.channel, TxId: cmp.Or(x.id, txID(x.event)), Timestamp: timestamppb.New(x.at),
		}),
		SignatureHeader: n.submitter(x.event),
	}
	input := []byte("the call")
	asked := sha256.New()
	for _, b := range [][]byte{header.GetChannelHeader(), header.GetSignatureHeader(), input, x.proposal} {
		asked.Write(b)
	}
	event := marshal(n, &pb.ChaincodeEvent{ChaincodeId: chaincode, EventName: eventName, Payload: []byte(x.event)})
	answer := marshal(n, &pb.ProposalResponsePayload{
		ProposalHash: asked.Sum(nil),
		Extension:    marshal(n, &pb.ChaincodeAction{ChaincodeId: &pb.ChaincodeID{Name: chaincode}, Events: event, Results: n.writes(x.private)}),
	})
	action := &pb.ChaincodeEndorsedAction{ProposalResponsePayload: answer}
	if x.signed == nil {
		x.signed = answer
	}
	for _, i := range x.by {
		action.Endorsements = append(action.Endorsements, &pb.Endorsement{Endorser: i.bytes, Signature: i.sign(x.signed, i.bytes)})
	}
	body := &pb.Transaction{Actions: []*pb.TransactionAction{{
		Header: header.GetSignatureHeader(), Payload: marshal(n, &pb.ChaincodeActionPayload{ChaincodeProposalPayload: input, Action: action}),
	}}}
	return marshal(n, &common.Envelope{Payload: marshal(n, &common.Payload{Header: header, Data: marshal(n, body)}), Signature: []byte("signed")})
}

func (n *net) writes(private bool) []byte {
	var set kvrwset.KVRWSet
	if !private {
		set.Writes = []*kvrwset.KVWrite{{Key: "key", Value: []byte("value")}}
	}
	return marshal(n, &rwset.TxReadWriteSet{NsRwset: []*rwset.NsReadWriteSet{{Namespace: "lscc"}, {Namespace: chaincode, Rwset: marshal(n, &set)}}})
}

// block makes a block that nobody has signed. All its transactions are called valid.
func (n *net) block(number uint64, data ...[]byte) *common.Block {
	sum := sha256.New()
	for _, d := range data {
		sum.Write(d)
	}
	b := &common.Block{
		Header:   &common.BlockHeader{Number: number, DataHash: sum.Sum(nil)},
		Data:     &common.BlockData{Data: data},
		Metadata: &common.BlockMetadata{Metadata: [][]byte{nil, nil, make([]byte, len(data)), nil, nil}},
	}
	if number > 0 {
		b.Header.PreviousHash = make([]byte, sha256.Size)
	}
	return b
}

func headerOf(t testing.TB, b *common.Block) []byte {
	t.Helper()
	h, err := asn1.Marshal(struct {
		Number             int64
		Previous, DataHash []byte
	}{int64(b.GetHeader().GetNumber()), b.GetHeader().GetPreviousHash(), b.GetHeader().GetDataHash()}) //nolint:gosec // a test's
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// signed puts an orderer's signature on a block.
func (n *net) signed(b *common.Block, by *id) *common.Block {
	who := marshal(n, &common.SignatureHeader{Creator: by.bytes, Nonce: []byte("nonce")})
	value := []byte("what the orderer notes")
	b.GetMetadata().GetMetadata()[common.BlockMetadataIndex_SIGNATURES] = marshal(n, &common.Metadata{
		Value: value, Signatures: []*common.MetadataSignature{{SignatureHeader: who, Signature: by.sign(value, who, headerOf(n, b))}},
	})
	return b
}

// verifier believes the channel as it is now.
func (n *net) verifier() *blocks.Verifier {
	v, err := blocks.New(n.beliefs())
	if err != nil {
		n.Fatal(err)
	}
	return v
}

func (n *net) beliefs() blocks.Trust {
	return blocks.Trust{
		Channel: channel, Chaincode: chaincode, EventName: eventName, Endorsements: 2, Genesis: marshal(n, n.block(0, n.config())),
	}
}
