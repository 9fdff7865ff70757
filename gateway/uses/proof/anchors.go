package proof

import (
	"slices"

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
