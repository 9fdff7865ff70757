package online_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

var update = flag.Bool("update", false, "write testdata anew")

// anchorVectors is testdata/anchors.json: gateways' answers about an anchor, and what a wallet makes of them; the app reads it, too.
type anchorVectors struct {
	Comment   string           `json:"comment"`
	Ledger    consent.Hash     `json:"ledger"`
	Key       string           `json:"key"` // of the ledger, C2SP signed-note vkey
	Origin    string           `json:"origin"`
	Custodian consent.MemberID `json:"custodian"`
	Cases     []anchorVector   `json:"cases"`
}

// anchorVector is one answer to a wallet that has proved the log of size uses, and has seen an anchor of had uses.
type anchorVector struct {
	Name     string         `json:"name"`
	Size     consent.Uint64 `json:"size"`
	Root     consent.Hash   `json:"root"`
	Had      consent.Uint64 `json:"had"`
	Answer   api.Anchor     `json:"answer"`
	Anchored consent.Uint64 `json:"anchored"` // what is proved
	Time     consent.Millis `json:"time"`
	Alarm    string         `json:"alarm"` // "" for none, behind for a log that has to be asked for again, else fork, rollback or proof

	Mark *ledgerMark `json:"mark,omitempty"` // the ledger as the wallet saw it before
}

// ledgerMark is a ledger's checkpoint without its signature.
type ledgerMark struct {
	Size consent.Uint64 `json:"size"`
	Root consent.Hash   `json:"root"`
}

// tree is a log whose entries are texts.
type tree struct {
	t      *testing.T
	hashes []tlog.Hash
	n      int64
}

func (h *tree) ReadHashes(at []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(at))
	for i, n := range at {
		out[i] = h.hashes[n]
	}
	return out, nil
}

func (h *tree) add(entry []byte) {
	hs, err := tlog.StoredHashes(h.n, entry, h)
	if err != nil {
		h.t.Fatal(err)
	}
	h.hashes, h.n = append(h.hashes, hs...), h.n+1
}

func (h *tree) root(size consent.Uint64) consent.Hash {
	r, err := tlog.TreeHash(int64(size), h) //nolint:gosec // small
	if err != nil {
		h.t.Fatal(err)
	}
	return consent.Hash(r)
}

func (h *tree) between(a, b consent.Uint64) []consent.Hash {
	out := []consent.Hash{}
	if min(a, b) == 0 {
		return out
	}
	p, err := tlog.ProveTree(int64(max(a, b)), int64(min(a, b)), h) //nolint:gosec // small
	if err != nil {
		h.t.Fatal(err)
	}
	for _, x := range p {
		out = append(out, consent.Hash(x))
	}
	return out
}

// uses is a log of 40 uses; those from the fork on are other ones.
func uses(t *testing.T, fork int) *tree {
	h := &tree{t: t}
	for i := range 40 {
		text := fmt.Sprintf("use %d", i)
		if i >= fork {
			text = "another " + text
		}
		h.add([]byte(text))
	}
	return h
}

// entries are a ledger of nine, whose third is an anchor; the name makes it another one from its first entry on.
func entries(t *testing.T, name string, leaf consent.Leaf) *tree {
	h := &tree{t: t}
	for i := range 9 {
		entry := fmt.Appendf(nil, "%s %d", name, i)
		if i == 2 {
			entry = leaf.Marshal()
		}
		h.add(entry)
	}
	return h
}

// onLedger is the receipt of an anchor of a ledger of five entries.
func onLedger(t *testing.T, signer note.Signer, ledger consent.Hash, leaf consent.Leaf) *network.Receipt {
	h := entries(t, "entry", leaf)
	root := h.root(5)
	text := fmt.Sprintf("volens/ledger/%s\n5\n%s\n", ledger, base64.StdEncoding.EncodeToString(root[:]))
	signed, err := note.Sign(&note.Note{Text: text}, signer)
	if err != nil {
		t.Fatal(err)
	}
	p, err := tlog.ProveRecord(5, 2, h)
	if err != nil {
		t.Fatal(err)
	}
	r := network.Receipt{Position: 3, Commitment: leaf.Commitment, Time: leaf.Time, Leaf: leaf.Marshal(), Checkpoint: signed}
	for _, x := range p {
		r.Proof = append(r.Proof, consent.Hash(x))
	}
	return &r
}

