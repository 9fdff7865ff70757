package uses_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

var update = flag.Bool("update", false, "write testdata anew")

// vectors is testdata/vectors.json: every step from a use to a signed checkpoint, for readers in other languages.
type vectors struct {
	Comment     string            `json:"comment"`
	Origin      string            `json:"origin"`
	VerifierKey string            `json:"verifierKey"` // C2SP signed-note vkey
	Handle      consent.SubjectID `json:"handle"`
	Slot        consent.Uint64    `json:"slot"`
	SubjectSalt consent.Hash      `json:"subjectSalt"`
	Pseudonym   consent.Hash      `json:"pseudonym"`
	Uses        []useVector       `json:"uses"`
	SlotLeaves  []consent.Hash    `json:"slotLeaves"` // leaf hash of each slot, the handle's last
	EmptySlot   consent.Hash      `json:"emptySlot"`
	SlotsRoot   consent.Hash      `json:"slotsRoot"`
	EmptyRoot   string            `json:"emptyRoot"` // extension line of an empty log
	Root        consent.Hash      `json:"root"`
	Checkpoint  string            `json:"checkpoint"`
	First       step              `json:"first"`  // a wallet that has seen nothing
	Second      step              `json:"second"` // the same wallet, one use later
}

type useVector struct {
	Use        proof.Use      `json:"use"`
	Canonical  string         `json:"canonical"` // hex
	Commitment consent.Hash   `json:"commitment"`
	Prev       consent.Hash   `json:"prev"`
	Minute     consent.Uint64 `json:"minute"`
	Leaf       string         `json:"leaf"` // hex
	LeafHash   consent.Hash   `json:"leafHash"`
}

// step is one check: seen before, the statement, seen after.
type step struct {
	Before    proof.Seen      `json:"before"`
	Statement proof.Statement `json:"statement"`
	After     proof.Seen      `json:"after"`
}

// makeVectors computes a log of two uses of slot 2 and nothing else, with keys and salts from fixed streams.
func makeVectors(t *testing.T) (vectors, proof.Log) {
	t.Helper()
	rand := consenttest.NewStream("use vectors")
	skey, vkey, err := note.GenerateKey(rand, origin)
	must(t, err)
	signer, err := note.NewSigner(skey)
	must(t, err)
	verifier, err := note.NewVerifier(vkey)
	must(t, err)
	v := vectors{
		Comment: "Made by go test ./gateway/uses -update. Formats: package comment of gateway/uses/proof.", Origin: origin,
		VerifierKey: vkey, Slot: 2, EmptySlot: proof.SlotLeaf(consent.Hash{}, 0, consent.Hash{}),
		EmptyRoot: proof.SlotsLine(0, consent.Hash(must2(tlog.TreeHash(0, nil)))),
	}
	for i := range v.Handle {
		v.Handle[i] = byte(i)
	}
	uses := []proof.Use{sample(2, 0), {
		Time: 1_790_000_060_000, Kind: proof.Read, Requester: consenttest.AurelAudit, Decision: proof.Permit,
		Purpose: consenttest.Purposes("HOPERAT")[0], Sentence: proof.Sentence{Text: "Ünïcode: “Aurel” read this record. 🙂"},
	}}
	var prev consent.Hash
	var leaves []tlog.Hash
	for i := range uses {
		u := &uses[i]
		u.Handle, u.UseSeq, u.Salt = v.Handle, consent.Uint64(i+1), rand.Hash()
		if i == 0 {
			u.InputHash, u.PolicyDigest, u.CodesDigest = rand.Hash(), rand.Hash(), rand.Hash()
			v.SubjectSalt = proof.SubjectSalt(u.Salt)
			v.Pseudonym = proof.Pseudonym(v.Handle, v.SubjectSalt)
		}
		leaf := proof.LeafOf(u, v.Slot, v.SubjectSalt, prev)
		v.Uses = append(v.Uses, useVector{
			Use: *u, Canonical: hex.EncodeToString(u.Marshal()), Commitment: leaf.Commitment, Prev: prev, Minute: leaf.Minute,
			Leaf: hex.EncodeToString(leaf.Marshal()), LeafHash: leaf.Hash(),
		})
		prev = leaf.Hash()
		leaves = append(leaves, tlog.Hash(prev))
		step := statementVector(t, signer, &v, leaves)
		_, err := proof.Check(proof.Log{Origin: origin, Verifier: verifier}, step.Before, v.Handle, v.Slot, step.Statement)
		must(t, err)
	}
	return v, proof.Log{Origin: origin, Verifier: verifier}
}

