package wallet

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// ErrReceipt says that a receipt does not prove that the message is on the pinned ledger.
var ErrReceipt = errors.New("the receipt does not prove that the message is on the ledger")

// CheckReceipt checks offline that m is on the pinned ledger: that the receipt's leaf commits to m, that the leaf is in the
// tree of the receipt's checkpoint, and that a pinned key signed that checkpoint. It returns the leaf, whose public writes
// are thereby proved too (see HeadIn), and the checkpoint. A checkpoint with another root at a size that the wallet has
// verified is ErrFork. Pass the zero message for a receipt whose message is not at hand.
func CheckReceipt(pinned Ledger, m consent.Message, r network.Receipt) (consent.Leaf, Checkpoint, error) {
	leaf, err := leafOf(m, r)
	if err != nil {
		return consent.Leaf{}, Checkpoint{}, err
	}
	cp, err := openCheckpoint(pinned, string(r.Checkpoint))
	if err != nil {
		return consent.Leaf{}, Checkpoint{}, err
	}
	proof := make(tlog.RecordProof, len(r.Proof))
	for i, h := range r.Proof {
		proof[i] = tlog.Hash(h)
	}
	err = tlog.CheckRecord(proof, int64(cp.Size), tlog.Hash(cp.Root), int64(r.Position)-1, tlog.RecordHash(r.Leaf)) //nolint:gosec // CheckRecord bounds both
	if err != nil {
		return consent.Leaf{}, Checkpoint{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	if old := pinned.Log.Checkpoint; old.Size == cp.Size && old.Note != "" && old.Root != cp.Root {
		return consent.Leaf{}, Checkpoint{}, fmt.Errorf("%w: two roots at size %d", ErrFork, cp.Size)
	}
	return leaf, cp, nil
}

// leafOf reads a receipt's leaf, which must be of the message.
func leafOf(m consent.Message, r network.Receipt) (consent.Leaf, error) {
	leaf, err := consent.ParseLeaf(r.Leaf)
	switch {
	case err != nil:
		return consent.Leaf{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	case r.Position == 0 || r.Commitment != leaf.Commitment:
		return consent.Leaf{}, fmt.Errorf("%w: it is not of its leaf", ErrReceipt)
	case m.Body != nil && (leaf.Commitment != consent.Commitment(m.Body) || leaf.Type != consent.TypeOf(m.Body)):
		return consent.Leaf{}, fmt.Errorf("%w: it is of another message", ErrReceipt)
	}
	return leaf, nil
}

// verifiers are of the pinned key and of those of copies that can be read and told from it.
func verifiers(pinned Ledger) ([]note.Verifier, error) {
	own, err := note.NewVerifier(pinned.Log.Key)
	if err != nil {
		return nil, fmt.Errorf("%w: the pinned key: %w", ErrReceipt, err)
	}
	keys := []note.Verifier{own}
	for _, key := range pinned.Copies {
		if v, err := note.NewVerifier(key); err == nil && !slices.ContainsFunc(keys, func(o note.Verifier) bool { return alike(o, v) }) {
			keys = append(keys, v)
		}
	}
	return keys, nil
}

// alike reports whether a checkpoint cannot tell two keys apart: it names them by name and four bytes of hash.
func alike(a, b note.Verifier) bool { return a.Name() == b.Name() && a.KeyHash() == b.KeyHash() }

// openCheckpoint checks a signed checkpoint (C2SP tlog-checkpoint) of the ledger.
func openCheckpoint(pinned Ledger, signed string) (Checkpoint, error) {
	keys, err := verifiers(pinned)
	if err != nil {
		return Checkpoint{}, err
	}
	n, err := note.Open([]byte(signed), note.VerifierList(keys...))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("%w: %w", ErrReceipt, err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 || lines[0] != "volens/ledger/"+pinned.ID.String() {
		return Checkpoint{}, fmt.Errorf("%w: its checkpoint is of another log", ErrReceipt)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("%w: its checkpoint's size is %q", ErrReceipt, lines[1])
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("%w: its checkpoint's root is %q", ErrReceipt, lines[2])
	}
	return Checkpoint{Size: consent.Uint64(size), Root: consent.Hash(root), Note: signed}, nil
}

// CheckOneLedger checks that two checkpoints, whose signatures the caller has checked, are of one history: that the smaller, as
// proof (RFC 6962) shows, is a prefix of the larger one. Else it is ErrFork. A zero checkpoint is of every history.
func CheckOneLedger(a, b Checkpoint, proof []consent.Hash) error {
	if a.Size > b.Size {
		a, b = b, a
	}
	if a.Size == 0 {
		return nil
	}
	p := make(tlog.TreeProof, len(proof))
	for i, h := range proof {
		p[i] = tlog.Hash(h)
	}
	if err := tlog.CheckTree(p, int64(b.Size), tlog.Hash(b.Root), int64(a.Size), tlog.Hash(a.Root)); err != nil { //nolint:gosec // of verified checkpoints
		return fmt.Errorf("%w: the ledger of %d entries does not hold the one of %d: %w", ErrFork, b.Size, a.Size, err)
	}
	return nil
}

// HeadIn reads the head of a handle from the leaf of one of its messages.
func HeadIn(leaf consent.Leaf, handle consent.SubjectID) (consent.Head, bool) {
	for _, w := range leaf.Writes {
		if w.Key == consent.HeadKey(handle) {
			var h consent.Head
			return h, consent.Decode(w.Value, &h) == nil
		}
	}
	return consent.Head{}, false
}