func makeAnchorVectors(t *testing.T) anchorVectors {
	t.Helper()
	rand := consenttest.NewStream("anchor vectors")
	skey, vkey, err := note.GenerateKey(rand, "ledger")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	v := anchorVectors{
		Comment: "Made by go test ./wallet/online -update.", Ledger: rand.Hash(), Key: vkey, Origin: "volens/uses/test", Custodian: consenttest.CityHospital,
	}
	honest, forked := uses(t, 40), uses(t, 20)
	commitment := rand.Hash()
	leaf := func(m consent.MemberID, origin string, size consent.Uint64) consent.Leaf {
		at := consent.Anchored{Origin: origin, Size: size, Time: 1_790_000_040_000}
		if size > 0 {
			at.Root = honest.root(size)
		}
		return consent.Leaf{
			Type: "Anchor", Time: at.Time, Commitment: commitment, Writes: []consent.Write{{Key: consent.AnchorKey(m), Value: consent.Append(nil, at)}},
		}
	}
	add := func(name string, of *tree, size, had, anchored consent.Uint64, alarm string, change func(*api.Anchor)) {
		c := anchorVector{Name: name, Size: size, Had: had, Alarm: alarm}
		c.Root = of.root(size)
		c.Answer = api.Anchor{Receipt: onLedger(t, signer, v.Ledger, leaf(v.Custodian, v.Origin, anchored)), Consistency: of.between(size, anchored)}
		if change != nil {
			change(&c.Answer)
		}
		if alarm == "" && c.Answer.Receipt != nil {
			c.Anchored, c.Time = anchored, 1_790_000_040_000
		}
		v.Cases = append(v.Cases, c)
	}
	add("the log went on after it was anchored", honest, 33, 7, 21, "", nil)
	add("the log as it was anchored", honest, 21, 21, 21, "", nil)
	add("the anchor is newer than what was shown", honest, 20, 0, 32, "behind", nil)
	add("newer than what was shown, and than the one before", honest, 20, 7, 32, "behind", nil)
	add("what is shown is shorter than an anchor that was seen", honest, 20, 32, 32, "rollback", nil)
	add("shorter than an anchor that was seen, and an older one is shown", honest, 20, 32, 7, "rollback", nil)
	add("shorter than an anchor that was seen, and none is shown", honest, 20, 32, 0, "rollback", func(a *api.Anchor) { a.Receipt = nil })
	add("the histories part after the anchor", forked, 40, 20, 20, "", nil)
	add("anchored before its first use", honest, 5, 0, 0, "", nil)
	add("never anchored", honest, 5, 0, 0, "", func(a *api.Anchor) { a.Receipt = nil })
	add("another history of the same length", forked, 21, 0, 21, "fork", nil)
	add("another history, longer", forked, 40, 0, 21, "fork", nil)
	add("another history, shorter", forked, 30, 0, 37, "fork", nil)
	add("another history with the honest one's proof", forked, 40, 0, 21, "fork", func(a *api.Anchor) { a.Consistency = honest.between(40, 21) })
	add("no proof that the histories are one", honest, 40, 0, 21, "fork", func(a *api.Anchor) { a.Consistency = nil })
	add("an anchor that was seen is withheld", honest, 40, 21, 0, "rollback", func(a *api.Anchor) { a.Receipt = nil })
	add("an older anchor than was seen", honest, 40, 21, 7, "rollback", nil)
	instead := func(l consent.Leaf) func(*api.Anchor) {
		return func(a *api.Anchor) { a.Receipt = onLedger(t, signer, v.Ledger, l) }
	}
	add("the anchor of another member", honest, 40, 0, 7, "proof", instead(leaf("other-hospital", v.Origin, 7)))
	add("the anchor of another log", honest, 40, 0, 7, "proof", instead(leaf(v.Custodian, "volens/uses/other", 7)))
	other := leaf(v.Custodian, v.Origin, 7)
	other.Type = "Erase"
	add("a leaf that is no anchor", honest, 40, 0, 7, "proof", instead(other))
	two := leaf(v.Custodian, v.Origin, 7)
	two.Writes = append(two.Writes, consent.Write{Key: "anchor/city-hospital2", Value: two.Writes[0].Value})
	add("a leaf that writes more", honest, 40, 0, 7, "proof", instead(two))
	broken := leaf(v.Custodian, v.Origin, 7)
	broken.Writes[0].Value = broken.Writes[0].Value[1:]
	add("an anchor that cannot be read", honest, 40, 0, 7, "proof", instead(broken))
	add("a place on the ledger that is not its own", honest, 40, 0, 7, "proof", func(a *api.Anchor) { a.Receipt.Position = 4 })
	add("a commitment that is not its own", honest, 40, 0, 7, "proof", func(a *api.Anchor) { a.Receipt.Commitment = v.Ledger })
	add("on another ledger", honest, 40, 0, 7, "proof", func(a *api.Anchor) { a.Receipt = onLedger(t, signer, commitment, leaf(v.Custodian, v.Origin, 7)) })
	add("signed by another key", honest, 40, 0, 7, "proof", func(a *api.Anchor) {
		skey, _, err := note.GenerateKey(rand, "ledger")
		if err != nil {
			t.Fatal(err)
		}
		s, err := note.NewSigner(skey)
		if err != nil {
			t.Fatal(err)
		}
		a.Receipt = onLedger(t, s, v.Ledger, leaf(v.Custodian, v.Origin, 7))
	})
	at := leaf(v.Custodian, v.Origin, 21)
	same, other5 := entries(t, "entry", at), entries(t, "forged", at)
	mark := func(name string, of *tree, size consent.Uint64, alarm string, change func(*api.Anchor)) {
		add(name, honest, 33, 7, 21, alarm, func(a *api.Anchor) {
			a.LedgerConsistency = of.between(size, 5)
			if change != nil {
				change(a)
			}
		})
		v.Cases[len(v.Cases)-1].Mark = &ledgerMark{Size: size, Root: of.root(size)}
	}
	mark("the ledger went on after it was seen", same, 2, "", nil)
	mark("the ledger as it was seen", same, 5, "", nil)
	mark("the receipt is of an earlier state of the ledger", same, 8, "", nil)
	mark("the ledger that was seen is another one", other5, 2, "fork", nil)
	mark("the ledger that was seen is another one of the same length", other5, 5, "fork", nil)
	mark("the ledger that was seen is another one, and longer", other5, 8, "fork", nil)
	mark("another ledger than was seen with the proof of this one", other5, 8, "fork", func(a *api.Anchor) { a.LedgerConsistency = same.between(8, 5) })
	mark("no proof that it is the ledger that was seen", same, 2, "fork", func(a *api.Anchor) { a.LedgerConsistency = nil })
	return v
}

