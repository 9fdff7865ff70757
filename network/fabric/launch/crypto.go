package launch

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// How long certificates are valid. The network's README says how they are rotated.
const (
	authorityYears = 10
	leafYears      = 2
)

// lowS signs like its key but always with the smaller of the two values of s. Fabric takes no other signature, and the SDK
// drops every peer of an organisation whose self-signed certificate has a high one.
type lowS struct{ *ecdsa.PrivateKey }

// Sign implements crypto.Signer.
func (k lowS) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	der, err := k.PrivateKey.Sign(random, digest, opts)
	if err != nil {
		return nil, err
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, fmt.Errorf("read a signature: %w", err)
	}
	order := k.Params().N
	if sig.S.Cmp(new(big.Int).Rsh(order, 1)) > 0 {
		sig.S.Sub(order, sig.S)
	}
	return asn1.Marshal(sig)
}

// authority is a certificate authority of one organisation.
type authority struct {
	key  lowS
	cert *x509.Certificate
	pem  []byte
	now  time.Time
}

func newAuthority(org, name string, now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: lowS{key}, now: now}
	t, err := newCertificate(now, authorityYears, pkix.Name{CommonName: name, Organization: []string{org}})
	if err != nil {
		return nil, err
	}
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature
	if a.pem, a.cert, err = a.sign(t, t, &key.PublicKey); err != nil {
		return nil, err
	}
	return a, nil
}

func newCertificate(now time.Time, years int, name pkix.Name) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber: serial, Subject: name,
		NotBefore: now.Add(-5 * time.Minute).UTC(), NotAfter: now.AddDate(years, 0, 0).UTC(), // clocks of hosts differ a little
	}, nil
}

func (a *authority) sign(t, parent *x509.Certificate, pub *ecdsa.PublicKey) ([]byte, *x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, a.key)
	if err != nil {
		return nil, nil, fmt.Errorf("sign a certificate for %s: %w", t.Subject.CommonName, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), cert, nil
}

// issue makes a key and a certificate. unit is the role that Fabric reads from the certificate: peer, orderer, client or
// admin; for TLS it is empty and the certificate is for this machine.
func (a *authority) issue(name, unit string) (cert, key []byte, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	subject := pkix.Name{CommonName: name, Organization: a.cert.Subject.Organization}
	if unit != "" {
		subject.OrganizationalUnit = []string{unit}
	}
	t, err := newCertificate(a.now, leafYears, subject)
	if err != nil {
		return nil, nil, err
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	if unit == "" {
		t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
		t.DNSNames, t.IPAddresses = []string{"localhost", name}, []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	if cert, _, err = a.sign(t, a.cert, &k.PublicKey); err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, nil, err
	}
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// nodeUnits is the MSP's config.yaml: roles come from the certificates' organisational units.
const nodeUnits = `NodeOUs:
  Enable: true
  ClientOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: client}
  PeerOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: peer}
  AdminOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: admin}
  OrdererOUIdentifier: {Certificate: cacerts/ca.pem, OrganizationalUnitIdentifier: orderer}
`

// issuer writes the certificates of one organisation.
type issuer struct{ ca, tls *authority }

func newIssuer(org string, now time.Time) (issuer, error) {
	ca, err := newAuthority(org, "ca."+org, now)
	if err != nil {
		return issuer{}, err
	}
	tls, err := newAuthority(org, "tlsca."+org, now)
	return issuer{ca, tls}, err
}

// msp writes an organisation's public MSP into dir, and with a cert the identity that it belongs to.
func (i issuer) msp(dir string, cert, key []byte) error {
	files := map[string][]byte{
		"cacerts/ca.pem": i.ca.pem, "tlscacerts/tlsca.pem": i.tls.pem, "config.yaml": []byte(nodeUnits),
	}
	if cert != nil {
		files["signcerts/cert.pem"], files["keystore/priv_sk"] = cert, key
	}
	return writeFiles(dir, files)
}

// identity writes an MSP folder of its own for name.
func (i issuer) identity(dir, name, unit string) error {
	cert, key, err := i.ca.issue(name, unit)
	if err != nil {
		return err
	}
	return i.msp(filepath.Join(dir, "msp"), cert, key)
}

// channel writes the files of a TLS endpoint.
func (i issuer) endpoint(dir, name string) error {
	cert, key, err := i.tls.issue(name, "")
	if err != nil {
		return err
	}
	return writeFiles(dir, map[string][]byte{"server.crt": cert, "server.key": key, "ca.crt": i.tls.pem})
}

// makeCrypto makes all keys and certificates of a network.
func (n *Network) makeCrypto() error {
	now := n.cfg.Now()
	ord, err := newIssuer(ordererDomain, now)
	if err != nil {
		return err
	}
	if err := ord.msp(n.path("crypto", "ordererOrganizations", ordererDomain, "msp"), nil, nil); err != nil {
		return err
	}
	for i := range ordererCount {
		name := ordererName(i) + "." + ordererDomain
		if err := ord.both(n.ordererDir(i), name, "orderer"); err != nil {
			return err
		}
	}
	for _, o := range Orgs() {
		if err := n.makeOrg(o, now); err != nil {
			return err
		}
	}
	return nil
}

func (i issuer) both(dir, name, unit string) error {
	if err := i.identity(dir, name, unit); err != nil {
		return err
	}
	return i.endpoint(filepath.Join(dir, "tls"), name)
}

func (n *Network) makeOrg(o Org, now time.Time) error {
	org, err := newIssuer(o.Domain, now)
	if err != nil {
		return err
	}
	if err := org.msp(filepath.Join(n.orgDir(o), "msp"), nil, nil); err != nil {
		return err
	}
	if err := org.keep(n.orgDir(o)); err != nil {
		return err
	}
	if err := n.issueOrg(o, org); err != nil {
		return err
	}
	// The chaincode server takes its own peer only: an authority of their own for the two of them.
	pair, err := newIssuer("chaincode."+o.Domain, now)
	if err != nil {
		return err
	}
	if err := pair.endpoint(n.path("chaincode", lower(o.Name), "server"), "chaincode."+o.Domain); err != nil {
		return err
	}
	return pair.endpoint(n.path("chaincode", lower(o.Name), "client"), "peer0."+o.Domain)
}

// issueOrg gives an organisation's peer and users keys and certificates.
func (n *Network) issueOrg(o Org, org issuer) error {
	if err := org.both(n.peerDir(o), "peer0."+o.Domain, "peer"); err != nil {
		return err
	}
	if err := org.identity(n.userDir(o, admin), "admin@"+o.Domain, "admin"); err != nil {
		return err
	}
	return org.identity(n.userDir(o, gatewayUser), "gateway@"+o.Domain, "client")
}

func writeFiles(dir string, files map[string][]byte) error {
	for name, b := range files {
		if err := writeFile(filepath.Join(dir, name), b); err != nil {
			return err
		}
	}
	return nil
}

func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	return os.WriteFile(path, b, 0o600)
}
