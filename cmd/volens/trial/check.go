package trial

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// Result is what a check found.
type Result struct {
	Acks   int
	Report node.Report
	State  consent.Hash // of the ledger's index
}

// Check starts the node in cfg.Dir, finds everything that acks says was acknowledged, stops it, and verifies all of it: the
// signatures, the contract's writes, and the state index against both. With acks, a node whose making was never acknowledged
// need not be there. Of cfg it takes Dir and Fabric.
func Check(ctx context.Context, cfg Config, acks io.Reader) (Result, error) {
	var r Result
	promises, err := parsePromises(acks)
	if err != nil {
		return r, err
	}
	r.Acks = len(promises)
	state, err := find(ctx, cfg, promises)
	if err != nil && acks != nil && r.Acks == 0 { // half made, and refused: nobody was told that it is there
		return r, nil
	}
	if err != nil {
		return r, err
	}
	r.State = state
	if r.Report, err = node.Verify(ctx, node.Under(cfg.Dir), node.VerifyOptions{Signatures: true, State: true}); err != nil {
		return r, err
	}
	if r.Report.State != state {
		return r, fmt.Errorf("the index holds state %s, the leaves give %s", state, r.Report.State)
	}
	return r, nil
}

// find starts the node and looks for what was promised.
func find(ctx context.Context, cfg Config, promises []promise) (state consent.Hash, err error) {
	n, err := node.Start(ctx, node.Config{Paths: node.Under(cfg.Dir), Listen: "127.0.0.1:0", Fabric: cfg.Fabric, FreeReserve: -1})
	if err != nil {
		return state, fmt.Errorf("start: %w", err)
	}
	defer func() { err = errors.Join(err, n.Close(ctx)) }()
	for _, p := range promises {
		if err := p.kept(ctx, n); err != nil {
			return state, fmt.Errorf("LOST %s %s: %w", p.what, p.name, err)
		}
	}
	if _, err := n.Uses.Verify(ctx, uses.VerifyOptions{Bodies: true}); err != nil {
		return state, err
	}
	return n.Ledger.Digest()
}

// parsePromises reads a writer's output; nil promises nothing.
func parsePromises(acks io.Reader) (list []promise, err error) {
	if acks == nil {
		return nil, nil
	}
	lines := bufio.NewScanner(acks)
	for lines.Scan() {
		if p, ok := parsePromise(lines.Text()); ok {
			list = append(list, p)
		}
	}
	return list, lines.Err()
}

// promise is a line of a writer.
type promise struct {
	what, name string
	index      int64
}

func parsePromise(line string) (p promise, ok bool) {
	if n, _ := fmt.Sscanf(line, "ACK use %d %s", &p.index, &p.name); n == 2 { //nolint:errcheck // n says it
		p.what = "use"
		return p, true
	}
	n, _ := fmt.Sscanf(line, "ACK %s %s", &p.what, &p.name) //nolint:errcheck // n says it
	return p, n == 2 && len(p.name) >= 32
}

func (p promise) kept(ctx context.Context, n *node.Node) error {
	switch p.what {
	case "init":
		if n.Ledger.ID().String() != p.name {
			return errors.New("another ledger")
		}
	case "message":
		var c consent.Hash
		if err := c.UnmarshalText([]byte(p.name)); err != nil {
			return err
		}
		_, err := n.Ledger.Lookup(ctx, c)
		return err
	case "use":
		rec, err := n.Uses.Journal().Read(p.index)
		if errors.Is(err, journal.ErrNotFound) || err == nil && consent.Hash(tlog.RecordHash(rec.Leaf)).String() != p.name {
			return errors.New("not on record")
		}
		return err
	case "erase":
		h, err := consent.ParseSubjectID(p.name)
		if err != nil {
			return err
		}
		if !n.Vault.Erased(vault.ID(h)) {
			return errors.New("not erased")
		}
	}
	return nil
}
