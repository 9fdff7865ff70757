package launch_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// TestOperations does what ../deploy/README.md tells an operator to do, with the commands that it names.
func TestOperations(t *testing.T) {
	program := launchtest.Chaincode(t)
	n := launchtest.Network(t, launch.Config{Chaincode: program})
	w, genesis := consenttest.NewWorld(t.Name())
	w.Now = consent.Millis(time.Now().UnixMilli())
	c := &town{T: t, n: n, chaincode: launch.Chaincode, w: w}
	c.call("Trust", wire.Submit, genesis).Must(t, n)
	c.call("Trust", wire.Submit, w.Members()...).Must(t, n)
	alice, _, tx := c.patient()
	t.Run("a peer that lost everything", func(t *testing.T) { c.rebuilt(t, alice, tx) })
	t.Run("new certificates", func(t *testing.T) { c.renewed(t, alice) })
	t.Run("an upgrade of the chaincode", func(t *testing.T) { c.upgraded(t, program, alice) })
}

// rebuilt takes the hospital's peer all that it has. It gets the channel from the orderers and patients' messages from the trust.
func (c *town) rebuilt(t *testing.T, p *consenttest.Subject, tx string) {
	ctx := launchtest.Context(t)
	if err := c.n.Kill(ctx, "peer-hospital"); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(c.n.Dir(), "data", "peer-hospital")); err != nil {
		t.Fatal(err)
	}
	if err := c.n.Start(ctx, "peer-hospital"); err != nil {
		t.Fatal(err)
	}
	c.admin(t, "Hospital", "channel", "join", "-b", filepath.Join(c.n.Dir(), launch.Channel+".block"))
	c.admin(t, "Hospital", "lifecycle", "chaincode", "install", filepath.Join(c.n.Dir(), "chaincode", "hospital", "package.tgz"))
	began := time.Now()
	c.awaits(t, c.query("Hospital", wire.State, consent.HeadKey(p.Handle)), hex.EncodeToString(p.Prev[:]))
	t.Logf("it has the state again after %.1f s", time.Since(began).Seconds())
	c.awaits(t, c.bodies("Hospital", tx, p, 3), hex.EncodeToString([]byte("canary-grantor")))
	t.Logf("and the messages after %.1f s", time.Since(began).Seconds())
	grant := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	c.call("Hospital", wire.Submit, grant).Must(t, c.n)
	p.Moved(grant)
}

