package proof_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// example is a log of uses of slots 0, 2 and 5, and what the wallet of slot 2 had seen of it half way: 3 of its 7 uses.
func example(t testing.TB) (b *book, seen proof.Seen) {
	t.Helper()
	b = newBook(t)
	for i := range 7 {
		for _, slot := range []consent.Uint64{2, 0, 5, 0}[:1+i%4] {
			b.add(slot, b.use(slot))
		}
		if i == 2 {
			var err error
			seen, err = proof.Check(b.pinned, proof.Seen{}, b.slots[2].handle, 2, b.statement(2, proof.Seen{}))
			must(t, err)
		}
	}
	return b, seen
}

func wantRefused(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, proof.ErrRefused) {
		t.Fatalf("error %v, want a refusal", err)
	}
}

func TestCheck(t *testing.T) {
	b, seen := example(t)
	handle := b.slots[2].handle
	all, err := proof.Check(b.pinned, proof.Seen{}, handle, 2, b.statement(2, proof.Seen{}))
	must(t, err)
	rest, err := proof.Check(b.pinned, seen, handle, 2, b.statement(2, seen))
	must(t, err)
	want := proof.Seen{
		Size: consent.Uint64(len(b.leaves)), Root: b.root(), UseSeq: 7, Head: b.slots[2].head, SubjectSalt: b.slots[2].salt,
	}
	if d := cmp.Diff(want, all) + cmp.Diff(want, rest); d != "" {
		t.Fatal(d)
	}
	again, err := proof.Check(b.pinned, rest, handle, 2, b.statement(2, rest))
	must(t, err)
	if d := cmp.Diff(want, again); d != "" {
		t.Fatal(d)
	}
	for _, slot := range []consent.Uint64{1, 4, 6, 1 << 20} { // inside the tree and beyond it
		empty, err := proof.Check(b.pinned, proof.Seen{}, handle, slot, b.statement(slot, proof.Seen{}))
		must(t, err)
		if empty.UseSeq != 0 || empty.Size != want.Size {
			t.Fatalf("slot %d: %+v", slot, empty)
		}
	}
}

func TestStatementJSON(t *testing.T) {
	b, seen := example(t)
	var w bytes.Buffer
	must(t, proof.WriteJSON(&w, b.statement(2, seen), slices.Values(b.statement(2, seen).Entries)))
	var s proof.Statement
	must(t, json.Unmarshal(w.Bytes(), &s))
	_, err := proof.Check(b.pinned, seen, b.slots[2].handle, 2, s)
	must(t, err)
}

// TestCheckTampered alters every field, of the statement and of each use in it, in turn.
func TestCheckTampered(t *testing.T) {
	b, seen := example(t)
	handle := b.slots[2].handle
	paths := fields(reflect.ValueOf(b.statement(2, seen)), "")
	if len(paths) < 150 {
		t.Fatalf("only %d fields found", len(paths))
	}
	for _, path := range paths {
		t.Run(path, func(t *testing.T) {
			s := b.statement(2, seen)
			alter(t, reflect.ValueOf(&s).Elem(), path)
			_, err := proof.Check(b.pinned, seen, handle, 2, s)
			wantRefused(t, err)
		})
	}
}

// fields lists the paths to every leaf value inside v.
func fields(v reflect.Value, at string) (out []string) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			out = append(out, fields(v.Field(i), at+"/"+v.Type().Field(i).Name)...)
		}
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, fields(v.Index(i), fmt.Sprintf("%s/%d", at, i))...)
		}
		if v.Len() > 0 {
			out = append(out, at+"/cut")
		}
	default:
		out = append(out, at)
	}
	return out
}

func alter(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	for _, step := range strings.Split(path[1:], "/") {
		if step == "cut" {
			v.Set(v.Slice(0, v.Len()-1))
			return
		}
		if v.Kind() == reflect.Slice {
			var i int
			_, err := fmt.Sscan(step, &i)
			must(t, err)
			fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
			reflect.Copy(fresh, v)
			v.Set(fresh)
			v = v.Index(i)
		} else {
			v = v.FieldByName(step)
		}
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(v.String() + "x")
	case reflect.Array:
		v.Index(v.Len() - 1).SetUint(v.Index(v.Len()-1).Uint() ^ 1)
	case reflect.Int64:
		v.SetInt(v.Int() + 1)
	case reflect.Uint64:
		v.SetUint(v.Uint() + 1)
	default:
		t.Fatalf("%s is a %s", path, v.Kind())
	}
}

