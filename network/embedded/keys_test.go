package embedded_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/embedded"
)

func TestStateKeys(t *testing.T) {
	low, high := consent.SubjectID{1}, consent.SubjectID{0xff, 2}
	// In the order of the keys.
	keys := []string{
		consent.AnchorKey("city-hospital"),
		consent.EntryKey(low, 1), consent.EntryKey(low, 10), consent.EntryKey(low, 2), consent.EntryKey(high, 1),
		consent.DelegationKey(low, 3),
		consent.GenesisKey(),
		consent.HeadKey(low), consent.HeadKey(high),
		consent.MemberKey("city-hospital"),
		consent.SlotKey("city-hospital", 7),
	}
	var before []byte
	for _, k := range keys {
		row := embedded.StateKey(k)
		if got := embedded.PublicKey(row); got != k {
			t.Errorf("the row of %s reads as %s", k, got)
		}
		if bytes.Compare(before, row) >= 0 {
			t.Errorf("the row of %s does not follow the one before", k)
		}
		if before = row; strings.Contains(k, low.String()) && len(row) >= len(k) {
			t.Errorf("the row of %s is no shorter", k)
		}
	}
}

func FuzzStateKeys(f *testing.F) {
	f.Add([]byte{1, 2, 3}, uint64(7))
	f.Fuzz(func(t *testing.T, handle []byte, n uint64) {
		var h consent.SubjectID
		copy(h[:], handle)
		for _, k := range []string{
			consent.HeadKey(h), consent.EntryKey(h, consent.Uint64(n)), consent.DelegationKey(h, consent.Uint64(n)),
			consent.SlotKey("m-1", consent.Uint64(n)), consent.MemberKey("m-1"), consent.AnchorKey("m-1"), consent.GenesisKey(),
		} {
			if got := embedded.PublicKey(embedded.StateKey(k)); got != k {
				t.Errorf("the row of %s reads as %s", k, got)
			}
		}
	})
}
