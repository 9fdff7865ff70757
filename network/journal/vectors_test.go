package journal_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/network/journal"
)

func vectors[T any](t *testing.T, path string) T {
	t.Helper()
	b, err := os.ReadFile("testdata/" + path)
	if err != nil {
		t.Fatal(err)
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// hashes converts what may be of a wrong length on purpose; the second result says whether all were 32 bytes.
func hashes(in [][]byte) ([]tlog.Hash, bool) {
	var out []tlog.Hash
	for _, b := range in {
		if len(b) != tlog.HashSize {
			return nil, false
		}
		out = append(out, tlog.Hash(b))
	}
	return out, true
}

func TestRootVectors(t *testing.T) {
	v := vectors[struct {
		Leaves []string
		Roots  map[string]string
	}](t, "rfc6962-merkle/roots.json")
	l := create(t, newConfig(t, 0))
	for n := 0; ; n++ {
		if got := hex.EncodeToString(rootOf(l)); got != v.Roots[strconv.Itoa(n)] {
			t.Fatalf("root of %d leaves is %s, want %s", n, got, v.Roots[strconv.Itoa(n)])
		}
		if n == len(v.Leaves) {
			return
		}
		leaf, err := hex.DecodeString(v.Leaves[n])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Append(t.Context(), journal.Record{Leaf: leaf}); err != nil {
			t.Fatal(err)
		}
	}
}

// padded lets roots of some cases, which are words instead of hashes, be compared.
func padded(b []byte) []byte { return append(b, make([]byte, max(0, tlog.HashSize-len(b)))...) }

func rootOf(l *journal.Log) []byte {
	root := l.Durable().Root
	return root[:]
}

func TestInclusionVectors(t *testing.T) {
	type vector struct {
		LeafIdx, TreeSize int64
		Root, LeafHash    []byte
		Proof             [][]byte
		WantErr           bool
		ID                string
	}
	for _, v := range vectors[[]vector](t, "rfc6962-merkle/inclusion.json") {
		p, sound := hashes(v.Proof)
		h, sound2 := hashes([][]byte{v.Root, v.LeafHash})
		err := errors.New("a hash of the wrong length")
		if sound && sound2 {
			err = tlog.CheckRecord(p, v.TreeSize, h[0], v.LeafIdx, h[1])
		}
		if (err != nil) != v.WantErr {
			t.Errorf("%s: %v, want an error: %v", v.ID, err, v.WantErr)
		}
	}
}

// TestConsistencyVectors follows the head of the vectors' repository in the cases with size1 = 0: they are refused.
func TestConsistencyVectors(t *testing.T) {
	type vector struct {
		Size1, Size2 int64
		Root1, Root2 []byte
		Proof        [][]byte
		WantErr      bool
		ID           string
	}
	for _, v := range vectors[[]vector](t, "rfc6962-merkle/consistency.json") {
		p, sound := hashes(v.Proof)
		h, sound2 := hashes([][]byte{padded(v.Root1), padded(v.Root2)})
		err := errors.New("a hash of the wrong length")
		if sound && sound2 {
			err = tlog.CheckTree(p, v.Size2, h[1], v.Size1, h[0])
		}
		if (err != nil) != v.WantErr {
			t.Errorf("%s: %v, want an error: %v", v.ID, err, v.WantErr)
		}
	}
}

func TestNoteVectors(t *testing.T) {
	type vector struct {
		Kind, Note, Text, Input, Output string
		Verifiers, Verified, Unverified []string
		ID, N                           int64
		Valid                           bool
	}
	for i, v := range vectors[[]vector](t, "signed-note/vectors.json") {
		var err error
		switch v.Kind {
		case "openNote":
			err = openNote(t, v.Note, v.Verifiers, v.Verified, v.Unverified)
		case "formatRecord":
			var b []byte
			if b, err = tlog.FormatRecord(v.ID, []byte(v.Text)); err == nil && string(b) != v.Output {
				t.Errorf("%d: formatted %q, want %q", i, b, v.Output)
			}
		case "parseTree":
			var tree tlog.Tree
			if tree, err = tlog.ParseTree([]byte(v.Input)); err == nil && tree.N != v.N {
				t.Errorf("%d: parsed size %d, want %d", i, tree.N, v.N)
			}
		default:
			t.Fatalf("%d: unknown kind %q", i, v.Kind)
		}
		if (err == nil) != v.Valid {
			t.Errorf("%d: %s: %v, want valid: %v", i, v.Kind, err, v.Valid)
		}
	}
}

func openNote(t *testing.T, msg string, vkeys, verified, unverified []string) error {
	t.Helper()
	var known []note.Verifier
	for _, k := range vkeys {
		v, err := note.NewVerifier(k)
		if err != nil {
			t.Fatal(err)
		}
		known = append(known, v)
	}
	n, err := note.Open([]byte(msg), note.VerifierList(known...))
	if err != nil {
		return err
	}
	names := func(sigs []note.Signature) (out []string) {
		for _, s := range sigs {
			out = append(out, s.Name)
		}
		return out
	}
	if d := cmp.Diff(verified, names(n.Sigs), cmpopts.EquateEmpty()) + cmp.Diff(unverified, names(n.UnverifiedSigs), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
	return nil
}
