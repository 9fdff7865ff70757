package uses_test

import (
	"fmt"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// TestStatement follows one wallet: nothing yet, some uses, some more, other people's in between.
func TestStatement(t *testing.T) {
	k := newKit(t)
	l := k.open()
	var seen proof.Seen
	n := 0
	for round, add := range [][]consent.Uint64{{}, {5}, {2}, {2, 2, 5, 2}, {}, {9, 9}, {2}} {
		for _, slot := range add {
			record(t, l, slot, n)
			n++
		}
		s, err := l.Statement(t.Context(), 2, handleOf(2), uses.Query{Since: seen.Size, After: seen.UseSeq})
		must(t, err)
		if seen, err = proof.Check(k.pinned, seen, handleOf(2), 2, s); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
	}
	if want := consent.Uint64(5); seen.UseSeq != want {
		t.Fatalf("%d uses seen, want %d", seen.UseSeq, want)
	}
	r, err := l.Verify(t.Context(), uses.VerifyOptions{Bodies: true})
	must(t, err)
	if got, want := fmt.Sprint(r.Size, r.Slots, r.Subjects, r.Opened), "9 10 3 9"; got != want {
		t.Fatalf("report %s, want %s", got, want)
	}
}
