package blocks

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"time"

	"github.com/hyperledger/fabric-protos-go/msp"
)

// Units that certificates name as what their owner is.
const (
	unitPeer    = "peer"
	unitOrderer = "orderer"
	unitClient  = "client"
	unitAdmin   = "admin"
)

// unit is how an organisation marks one kind of certificate.
type unit struct {
	role, name string
	certifier  *x509.Certificate // nil: any authority of the organisation
}

// organization is what a channel's configuration says of one.
type organization struct {
	id                   string // MSP id
	roots, intermediates *x509.CertPool
	revoked              []*pkix.CertificateList
	units                []unit           // where two have one name the later one says who certifies, as with Fabric's peers
	undivided            bool             // its certificates are not told apart
	hash                 func() hash.Hash // that its members sign
}

// readOrganization reads an organisation of a configuration.
func readOrganization(raw []byte) (*organization, error) {
	var outer msp.MSPConfig
	var c msp.FabricMSPConfig
	if err := unmarshal(raw, &outer); err != nil {
		return nil, err
	}
	if outer.GetType() != 0 {
		return nil, errors.New("it has no X.509 certificates")
	}
	if err := unmarshal(outer.GetConfig(), &c); err != nil {
		return nil, err
	}
	o := &organization{id: c.GetName(), roots: x509.NewCertPool(), intermediates: x509.NewCertPool(), hash: sha256.New}
	if o.id == "" || len(c.GetRootCerts()) == 0 {
		return nil, errors.New("it has no name or no authority")
	}
	for _, some := range []struct {
		certs [][]byte
		pool  *x509.CertPool
	}{{c.GetRootCerts(), o.roots}, {c.GetIntermediateCerts(), o.intermediates}} {
		for _, b := range some.certs {
			cert, err := readCertificate(b)
			if err != nil {
				return nil, fmt.Errorf("an authority of %s: %w", o.id, err)
			}
			some.pool.AddCert(cert)
		}
	}
	if err := o.readHash(c.GetCryptoConfig().GetSignatureHashFamily()); err != nil {
		return nil, err
	}
	if err := o.readRevoked(c.GetRevocationList()); err != nil {
		return nil, err
	}
	return o, o.readUnits(c.GetFabricNodeOus())
}

func (o *organization) readHash(family string) error {
	switch family {
	case "", "SHA2":
	case "SHA3":
		o.hash = func() hash.Hash { return sha3.New256() }
	default:
		return fmt.Errorf("%s signs with %q", o.id, family)
	}
	return nil
}

// readRevoked reads revocation lists with the function that Fabric's peers read them with: the one that took its place
// refuses lists of version 1, and others that peers go by.
func (o *organization) readRevoked(lists [][]byte) error {
	for _, b := range lists {
		l, err := x509.ParseCRL(b) //nolint:staticcheck // see above
		if err != nil {
			return fmt.Errorf("a revocation list of %s: %w", o.id, err)
		}
		var rs struct{ R, S *big.Int }
		if _, err := asn1.Unmarshal(l.SignatureValue.RightAlign(), &rs); err == nil { // ECDSA, maybe with more in it or after it
			plain, err := asn1.Marshal(rs)
			if err != nil {
				return err
			}
			l.SignatureValue = asn1.BitString{Bytes: plain, BitLength: 8 * len(plain)}
		}
		o.revoked = append(o.revoked, l)
	}
	return nil
}

// readUnits reads by what certificates are told apart. Without that a client's could endorse, so no certificate of the
// organisation will do for that; an ordering organisation's may sign blocks, since it has no others.
func (o *organization) readUnits(c *msp.FabricNodeOUs) error {
	if !c.GetEnable() {
		o.undivided = true
		return nil
	}
	for _, one := range []struct {
		role string
		id   *msp.FabricOUIdentifier
	}{
		{unitClient, c.GetClientOuIdentifier()},
		{unitPeer, c.GetPeerOuIdentifier()},
		{unitAdmin, c.GetAdminOuIdentifier()},
		{unitOrderer, c.GetOrdererOuIdentifier()},
	} {
		if one.id == nil {
			continue
		}
		u := unit{role: one.role, name: one.id.GetOrganizationalUnitIdentifier()}
		if b := one.id.GetCertificate(); len(b) > 0 {
			var err error
			if u.certifier, err = readCertificate(b); err != nil {
				return fmt.Errorf("the authority of the %ss of %s: %w", one.role, o.id, err)
			}
		}
		o.units = append(o.units, u)
	}
	return nil
}