// TestAnchorVectors holds the file to what the code computes, and the check to what the file says.
func TestAnchorVectors(t *testing.T) {
	const path = "testdata/anchors.json"
	want := makeAnchorVectors(t)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	if err := e.Encode(want); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(b.String(), string(file)); d != "" {
		t.Fatalf("%s (run with -update if this is meant):\n%s", path, d)
	}
	var v anchorVectors
	if err := json.Unmarshal(file, &v); err != nil {
		t.Fatal(err)
	}
	pinned := wallet.Ledger{ID: v.Ledger, Log: wallet.Log{Key: v.Key}}
	for _, c := range v.Cases {
		t.Run(c.Name, func(t *testing.T) {
			pinned := pinned
			if c.Mark != nil {
				pinned.Log.Checkpoint = wallet.Checkpoint{Size: c.Mark.Size, Root: c.Mark.Root, Note: "seen"}
			}
			at, ledger, err := online.CheckAnchor(pinned, proof.Log{Origin: v.Origin}, v.Custodian, proof.Seen{Size: c.Size, Root: c.Root}, c.Had, c.Answer)
			if (err != nil) != (c.Alarm != "") {
				t.Fatalf("alarm %q: %v", c.Alarm, err)
			}
			if behind := errors.Is(err, proof.ErrBehind); behind != (c.Alarm == "behind") {
				t.Fatalf("alarm %q: %v", c.Alarm, err)
			}
			if err == nil && c.Answer.Receipt != nil && ledger.Size != 5 {
				t.Errorf("the ledger of %d entries", ledger.Size)
			}
			if err == nil && (at.Size != c.Anchored || at.Time != c.Time) {
				t.Errorf("anchored: %+v", at)
			}
		})
	}
}
