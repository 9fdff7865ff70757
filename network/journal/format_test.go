package journal_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/volens-ledger/volens/network/journal"
)

// Each fuzzer holds the parser to one promise: what it accepts, formats back to the very same bytes.

func FuzzRecord(f *testing.F) {
	for i := range int64(4) {
		f.Add(journal.AppendRecord(nil, i, sample(i)), i)
	}
	f.Add([]byte{0, 0, 0, 0}, int64(0))
	f.Add([]byte{255, 255, 255, 255}, int64(0))
	f.Fuzz(func(t *testing.T, b []byte, i int64) {
		if i < 0 {
			return
		}
		rec, n, err := journal.ParseRecord(b, i)
		if err != nil {
			return
		}
		if again := journal.AppendRecord(nil, i, rec); !bytes.Equal(again, b[:n]) {
			t.Fatalf("parsed %x, formatted %x", b[:n], again)
		}
	})
}

func FuzzHeader(f *testing.F) {
	f.Add(journal.FormatHeader("o", 0))
	f.Add(journal.FormatHeader("p", 1<<40))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := journal.ParseHeader(b, "o")
		if err != nil {
			return
		}
		if again := journal.FormatHeader("o", first); !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("parsed %x, formatted %x", b, again)
		}
	})
}

func FuzzFooter(f *testing.F) {
	f.Add(journal.SampleFooter(100))
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := journal.ReformatFooter(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("parsed %x, formatted %x", b, again)
		}
	})
}

func FuzzAnchorSlot(f *testing.F) {
	f.Add(journal.FormatSlot(1, []byte("o\n1\nroot\n")))
	f.Add(journal.FormatSlot(0, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := journal.ReformatSlot(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("parsed %x, formatted %x", b, again)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	for _, ext := range [][]string{nil, {"slots 4 abc"}, {"a", "b"}} {
		s, err := journal.CheckpointText(journal.Checkpoint{Size: 7, Extension: ext}, "o")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cp, err := journal.ParseCheckpointText(s, "o")
		if err != nil {
			return
		}
		again, err := journal.CheckpointText(cp, "o")
		if err != nil || again != s {
			t.Fatalf("parsed %q, formatted %q, %v", s, again, err)
		}
	})
}

func TestRecordRoundTrip(t *testing.T) {
	for i := range int64(200) {
		b := journal.AppendRecord([]byte("before"), i, sample(i))
		got, n, err := journal.ParseRecord(append(b, "after"...)[6:], i)
		if err != nil || n != int64(len(b)-6) {
			t.Fatal(n, err)
		}
		if d := cmp.Diff(sample(i), got, cmpopts.EquateEmpty()); d != "" {
			t.Fatal(d)
		}
		if _, _, err := journal.ParseRecord(b[6:], i+1); err == nil {
			t.Fatal("a record in another one's place was accepted")
		}
	}
}
