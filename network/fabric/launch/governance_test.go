package launch_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// town is a small world on the network, reached with Fabric's own command: by organisations that need not keep to what a
// gateway does.
type town struct {
	*testing.T

	n         *launch.Network
	chaincode string
	w         *consenttest.World
}

func newTown(t *testing.T) *town {
	t.Helper()
	n, chaincode := launchtest.Shared(t)
	w, genesis := consenttest.NewWorld(chaincode)
	w.Now = consent.Millis(time.Now().UnixMilli())
	c := &town{T: t, n: n, chaincode: chaincode, w: w}
	c.call("Trust", wire.Submit, genesis).Must(t, n)
	c.call("Trust", wire.Submit, w.Members()...).Must(t, n)
	return c
}

// call is a transaction of a custodian or the trust that both endorse.
func (c *town) call(org, function string, ms ...consent.Message) launchtest.Call {
	return launchtest.Call{
		Org: org, User: "gateway", Endorsers: []string{"Trust", "Hospital"}, Chaincode: c.chaincode, Function: function, Messages: ms,
	}
}

func (c *town) endorsed(call launchtest.Call, by ...string) launchtest.Call {
	call.Endorsers = by
	return call
}

func (c *town) query(org, function string, args ...string) launchtest.Call {
	return launchtest.Call{Org: org, User: "gateway", Chaincode: c.chaincode, Function: function, Args: args, Query: true}
}

// bodies asks a peer for a message of a transaction.
func (c *town) bodies(org, tx string, p *consenttest.Subject, seq int) launchtest.Call {
	return c.query(org, wire.Bodies, string(consenttest.CityHospital), tx, fmt.Sprintf("%s/%d", p.Handle, seq))
}

// patient is a subject with a consent, and the consent's transaction.
func (c *town) patient() (p *consenttest.Subject, grant consent.Message, tx string) {
	c.Helper()
	p, open := c.w.Open()
	c.call("Hospital", wire.Submit, open).Must(c.T, c.n)
	claim := p.Claim()
	c.call("Hospital", wire.Submit, claim).Must(c.T, c.n)
	p.Moved(claim)
	k := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	k.Grantors = []string{"Patient/canary-grantor"}
	grant = p.Grant(k)
	out := c.call("Hospital", wire.Submit, grant).Must(c.T, c.n)
	p.Moved(grant)
	id := regexp.MustCompile(`txid \[([0-9a-f]{64})\] committed`).FindStringSubmatch(out)
	if id == nil {
		c.Fatalf("no transaction in %q", out)
	}
	return p, grant, id[1]
}

// The rows of the table in network/README.md that name no test of their own, and the cases of TestGovernance, are the same.
func TestGovernanceTable(t *testing.T) {
	text := map[string]string{}
	for _, path := range []string{"../../README.md", "governance_test.go"} {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text[path] = string(b)
	}
	names := func(text, row string) (names []string) {
		for _, found := range regexp.MustCompile(row).FindAllStringSubmatch(text, -1) {
			names = append(names, strings.TrimSpace(found[1]))
		}
		slices.Sort(names)
		return names
	}
	_, table, _ := strings.Cut(text["../../README.md"], "| tested in `TestGovernance` |\n|---|---|---|---|---|\n")
	table, _, _ = strings.Cut(table, "\n\n")
	rows, cases := names(table+"\n", "\\|([^|`\n]+)\\|\n"), names(text["governance_test.go"], `\n\tt\.Run\("([^"]+)"`)
	if diff := cmp.Diff(rows, cases); diff != "" || len(rows) < 10 {
		t.Errorf("the table (-) and the cases (+):\n%s", diff)
	}
}

