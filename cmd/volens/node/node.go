// Package node composes a running node of the parts: vault, embedded ledger, use log, replica, decisions and gateway, over
// a set of folders. The commands serve, demo, bench and ledger all stand on it.
package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// Config says what to run. Paths and Listen are needed.
type Config struct {
	Paths        Paths
	Listen       string // address of the public listener, e.g. 127.0.0.1:8080
	Origin       string // scheme://host[:port] as clients see it; "" means http://Listen
	Debug        string // loopback address for metrics and profiles; "" for none
	Store        gateway.Store
	Fabric       *fabric.Profile // the ledger is this channel's, and the node an organisation's; nil: the embedded ledger
	MaxStale     time.Duration   // age of the ledger's state after which everything is denied; 0 means 2 s, on Fabric 5 s
	AnchorEvery  time.Duration   // how often the use log is anchored on the ledger if it has grown; 0 means every minute
	Algorithm    policies.Algorithm
	Implicit     policies.Implicit
	Needs        *minimise.Table  // what purposes need of records; nil: each needs everything
	Studies      *study.Rules     // whose visas are believed, and what is demanded of studies; nil: none, nothing
	FHIR         minimise.Version // release of the custodian's records; "" means R4
	Evaluation   time.Duration    // limit of one evaluation, by the wall clock; then deny. 0 means 50 ms
	FreeReserve  int64            // bytes of disk kept free; 0 means 1 GiB, negative none
	Segment      int64            // bytes of a journal's segment; 0 means 64 MiB
	SignIns      int              // sign-ins a minute from one address; 0 means the default of package auth
	Connections  int              // at a time; 0 means 4096
	Jurisdiction string           // ISO 3166: under whose law the custodian keeps its records; told, not signed
	Trust        []byte           // whose health certificates the app believes (document.TrustList); nil: nobody's
	Version      string
	Progress     func(what string, done, total int64)
	Log          *slog.Logger
	Now          func() time.Time
}

// Node is a running node.
type Node struct {
	Ledger  Ledger
	Vault   *vault.Vault
	Uses    *uses.Log
	Replica *replica.Replica
	Engine  *policies.Engine
	Gateway *gateway.Gateway

	cfg      Config
	keeper   *gateway.Custodian // nil: none
	url      string
	listener net.Listener
	servers  []*http.Server
	closers  []func() error
	stop     context.CancelFunc
	failed   chan error
}

// Init makes a node's folders, keys, vault, ledger and use log, and puts the genesis on the ledger. It refuses folders that
// are not empty. custodian is the member whose subjects the node will serve; "" for none.
func Init(ctx context.Context, p Paths, genesis consent.Message, custodian consent.MemberID, key sig.Key) error {
	return initNode(ctx, p, genesis, custodian, key, initEmbedded)
}

