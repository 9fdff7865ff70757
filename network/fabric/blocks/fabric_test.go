package blocks_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha3"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"hash"
	"slices"
	"strings"
	"testing"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	pb "github.com/hyperledger/fabric-protos-go/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

func read(t *testing.T, b []byte, m protoadapt.MessageV1) {
	t.Helper()
	if err := proto.Unmarshal(b, protoadapt.MessageV2Of(m)); err != nil {
		t.Fatal(err)
	}
}

// edited is an envelope in which something was written otherwise, as who passes it on can.
func edited(t *testing.T, raw []byte, change func(*common.Envelope, *common.Header, *pb.Endorsement)) []byte {
	t.Helper()
	var env common.Envelope
	var p common.Payload
	var tx pb.Transaction
	var action pb.ChaincodeActionPayload
	read(t, raw, &env)
	read(t, env.GetPayload(), &p)
	read(t, p.GetData(), &tx)
	read(t, tx.GetActions()[0].GetPayload(), &action)
	change(&env, p.GetHeader(), action.GetAction().GetEndorsements()[0])
	tx.Actions[0].Payload = marshal(t, &action)
	p.Data = marshal(t, &tx)
	env.Payload = marshal(t, &p)
	return marshal(t, &env)
}

// What Fabric's peers call valid counts here, too, and what orderers may put into a block is passed over where it is called
// invalid: else one organisation could stop every gateway for ever.
func TestWhatFabricTakes(t *testing.T) {
	n := newNet(t)
	honest := n.envelopeOf(n.tx(n.trust.member("peer"), n.hospital.member("peer")))
	with := func(change func(*common.Envelope, *common.Header, *pb.Endorsement)) []byte {
		return edited(t, honest, change)
	}
	signature := func(change func([]byte) []byte) []byte {
		return with(func(_ *common.Envelope, _ *common.Header, e *pb.Endorsement) { e.Signature = change(e.GetSignature()) })
	}
	other := n.tx(n.trust.member("peer"), n.hospital.member("peer"))
	other.id = txID("another's")
	var env common.Envelope
	read(t, honest, &env)
	unsigned := marshal(t, &common.Envelope{Payload: env.GetPayload()})
	turned := append(marshal(t, &common.Envelope{Signature: env.GetSignature()}), unsigned...)
	unknown := []byte{0x1a, 1, 7, 0x1a, 1, 8}
	for _, c := range []struct {
		name  string
		raw   []byte
		code  pb.TxValidationCode
		event bool
		want  string // of the error
	}{
		{"a signature with a byte after it", signature(func(b []byte) []byte { return append(b, 0) }), 0, true, ""},
		{"a signature with a number more in it", signature(func(b []byte) []byte {
			b = append(b, 2, 1, 5)
			b[1] += 3
			return b
		}), 0, true, ""},
		{"a signature of nothing", signature(func([]byte) []byte { return []byte{0x30, 6, 2, 1, 0, 2, 1, 0} }), 0, false, "cannot be read"},
		{"a signature header written otherwise", with(func(_ *common.Envelope, h *common.Header, _ *pb.Endorsement) {
			h.SignatureHeader = append(h.GetSignatureHeader(), unknown...)
		}), 0, true, ""},
		{"another's signature header", with(func(_ *common.Envelope, h *common.Header, _ *pb.Endorsement) {
			h.SignatureHeader = n.submitter("another's")
		}), 0, false, "another's id"},
		{"an envelope with what nobody knows", slices.Concat(honest, unknown), 0, true, ""},
		{"an envelope in another order", turned, 0, true, ""},
		{"two envelopes", slices.Concat(honest, honest), 0, false, "not one envelope"},
		{"rubbish, called so", []byte("rubbish"), pb.TxValidationCode_BAD_PAYLOAD, false, ""},
		{"rubbish, called valid", []byte("rubbish"), 0, false, "transaction 0"},
		{"nothing, called so", nil, pb.TxValidationCode_NIL_ENVELOPE, false, ""},
		{"nothing, called valid", nil, 0, false, "not one envelope"},
		{"a payload of rubbish, called so", marshal(t, &common.Envelope{Payload: []byte("rubbish")}), pb.TxValidationCode_BAD_PAYLOAD, false, ""},
		{"unsigned, called so", unsigned, pb.TxValidationCode_BAD_CREATOR_SIGNATURE, true, ""},
		{"unsigned, called valid", unsigned, 0, false, "nobody signed"},
		{"another's id, called so", n.envelopeOf(other), pb.TxValidationCode_BAD_PROPOSAL_TXID, true, ""},
		{"another's id, called valid", n.envelopeOf(other), 0, false, "another's id"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := n.block(1, c.raw)
			b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = []byte{byte(c.code)}
			got, err := n.verifier().Next(n.signed(b, n.orderers.member("orderer")))
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if err == nil && (got.Transactions[0].Event != nil) != c.event {
				t.Errorf("it is %+v", got.Transactions[0])
			}
			if err == nil && got.Transactions[0].ID == other.id {
				t.Error("it has another's id")
			}
		})
	}
}