func readCertificate(b []byte) (*x509.Certificate, error) {
	p, _ := pem.Decode(b)
	if p == nil {
		return nil, errors.New("it is not in PEM")
	}
	return x509.ParseCertificate(p.Bytes)
}

// check checks a certificate of the organisation. Its chain is looked at as it was when the certificate began, as Fabric's
// peers do: a block stays what it was when certificates end.
func (o *organization) check(raw []byte) (signer, error) {
	cert, err := readCertificate(raw)
	if err != nil {
		return signer{}, fmt.Errorf("read a certificate of %s: %w", o.id, err)
	}
	s := signer{org: o.id, ends: cert.NotAfter, key: cert.PublicKey, hash: o.hash}
	if cert.IsCA || !signs(cert.PublicKey) {
		return s, fmt.Errorf("the certificate of %s is not one that signs on a channel", o.id)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: o.roots, Intermediates: o.intermediates, CurrentTime: cert.NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return s, fmt.Errorf("the certificate is not of %s: %w", o.id, err)
	}
	if len(chains) != 1 {
		return s, fmt.Errorf("the certificate has %d ways to the authorities of %s", len(chains), o.id)
	}
	chain := chains[0]
	for i, c := range chain[:len(chain)-1] {
		if err := o.isRevoked(c, chain[i+1]); err != nil {
			return s, fmt.Errorf("the certificate of %s: %w", o.id, err)
		}
	}
	s.roles, err = o.roles(cert, chain[1])
	return s, err
}

func signs(key crypto.PublicKey) bool {
	switch key.(type) {
	case *ecdsa.PublicKey, ed25519.PublicKey:
		return true
	}
	return false
}

// isRevoked says that a certificate is on a list of its issuer's. A list that does not name its issuer's key revokes all, as
// with Fabric's peers.
func (o *organization) isRevoked(c, issuer *x509.Certificate) error {
	for _, l := range o.revoked {
		by, err := issuerKey(l)
		if err != nil {
			return err
		}
		listed := func(e pkix.RevokedCertificate) bool { return e.SerialNumber.Cmp(c.SerialNumber) == 0 }
		if !bytes.Equal(by, issuer.SubjectKeyId) || !slices.ContainsFunc(l.TBSCertList.RevokedCertificates, listed) {
			continue
		}
		if issuer.CheckCRLSignature(l) == nil { //nolint:staticcheck // see readRevoked
			return errors.New("it is revoked")
		}
	}
	return nil
}

// issuerKey is the authority key identifier of a revocation list (RFC 5280, 5.2.1).
func issuerKey(l *pkix.CertificateList) ([]byte, error) {
	var key struct {
		ID []byte `asn1:"optional,tag:0"`
	}
	for _, e := range l.TBSCertList.Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{2, 5, 29, 35}) {
			_, err := asn1.Unmarshal(e.Value, &key)
			return key.ID, err
		}
	}
	return nil, errors.New("a revocation list does not say whose it is")
}

// roles are those that the one unit of a certificate stands for.
func (o *organization) roles(c, issuer *x509.Certificate) (roles []string, err error) {
	if o.undivided {
		return []string{unitOrderer}, nil
	}
	for _, name := range c.Subject.OrganizationalUnit {
		var found []string
		var by *x509.Certificate
		for _, u := range o.units {
			if u.name == name {
				found, by = append(found, u.role), u.certifier
			}
		}
		if found == nil {
			continue
		}
		// Peers write signatures of authorities anew where s is the larger one, so it is not looked at here.
		if roles != nil || by != nil && !bytes.Equal(by.RawTBSCertificate, issuer.RawTBSCertificate) {
			return nil, fmt.Errorf("the certificate of %s has two units, or one of another authority's", o.id)
		}
		roles = found
	}
	if roles == nil {
		return nil, fmt.Errorf("the certificate of %s has no unit that the channel knows", o.id)
	}
	return roles, nil
}
