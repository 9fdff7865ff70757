package fabric_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hyperledger/fabric-protos-go/common"
	"github.com/hyperledger/fabric-protos-go/msp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// TestRotation: the hospital gets a second certificate authority by a channel update, and its peer a certificate of that one.
// Gateways go on without being told; one that begins anew reads everything, each block by what was in force then.
func TestRotation(t *testing.T) {
	n := launchtest.Network(t, launch.Config{})
	p := profileOf(t, n, hospital, launch.Chaincode)
	s := newCity(t, n, p)
	ca, cert, key := newAuthority(t, "peer")
	before := configOf(t, n)
	update(t, n, before, ca)

	s.kill("peer-hospital")
	dir := filepath.Join(n.Dir(), "crypto", "peerOrganizations", "hospital.volens.localhost", "peers", "peer0", "msp")
	for name, b := range map[string][]byte{
		"cacerts/new.pem": ca, "signcerts/cert.pem": cert, "keystore/priv_sk": key,
		"config.yaml": []byte("NodeOUs: {Enable: true, ClientOUIdentifier: {OrganizationalUnitIdentifier: client}, PeerOUIdentifier: {OrganizationalUnitIdentifier: peer}, " +
			"AdminOUIdentifier: {OrganizationalUnitIdentifier: admin}, OrdererOUIdentifier: {OrganizationalUnitIdentifier: orderer}}\n"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.raise("peer-hospital")
	patient := s.subject() // the trust and the hospital endorse
	last := s.must(s.g, s.grant(patient))
	s.g.Restart(t)

	fresh := realGate(t, profileOf(t, n, regulator, launch.Chaincode), s.g.cfg.Genesis).start(t)
	s.level(fresh, last.Position)
	same(t, s.g.l, fresh.l)
	ch := dialer(p)(t)
	defer func() { _ = ch.Close() }() //nolint:errcheck // a test's
	found := errors.New("found")
	err := ch.Blocks(launchtest.Context(t), fabric.Start{}, func(b fabric.Block) error {
		if b.Number > 0 && b.Config.Number == b.Number {
			t.Logf("block %d is a configuration, and verifies like the blocks after it", b.Number)
			return found
		}
		return nil
	})
	if !errors.Is(err, found) {
		t.Error(err)
	}
}

// newAuthority makes an authority of the hospital and a certificate of a unit.
func newAuthority(t *testing.T, unit string) (ca, cert, key []byte) {
	t.Helper()
	made := func(c, parent *x509.Certificate, signer *ecdsa.PrivateKey) ([]byte, *ecdsa.PrivateKey, *x509.Certificate) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if parent == nil {
			parent, signer = c, k
		}
		c.SerialNumber, c.NotBefore, c.NotAfter = big.NewInt(time.Now().UnixNano()), time.Now().Add(-time.Hour), time.Now().AddDate(1, 0, 0)
		der, err := x509.CreateCertificate(rand.Reader, c, parent, &k.PublicKey, signer)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), k, parsed
	}
	name := pkix.Name{CommonName: "new.hospital", Organization: []string{"hospital.volens.localhost"}}
	ca, signer, parent := made(&x509.Certificate{
		Subject: name, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, SubjectKeyId: []byte("new"),
	}, nil, nil)
	name.CommonName, name.OrganizationalUnit = "peer0.new", []string{unit}
	cert, k, _ := made(&x509.Certificate{Subject: name, KeyUsage: x509.KeyUsageDigitalSignature}, parent, signer)
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return ca, cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func read(t *testing.T, b []byte, m protoadapt.MessageV1) {
	t.Helper()
	if err := proto.Unmarshal(b, protoadapt.MessageV2Of(m)); err != nil {
		t.Fatal(err)
	}
}

func written(t *testing.T, m protoadapt.MessageV1) []byte {
	t.Helper()
	b, err := proto.Marshal(protoadapt.MessageV2Of(m))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// operate runs the hospital's administrator's command on the channel.
func operate(t *testing.T, n *launch.Network, args ...string) {
	t.Helper()
	if _, err := n.Command(launchtest.Context(t), hospital, "admin", append(append([]string{"channel"}, args...), n.Orderer()...)...); err != nil {
		t.Fatal(err)
	}
}

// configOf is the channel's configuration.
func configOf(t *testing.T, n *launch.Network) *common.ConfigGroup {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.block")
	operate(t, n, "fetch", "config", file, "-c", launch.Channel)
	raw, err := os.ReadFile(file) //nolint:gosec // the test's own
	if err != nil {
		t.Fatal(err)
	}
	var b common.Block
	var env common.Envelope
	var payload common.Payload
	var config common.ConfigEnvelope
	read(t, raw, &b)
	read(t, b.GetData().GetData()[0], &env)
	read(t, env.GetPayload(), &payload)
	read(t, payload.GetData(), &config)
	return config.GetConfig().GetChannelGroup()
}

// update adds an authority to the hospital's, and lets its units be any authority's.
func update(t *testing.T, n *launch.Network, was *common.ConfigGroup, ca []byte) {
	t.Helper()
	const application, org, value = "Application", "HospitalMSP", "MSP"
	members := was.GetGroups()[application]
	own := members.GetGroups()[org]
	var outer msp.MSPConfig
	var c msp.FabricMSPConfig
	read(t, own.GetValues()[value].GetValue(), &outer)
	read(t, outer.GetConfig(), &c)
	c.RootCerts = append(c.RootCerts, ca)
	ous := c.GetFabricNodeOus()
	for _, u := range []*msp.FabricOUIdentifier{ous.GetPeerOuIdentifier(), ous.GetClientOuIdentifier(), ous.GetAdminOuIdentifier(), ous.GetOrdererOuIdentifier()} {
		u.Certificate = nil
	}
	outer.Config = written(t, &c)
	set := func(values map[string]*common.ConfigValue) *common.ConfigGroup {
		return &common.ConfigGroup{Version: was.GetVersion(), Groups: map[string]*common.ConfigGroup{application: {
			Version: members.GetVersion(), Groups: map[string]*common.ConfigGroup{org: {Version: own.GetVersion(), Values: values}},
		}}}
	}
	change := written(t, &common.ConfigUpdate{ChannelId: launch.Channel, ReadSet: set(nil), WriteSet: set(map[string]*common.ConfigValue{value: {
		Version: own.GetValues()[value].GetVersion() + 1, ModPolicy: own.GetValues()[value].GetModPolicy(), Value: written(t, &outer),
	}})})
	header := &common.Header{ChannelHeader: written(t, &common.ChannelHeader{Type: int32(common.HeaderType_CONFIG_UPDATE), ChannelId: launch.Channel})}
	env := &common.Envelope{Payload: written(t, &common.Payload{Header: header, Data: written(t, &common.ConfigUpdateEnvelope{ConfigUpdate: change})})}
	file := filepath.Join(t.TempDir(), "update.tx")
	if err := os.WriteFile(file, written(t, env), 0o600); err != nil {
		t.Fatal(err)
	}
	operate(t, n, "update", "-f", file, "-c", launch.Channel)
}
