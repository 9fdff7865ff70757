// Package demo is a small world on the embedded ledger: two authorities, City Hospital whose gateway it is, Bob's practice,
// Rosa's institute, Aurel the auditor, and Alice, a patient. Open makes or reopens it in a folder; Story tells what it is
// good for, step by step, over the real HTTP API. Every key is drawn at random when the world is made.
package demo

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/demodata"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
	"github.com/volens-ledger/volens/wallet/cli"
)

// The members of the demo.
const (
	CityHospital  consent.MemberID = "city-hospital"
	BobPractice   consent.MemberID = "bob-practice"
	RosaInstitute consent.MemberID = "rosa-institute"
	AurelAudit    consent.MemberID = "aurel-audit"
)

// The demo's authorities, both of whom sign what they sign.
const (
	trust     = "patients-trust"
	regulator = "health-regulator"
)

// Password is that of the wallets that the demo makes. It is no secret.
const Password = "volens demo"

// walletCost is scrypt's cost of those wallets: the least that is allowed.
const walletCost = 17

// members are admitted in this order.
var members = []struct {
	id    consent.MemberID
	name  string
	roles []consent.Role
}{
	{CityHospital, "City Hospital", []consent.Role{consent.Custodian, consent.Clinician}},
	{BobPractice, "Bob's Practice", []consent.Role{consent.Clinician}},
	{RosaInstitute, "Rosa's Institute", []consent.Role{consent.Researcher}},
	{AurelAudit, "Aurel Audit Office", []consent.Role{consent.Auditor}},
}

// Config says where the world is.
type Config struct {
	Dir      string
	Fabric   *fabric.Profile // of City Hospital, for a ledger of its own on a channel; nil: the embedded ledger
	Listen   string          // e.g. 127.0.0.1:8080
	Origin   string          // as clients see it; "" means http://Listen
	Debug    string          // loopback address for metrics; "" for none
	Version  string
	Progress func(what string, done, total int64)
	Log      *slog.Logger
	// RecoveryDelay is how long an old key can stop a recovery, in a world that is made new; 0 means three days.
	RecoveryDelay time.Duration
	Trust         []byte       // whose health certificates the app believes (document.TrustList)
	Studies       *study.Rules // as of node.Config
}

// World is the running demo.
type World struct {
	Node   *node.Node
	Made   bool // by this Open
	Ledger consent.Hash

	cfg  Config
	keys map[string]sig.Key
}

// Paths are the node's folders.
func (c Config) Paths() node.Paths { return node.Under(filepath.Join(c.Dir, "node")) }

// KeyPath is the file with the key of a member or authority.
func (c Config) KeyPath(name string) string { return filepath.Join(c.Dir, "keys", name+".key") }

// WalletPath is Alice's wallet.
func (c Config) WalletPath() string { return filepath.Join(c.Dir, "alice.wallet") }

// Open starts the world in cfg.Dir. In an empty folder it makes it first: keys, genesis, node; the members are admitted
// over HTTP once it runs (see World.Admit).
func Open(ctx context.Context, cfg Config) (*World, error) {
	w := &World{cfg: cfg, keys: map[string]sig.Key{}}
	marker := filepath.Join(cfg.Dir, "made")
	_, err := os.Stat(marker)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		w.Made = true
		if err := w.make(ctx); err != nil {
			return nil, fmt.Errorf("make the demo in %s: %w", cfg.Dir, err)
		}
	case err != nil:
		return nil, err
	default:
		if err := w.readKeys(); err != nil {
			return nil, err
		}
	}
	if _, w.Ledger, err = node.ReadGenesis(cfg.Paths()); err != nil {
		return nil, err
	}
	if err := w.start(ctx); err != nil {
		return nil, err
	}
	if w.Made {
		err = os.WriteFile(marker, nil, 0o600)
	}
	if err != nil {
		err = errors.Join(err, w.Close(ctx))
	}
	return w, err
}

func (w *World) start(ctx context.Context) (err error) {
	cfg := w.cfg
	needs, err := minimise.Default()
	if err != nil {
		return err
	}
	w.Node, err = node.Start(ctx, node.Config{
		Evaluation: 2 * time.Second, // a demo tells its story on a busy laptop too
		Paths:      cfg.Paths(), Listen: cfg.Listen, Origin: cfg.Origin, Debug: cfg.Debug, Fabric: cfg.Fabric, Store: demodata.Store{}, Needs: needs, Studies: cfg.Studies, SignIns: signIns,
		FreeReserve: freeReserve, Trust: cfg.Trust, Jurisdiction: "GB", Version: cfg.Version, Progress: cfg.Progress, Log: cfg.Log,
	})
	return err
}

// Close stops the node.
func (w *World) Close(ctx context.Context) error {
	if w.Node == nil { // it did not start again
		return nil
	}
	return w.Node.Close(ctx)
}

