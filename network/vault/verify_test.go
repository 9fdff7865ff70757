package vault_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/volens-ledger/volens/network/vault"
)

func TestVerifyWritesNothing(t *testing.T) {
	k, ring := logged(t)
	torn := ring[:len(ring)-5]
	must(t, os.WriteFile(k.ring(2), torn, 0o600))
	s, err := vault.Verify(t.Context(), k.cfg)
	must(t, err)
	if s.Keys != 6 || s.Erased != 1 || s.Epoch != 2 { // the erasure of the torn frame was never acknowledged
		t.Fatalf("found %+v", s)
	}
	if now, err := os.ReadFile(k.ring(2)); err != nil || !bytes.Equal(now, torn) {
		t.Fatalf("the ring was changed, %v", err)
	}
}

func TestVerifyRefuses(t *testing.T) {
	k, ring := logged(t)
	for _, at := range []int{3, 40, len(ring) / 2, len(ring) - 1} {
		bad := bytes.Clone(ring)
		bad[at] ^= 4
		must(t, os.WriteFile(k.ring(2), bad, 0o600))
		_, err := vault.Verify(t.Context(), k.cfg)
		wantErr(t, err, vault.ErrCorrupt)
	}
	must(t, os.WriteFile(k.ring(2), ring, 0o600))
	v := k.open()
	_, err := vault.Verify(t.Context(), k.cfg)
	wantErr(t, err, vault.ErrInUse)
	must(t, v.Close())
}
