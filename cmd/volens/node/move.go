package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/vault"
)

// beingImported is what hostFile says of a ledger that is not whole yet: it shows the past, and nobody may decide on it.
const beingImported = "import"

// Move says how a closed ledger goes on at another host. Export and Opening are needed.
type Move struct {
	Export  *Export
	Opening consent.Message // the Import that the authorities signed
	// Custodian and Key are for a new node: whose subjects it will serve; "" for none.
	Custodian consent.MemberID
	Key       sig.Key
	Progress  func(done, total int64)
	Log       *slog.Logger
}

func (m Move) progress(done, total int64) {
	if m.Progress != nil {
		m.Progress(done, total)
	}
}

// Moved says where a ledger goes on.
type Moved struct {
	Ledger   consent.Hash   `json:"ledger"`
	Position consent.Uint64 `json:"position"` // of the Import
	Leaves   consent.Uint64 `json:"leaves"`   // brought by this run; those before it were there
}

// ImportEmbedded makes the ledger go on at an embedded ledger. Into empty folders it makes a new node with a vault and keys
// of its own, which seals the messages for itself. A node that has the closed ledger already, because it is the old one or
// a copy of it, goes on with all that it has: keys, use log, pseudonyms. Nothing is written before the Import was checked.
// Stopped at any time it can be run again, and until it has come to its end no node starts on the folder.
func (m Move) ImportEmbedded(ctx context.Context, p Paths) (out Moved, err error) {
	opening, err := m.Export.Check(m.Opening)
	if err != nil {
		return out, err
	}
	if err := m.prepare(ctx, p); err != nil {
		return out, err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	l, err := openLedger(ctx, p, m.Export.Ledger, v, nil)
	if err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	out.Ledger = m.Export.Ledger
	if r, err := l.Lookup(ctx, opening.Commitment()); err == nil {
		out.Position = consent.Uint64(r.Position)
		return out, m.finished(p)
	}
	if out.Leaves, err = m.fill(ctx, p, l); err != nil {
		return out, err
	}
	if err := m.same(l); err != nil {
		return out, err
	}
	r, err := l.Reopen(ctx, opening)
	if err != nil {
		return out, err
	}
	out.Position = consent.Uint64(r.Position)
	return out, m.finished(p)
}

// prepare makes a new node's folders, with a note that its ledger is not whole, or finds the node that is there.
func (m Move) prepare(ctx context.Context, p Paths) error {
	_, id, err := ReadGenesis(p)
	if errors.Is(err, fs.ErrNotExist) {
		return initNode(ctx, p, m.Export.Genesis, m.Custodian, m.Key, func(_ context.Context, p Paths, cfg embedded.Config, _ consent.Message) error {
			if err := writeNew(filepath.Join(p.Data, hostFile), []byte(beingImported+"\n")); err != nil {
				return err
			}
			return embedded.InitCopy(cfg)
		})
	}
	if err != nil {
		return err
	}
	if id != m.Export.Ledger {
		return fmt.Errorf("%w: it is of ledger %s, the node of %s", ErrExport, m.Export.Ledger, id)
	}
	if h, err := p.host(); err != nil || h == onFabric {
		return errors.Join(errors.New("the node has a copy of a channel already"), err)
	}
	return nil
}

// importRun is how many leaves are brought at a time.
const importRun = 1000

// fill brings the leaves that the ledger lacks. Only a ledger that an import began lacks any.
func (m Move) fill(ctx context.Context, p Paths, l *embedded.Ledger) (brought consent.Uint64, err error) {
	from := l.Position()
	if from >= network.Position(m.Export.Size) {
		return 0, nil
	}
	if h, err := p.host(); err != nil || h != beingImported {
		return 0, errors.Join(fmt.Errorf("%w: the node has an open ledger of %d leaves, the export has %d", ErrExport, from, m.Export.Size), err)
	}
	if err := m.begins(l); err != nil {
		return 0, err
	}
	var run []embedded.Entry
	at := from
	err = m.Export.Each(ctx, from, func(ev network.Event) error {
		run = append(run, embedded.Entry{Leaf: ev.Leaf.Marshal(), Message: ev.Message, Erased: ev.Message == nil})
		if len(run) < importRun && ev.Position < network.Position(m.Export.Size) {
			return nil
		}
		if err := l.Copied(ctx, at, run, nil); err != nil {
			return err
		}
		at, run = ev.Position, run[:0]
		m.progress(int64(at), int64(m.Export.Size)) //nolint:gosec // far below 2^63
		return nil
	})
	return consent.Uint64(l.Position() - from), err
}

// begins compares what is there with the export's beginning.
func (m Move) begins(l *embedded.Ledger) error {
	cp := l.Log().Durable()
	if cp.Size == 0 {
		return nil
	}
	return m.export(consent.Tree{Size: consent.Uint64(cp.Size), Root: consent.Hash(cp.Root)}) //nolint:gosec // not negative
}

// same compares the ledger with the export: size and root.
func (m Move) same(l *embedded.Ledger) error {
	cp := l.Log().Durable()
	if cp.Size != int64(m.Export.Size) || consent.Hash(cp.Root) != m.Export.Root { //nolint:gosec // compared only
		return fmt.Errorf("%w: the node has another log than the export", ErrExport)
	}
	return nil
}

// export says whether the export begins with a tree.
func (m Move) export(t consent.Tree) error {
	root, err := m.Export.rootAt(int64(t.Size)) //nolint:gosec // far below 2^63
	if err == nil && root != t.Root {
		err = fmt.Errorf("%w: the node has another log than the export", ErrExport)
	}
	return err
}

// finished takes the note away that the ledger is not whole.
func (m Move) finished(p Paths) error {
	h, err := p.host()
	if err != nil || h != beingImported {
		return err
	}
	return errors.Join(os.Remove(filepath.Join(p.Data, hostFile)), syncDir(p.Data))
}

// ImportFabric makes the ledger go on on a channel that has none. p, if it is not zero, is the old node or a copy of it,
// which from then on is a node of the channel with all that it has. It checks that before it brings anything.
func (m Move) ImportFabric(ctx context.Context, p Paths, profile fabric.Profile) (out Moved, err error) {
	opening, err := m.Export.Check(m.Opening)
	if err != nil {
		return out, err
	}
	out = Moved{Ledger: m.Export.Ledger, Position: m.Export.Size + 1}
	if p != (Paths{}) {
		if err := m.closedNode(ctx, p); err != nil {
			return out, err
		}
	}
	ch, err := fabric.Dial(profile)
	if err != nil {
		return out, err
	}
	first := int64(-1)
	err = fabric.Takeover{
		Channel: ch, Organizations: profile.Organizations(), Closed: m.Export, Opening: opening, Log: m.Log,
		Progress: func(done, total int64) {
			if first < 0 {
				first = done
			}
			m.progress(done, total)
			out.Leaves = consent.Uint64(done - first) //nolint:gosec // not negative
		},
	}.Run(ctx)
	if err = errors.Join(err, ch.Close()); err != nil || p == (Paths{}) {
		return out, err
	}
	if h, err := p.host(); err != nil || h == onFabric {
		return out, err
	}
	return out, writeNew(filepath.Join(p.Data, hostFile), []byte(onFabric+"\n"))
}

// closedNode requires that a node that is not running has the ledger of the export.
func (m Move) closedNode(ctx context.Context, p Paths) (err error) {
	_, id, err := ReadGenesis(p)
	if err != nil {
		return err
	}
	if id != m.Export.Ledger {
		return fmt.Errorf("%w: it is of ledger %s, the node of %s", ErrExport, m.Export.Ledger, id)
	}
	h, err := p.host()
	if err != nil || h == onFabric { // it was here before, and may have gone on since
		return err
	}
	v, err := vault.Open(ctx, p.vault())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	l, err := openLedger(ctx, p, id, v, nil)
	if err != nil {
		return err
	}
	return errors.Join(m.same(l), l.Close())
}