func initNode(ctx context.Context, p Paths, genesis consent.Message, custodian consent.MemberID, key sig.Key, ledger ledgerInit) error {
	g, ok := genesis.Body.(*consent.Init)
	if !ok {
		return errors.New("the genesis is an Init message")
	}
	for _, dir := range p.folders() {
		if es, err := os.ReadDir(dir); err == nil && len(es) > 0 {
			return fmt.Errorf("%s is not empty: a node is made in empty folders", dir)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the node's folders: %w", err)
		}
		if err := syncDir(filepath.Dir(dir)); err != nil {
			return fmt.Errorf("make the node's folders: %w", err)
		}
	}
	id := consent.LedgerID(g)
	steps := []func() error{
		func() error { return newLogKey(filepath.Join(p.Keys, ledgerKeyFile), "volens-ledger-"+id.String()[:8]) },
		func() error { return newLogKey(filepath.Join(p.Keys, usesKeyFile), "volens-uses-"+id.String()[:8]) },
		func() error { return writeSecret(filepath.Join(p.Keys, secretFile)) },
		func() error {
			if custodian == "" {
				return nil
			}
			return writeCustodian(filepath.Join(p.Keys, custodianKeyFile), custodian, key)
		},
		func() error {
			b, err := json.MarshalIndent(genesis, "", " ")
			if err != nil {
				return err
			}
			return writeNew(p.genesis(), b)
		},
		func() error { return vault.Init(ctx, p.vault()) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return initLogs(ctx, p, genesis, id, ledger)
}

// ledgerInit makes a node's empty ledger.
type ledgerInit func(ctx context.Context, p Paths, cfg embedded.Config, genesis consent.Message) error

func initEmbedded(ctx context.Context, _ Paths, cfg embedded.Config, genesis consent.Message) error {
	_, err := embedded.Init(ctx, cfg, genesis)
	return err
}

func initLogs(ctx context.Context, p Paths, genesis consent.Message, id consent.Hash, ledger ledgerInit) error {
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return err
	}
	lc, err := LedgerConfig(p, id)
	if err == nil {
		lc.Vault = v
		err = ledger(ctx, p, lc, genesis)
	}
	if err == nil {
		var uc uses.Config
		if uc, err = usesConfig(p, id); err == nil {
			uc.Vault = v
			err = uses.Init(uc)
		}
	}
	return errors.Join(err, v.Close())
}

func (p Paths) vault() vault.Config {
	return vault.Config{Dir: filepath.Join(p.Data, vaultDir), EpochKeyPath: filepath.Join(p.Keys, epochKeyFile)}
}

// LedgerConfig is the embedded ledger's configuration, but for its vault.
func LedgerConfig(p Paths, id consent.Hash) (embedded.Config, error) {
	k, err := readLogKey(filepath.Join(p.Keys, ledgerKeyFile))
	if err != nil {
		return embedded.Config{}, err
	}
	return embedded.Config{
		Dir: filepath.Join(p.Data, ledgerDir), AnchorPath: filepath.Join(p.Anchors, "ledger"), Ledger: id, Signer: k.signer, Verifier: k.verifier,
	}, nil
}

// UsesOrigin is the checkpoint origin line of a ledger's use log.
func UsesOrigin(id consent.Hash) string { return "volens/uses/" + id.String() }

func usesConfig(p Paths, id consent.Hash) (uses.Config, error) {
	k, err := readLogKey(filepath.Join(p.Keys, usesKeyFile))
	if err != nil {
		return uses.Config{}, err
	}
	secret, err := readSecret(filepath.Join(p.Keys, secretFile))
	return uses.Config{
		Journal: journal.Config{
			Dir: filepath.Join(p.Data, usesDir), AnchorPath: filepath.Join(p.Anchors, "uses"), Origin: UsesOrigin(id), Signer: k.signer, Verifier: k.verifier,
		},
		IndexDir: p.usesIndex(), Secret: secret[:],
	}, err
}

// Start opens everything and serves. It returns when the node is ready.
func Start(ctx context.Context, cfg Config) (_ *Node, err error) {
	n := &Node{cfg: cfg.withDefaults(), failed: make(chan error, 1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.Close(context.WithoutCancel(ctx)))
		}
	}()
	debug.SetGCPercent(50) // a million subjects live in memory; a tighter heap is worth a little more collecting
	genesis, id, err := ReadGenesis(cfg.Paths)
	if err != nil {
		return nil, err
	}
	if err := n.openLogs(ctx, genesis, id); err != nil {
		return nil, err
	}
	if err := n.openGateway(ctx, genesis, id); err != nil {
		return nil, err
	}
	return n, n.serve(ctx)
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	if c.FreeReserve == 0 {
		c.FreeReserve = 1 << 30
	}
	if c.Connections == 0 {
		c.Connections = 4096
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.FreeReserve = max(c.FreeReserve, 0)
	return c
}

func (n *Node) progress(what string) func(done, total int64) {
	if n.cfg.Progress == nil {
		return nil
	}
	return func(done, total int64) { n.cfg.Progress(what, done, total) }
}

func (n *Node) openLogs(ctx context.Context, genesis consent.Message, id consent.Hash) error {
	vc := n.cfg.Paths.vault()
	vc.Progress = n.progress("keys")
	v, err := vault.Open(ctx, vc)
	if err != nil {
		return err
	}
	n.Vault = v
	n.closers = append(n.closers, v.Close)
	lc, err := LedgerConfig(n.cfg.Paths, id)
	if err != nil {
		return err
	}
	lc.Vault, lc.FreeReserve, lc.Segment, lc.Now, lc.Progress = v, n.cfg.FreeReserve, n.cfg.Segment, n.cfg.Now, n.progress("ledger")
	if n.Ledger, err = n.openHost(ctx, genesis, lc); err != nil {
		return err
	}
	n.closers = append(n.closers, n.Ledger.Close)
	if n.Engine, err = policies.New(policies.Config{Algorithm: n.cfg.Algorithm, Implicit: n.cfg.Implicit, Timeout: n.cfg.Evaluation}); err != nil {
		return err
	}
	return n.archive()
}

func (n *Node) openGateway(ctx context.Context, genesis consent.Message, id consent.Hash) error {
	p, notices := n.cfg.Paths, gateway.NewNotices()
	uc, err := usesConfig(p, id)
	if err != nil {
		return err
	}
	uc.Vault, uc.Notify = n.Vault, notices.Use
	uc.Journal.FreeReserve, uc.Journal.SegmentBytes, uc.Journal.Progress = n.cfg.FreeReserve, n.cfg.Segment, n.progress("uses")
	if n.Uses, err = uses.Open(ctx, uc); err != nil {
		return err
	}
	n.closers = append(n.closers, n.Uses.Close)
	n.Replica, err = replica.Open(ctx, replica.Config{
		Dir: p.Data, Ledger: n.Ledger, Vault: n.Vault, Engine: n.Engine, OnEvent: notices.Event, Now: n.cfg.Now,
		MaxStale: n.cfg.MaxStale,
		Permits: func(h consent.SubjectID, slot consent.Uint64) (map[consent.Uint64]uint64, error) {
			return access.Permits(context.Background(), n.Uses, h, slot)
		},
	})
	if err != nil {
		return err
	}
	n.closers = append(n.closers, n.Replica.Close)
	if n.listener, err = new(net.ListenConfig).Listen(ctx, "tcp", n.cfg.Listen); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	n.url = n.cfg.Origin
	if n.url == "" {
		n.url = "http://" + n.listener.Addr().String()
	}
	gc, err := n.gatewayConfig(genesis, id)
	if err != nil {
		return err
	}
	gc.Notices = notices
	if n.Gateway, err = gateway.New(gc); err != nil {
		return err
	}
	return n.Gateway.Load(ctx)
}

func (n *Node) gatewayConfig(genesis consent.Message, id consent.Hash) (gateway.Config, error) {
	p := n.cfg.Paths
	secret, err := readSecret(filepath.Join(p.Keys, secretFile))
	if err != nil {
		return gateway.Config{}, err
	}
	service, err := auth.New(auth.Config{Origin: n.url, Now: n.cfg.Now, Studies: n.cfg.Studies, SignInsPerRemote: n.cfg.SignIns, SignInsPerKey: n.cfg.SignIns}, n.Replica)
	if err != nil {
		return gateway.Config{}, err
	}
	info, err := n.info(id)
	if err != nil {
		return gateway.Config{}, err
	}
	gc := gateway.Config{
		Ledger: n.Ledger, LedgerLog: n.Ledger.Log(), Genesis: genesis, Replica: n.Replica, Engine: n.Engine, Archive: n.unarchive,
		Uses: n.Uses, Vault: n.Vault, Auth: service, Pseudonyms: access.NewPseudonyms(secret), Store: n.cfg.Store, Needs: n.cfg.Needs, Studies: n.cfg.Studies, Version: n.cfg.FHIR, Info: info, Origin: n.url,
		Fenced: n.fenced, Log: n.cfg.Log, Now: n.cfg.Now,
	}
	if gc.App, err = n.app(); err != nil {
		return gateway.Config{}, err
	}
	m, k, ok, err := readCustodian(filepath.Join(p.Keys, custodianKeyFile))
	if ok {
		n.keeper = &gateway.Custodian{Member: m, Key: k}
		gc.Custodian = n.keeper
		gc.Info.Custodian = m
		gc.Anchor = func(ctx context.Context) error {
			if err := n.Anchor(ctx, n.keeper); err != nil {
				return err
			}
			return n.Replica.Wait(ctx, n.Ledger.Position())
		}
	}
	return gc, err
}

// info is the constant part of what the gateway says of itself.
func (n *Node) info(id consent.Hash) (api.Ledger, error) {
	lk, err := readLogKey(filepath.Join(n.cfg.Paths.Keys, ledgerKeyFile))
	if err != nil {
		return api.Ledger{}, err
	}
	uk, err := readLogKey(filepath.Join(n.cfg.Paths.Keys, usesKeyFile))
	policy, codes := n.Engine.Digests()
	return api.Ledger{
		ID: id, Name: n.Replica.Genesis().Name, ChainID: consent.ChainID, Origin: embedded.Origin(id), Key: lk.public, UsesOrigin: UsesOrigin(id),
		UsesKey: uk.public, Algorithm: n.cfg.Algorithm, Implicit: n.cfg.Implicit, PolicyDigest: policy, CodesDigest: codes, Version: n.cfg.Version,
		Jurisdiction: n.cfg.Jurisdiction,
	}, err
}

// archive keeps the engine's policies and code systems, by their digests, for ever: any decision can be made again with
// them.
func (n *Node) archive() error {
	file, _, err := n.Engine.Archive()
	if err != nil {
		return err
	}
	path := n.archived(n.Engine.Digests())
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the archive: %w", err)
	}
	if err := syncDir(n.cfg.Paths.Data); err != nil {
		return fmt.Errorf("make the archive: %w", err)
	}
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	return writeNew(path, file)
}

func (n *Node) archived(policy, codes [32]byte) string {
	return filepath.Join(n.cfg.Paths.Data, archiveDir, archiveName(policy, codes))
}

// unarchive returns an engine like the one that made the decision of a use.
func (n *Node) unarchive(u uses.Use) (*policies.Engine, error) {
	b, err := os.ReadFile(n.archived(u.PolicyDigest, u.CodesDigest))
	if err != nil {
		return nil, consent.Errorf(consent.NotFound, "the archive has not the policies of this decision")
	}
	return policies.FromArchive(b, policies.Config{
		Algorithm: policies.Algorithm(u.Algorithm), Implicit: policies.Implicit(u.Implicit), MemoEntries: -1,
		Timeout: n.cfg.Evaluation,
	})
}

// Pseudonyms are those of a node, for programs that have its keys.
func Pseudonyms(p Paths) (access.Pseudonyms, error) {
	secret, err := readSecret(filepath.Join(p.Keys, secretFile))
	return access.NewPseudonyms(secret), err
}