// TestCheckHidden is a log that hides something and signs whatever it needs to; only two signed trees would help it.
func TestCheckHidden(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(b *book, s *proof.Statement)
	}{
		{"newest use left out", func(_ *book, s *proof.Statement) { s.Entries = s.Entries[1:] }},
		{"newest use left out, count too", func(_ *book, s *proof.Statement) { s.Entries, s.UseSeq = s.Entries[1:], s.UseSeq-1 }},
		{"use in the middle left out", func(_ *book, s *proof.Statement) {
			s.Entries = append(s.Entries[:1:1], s.Entries[2:]...)
		}},
		{"use in the middle left out, renumbered", func(_ *book, s *proof.Statement) {
			s.Entries = append(s.Entries[:1:1], s.Entries[2:]...)
			s.Entries[0].Use.UseSeq, s.UseSeq = s.UseSeq-1, s.UseSeq-1
		}},
		{"oldest use left out", func(_ *book, s *proof.Statement) { s.Entries = s.Entries[:len(s.Entries)-1] }},
		{"two uses swapped", func(_ *book, s *proof.Statement) { s.Entries[1], s.Entries[2] = s.Entries[2], s.Entries[1] }},
		{"order reversed", func(_ *book, s *proof.Statement) {
			for i, j := 0, len(s.Entries)-1; i < j; i, j = i+1, j-1 {
				s.Entries[i], s.Entries[j] = s.Entries[j], s.Entries[i]
			}
		}},
		{"a use twice", func(_ *book, s *proof.Statement) {
			s.Entries = append(s.Entries[:2:2], s.Entries[1:]...)
		}},
		{"a use twice in place of another", func(_ *book, s *proof.Statement) { s.Entries[2] = s.Entries[1] }},
		{"bodies exchanged", func(_ *book, s *proof.Statement) {
			s.Entries[0].Use, s.Entries[1].Use = s.Entries[1].Use, s.Entries[0].Use
		}},
		{"another's slot", func(b *book, s *proof.Statement) { *s = b.statement(0, proof.Seen{}) }},
		{"all uses denied", func(_ *book, s *proof.Statement) { s.Entries, s.UseSeq, s.SubjectSalt = nil, 0, consent.Hash{} }},
		{"an older signed checkpoint", func(b *book, s *proof.Statement) {
			old, _ := example(b)
			old.leaves, old.stored = old.leaves[:1], old.stored[:1]
			s.Checkpoint = old.checkpoint()
		}},
		{"slot tree said to end before the slot", func(b *book, s *proof.Statement) {
			s.Checkpoint = b.sign(int64(len(b.leaves)), b.root(), proof.SlotsLine(2, consent.Hash{}))
			s.SlotProof, s.Entries, s.UseSeq, s.SubjectSalt = nil, nil, 0, consent.Hash{}
		}},
		{"another extension line", func(b *book, s *proof.Statement) {
			_, root := b.slotTree()
			s.Checkpoint = b.sign(int64(len(b.leaves)), b.root(), proof.SlotsLine(b.size, root)+"\n"+proof.SlotsLine(b.size, root))
		}},
		{"no slots", func(b *book, s *proof.Statement) { s.Checkpoint = b.sign(int64(len(b.leaves)), b.root(), "other 1 x") }},
		{"size with a leading zero", func(b *book, s *proof.Statement) {
			s.Checkpoint = strings.Replace(s.Checkpoint, fmt.Sprintf("\n%d\n", len(b.leaves)), fmt.Sprintf("\n0%d\n", len(b.leaves)), 1)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, seen := example(t)
			s := b.statement(2, seen)
			c.do(b, &s)
			_, err := proof.Check(b.pinned, seen, b.slots[2].handle, 2, s)
			wantRefused(t, err)
		})
	}
}

// TestCheckForked is a log that shows one wallet a history without use 4: consistent in itself, and refused by a wallet
// that has seen the other.
func TestCheckForked(t *testing.T) {
	b, seen := example(t)
	other := newBook(t)
	for range 5 {
		other.add(2, other.use(2))
	}
	other.signer, other.pinned = b.signer, b.pinned
	handle := other.slots[2].handle
	_, err := proof.Check(b.pinned, proof.Seen{}, handle, 2, other.statement(2, proof.Seen{}))
	must(t, err)
	s := other.statement(2, proof.Seen{})
	s.Since = seen.Size
	_, err = proof.Check(b.pinned, seen, handle, 2, s)
	wantRefused(t, err)
}

func TestFold(t *testing.T) {
	b, _ := example(t)
	cp, err := b.pinned.Open([]byte(b.checkpoint()))
	must(t, err)
	fold := func(leaves [][]byte) error {
		var f proof.Fold
		for _, l := range leaves {
			if err := f.Add(l); err != nil {
				return err
			}
		}
		return f.Check(cp)
	}
	must(t, fold(b.leaves))
	for i := range b.leaves {
		wantRefused(t, fold(append(append([][]byte{}, b.leaves[:i]...), b.leaves[i+1:]...)))
		wantRefused(t, fold(append(append([][]byte{}, b.leaves[:i+1]...), b.leaves[i:]...)))
		if i > 0 && !bytes.Equal(b.leaves[i][1:9], b.leaves[i-1][1:9]) {
			continue // records of two handles may change places as far as the fold is concerned: the log's own root forbids it
		}
		if i > 0 {
			swapped := append([][]byte{}, b.leaves...)
			swapped[i-1], swapped[i] = swapped[i], swapped[i-1]
			wantRefused(t, fold(swapped))
		}
	}
	for i := range b.leaves[4] {
		bent := append([][]byte{}, b.leaves...)
		bent[4] = bytes.Clone(bent[4])
		bent[4][i] ^= 1
		wantRefused(t, fold(bent))
	}
}

func TestCSV(t *testing.T) {
	b := newBook(t)
	u := b.use(0)
	u.Actors, u.Emergency, u.RequestID, u.Resources = []string{"=cmd|' /C calc'!A0"}, "+1", "-2", []string{"@SUM(A1)", "Observation/1"}
	u.Sentence.Text = "says \"so\",\nand more"
	b.add(0, u)
	var w strings.Builder
	must(t, proof.WriteCSV(&w, slices.Values(b.statement(0, proof.Seen{}).Entries)))
	want := "use,time,kind,requester,actors,roles,delegation,purpose,action,resource types,resources,emergency,decision,sentence," +
		"reasons,consents,obligations,request id,record\r\n" +
		"1,2026-09-21T14:13:20.123Z,decision,rosa-institute,'=cmd|' /C calc'!A0,researcher,,HRESCH,access,Observation," +
		"'@SUM(A1); Observation/1,'+1,permit,\"says \"\"so\"\",\r\nand more\",F1 A rule permits this.,3,,'-2,0\r\n"
	if d := cmp.Diff(want, w.String()); d != "" {
		t.Fatal(d)
	}
}
