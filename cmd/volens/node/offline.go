package node

import (
	"context"
	"errors"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// Status is a look at a node.
type Status struct {
	Ledger    consent.Hash     `json:"ledger"`
	Name      string           `json:"name"`
	Position  consent.Uint64   `json:"position"`
	Root      consent.Hash     `json:"root"`
	Uses      consent.Uint64   `json:"uses"`
	UsesRoot  consent.Hash     `json:"usesRoot"`
	Custodian consent.MemberID `json:"custodian"`
	Running   bool             `json:"running"`
	Vault     vault.Stats      `json:"vault"` // zero while the node runs: its gateway's metrics have them
}

// Look reads the anchors, and the vault's ring if the node is not running. It checks no record: Verify does.
func Look(ctx context.Context, p Paths) (Status, error) {
	genesis, id, err := ReadGenesis(p)
	if err != nil {
		return Status{}, err
	}
	s := Status{Ledger: id}
	if g, ok := genesis.Body.(*consent.Init); ok {
		s.Name = g.Name
	}
	if err := checkKeys(p); err != nil {
		return s, err
	}
	if s.Custodian, err = custodianOf(p); err != nil {
		return s, err
	}
	lc, err := LedgerConfig(p, id)
	if err != nil {
		return s, err
	}
	uc, err := usesConfig(p, id)
	if err != nil {
		return s, err
	}
	ledger, err := journal.ReadAnchor(lc.Journal())
	if err != nil {
		return s, err
	}
	log, err := journal.ReadAnchor(uc.Journal)
	if err != nil {
		return s, err
	}
	s.Position, s.Root = consent.Uint64(ledger.Size), consent.Hash(ledger.Root) //nolint:gosec // not negative
	s.Uses, s.UsesRoot = consent.Uint64(log.Size), consent.Hash(log.Root)       //nolint:gosec // not negative
	s.Vault, err = vault.Verify(ctx, p.vault())
	if errors.Is(err, vault.ErrInUse) {
		s.Running, err = true, nil
	}
	return s, err
}

// Rotate completes the erasures of a node that is not running: after it no copy of the old ring gives a dropped key back.
func Rotate(ctx context.Context, p Paths, progress func(done, total int64)) (s vault.Stats, err error) {
	vc := p.vault()
	vc.Progress = progress
	v, err := vault.Open(ctx, vc)
	if err != nil {
		return s, err
	}
	if v.Pending() > 0 {
		err = v.Rotate(ctx)
	}
	return v.Stats(), errors.Join(err, v.Close())
}

// Leaves hands out the newest n leaves of a ledger that is not running, or all for n < 0, oldest first.
func Leaves(ctx context.Context, p Paths, n int64, fn func(network.Event) error) (err error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return err
	}
	lc, err := LedgerConfig(p, id)
	if err != nil {
		return err
	}
	log, err := journal.Open(ctx, lc.Journal())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	size := log.Durable().Size
	from := int64(0)
	if n >= 0 {
		from = max(size-n, 0)
	}
	return log.Scan(ctx, from, size, func(i int64, r journal.Record) error {
		ev, err := embedded.LeafAt(i, r)
		if err != nil {
			return err
		}
		return fn(ev)
	})
}

// Record is what the ledger of a node that is not running says of itself, with its id.
func Record(ctx context.Context, p Paths) (g consent.Genesis, id consent.Hash, err error) {
	if _, id, err = ReadGenesis(p); err != nil {
		return g, id, err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return g, id, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	l, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return g, id, err
	}
	g, err = recordOf(l)
	return g, id, errors.Join(err, l.Close())
}

// Submit puts a signed message on a ledger that is not running, as an operator does who sets one up. A copy of a channel
// takes none.
func Submit(ctx context.Context, p Paths, m consent.Message) (r network.Receipt, err error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return r, err
	}
	if copies, err := p.copies(); err != nil || copies {
		return r, errors.Join(errors.New("the node has a copy of a channel, which takes messages from the channel alone"), err)
	}
	checked, err := consent.Verify(id, m)
	if err != nil {
		return r, err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	l, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return r, err
	}
	r, err = l.Submit(ctx, checked)
	return r, errors.Join(err, l.Close())
}