// A block without a transaction is one, if an orderer signed it.
func TestNothingInIt(t *testing.T) {
	n := newNet(t)
	if got, err := n.verifier().Next(n.signed(n.block(1), n.orderers.member("orderer"))); err != nil || len(got.Transactions) != 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// A peer that moves the envelopes' borders, and calls what comes of it invalid, says something else than the others.
func TestBordersAreSaid(t *testing.T) {
	n := newNet(t)
	honest := n.envelopeOf(n.tx(n.trust.member("peer"), n.hospital.member("peer")))
	junk := []byte("junk")
	codes := []byte{0, byte(pb.TxValidationCode_BAD_PAYLOAD)}
	b := n.signed(n.block(1, honest, junk), n.orderers.member("orderer"))
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = codes
	truth, err := n.verifier().Next(b)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range map[string][][]byte{
		"the border moved":     {honest[:len(honest)-1], append(honest[len(honest)-1:], junk...)},
		"one more, of nothing": {honest, junk, {}},
	} {
		b.Data.Data = data
		b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = slices.Repeat([]byte{byte(pb.TxValidationCode_BAD_PAYLOAD)}, len(data))
		lie, err := n.verifier().Next(b)
		if err != nil {
			t.Fatal(err)
		}
		said, err := blocks.Said(b)
		if err != nil || said != lie.Said || said == truth.Said {
			t.Errorf("%s: said %x, %v; the truth is %x", name, said, err, truth.Said)
		}
	}
	b.Data.Data = [][]byte{honest[:len(honest)-1], append(honest[len(honest)-1:], junk...)}
	b.Metadata.Metadata[common.BlockMetadataIndex_TRANSACTIONS_FILTER] = codes
	moved, err := blocks.Said(b)
	if err != nil || moved == truth.Said {
		t.Errorf("with the same codes a border makes no difference, %v", err)
	}
}

// Identities of other kinds than usual endorse, if Fabric's peers take them; the log is told of certificates that ended.
func TestEndorsers(t *testing.T) {
	n := newNet(t)
	n.regulator.family = "SHA3"
	sum3 := n.regulator.member("peer")
	sum3.hash = func() hash.Hash { return sha3.New256() }
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	cert, b := n.hospital.certificate(&x509.Certificate{
		Subject: pkix.Name{OrganizationalUnit: []string{"peer"}}, NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(0, -3, 0),
	}, public)
	ed := &id{TB: t, cert: cert, bytes: marshal(t, &msp.SerializedIdentity{Mspid: n.hospital.id, IdBytes: b}), ed: private}
	orderer := n.orderers.member("orderer")
	got, err := n.verifier().Next(n.signed(n.block(1, n.envelopeOf(n.tx(sum3, ed))), orderer))
	if err != nil || got.Transactions[0].Event == nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "HospitalMSP signs with ended on 2026-08-22") {
		t.Errorf("the log is told %q", got.Notes)
	}
	other := *ed
	if _, other.ed, err = ed25519.GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	wrong := *sum3
	wrong.hash = nil
	for name, by := range map[string]*id{"another key": &other, "another hash": &wrong} {
		if _, err := n.verifier().Next(n.signed(n.block(1, n.envelopeOf(n.tx(n.trust.member("peer"), by))), orderer)); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// oldList is a revocation list of version 1, or one without the issuer's key in it.
func (o *org) oldList(i *id, version int) []byte {
	o.Helper()
	algorithm := pkix.AlgorithmIdentifier{Algorithm: asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}}
	list := pkix.TBSCertificateList{ //nolint:staticcheck // the one that took its place has no version 1
		Version: version, Signature: algorithm, Issuer: o.cert.Subject.ToRDNSequence(), ThisUpdate: now, NextUpdate: now.AddDate(1, 0, 0),
		RevokedCertificates: []pkix.RevokedCertificate{{SerialNumber: i.cert.SerialNumber, RevocationTime: now}},
	}
	if version > 0 {
		key, err := asn1.Marshal(struct {
			ID []byte `asn1:"tag:0"`
		}{o.cert.SubjectKeyId})
		if err != nil {
			o.Fatal(err)
		}
		list.Extensions = []pkix.Extension{{Id: asn1.ObjectIdentifier{2, 5, 29, 35}, Value: key}}
	}
	raw, err := asn1.Marshal(list)
	if err != nil {
		o.Fatal(err)
	}
	by := &id{TB: o, key: o.key}
	signature := append(by.sign(raw), 0) // peers write it anew
	der, err := asn1.Marshal(pkix.CertificateList{
		TBSCertList: list, SignatureAlgorithm: algorithm, SignatureValue: asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)},
	})
	if err != nil {
		o.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "X509 CRL", Bytes: der})
}