// renewed gives the hospital new keys and certificates. Its peer serves with the new one, endorses, gets blocks and gossips.
func (c *town) renewed(t *testing.T, p *consenttest.Subject) {
	serial := func() string {
		b, err := os.ReadFile(filepath.Join(c.n.Dir(), "crypto/peerOrganizations/hospital.volens.localhost/msp/tlscacerts/tlsca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(b)
		var address string
		for _, s := range c.n.Status(launchtest.Context(t)) {
			if s.Name == "peer-hospital" {
				address = s.Address
			}
		}
		conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	if err := c.n.Renew(launchtest.Context(t), "Hospital"); err != nil {
		t.Fatal(err)
	}
	if serial() == before {
		t.Error("the peer serves with the old certificate")
	}
	if err := c.n.Renew(launchtest.Context(t), "Nobody"); err == nil {
		t.Error("nobody has new certificates")
	}
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		grant := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		_, err := c.call("Hospital", wire.Submit, grant).Run(t, c.n)
		if err == nil {
			p.Moved(grant)
			break
		}
		if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	c.awaits(t, c.query("Hospital", wire.State, consent.HeadKey(p.Handle)), hex.EncodeToString(p.Prev[:]))
}

// upgraded starts new chaincode servers beside the old ones, has a new definition agreed to, and ends the old ones.
func (c *town) upgraded(t *testing.T, program string, p *consenttest.Subject) {
	ctx := launchtest.Context(t)
	orgs := []string{"Trust", "Hospital", "Regulator"}
	ids, ends := map[string]string{}, map[string]func(){}
	for _, org := range orgs {
		ids[org], ends[org] = c.beside(t, program, org, "volens-2")
	}
	definition := []string{
		"--channelID", launch.Channel, "--name", c.chaincode, "--version", "2", "--sequence", "2", "--signature-policy", launch.EndorsementPolicy,
		"--collections-config", filepath.Join(c.n.Dir(), "chaincode", "collections.json"),
	}
	ordered := func(org string, args ...string) {
		c.admin(t, org, append(append([]string{"lifecycle", "chaincode"}, append(args, c.n.Orderer()...)...), definition...)...)
	}
	targets, err := c.n.Targets("Trust", "Hospital")
	if err != nil {
		t.Fatal(err)
	}
	for _, org := range orgs[:2] {
		ordered(org, "approveformyorg", "--package-id", ids[org])
	}
	ordered("Trust", append([]string{"commit"}, targets...)...)
	for _, name := range []string{"cc-trust", "cc-hospital", "cc-regulator"} {
		if err := c.n.Stop(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	grant := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	c.call("Hospital", wire.Submit, grant).Must(t, c.n) // on the state that the old ones made
	p.Moved(grant)
	late := c.endorsed(c.call("Trust", wire.Withdraw, p.RevokeAll()), "Trust", "Regulator")
	late.Refuse(t, c.n, "chaincode") // the regulator has not approved, so its peer does not know which package to call
	ordered("Regulator", "approveformyorg", "--package-id", ids["Regulator"])
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(200 * time.Millisecond) {
		if _, err := late.Run(t, c.n); err == nil {
			break
		} else if time.Now().After(end) {
			t.Fatal(err)
		}
	}
	p.Moved(late.Messages[0])

	// One organisation's server moves, or gets new certificates: the package is its own affair, the sequence stays.
	id, _ := c.beside(t, program, "Trust", "volens-3")
	ordered("Trust", "approveformyorg", "--package-id", id)
	ends["Trust"]()
	grant = p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	c.call("Hospital", wire.Submit, grant).Must(t, c.n)
}

// admin runs Fabric's peer command as an organisation's administrator.
func (c *town) admin(t *testing.T, org string, args ...string) string {
	t.Helper()
	out, err := c.n.Command(launchtest.Context(t), org, "admin", args...)
	if err != nil {
		t.Fatalf("%s: %v", org, err)
	}
	return out
}

// awaits asks until the answer has a text, a minute at most.
func (c *town) awaits(t *testing.T, call launchtest.Call, text string) {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		out, err := call.Run(t, c.n)
		if err == nil && strings.Contains(out, text) {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s of %s: %s, %v", call.Function, call.Org, out, err)
		}
	}
}

// beside installs a package of a second chaincode server of an organisation, starts the server, and returns the package's id.
func (c *town) beside(t *testing.T, program, org, label string) (id string, end func()) {
	t.Helper()
	dir := filepath.Join(c.n.Dir(), "chaincode", strings.ToLower(org))
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "package.tgz")
	if err := repack(filepath.Join(dir, "package.tgz"), file, label, address); err != nil {
		t.Fatal(err)
	}
	c.admin(t, org, "lifecycle", "chaincode", "install", file)
	found := regexp.MustCompile(`Package ID: (` + label + `:\w+), Label`).FindStringSubmatch(c.admin(t, org, "lifecycle", "chaincode", "queryinstalled"))
	if found == nil {
		t.Fatal("the package is not installed")
	}
	cmd := exec.CommandContext(t.Context(), program, "-id", found[1], "-address", address, //nolint:gosec // the test's own
		"-cert", dir+"/server/server.crt", "-key", dir+"/server/server.key", "-client-ca", dir+"/client/ca.crt")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = func() { _, _ = cmd.Process.Kill(), cmd.Wait() }
	t.Cleanup(end)
	return found[1], end
}

// repack makes a package like another one, with another address of the server and another label.
func repack(from, to, label, address string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	outer, err := unpack(b)
	if err != nil {
		return err
	}
	inner, err := unpack(outer["code.tar.gz"])
	if err != nil {
		return err
	}
	var connection map[string]any
	if err := json.Unmarshal(inner["connection.json"], &connection); err != nil {
		return err
	}
	connection["address"] = address
	if inner["connection.json"], err = json.Marshal(connection); err != nil {
		return err
	}
	if outer["code.tar.gz"], err = pack(inner); err != nil {
		return err
	}
	outer["metadata.json"] = fmt.Appendf(nil, `{"type":"ccaas","label":%q}`, label)
	if b, err = pack(outer); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func unpack(b []byte) (map[string][]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files, nil
		}
		if err != nil {
			return nil, err
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			return nil, fmt.Errorf("read %s: %w", h.Name, err)
		}
	}
}

func pack(files map[string][]byte) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	for name, content := range files {
		err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(content)), Mode: 0o644})
		if err == nil {
			_, err = w.Write(content)
		}
		if err != nil {
			return nil, err
		}
	}
	err := errors.Join(w.Close(), z.Close())
	return b.Bytes(), err
}
