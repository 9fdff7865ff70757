package blocks

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
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
	role      string
	certifier *x509.Certificate // nil: any authority of the organisation
}

// organization is what a channel's configuration says of one.
type organization struct {
	id                   string // MSP id
	roots, intermediates *x509.CertPool
	revoked              []*x509.RevocationList
	units                map[string]unit // by the name that certificates have for it
}

// signer is a certificate that was checked.
type signer struct {
	org, role string
	key       *ecdsa.PublicKey
	ends      time.Time
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
	o := &organization{id: c.GetName(), roots: x509.NewCertPool(), intermediates: x509.NewCertPool()}
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
	if err := o.readRevoked(c.GetRevocationList()); err != nil {
		return nil, err
	}
	return o, o.readUnits(c.GetFabricNodeOus())
}

func (o *organization) readRevoked(lists [][]byte) error {
	for _, b := range lists {
		if p, _ := pem.Decode(b); p != nil {
			b = p.Bytes
		}
		l, err := x509.ParseRevocationList(b)
		if err != nil {
			return fmt.Errorf("a revocation list of %s: %w", o.id, err)
		}
		o.revoked = append(o.revoked, l)
	}
	return nil
}

// readUnits reads by what certificates are told apart. Without that a client's could endorse, so no certificate of the
// organisation will do.
func (o *organization) readUnits(c *msp.FabricNodeOUs) error {
	o.units = map[string]unit{}
	if !c.GetEnable() {
		return nil
	}
	for role, id := range map[string]*msp.FabricOUIdentifier{
		unitPeer: c.GetPeerOuIdentifier(), unitOrderer: c.GetOrdererOuIdentifier(),
		unitClient: c.GetClientOuIdentifier(), unitAdmin: c.GetAdminOuIdentifier(),
	} {
		if id == nil {
			continue
		}
		u := unit{role: role}
		if b := id.GetCertificate(); len(b) > 0 {
			var err error
			if u.certifier, err = readCertificate(b); err != nil {
				return fmt.Errorf("the authority of the %ss of %s: %w", role, o.id, err)
			}
		}
		o.units[id.GetOrganizationalUnitIdentifier()] = u
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
	s := signer{org: o.id, ends: cert.NotAfter}
	var ok bool
	if s.key, ok = cert.PublicKey.(*ecdsa.PublicKey); !ok || cert.IsCA {
		return s, fmt.Errorf("the certificate of %s is not one that signs on a channel", o.id)
	}
	chains, err := cert.Verify(x509.VerifyOptions{
		Roots: o.roots, Intermediates: o.intermediates, CurrentTime: cert.NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny},
	})
	if err != nil {
		return s, fmt.Errorf("the certificate is not of %s: %w", o.id, err)
	}
	chain := chains[0]
	for i, c := range chain[:len(chain)-1] {
		if o.isRevoked(c, chain[i+1]) {
			return s, fmt.Errorf("the certificate of %s is revoked", o.id)
		}
	}
	s.role, err = o.role(cert, chain[1])
	return s, err
}

func (o *organization) isRevoked(c, issuer *x509.Certificate) bool {
	for _, l := range o.revoked {
		if l.CheckSignatureFrom(issuer) != nil {
			continue
		}
		for _, e := range l.RevokedCertificateEntries {
			if e.SerialNumber.Cmp(c.SerialNumber) == 0 {
				return true
			}
		}
	}
	return false
}

// role is the one unit of a certificate.
func (o *organization) role(c, issuer *x509.Certificate) (role string, err error) {
	for _, name := range c.Subject.OrganizationalUnit {
		u, ok := o.units[name]
		if !ok {
			continue
		}
		if role != "" || u.certifier != nil && !u.certifier.Equal(issuer) {
			return "", fmt.Errorf("the certificate of %s has two units, or one of another authority's", o.id)
		}
		role = u.role
	}
	if role == "" {
		return "", fmt.Errorf("the certificate of %s has no unit that the channel knows", o.id)
	}
	return role, nil
}

// halfOrder is the largest s of a signature that Fabric takes, by curve.
func halfOrder(k *ecdsa.PublicKey) *big.Int { return new(big.Int).Rsh(k.Params().N, 1) }