// TestGovernance has a case for each row of the table in network/README.md.
func TestGovernance(t *testing.T) {
	c := newTown(t)
	p, _, tx := c.patient()
	head := consent.HeadKey(p.Handle)
	by := func(m consent.Message, k ...sig.Key) consent.Message {
		return c.w.SignOpen(m.Body, consent.Openings{KeySalt: &p.KeySalt}, k...)
	}
	hospital := consenttest.Persona(string(consenttest.CityHospital))
	grant := p.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	const policyFailure = "ENDORSEMENT_POLICY_FAILURE"

	t.Run("a hospital alone commits nothing", func(t *testing.T) {
		c.endorsed(c.call("Hospital", wire.Submit, grant), "Hospital").Refuse(t, c.n, policyFailure)
	})
	t.Run("a hospital cannot forge a consent", func(t *testing.T) {
		c.call("Hospital", wire.Submit, by(grant, hospital)).Refuse(t, c.n, "signature")
	})
	t.Run("a hospital cannot revoke for a patient", func(t *testing.T) {
		c.call("Hospital", wire.Withdraw, by(p.RevokeAll(), hospital)).Refuse(t, c.n, "signature")
	})
	t.Run("a gateway cannot forge a consent", func(t *testing.T) {
		for _, org := range []string{"Trust", "Hospital"} {
			c.call(org, wire.Submit, by(grant, consenttest.Persona("gateway"))).Refuse(t, c.n, "signature")
		}
	})
	t.Run("an orderer writes nothing", func(t *testing.T) {
		call := c.call("Orderer", wire.Submit, grant)
		call.User = "o1"
		call.Refuse(t, c.n, "policy")
	})
	t.Run("the trust alone commits nothing", func(t *testing.T) {
		c.endorsed(c.call("Trust", wire.Submit, grant), "Trust").Refuse(t, c.n, policyFailure)
	})
	t.Run("the regulator alone commits nothing", func(t *testing.T) {
		c.endorsed(c.call("Regulator", wire.Withdraw, p.RevokeAll()), "Regulator").Refuse(t, c.n, policyFailure)
	})
	t.Run("one authority admits nobody", func(t *testing.T) {
		admit := c.w.Sign(&consent.MemberAdmit{
			Member: "mallory", Name: "Mallory", Roles: []consent.Role{consent.Custodian},
			Keys: []consent.Address{consenttest.Persona("mallory").Address()}, Salt: c.w.Rand.Hash(),
		}, consenttest.Persona("regulator"))
		c.endorsed(c.call("Regulator", wire.Submit, admit), "Trust", "Regulator").Refuse(t, c.n, "unauthorized")
	})
	t.Run("the regulator reads no records", func(t *testing.T) {
		c.bodies("Regulator", tx, p, 3).Refuse(t, c.n, "unavailable")
		for _, org := range []string{"Hospital", "Trust"} {
			out := c.bodies(org, tx, p, 3).Must(t, c.n)
			if !strings.Contains(out, hex.EncodeToString([]byte("canary-grantor"))) {
				t.Errorf("%s does not have the record", org)
			}
		}
	})
	t.Run("the regulator writes no records", func(t *testing.T) {
		c.call("Regulator", wire.Submit, grant).Refuse(t, c.n, "internal")
	})
	t.Run("one organisation cannot change the chaincode", func(t *testing.T) {
		if err := c.n.Redefine(launchtest.Context(t), c.chaincode, 2, "OR('HospitalMSP.peer')", "Hospital"); err == nil {
			t.Error("the hospital made itself the only endorser")
		} else if !strings.Contains(err.Error(), "not agreed to by this org") && !strings.Contains(err.Error(), policyFailure) {
			t.Error(err)
		}
	})
	t.Run("a hospital cannot stop a withdrawal", func(t *testing.T) {
		revoke := p.RevokeAll()
		c.endorsed(c.call("Trust", wire.Withdraw, revoke), "Trust", "Regulator").Must(t, c.n)
		p.Moved(revoke)
	})
	t.Run("a hospital cannot hide what is committed", func(t *testing.T) {
		want := hex.EncodeToString(p.Prev[:])
		for _, org := range []string{"Trust", "Regulator", "Hospital"} {
			for !strings.Contains(c.query(org, wire.State, head).Must(t, c.n), want) {
				time.Sleep(50 * time.Millisecond) // the peer applies the block in its own time; the test's limit ends this
			}
		}
	})
}

// No disk of an orderer or a peer, and no log, has a byte that tells about a patient.
func TestNoPersonalByteInAnyBlock(t *testing.T) {
	c := newTown(t)
	p, grant, tx := c.patient()
	revoke := p.Revoke(3)
	c.endorsed(c.call("Trust", wire.Withdraw, revoke), "Trust", "Regulator").Must(t, c.n)
	p.Moved(revoke)
	c.call("Hospital", wire.Submit, p.Revoke(99)).Refuse(t, c.n, "not-found")
	c.query("Hospital", wire.State, consent.HeadKey(p.Handle)).Must(t, c.n)
	erase := p.Erase()
	c.call("Hospital", wire.Submit, erase).Must(t, c.n)
	p.Moved(erase)
	for _, org := range []string{"Hospital", "Trust"} {
		none := hex.EncodeToString(consent.Append(nil, wire.Values{Values: []string{""}}))
		for seq := 1; seq <= 3; seq++ {
			for !strings.Contains(c.bodies(org, tx, p, seq).Must(t, c.n), none) {
				time.Sleep(50 * time.Millisecond) // as above
			}
		}
	}
	address := p.Key.Address()
	secrets := map[string][]byte{
		"a grantor": []byte("canary-grantor"), "the recipient": []byte("Organization/rosa"), "the purpose": []byte("HRESCH"),
		"the key's address": address[:], "the key's salt": p.KeySalt[:], "the enrolment code": []byte(p.Code),
		"a signature": grant.Sigs[0][:], "the revocation's signature": revoke.Sigs[0][:], "the erasure's signature": erase.Sigs[0][:],
	}
	public := []byte(p.Handle.String())
	seen := 0
	for _, dir := range []string{
		"data/o1", "data/o2", "data/o3", "data/peer-regulator", "data/peer-hospital", "data/peer-trust", "log",
	} {
		seen += scan(t, filepath.Join(c.n.Dir(), dir), public, secrets)
	}
	if seen < 6 {
		t.Fatalf("the handle, which is public, is in %d files only: this test looks in the wrong place", seen)
	}
}

// scan looks for secrets in every file of a folder and returns in how many the public text is.
func scan(t *testing.T, dir string, public []byte, secrets map[string][]byte) (seen int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return ignoreGone(err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return ignoreGone(err)
		}
		if bytes.Contains(b, public) {
			seen++
		}
		for what, secret := range secrets {
			if bytes.Contains(b, secret) {
				t.Errorf("%s is in %s", what, path)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return seen
}

// ignoreGone forgives files that the database removed meanwhile.
func ignoreGone(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
