package launch

import (
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Names under which an organisation's authorities keep their keys, beside its public MSP.
const (
	authorityKey    = "ca/priv_sk"
	tlsAuthorityKey = "tlsca/priv_sk"
)

// keep writes the authorities' keys. On one machine they lie with all others; an organisation keeps its own offline.
func (i issuer) keep(dir string) error {
	for name, a := range map[string]*authority{authorityKey: i.ca, tlsAuthorityKey: i.tls} {
		der, err := x509.MarshalPKCS8PrivateKey(a.key.PrivateKey)
		if err != nil {
			return err
		}
		if err := writeFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})); err != nil {
			return err
		}
	}
	return nil
}

// kept reads an organisation's authorities again.
func kept(dir string, now time.Time) (i issuer, err error) {
	if i.ca, err = readAuthority(filepath.Join(dir, authorityKey), filepath.Join(dir, "msp/cacerts/ca.pem"), now); err != nil {
		return i, err
	}
	i.tls, err = readAuthority(filepath.Join(dir, tlsAuthorityKey), filepath.Join(dir, "msp/tlscacerts/tlsca.pem"), now)
	return i, err
}

func readAuthority(key, cert string, now time.Time) (*authority, error) {
	a := &authority{now: now}
	b, err := os.ReadFile(key) //nolint:gosec // this network's own
	if err != nil {
		return nil, fmt.Errorf("read an authority: %w", err)
	}
	if a.pem, err = os.ReadFile(cert); err != nil { //nolint:gosec // this network's own
		return nil, fmt.Errorf("read an authority: %w", err)
	}
	k, c := first(b), first(a.pem)
	private, err := x509.ParsePKCS8PrivateKey(k)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", key, err)
	}
	own, ok := private.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("read an authority: its key is of another kind")
	}
	a.key = lowS{own}
	if a.cert, err = x509.ParseCertificate(c); err != nil {
		return nil, fmt.Errorf("read %s: %w", cert, err)
	}
	return a, nil
}

// first is the content of the first PEM block.
func first(b []byte) []byte {
	if p, _ := pem.Decode(b); p != nil {
		return p.Bytes
	}
	return nil
}

// Renew gives an organisation's peer, its administrator and its gateway new keys and certificates by the authorities that it
// has, and restarts the peer if it runs. Nothing on the channel names them. A gateway takes its own at its next start.
func (n *Network) Renew(ctx context.Context, org string) error {
	o, ok := orgNamed(org)
	if !ok {
		return fmt.Errorf("the network has no organisation %q", org)
	}
	i, err := kept(n.orgDir(o), n.cfg.Now())
	if err != nil {
		return err
	}
	if err := n.issueOrg(o, i); err != nil {
		return err
	}
	if n.pid(peerName(o)) == 0 {
		return nil
	}
	if err := n.Stop(ctx, peerName(o)); err != nil {
		return err
	}
	return n.Start(ctx, peerName(o))
}
