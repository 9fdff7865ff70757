package proof

import (
	"errors"
	"slices"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Anchors are what a ledger says of a use log: its root at some sizes. They are collected from the ledger's own leaves, so a
// gateway cannot show one history of uses to the ledger and another one to somebody else.
type Anchors map[consent.Uint64]consent.Hash

// Take collects the anchors of the log with this origin from a leaf of the ledger; other leaves say nothing.
func (a Anchors) Take(origin string, leaf consent.Leaf) error {
	for _, w := range leaf.Writes {
		if leaf.Type != "Anchor" {
			return nil
		}
		var at consent.Anchored
		if err := consent.Decode(w.Value, &at); err != nil {
			return refuse("an anchor that cannot be read: %v", err)
		}
		if at.Origin == origin {
			a[at.Size] = at.Root
		}
	}
	return nil
}

// Check refuses a log of this size unless it holds, as a prefix, every history that was anchored. root gives the root of its
// first n entries.
func (a Anchors) Check(size consent.Uint64, root func(n consent.Uint64) (consent.Hash, error)) error {
	for n, want := range a {
		if n > size {
			return refuse("the ledger holds an anchor of %d uses, the log shows %d", n, size)
		}
		got, err := root(n)
		if err != nil {
			return err
		}
		if got != want {
			return refuse("the first %d uses have root %s, the ledger holds an anchor with root %s: two histories", n, got, want)
		}
	}
	return nil
}

// ErrBehind says that the ledger holds an anchor of more uses than a log that is shown: it has more, which are not shown. Who asked
// for the log before that anchor was made asks again, and takes it for a refusal if the log still is the shorter one.
var ErrBehind = errors.New("the ledger holds an anchor of more uses than the log shows")

// CheckAnchor checks that an anchor, a leaf that is proved to be on the ledger, is of this log of the member's, and that it and
// the log that cp signs are one: consistency is the RFC 6962 proof that the smaller is a prefix of the other one. If cp is the
// smaller, it returns what is anchored and ErrBehind.
func (l Log) CheckAnchor(cp Checkpoint, m consent.MemberID, leaf consent.Leaf, consistency []consent.Hash) (consent.Anchored, error) {
	var at consent.Anchored
	if leaf.Type != "Anchor" || len(leaf.Writes) != 1 || leaf.Writes[0].Key != consent.AnchorKey(m) {
		return at, refuse("the leaf is no anchor of %s", m)
	}
	if err := consent.Decode(leaf.Writes[0].Value, &at); err != nil {
		return at, refuse("an anchor that cannot be read: %v", err)
	}
	if at.Origin != l.Origin {
		return at, refuse("the anchor is of the log %q, not %q", at.Origin, l.Origin)
	}
	small, large := tree{int64(at.Size), at.Root}, tree{cp.Size, cp.Root} //nolint:gosec // CheckTree bounds it
	if small.size > large.size {
		small, large = large, small
	}
	if small.size == 0 {
		return at, nil
	}
	p := make(tlog.TreeProof, len(consistency))
	for i, h := range consistency {
		p[i] = tlog.Hash(h)
	}
	if err := tlog.CheckTree(p, large.size, tlog.Hash(large.root), small.size, tlog.Hash(small.root)); err != nil {
		return at, refuse("the log of %d uses is not the one that is anchored with %d uses: two histories: %w", cp.Size, at.Size, err)
	}
	if int64(at.Size) > cp.Size { //nolint:gosec // CheckTree bounds it
		return at, refuse("%w: %d, not %d", ErrBehind, at.Size, cp.Size)
	}
	return at, nil
}

type tree struct {
	size int64
	root consent.Hash
}

// Newest is the size of the newest anchor, 0 when there is none.
func (a Anchors) Newest() consent.Uint64 {
	var sizes []consent.Uint64
	for n := range a {
		sizes = append(sizes, n)
	}
	if len(sizes) == 0 {
		return 0
	}
	return slices.Max(sizes)
}
