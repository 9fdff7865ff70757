package launch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sync/errgroup"
)

// packageLabel is part of the package's id; the id changes with the content anyway.
const packageLabel = "volens"

// install gives each peer the package that says where its chaincode server is. Each organisation's package is its own,
// since each runs its own server; what they agree on is name, version, policy and collections.
func (n *Network) install(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range Orgs() {
		g.Go(func() error {
			file := n.path("chaincode", lower(o.Name), "package.tgz")
			pkg, err := n.chaincodePackage(o)
			if err != nil {
				return err
			}
			if err := writeFile(file, pkg); err != nil {
				return err
			}
			id := fmt.Sprintf("%s:%x", packageLabel, sha256.Sum256(pkg))
			if err := writeFile(n.path("chaincode", lower(o.Name), "id"), []byte(id)); err != nil {
				return err
			}
			return n.peer(ctx, o, []string{"already successfully installed"}, "lifecycle", "chaincode", "install", file)
		})
	}
	return g.Wait()
}

func (n *Network) chaincodePackage(o Org) ([]byte, error) {
	dir := n.path("chaincode", lower(o.Name))
	read := func(name string) string {
		b, err := os.ReadFile(dir + "/" + name) //nolint:gosec // this network's own folder
		if err != nil {
			return ""
		}
		return string(b)
	}
	connection, err := json.Marshal(map[string]any{
		"address": n.serverAddress(o), "dial_timeout": "10s", "tls_required": true, "client_auth_required": true,
		"client_key": read("client/server.key"), "client_cert": read("client/server.crt"), "root_cert": read("server/ca.crt"),
	})
	if err != nil {
		return nil, err
	}
	code, err := archive(file{"connection.json", connection})
	if err != nil {
		return nil, err
	}
	metadata, err := json.Marshal(map[string]string{"type": "ccaas", "label": packageLabel})
	if err != nil {
		return nil, err
	}
	return archive(file{"metadata.json", metadata}, file{"code.tar.gz", code})
}

type file struct {
	name    string
	content []byte
}

// archive makes a tar.gz that is the same for the same files: no times, no owners.
func archive(files ...file) ([]byte, error) {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	t := tar.NewWriter(z)
	for _, f := range files {
		if err := t.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.content)), Mode: 0o644}); err != nil {
			return nil, err
		}
		if _, err := t.Write(f.content); err != nil {
			return nil, err
		}
	}
	if err := t.Close(); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// EndorsementPolicy is the chaincode's: any two of the three organisations. Gateways ask for as many Endorsements.
const (
	EndorsementPolicy = "OutOf(2, 'TrustMSP.peer', 'HospitalMSP.peer', 'RegulatorMSP.peer')"
	Endorsements      = 2
)

// collection is a private data collection as Fabric's lifecycle takes it.
type collection struct {
	Name              string `json:"name"`
	Policy            string `json:"policy"`
	RequiredPeerCount int    `json:"requiredPeerCount"`
	MaxPeerCount      int    `json:"maxPeerCount"`
	BlockToLive       int    `json:"blockToLive"`
	MemberOnlyRead    bool   `json:"memberOnlyRead"`
	MemberOnlyWrite   bool   `json:"memberOnlyWrite"`
}

// collections gives each custodian one, named by its member id: so the definition that the organisations agree on binds a
// member to an MSP. A custodian and the patients' trust hold it. It has no endorsement policy of its own, so that what is in it
// takes two organisations, as everything else does: with one, its holder alone could take away what patients said. Endorsing
// peers keep what they endorse, and here each organisation has one: nothing is sent around.
func (n *Network) collections() ([]byte, error) {
	var all []collection
	for _, c := range n.custodians() {
		o, _ := orgNamed(c.Org)
		who := fmt.Sprintf("OR('%s.member', 'TrustMSP.member')", o.MSP)
		if o.MSP == "TrustMSP" {
			who = "OR('TrustMSP.member')"
		}
		all = append(all, collection{Name: c.Member, Policy: who, MaxPeerCount: 0, MemberOnlyRead: true, MemberOnlyWrite: true})
	}
	return json.MarshalIndent(all, "", "  ")
}

// Deploy has all organisations approve the chaincode under a name, commits it with their endorsements, and waits until
// every peer answers. Each name is a ledger of its own, empty at first; one chaincode server serves them all.
func (n *Network) Deploy(ctx context.Context, name string) error {
	var all []string
	for _, o := range Orgs() {
		all = append(all, o.Name)
	}
	return n.Redefine(ctx, name, 1, EndorsementPolicy, all...)
}

// Redefine has organisations approve a definition of a chaincode and commit it with their endorsements: a new policy, or
// the collections of new custodians. The sequence is one more than the definition's before. Fabric takes it from a
// majority.
func (n *Network) Redefine(ctx context.Context, name string, sequence int, policy string, orgs ...string) error {
	collections, err := n.collections()
	if err != nil {
		return err
	}
	file := n.path("chaincode", "collections.json")
	if err := writeFile(file, collections); err != nil {
		return err
	}
	definition := []string{
		"--channelID", Channel, "--name", name, "--version", "1", "--sequence", fmt.Sprint(sequence), "--signature-policy", policy,
		"--collections-config", file,
	}
	targets, err := n.Targets(orgs...)
	if err != nil {
		return err
	}
	g, gctx := errgroup.WithContext(ctx)
	for _, name := range orgs {
		g.Go(func() error { return n.approve(gctx, name, definition) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	o, _ := orgNamed(orgs[0])
	commit := append([]string{"lifecycle", "chaincode", "commit"}, n.Orderer()...)
	fine := []string{fmt.Sprintf("new definition must be sequence %d", sequence+1)}
	if err := n.peer(ctx, o, fine, append(append(commit, definition...), targets...)...); err != nil {
		return err
	}
	return n.answers(ctx, name)
}

func (n *Network) approve(ctx context.Context, org string, definition []string) error {
	o, _ := orgNamed(org)
	id, err := os.ReadFile(n.path("chaincode", lower(org), "id"))
	if err != nil {
		return err
	}
	args := append([]string{"lifecycle", "chaincode", "approveformyorg", "--package-id", string(id)}, n.Orderer()...)
	fine := []string{"with unchanged content", "but new definition must be sequence"}
	return n.peer(ctx, o, fine, append(args, definition...)...)
}

// answers waits until every organisation's peer answers a query of the chaincode.
func (n *Network) answers(ctx context.Context, name string) error {
	call, err := json.Marshal(map[string][]string{"Args": {"genesis"}})
	if err != nil {
		return err
	}
	g, ctx := errgroup.WithContext(ctx)
	for _, o := range Orgs() {
		g.Go(func() error {
			var last error
			err := poll(ctx, "the chaincode to answer on "+peerName(o), func() bool {
				last = n.run(ctx, n.as(o, gatewayUser), nil, "peer", "chaincode", "query", "-C", Channel, "-n", name, "-c", string(call))
				return last == nil
			})
			if err != nil && last != nil {
				return fmt.Errorf("%w: %s", err, strings.TrimSpace(last.Error()))
			}
			return err
		})
	}
	return g.Wait()
}