// An organisation's administrators write by themselves what the channel says of it. Whatever that is, the others go on.
func TestOneOrganisation(t *testing.T) {
	for name, c := range map[string]struct {
		change func(o *org, gone *id)
		stays  bool // its other certificates are believed
		note   string
	}{
		"nothing":                 {func(*org, *id) {}, true, ""},
		"Idemix":                  {func(o *org, _ *id) { o.kind = 1 }, false, "no X.509"},
		"an authority of rubbish": {func(o *org, _ *id) { o.pem = []byte("rubbish") }, false, "not in PEM"},
		"another kind of hash":    {func(o *org, _ *id) { o.family = "MD5" }, false, "MD5"},
		"no units":                {func(o *org, _ *id) { o.divided = false }, false, ""},
		"a list of version 1":     {func(o *org, gone *id) { o.revoked = [][]byte{o.oldList(gone, 0)} }, false, ""},
		"a list":                  {func(o *org, gone *id) { o.revoked = [][]byte{o.oldList(gone, 1)} }, true, ""},
		"a list of rubbish":       {func(o *org, _ *id) { o.revoked = [][]byte{[]byte("rubbish")} }, false, "revocation list"},
	} {
		t.Run(name, func(t *testing.T) {
			n := newNet(t)
			orderer, trust, regulator := n.orderers.member("orderer"), n.trust.member("peer"), n.regulator.member("peer")
			gone, stays := n.hospital.member("peer"), n.hospital.member("peer")
			v := n.verifier()
			c.change(n.hospital, gone)
			got, err := v.Next(n.signed(n.block(1, n.config()), orderer))
			if err != nil || c.note == "" && got.Notes != nil {
				t.Fatalf("the log is told %q, %v", got.Notes, err)
			}
			if c.note != "" && (len(got.Notes) != 1 || !strings.Contains(got.Notes[0], c.note)) {
				t.Errorf("the log is told %q", got.Notes)
			}
			for who, want := range map[*id]bool{regulator: true, stays: c.stays, gone: name == "nothing"} {
				_, err := v.Next(n.signed(n.block(2, n.envelopeOf(n.tx(trust, who))), orderer))
				if (err == nil) != want {
					t.Errorf("endorsed: %v, want %v", err, want)
				}
			}
		})
	}
}

// An ordering organisation that does not tell its certificates apart goes on ordering. One that cannot be read, and is the only
// one, ends the channel here.
func TestOrderingOrganisation(t *testing.T) {
	n := newNet(t)
	v := n.verifier()
	orderer := n.orderers.member("orderer")
	n.orderers.divided = false
	if _, err := v.Next(n.signed(n.block(1, n.config()), orderer)); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Next(n.signed(n.block(2), n.orderers.member())); err != nil {
		t.Error(err)
	}
	if _, err := v.Next(n.signed(n.block(2), n.trust.member("orderer"))); err == nil {
		t.Error("a member's certificate signs blocks")
	}
	n.orderers.kind = 1
	if _, err := v.Next(n.signed(n.block(3, n.config()), orderer)); err == nil || !strings.Contains(err.Error(), "no organisation could order") {
		t.Errorf("got %v", err)
	}
}

// Two units of one name are one certificate's, as with Fabric's peers.
func TestUnitsOfOneName(t *testing.T) {
	n := newNet(t)
	peer := n.hospital.member("peer")
	n.hospital.client = "peer"
	for range 20 {
		b := n.signed(n.block(1, n.envelopeOf(n.tx(n.trust.member("peer"), peer))), n.orderers.member("orderer"))
		if _, err := n.verifier().Next(b); err != nil {
			t.Fatal(err)
		}
	}
}