// statementVector signs the log as it is and answers for what was added last.
func statementVector(t *testing.T, signer note.Signer, v *vectors, leaves []tlog.Hash) step {
	t.Helper()
	n := len(leaves)
	v.Root = consent.Hash(leaves[0])
	var path, consistency []consent.Hash
	st := step{}
	if n == 2 {
		v.Root = consent.Hash(tlog.NodeHash(leaves[0], leaves[1]))
		path, consistency = []consent.Hash{consent.Hash(leaves[0])}, []consent.Hash{consent.Hash(leaves[1])}
		st.Before = v.First.After
	}
	v.SlotLeaves = []consent.Hash{v.EmptySlot, v.EmptySlot, proof.SlotLeaf(v.Pseudonym, consent.Uint64(n), consent.Hash(leaves[n-1]))}
	left := tlog.NodeHash(tlog.Hash(v.EmptySlot), tlog.Hash(v.EmptySlot))
	v.SlotsRoot = consent.Hash(tlog.NodeHash(left, tlog.Hash(v.SlotLeaves[2])))
	text := origin + "\n" + string(rune('0'+n)) + "\n" + base64.StdEncoding.EncodeToString(v.Root[:]) + "\n" + proof.SlotsLine(3, v.SlotsRoot) + "\n"
	msg, err := note.Sign(&note.Note{Text: text}, signer)
	must(t, err)
	v.Checkpoint = string(msg)
	u := v.Uses[n-1]
	st.Statement = proof.Statement{
		Checkpoint: v.Checkpoint, Since: st.Before.Size, Consistency: consistency, Slot: v.Slot, SlotProof: []consent.Hash{consent.Hash(left)},
		SubjectSalt: v.SubjectSalt, UseSeq: consent.Uint64(n),
		Entries: []proof.Entry{{Index: consent.Uint64(n - 1), Prev: u.Prev, Use: u.Use, Proof: path}},
	}
	st.After = proof.Seen{Size: consent.Uint64(n), Root: v.Root, UseSeq: consent.Uint64(n), Head: u.LeafHash, SubjectSalt: v.SubjectSalt}
	if n == 1 {
		v.First = st
	} else {
		v.Second = st
	}
	return st
}

func must2[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// TestVectors holds the file to what the code computes, and the code to what the file says.
func TestVectors(t *testing.T) {
	const path = "testdata/vectors.json"
	want, log := makeVectors(t)
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	must(t, e.Encode(want))
	if *update {
		must(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	file, err := os.ReadFile(path)
	must(t, err)
	if d := cmp.Diff(b.String(), string(file)); d != "" {
		t.Fatalf("%s (run with -update if this is meant):\n%s", path, d)
	}
	var got vectors
	must(t, json.Unmarshal(file, &got))
	for _, u := range got.Uses {
		canonical, err := hex.DecodeString(u.Canonical)
		must(t, err)
		parsed, err := proof.ParseUse(canonical)
		must(t, err)
		if d := cmp.Diff(u.Use, parsed); d != "" {
			t.Fatal(d)
		}
		if raw, err := hex.DecodeString(u.Leaf); err != nil || consent.Hash(tlog.RecordHash(raw)) != u.LeafHash {
			t.Fatalf("leaf of use %d: %v", u.Use.UseSeq, err)
		}
	}
	for _, s := range []step{got.First, got.Second} {
		after, err := proof.Check(log, s.Before, got.Handle, got.Slot, s.Statement)
		must(t, err)
		if d := cmp.Diff(s.After, after); d != "" {
			t.Fatal(d)
		}
	}
}
