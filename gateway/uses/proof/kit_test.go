package proof_test

import (
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

const origin = "uses.example/city-hospital"

// book is a use log in a few slices: what a statement must come to, written a second time and naively.
type book struct {
	testing.TB
	signer note.Signer
	pinned proof.Log
	rand   *consenttest.Stream
	leaves [][]byte
	stored []tlog.Hash
	slots  map[consent.Uint64]*chain
	size   int64 // of the slot tree
}

type chain struct {
	handle  consent.SubjectID
	salt    consent.Hash
	entries []proof.Entry // oldest first, without proofs
	head    consent.Hash
}

func newBook(tb testing.TB) *book {
	tb.Helper()
	rand := consenttest.NewStream("use log")
	skey, vkey, err := note.GenerateKey(rand, origin)
	must(tb, err)
	signer, err := note.NewSigner(skey)
	must(tb, err)
	verifier, err := note.NewVerifier(vkey)
	must(tb, err)
	return &book{
		TB: tb, signer: signer, pinned: proof.Log{Origin: origin, Verifier: verifier}, rand: rand, slots: map[consent.Uint64]*chain{},
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// ReadHashes implements tlog.HashReader.
func (b *book) ReadHashes(ix []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ix))
	for k, i := range ix {
		out[k] = b.stored[i]
	}
	return out, nil
}

// use is a use as access control would fill it in.
func (b *book) use(slot consent.Uint64) proof.Use {
	c := b.slots[slot]
	if c == nil {
		c = &chain{handle: b.rand.Handle()}
		b.slots[slot] = c
	}
	n := len(b.leaves)
	return proof.Use{
		Handle: c.handle, Time: 1_790_000_000_123 + consent.Millis(n)*40_000, Kind: proof.Decision, Requester: consenttest.RosaInstitute,
		Actors: []string{"rosa-institute:Practitioner/rosa"}, Roles: []consent.Coding{{Code: "researcher"}}, Channel: "rest",
		Purpose: consenttest.Purposes("HRESCH")[0], Action: consent.Coding{Code: "access"}, ResourceTypes: []string{"Observation"},
		Resources: []string{"Observation/1"}, Decision: proof.Permit, ConsentDecision: "PERMIT",
		Reasons:  []proof.Reason{{Rule: "F1", Code: "match", Text: "A rule permits this."}},
		Sentence: proof.Sentence{Code: "permit", Params: []proof.Param{{Name: "who", Value: "Rosa’s Institute"}}, Text: "Rosa’s Institute read your observations."},
		Consents: []consent.Uint64{3}, Rules: []string{"3/provision[1]"}, Position: consent.Uint64(40 + n), Algorithm: "deny-overrides",
		Implicit: "deny", RequestID: fmt.Sprintf("r-%d", n),
	}
}

// add puts u on record.
func (b *book) add(slot consent.Uint64, u proof.Use) proof.Leaf {
	c := b.slots[slot]
	u.UseSeq, u.Salt = consent.Uint64(len(c.entries)+1), b.rand.Hash()
	if u.UseSeq == 1 {
		c.salt = proof.SubjectSalt(u.Salt)
	}
	leaf := proof.LeafOf(&u, slot, c.salt, c.head)
	n := int64(len(b.leaves))
	h, err := tlog.StoredHashes(n, leaf.Marshal(), b)
	must(b, err)
	b.stored = append(b.stored, h...)
	b.leaves = append(b.leaves, leaf.Marshal())
	c.entries = append(c.entries, proof.Entry{Index: consent.Uint64(n), Prev: c.head, Use: u})
	c.head = leaf.Hash()
	b.size = max(b.size, int64(slot)+1)
	return leaf
}

// slotTree is the slot tree by tlog's own means.
func (b *book) slotTree() (*hashList, consent.Hash) {
	t := new(hashList)
	for i := range consent.Uint64(b.size) {
		var leaf consent.Hash
		if c := b.slots[i]; c != nil && len(c.entries) > 0 {
			leaf = proof.SlotLeaf(proof.Pseudonym(c.handle, c.salt), consent.Uint64(len(c.entries)), c.head)
		} else {
			leaf = proof.SlotLeaf(consent.Hash{}, 0, consent.Hash{})
		}
		t.add(b, tlog.Hash(leaf))
	}
	root, err := tlog.TreeHash(b.size, t)
	must(b, err)
	return t, consent.Hash(root)
}

// hashList is a tree of stored hashes.
type hashList struct {
	n      int64
	stored []tlog.Hash
}

func (t *hashList) add(tb testing.TB, leaf tlog.Hash) {
	tb.Helper()
	h, err := tlog.StoredHashesForRecordHash(t.n, leaf, t)
	must(tb, err)
	t.n, t.stored = t.n+1, append(t.stored, h...)
}

func (t *hashList) ReadHashes(ix []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(ix))
	for k, i := range ix {
		out[k] = t.stored[i]
	}
	return out, nil
}

func (b *book) root() consent.Hash {
	root, err := tlog.TreeHash(int64(len(b.leaves)), b)
	must(b, err)
	return consent.Hash(root)
}

func (b *book) sign(size int64, root consent.Hash, extension string) string {
	msg, err := note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n%s\n", origin, size, tlog.Hash(root), extension)}, b.signer)
	must(b, err)
	return string(msg)
}

func (b *book) checkpoint() string {
	_, root := b.slotTree()
	return b.sign(int64(len(b.leaves)), b.root(), proof.SlotsLine(b.size, root))
}

// statement answers for a slot what is after seen.
func (b *book) statement(slot consent.Uint64, seen proof.Seen) proof.Statement {
	size := int64(len(b.leaves))
	s := proof.Statement{Checkpoint: b.checkpoint(), Since: seen.Size, Slot: slot}
	if seen.Size > 0 {
		p, err := tlog.ProveTree(size, int64(seen.Size), b)
		must(b, err)
		s.Consistency = plain(p)
	}
	if int64(slot) < b.size {
		t, _ := b.slotTree()
		p, err := tlog.ProveRecord(b.size, int64(slot), t)
		must(b, err)
		s.SlotProof = plain(p)
	}
	c := b.slots[slot]
	if c == nil || len(c.entries) == 0 {
		return s
	}
	s.SubjectSalt, s.UseSeq = c.salt, consent.Uint64(len(c.entries))
	for i := len(c.entries) - 1; i >= int(seen.UseSeq); i-- {
		e := c.entries[i]
		p, err := tlog.ProveRecord(size, int64(e.Index), b)
		must(b, err)
		e.Proof = plain(p)
		s.Entries = append(s.Entries, e)
	}
	return s
}

func plain[T ~[]tlog.Hash](in T) []consent.Hash {
	out := make([]consent.Hash, len(in))
	for i, h := range in {
		out[i] = consent.Hash(h)
	}
	return out
}
