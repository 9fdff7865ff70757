package cli

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// tileSource is where a log's checkpoint and tiles come from: a gateway, or a file that was saved from one.
type tileSource interface {
	Checkpoint(ctx context.Context, log string) ([]byte, error)
	Tile(ctx context.Context, log, tile string) ([]byte, error)
}

var _ tileSource = (*client.Client)(nil)

// logCheck fetches a whole log and proves it.
type logCheck struct {
	client            tileSource
	name, key, origin string
	leaf              func(i int64, leaf proof.Leaf) error // of the use log, told of each; may be nil
	anchors           proof.Anchors                        // of the use log, to be held against it; of the ledger, to be collected
	anchored          string                               // origin of the use log whose anchors the ledger is read for
}

// VerifyLog fetches a whole log, "ledger" or "uses", from a gateway and proves that it is what its checkpoint says, with the
// log's key and origin line.
func VerifyLog(ctx context.Context, c *client.Client, name, key, origin string) (LogReport, error) {
	return logCheck{client: c, name: name, key: key, origin: origin}.run(ctx)
}

// LogReport is what VerifyLog has proved.
type LogReport struct {
	Log        string         `json:"log"`
	Origin     string         `json:"origin"`
	Size       consent.Uint64 `json:"size"`
	Root       consent.Hash   `json:"root"`
	Slots      int            `json:"slots"`
	Anchored   consent.Uint64 `json:"anchored"` // uses that the newest anchor on the ledger covers
	Checkpoint string         `json:"checkpoint"`
}

// withAnchors reads the ledger and returns a check of the use log that holds it against every anchor there.
func (k logCheck) withAnchors(ctx context.Context, ledgerKey, ledgerOrigin string) (logCheck, error) {
	ledger := logCheck{client: k.client, name: "ledger", key: ledgerKey, origin: ledgerOrigin, anchors: proof.Anchors{}, anchored: k.origin}
	if _, err := ledger.run(ctx); err != nil {
		return k, fmt.Errorf("read the ledger for anchors: %w", err)
	}
	k.anchors = ledger.anchors
	return k, nil
}

func (k logCheck) run(ctx context.Context) (LogReport, error) {
	v, err := note.NewVerifier(k.key)
	if err != nil {
		return LogReport{}, Usage("--log-key: %w", err)
	}
	signed, err := k.client.Checkpoint(ctx, k.name)
	if err != nil {
		return LogReport{}, err
	}
	tree, err := openTree(string(signed), k.origin, v)
	if err != nil {
		return LogReport{}, err
	}
	out := LogReport{Log: k.name, Origin: k.origin, Size: consent.Uint64(tree.N), Root: consent.Hash(tree.Hash), Checkpoint: string(signed)} //nolint:gosec // not negative
	var fold proof.Fold
	root, err := k.hash(ctx, tree.N, func(leaf []byte) error { return k.take(&fold, leaf) })
	if err != nil {
		return out, err
	}
	if root != tree.Hash {
		return out, fmt.Errorf("%w: %d entries hash to %s, the checkpoint says %s", proof.ErrRefused, tree.N, consent.Hash(root), out.Root)
	}
	if k.name == "uses" {
		cp, err := (proof.Log{Origin: k.origin, Verifier: v}).Open(signed)
		if err != nil {
			return out, err
		}
		out.Slots, out.Anchored = fold.Subjects(), k.anchors.Newest()
		return out, fold.Check(cp)
	}
	return out, nil
}

// take checks an entry for itself.
func (k logCheck) take(fold *proof.Fold, leaf []byte) error {
	if k.name != "uses" {
		l, err := consent.ParseLeaf(leaf)
		if err != nil {
			return fmt.Errorf("%w: %w", proof.ErrRefused, err)
		}
		if k.anchored == "" {
			return nil
		}
		return k.anchors.Take(k.anchored, l)
	}
	if err := fold.Add(leaf); err != nil || k.leaf == nil {
		return err
	}
	l, err := proof.ParseLeaf(leaf)
	if err != nil {
		return fmt.Errorf("%w: %w", proof.ErrRefused, err)
	}
	return k.leaf(fold.Uses()-1, l)
}

// openTree checks a checkpoint's signature and origin. Extension lines are the use log's.
func openTree(signed, origin string, v note.Verifier) (tlog.Tree, error) {
	n, err := note.Open([]byte(signed), note.VerifierList(v))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: checkpoint: %w", proof.ErrRefused, err)
	}
	lines := strings.SplitN(n.Text, "\n", 4)
	if len(lines) != 4 || lines[0] != origin {
		return tlog.Tree{}, fmt.Errorf("%w: the checkpoint is of another log than %s", proof.ErrRefused, origin)
	}
	tree, err := tlog.ParseTree([]byte("go.sum database tree\n" + lines[1] + "\n" + lines[2] + "\n"))
	if err != nil {
		return tlog.Tree{}, fmt.Errorf("%w: checkpoint: %w", proof.ErrRefused, err)
	}
	return tree, nil
}

// bundle is how many entries C2SP tlog-tiles puts in one.
const bundle = 256

// hash fetches every entry and returns the root that they come to. It keeps the stored hashes, 64 bytes an entry.
func (k logCheck) hash(ctx context.Context, size int64, check func(leaf []byte) error) (tlog.Hash, error) {
	stored := make([]tlog.Hash, 0, tlog.StoredHashCount(size))
	reader := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			if n >= int64(len(stored)) {
				return nil, fmt.Errorf("no stored hash %d", n)
			}
			out[i] = stored[n]
		}
		return out, nil
	})
	for i := int64(0); i < size; {
		width := min(size-i, bundle)
		b, err := k.client.Tile(ctx, k.name, entriesPath(i/bundle, int(width)))
		if err != nil {
			return tlog.Hash{}, err
		}
		for range width {
			if len(b) < 2 || len(b) < 2+int(binary.BigEndian.Uint16(b)) {
				return tlog.Hash{}, fmt.Errorf("%w: entry %d is cut off", proof.ErrRefused, i)
			}
			n := 2 + int(binary.BigEndian.Uint16(b))
			leaf := b[2:n]
			b = b[n:]
			if err := check(leaf); err != nil {
				return tlog.Hash{}, fmt.Errorf("entry %d: %w", i, err)
			}
			hs, err := tlog.StoredHashes(i, leaf, reader)
			if err != nil {
				return tlog.Hash{}, fmt.Errorf("hash entry %d: %w", i, err)
			}
			stored = append(stored, hs...)
			i++
		}
		if len(b) > 0 {
			return tlog.Hash{}, fmt.Errorf("%w: bytes after entry %d", proof.ErrRefused, i-1)
		}
	}
	if err := k.held(size, reader); err != nil {
		return tlog.Hash{}, err
	}
	return tlog.TreeHash(size, reader)
}

// held holds the use log against the ledger's anchors.
func (k logCheck) held(size int64, reader tlog.HashReader) error {
	if k.name != "uses" {
		return nil
	}
	return k.anchors.Check(consent.Uint64(size), func(n consent.Uint64) (consent.Hash, error) { //nolint:gosec // not negative
		r, err := tlog.TreeHash(int64(n), reader) //nolint:gosec // Check bounds it by the size
		return consent.Hash(r), err
	})
}

// entriesPath is the path of an entry bundle below tile/.
func entriesPath(n int64, width int) string {
	path := tlog.Tile{H: 8, L: -1, N: n, W: width}.Path() // tile/8/data/000[.p/W]
	return "entries/" + strings.TrimPrefix(path, "tile/8/data/")
}
