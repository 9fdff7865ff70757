package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/index"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

// Rebuilt is what a rebuild did.
type Rebuilt struct {
	Position consent.Uint64 `json:"position"`
	Uses     consent.Uint64 `json:"uses"`
	Before   consent.Hash   `json:"before,omitzero"` // digest of the state that was there; zero when there was none
	After    consent.Hash   `json:"after"`
}

// Rebuild drops every index of a node that is not running and makes them anew from the segments alone.
func Rebuild(ctx context.Context, p Paths, progress func(what string, done, total int64)) (_ Rebuilt, err error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return Rebuilt{}, err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return Rebuilt{}, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	var r Rebuilt
	if _, err := os.Stat(filepath.Join(p.stateIndex(), "MANIFEST")); err == nil {
		if r.Before, _, err = digestOf(ctx, p, id, v, nil); err != nil {
			return r, err
		}
	}
	if err := p.dropIndexes(); err != nil {
		return r, err
	}
	if r.After, r.Position, err = digestOf(ctx, p, id, v, progress); err != nil {
		return r, err
	}
	if r.Uses, err = rebuildUses(ctx, p, id, v, progress); err != nil {
		return r, err
	}
	return r, rebuildReplica(ctx, p, id, v)
}

func (p Paths) stateIndex() string   { return filepath.Join(p.Data, ledgerDir, "state") }
func (p Paths) replicaIndex() string { return filepath.Join(p.Data, "replica") }
func (p Paths) usesIndex() string    { return filepath.Join(p.Data, "uses-index") }

func (p Paths) dropIndexes() error {
	for _, dir := range []string{p.stateIndex(), p.replicaIndex(), p.usesIndex()} {
		if err := index.Drop(dir); err != nil {
			return err
		}
	}
	return nil
}

// openLedger opens the ledger alone, for work at a node that is not running.
func openLedger(ctx context.Context, p Paths, id consent.Hash, v *vault.Vault, progress func(string, int64, int64)) (*embedded.Ledger, error) {
	lc, err := LedgerConfig(p, id)
	if err != nil {
		return nil, err
	}
	lc.Vault = v
	lc.Progress = (&Node{cfg: Config{Progress: progress}}).progress("ledger")
	return embedded.Open(ctx, lc)
}

func openUses(ctx context.Context, p Paths, id consent.Hash, v *vault.Vault, progress func(string, int64, int64)) (*uses.Log, error) {
	uc, err := usesConfig(p, id)
	if err != nil {
		return nil, err
	}
	uc.Vault = v
	uc.Journal.Progress = (&Node{cfg: Config{Progress: progress}}).progress("uses")
	return uses.Open(ctx, uc)
}

func digestOf(ctx context.Context, p Paths, id consent.Hash, v *vault.Vault, progress func(string, int64, int64)) (consent.Hash, consent.Uint64, error) {
	l, err := openLedger(ctx, p, id, v, progress)
	if err != nil {
		return consent.Hash{}, 0, err
	}
	d, err := l.Digest()
	return d, consent.Uint64(l.Position()), errors.Join(err, l.Close())
}

func rebuildUses(ctx context.Context, p Paths, id consent.Hash, v *vault.Vault, progress func(string, int64, int64)) (consent.Uint64, error) {
	l, err := openUses(ctx, p, id, v, progress)
	if err != nil {
		return 0, err
	}
	return consent.Uint64(l.Count()), l.Close() //nolint:gosec // not negative
}

func rebuildReplica(ctx context.Context, p Paths, id consent.Hash, v *vault.Vault) error {
	l, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return err
	}
	engine, err := policies.New(policies.Config{})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	r, err := replica.Open(ctx, replica.Config{Dir: p.Data, Ledger: l, Vault: v, Engine: engine})
	if err != nil {
		return errors.Join(fmt.Errorf("rebuild the replica: %w", err), l.Close())
	}
	return errors.Join(r.Close(), l.Close())
}
