package proof_test

import (
	"errors"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// history is a log of n entries; entries from a fork on are other ones.
type history struct{ hashes []tlog.Hash }

func newHistory(t *testing.T, n, fork int) *history {
	t.Helper()
	h := &history{}
	for i := range n {
		text := fmt.Sprintf("use %d", i)
		if i >= fork {
			text = "another " + text
		}
		hs, err := tlog.StoredHashes(int64(i), []byte(text), h.reader())
		if err != nil {
			t.Fatal(err)
		}
		h.hashes = append(h.hashes, hs...)
	}
	return h
}

func (h *history) reader() tlog.HashReader {
	return tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = h.hashes[n]
		}
		return out, nil
	})
}

func (h *history) root(n consent.Uint64) (consent.Hash, error) {
	r, err := tlog.TreeHash(int64(n), h.reader()) //nolint:gosec // small
	return consent.Hash(r), err
}

// A gateway anchors one history and shows another one: whoever reads the ledger finds out.
func TestTwoHistories(t *testing.T) {
	const origin = "volens/uses/test"
	honest := newHistory(t, 40, 40)
	anchors := proof.Anchors{}
	for _, n := range []consent.Uint64{7, 16, 30} {
		root, err := honest.root(n)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range []string{origin, "volens/uses/another"} {
			if o != origin {
				root[0] ^= 1
			}
			leaf := consent.Leaf{Type: "Anchor", Writes: []consent.Write{{
				Key: consent.AnchorKey("city-hospital"), Value: consent.Append(nil, consent.Anchored{Origin: o, Size: n, Root: root}),
			}}}
			if err := anchors.Take(origin, leaf); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(anchors) != 3 || anchors.Newest() != 30 {
		t.Fatalf("%d anchors, the newest of %d uses", len(anchors), anchors.Newest())
	}
	for name, c := range map[string]struct {
		size, fork int
		refused    bool
	}{
		"the history that was anchored":    {40, 40, false},
		"no longer than its newest anchor": {30, 30, false},
		"goes on differently after it":     {40, 30, false},
		"differs in the last anchored use": {40, 29, true},
		"differs in the first use":         {40, 0, true},
		"leaves out the newest uses":       {29, 29, true},
		"is empty":                         {0, 0, true},
	} {
		shown := newHistory(t, c.size, c.fork)
		err := anchors.Check(consent.Uint64(c.size), shown.root) //nolint:gosec // small
		if errors.Is(err, proof.ErrRefused) != c.refused || err != nil && !c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A checkpoint and an anchor are of one history, or the check says that they are not, whichever is the longer one and whatever
// proof the gateway gives.
func TestCheckAnchor(t *testing.T) {
	const origin = "volens/uses/test"
	log := proof.Log{Origin: origin}
	honest, forked := newHistory(t, 40, 40), newHistory(t, 40, 20)
	consistency := func(h *history, a, b consent.Uint64) []consent.Hash {
		var out []consent.Hash
		p, err := tlog.ProveTree(int64(max(a, b)), int64(min(a, b)), h.reader()) //nolint:gosec // small
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range p {
			out = append(out, consent.Hash(x))
		}
		return out
	}
	leafOf := func(m consent.MemberID, origin string, size consent.Uint64) consent.Leaf {
		root, err := honest.root(size)
		if err != nil {
			t.Fatal(err)
		}
		return consent.Leaf{Type: "Anchor", Writes: []consent.Write{{
			Key: consent.AnchorKey(m), Value: consent.Append(nil, consent.Anchored{Origin: origin, Size: size, Root: root}),
		}}}
	}
	for _, anchored := range []consent.Uint64{1, 19, 20, 21, 32, 40} {
		for _, shown := range []consent.Uint64{1, 20, 21, 33, 40} {
			for name, h := range map[string]*history{"honest": honest, "forked": forked} {
				root, err := h.root(shown)
				if err != nil {
					t.Fatal(err)
				}
				cp := proof.Checkpoint{Size: int64(shown), Root: root} //nolint:gosec // small
				same := h == honest || min(anchored, shown) <= 20
				for whose, p := range map[string][]consent.Hash{
					"its own": consistency(h, anchored, shown), "the other's": consistency(honest, anchored, shown), "none": nil,
				} {
					at, err := log.CheckAnchor(cp, "m", leafOf("m", origin, anchored), p)
					if behind := errors.Is(err, proof.ErrBehind); behind && at.Size == anchored && anchored > shown && errors.Is(err, proof.ErrRefused) {
						err = nil // one history, whose end is not shown
					} else if err == nil && anchored > shown {
						t.Errorf("%s log of %d uses against an anchor of %d with %s proof: its end is not missed", name, shown, anchored, whose)
					}
					if err == nil && !same {
						t.Errorf("%s log of %d uses against an anchor of %d with %s proof: taken", name, shown, anchored, whose)
					}
					if err != nil && h == honest && whose == "its own" {
						t.Errorf("%s log of %d uses against an anchor of %d: %v", name, shown, anchored, err)
					}
				}
			}
		}
	}
	root, err := honest.root(40)
	if err != nil {
		t.Fatal(err)
	}
	cp := proof.Checkpoint{Size: 40, Root: root}
	for name, leaf := range map[string]consent.Leaf{
		"another member's": leafOf("n", origin, 7), "another log's": leafOf("m", "elsewhere", 7), "no anchor": {Type: "Init"},
	} {
		if _, err := log.CheckAnchor(cp, "m", leaf, consistency(honest, 7, 40)); !errors.Is(err, proof.ErrRefused) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
