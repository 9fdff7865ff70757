package node

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/journal"
)

// Ledger is a ledger with the journal that proves what it holds: the embedded one, or an organisation's copy of a channel.
type Ledger interface {
	network.Ledger
	// Log is the journal, for checkpoints, tiles and proofs.
	Log() *journal.Log
	// Digest is that of the whole applied state.
	Digest() (consent.Hash, error)
}

var (
	_ Ledger = (*embedded.Ledger)(nil)
	_ Ledger = (*fabric.Ledger)(nil)
)

// hostFile says in a node's data folder who orders its ledger: without it the node itself does. A copy of a channel that
// took messages by itself would be a fork of it.
const hostFile = "host"

// onFabric is what hostFile says of a copy.
const onFabric = "fabric"

// reach bounds the wait for the channel at a start.
const reach = time.Minute

// staleOnFabric is MaxStale's default on Fabric: a heartbeat each second, a block, and room for a slow orderer.
const staleOnFabric = 5 * time.Second

// InitFabric is Init for a node whose ledger is on a Fabric channel. Nothing is sent: the first start of the first node
// puts the genesis on the channel, and every other node finds it there.
func InitFabric(ctx context.Context, p Paths, genesis consent.Message, custodian consent.MemberID, key sig.Key) error {
	return initNode(ctx, p, genesis, custodian, key, func(_ context.Context, p Paths, cfg embedded.Config, _ consent.Message) error {
		if err := embedded.InitCopy(cfg); err != nil {
			return err
		}
		return writeNew(filepath.Join(p.Data, hostFile), []byte(onFabric+"\n"))
	})
}

// host is what hostFile says, "" where the node orders its ledger itself.
func (p Paths) host() (string, error) {
	b, err := os.ReadFile(filepath.Join(p.Data, hostFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	h := strings.TrimSpace(string(b))
	if err == nil && h != onFabric && h != beingImported {
		err = errors.New("it names no host that is known")
	}
	if err != nil {
		return "", fmt.Errorf("read who orders the ledger: %w", err)
	}
	return h, nil
}

// copies reports whether the node's ledger is a copy of a channel. One that is not whole yet is nobody's to open.
func (p Paths) copies() (bool, error) {
	h, err := p.host()
	if err == nil && h == beingImported {
		err = errors.New("the ledger here is not whole yet: run its import again, to the end")
	}
	return h == onFabric, err
}

// openHost opens the node's ledger where it was made to be.
func (n *Node) openHost(ctx context.Context, genesis consent.Message, cfg embedded.Config) (Ledger, error) {
	copies, err := n.cfg.Paths.copies()
	switch {
	case err != nil:
		return nil, err
	case copies && n.cfg.Fabric == nil:
		return nil, errors.New("the node's ledger is a copy of a Fabric channel: serve it with --ledger fabric and its profile")
	case !copies && n.cfg.Fabric != nil:
		return nil, errors.New("the node has an embedded ledger of its own, which cannot become a copy of a channel: give the node another folder")
	case !copies:
		return embedded.Open(ctx, cfg)
	}
	if n.cfg.MaxStale == 0 {
		n.cfg.MaxStale = staleOnFabric
	}
	ch, err := fabric.Dial(*n.cfg.Fabric)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, reach)
	defer cancel()
	l, err := fabric.Open(ctx, fabric.Config{
		Channel: ch, Organizations: n.cfg.Fabric.Organizations(), Copy: cfg, Genesis: genesis, Log: n.cfg.Log, Now: n.cfg.Now,
	})
	if err != nil {
		return nil, errors.Join(err, ch.Close())
	}
	return l, nil
}

// failedHost is why a ledger's copy cannot go on, nil while it can.
func failedHost(l Ledger) error {
	if f, ok := l.(*fabric.Ledger); ok {
		return f.Failed()
	}
	return nil
}