// Inspect stops the node, verifies everything that it keeps on disk, every signature and every step of the contract too,
// and starts it again at the same address. Sessions end.
func (w *World) Inspect(ctx context.Context) (node.Report, error) {
	at, err := url.Parse(w.Node.URL())
	if err != nil {
		return node.Report{}, err
	}
	if err := w.Node.Close(ctx); err != nil {
		return node.Report{}, err
	}
	r, err := node.Verify(ctx, w.cfg.Paths(), node.VerifyOptions{Signatures: true, State: true})
	if w.cfg.Origin == "" {
		w.cfg.Listen = at.Host
	}
	return r, errors.Join(err, w.start(ctx))
}

// The demo is one machine with a few people who are in a hurry.
const (
	signIns     = 600
	freeReserve = 64 << 20
)

func (w *World) names() []string {
	list := []string{trust, regulator}
	for _, m := range members {
		list = append(list, string(m.id))
	}
	return list
}

// make draws the keys and makes the node. It refuses a folder with anything in it.
func (w *World) make(ctx context.Context) error {
	if es, err := os.ReadDir(w.cfg.Dir); err == nil && len(es) > 0 {
		return errors.New("the folder is not empty, and not a finished demo; remove it or name another one with --dir")
	}
	if err := os.MkdirAll(filepath.Join(w.cfg.Dir, "keys"), 0o700); err != nil {
		return err
	}
	for _, name := range w.names() {
		k, err := sig.GenerateKey(rand.Reader)
		if err != nil {
			return err
		}
		if err := cli.WriteKey(w.cfg.KeyPath(name), k); err != nil {
			return err
		}
		w.keys[name] = k
	}
	salt, err := newSalt()
	if err != nil {
		return err
	}
	g := &consent.Init{
		Name: "Volens demo", Threshold: 2, RecoveryDelay: consent.Millis(cmp.Or(w.cfg.RecoveryDelay, 72*time.Hour) / time.Millisecond), Salt: salt,
		Authorities: []consent.Authority{
			{Name: "Patients' Trust", Address: w.keys[trust].Address()},
			{Name: "Health Regulator", Address: w.keys[regulator].Address()},
		},
	}
	genesis := consent.Message{Body: g}
	if err := genesis.Sign(consent.LedgerID(g), w.keys[trust], w.keys[regulator]); err != nil {
		return err
	}
	if w.cfg.Fabric != nil {
		return node.InitFabric(ctx, w.cfg.Paths(), genesis, CityHospital, w.keys[string(CityHospital)])
	}
	return node.Init(ctx, w.cfg.Paths(), genesis, CityHospital, w.keys[string(CityHospital)])
}

func (w *World) readKeys() error {
	for _, name := range w.names() {
		k, err := cli.ReadKey(w.cfg.KeyPath(name))
		if err != nil {
			return err
		}
		key, ok := k.(sig.Key)
		if !ok {
			return fmt.Errorf("the key of %s is not one of the demo's", name)
		}
		w.keys[name] = key
	}
	return nil
}

func newSalt() (h consent.Hash, err error) {
	_, err = io.ReadFull(rand.Reader, h[:])
	return h, err
}

// Client is an anonymous client of the world's gateway.
func (w *World) Client() (*client.Client, error) {
	return client.New(w.Node.URL(), client.Options{Agent: "volens-demo/" + w.cfg.Version})
}

// Member is the client of a member's system.
func (w *World) Member(id consent.MemberID) (*client.Client, error) {
	c, err := w.Client()
	if err != nil {
		return nil, err
	}
	return c.Member(client.Credentials{Member: id, Key: w.keys[string(id)]}), nil
}

// Admit admits the members: each message is signed by both authorities, and brought by the Patients' Trust. Members that
// are there already are passed over.
func (w *World) Admit(ctx context.Context, told func(name string, r receipt) error) error {
	anybody, err := w.Client()
	if err != nil {
		return err
	}
	authority, err := anybody.Person(ctx, w.keys[trust])
	if err != nil {
		return err
	}
	for _, m := range members {
		salt, err := newSalt()
		if err != nil {
			return err
		}
		msg := consent.Message{Body: &consent.MemberAdmit{
			Member: m.id, Name: m.name, Roles: m.roles, Keys: []consent.Address{w.keys[string(m.id)].Address()}, Salt: salt,
		}}
		if err := msg.Sign(w.Ledger, w.keys[trust], w.keys[regulator]); err != nil {
			return err
		}
		r, err := authority.Submit(ctx, msg)
		if consent.CodeOf(err) == consent.Exists {
			continue
		}
		if err != nil {
			return fmt.Errorf("admit %s: %w", m.name, err)
		}
		if err := told(m.name, r); err != nil {
			return err
		}
	}
	return nil
}

// writeJSON keeps what the demo has to remember between runs.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o600)
}
