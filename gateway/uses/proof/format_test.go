package proof_test

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// TestSlots compares the tree, and what it remembers of its last mark, with tlog's on random changes.
func TestSlots(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		tree, model := proof.NewSlots(), []tlog.Hash{}
		marked := model
		for range 40 {
			if r.IntN(3) == 0 {
				tree.Mark()
				marked = append([]tlog.Hash{}, model...)
			}
			var set []proof.SlotHash
			for range r.IntN(6) {
				slot := r.IntN(1 + r.IntN(3000))
				h := tlog.RecordHash([]byte{byte(r.Uint32()), byte(slot)})
				for len(model) <= slot {
					model = append(model, tlog.RecordHash(nil))
				}
				model = append([]tlog.Hash{}, model...)
				model[slot] = h
				set = append(set, proof.SlotHash{Slot: consent.Uint64(slot), Hash: consent.Hash(h)})
			}
			tree.Set(set)
			compareSlots(t, tree.Newest(), model, r)
			compareSlots(t, tree.Marked(), marked, r)
		}
	}
}

func compareSlots(t *testing.T, v proof.SlotView, model []tlog.Hash, r *rand.Rand) {
	t.Helper()
	list := new(hashList)
	for _, h := range model {
		list.add(t, h)
	}
	want, err := tlog.TreeHash(int64(len(model)), list)
	must(t, err)
	got, err := v.Root()
	must(t, err)
	if got != consent.Hash(want) || v.Size() != int64(len(model)) {
		t.Fatalf("size %d root %s, want %d %s", v.Size(), got, len(model), consent.Hash(want))
	}
	if _, err := v.Prove(consent.Uint64(len(model))); err == nil {
		t.Fatal("a slot beyond the tree was proved")
	}
	if len(model) == 0 {
		return
	}
	i := r.IntN(len(model))
	p, err := v.Prove(consent.Uint64(i))
	must(t, err)
	q, err := tlog.ProveRecord(int64(len(model)), int64(i), list)
	must(t, err)
	if d := cmp.Diff(plain(q), p); d != "" {
		t.Fatal(d)
	}
}

func FuzzParseLeaf(f *testing.F) {
	b, _ := example(f)
	for _, l := range b.leaves[:4] {
		f.Add(l)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		l, err := proof.ParseLeaf(in)
		if err == nil && !bytes.Equal(l.Marshal(), in) {
			t.Fatalf("%x parses to what marshals to %x", in, l.Marshal())
		}
	})
}

func FuzzParseUse(f *testing.F) {
	b, _ := example(f)
	f.Add(b.slots[2].entries[0].Use.Marshal())
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		u, err := proof.ParseUse(in)
		if err == nil && !bytes.Equal(u.Marshal(), in) {
			t.Fatalf("%x parses to what marshals to %x", in, u.Marshal())
		}
	})
}

func FuzzParseSlotsLine(f *testing.F) {
	f.Add("slots 0 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
	f.Add("slots 01 ")
	f.Fuzz(func(t *testing.T, in string) {
		size, root, err := proof.ParseSlotsLine(in)
		if err == nil && proof.SlotsLine(size, root) != in {
			t.Fatalf("%q parses to what formats to %q", in, proof.SlotsLine(size, root))
		}
	})
}

// FuzzCheck feeds a checker what a log could send.
func FuzzCheck(f *testing.F) {
	b, seen := example(f)
	s := b.statement(2, seen)
	f.Add(uint64(7), uint64(3), uint64(2), []byte(s.Checkpoint), s.SubjectSalt[:])
	f.Fuzz(func(t *testing.T, useSeq, index, count uint64, checkpoint, salt []byte) {
		bent := s
		bent.UseSeq, bent.Checkpoint = consent.Uint64(useSeq), string(checkpoint)
		copy(bent.SubjectSalt[:], salt)
		bent.Entries = append([]proof.Entry{}, s.Entries[:min(count, uint64(len(s.Entries)))]...)
		if len(bent.Entries) > 0 {
			bent.Entries[0].Index = consent.Uint64(index)
		}
		got, err := proof.Check(b.pinned, seen, b.slots[2].handle, 2, bent)
		if err == nil && (got.UseSeq != 7 || got.Head != b.slots[2].head) {
			t.Fatalf("accepted %+v", got)
		}
	})
}
