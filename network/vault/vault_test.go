package vault_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/volens-ledger/volens/network/vault"
)

// a kit is a vault's two places on disk.
type kit struct {
	t   testing.TB
	cfg vault.Config
}

func newKit(t testing.TB) kit {
	t.Helper()
	k := kitIn(t, t.TempDir())
	if err := vault.Init(context.Background(), k.cfg); err != nil {
		t.Fatal(err)
	}
	return k
}

func kitIn(t testing.TB, root string) kit {
	t.Helper()
	keys := filepath.Join(root, "keys")
	if err := os.MkdirAll(keys, 0o700); err != nil {
		t.Fatal(err)
	}
	return kit{t, vault.Config{Dir: filepath.Join(root, "vault"), EpochKeyPath: filepath.Join(keys, "epoch.key")}}
}

func (k kit) open() *vault.Vault {
	k.t.Helper()
	v, err := vault.Open(context.Background(), k.cfg)
	if err != nil {
		k.t.Fatal(err)
	}
	k.t.Cleanup(func() {
		if err := v.Close(); err != nil && !errors.Is(err, vault.ErrFenced) {
			k.t.Error(err)
		}
	})
	return v
}

func subject(n int) (id vault.ID) {
	binary.BigEndian.PutUint64(id[8:], uint64(n)+1)
	return id
}

func seal(t testing.TB, v *vault.Vault, n int, text string) []byte {
	t.Helper()
	sealed, err := v.Seal(subject(n), []byte(text), []byte("aad"))
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func wantOpen(t testing.TB, v *vault.Vault, n int, sealed []byte, text string) {
	t.Helper()
	got, err := v.Open(subject(n), sealed, []byte("aad"))
	if err != nil || string(got) != text {
		t.Fatalf("open subject %d: %q, %v; want %q", n, got, err, text)
	}
}

func wantErr(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("error %v, want %v", err, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestSealedValuesOutliveRestartsAndRotations(t *testing.T) {
	k := newKit(t)
	v := k.open()
	a, b := seal(t, v, 1, "alice"), seal(t, v, 2, "bob")
	must(t, v.Sync())
	for range 3 {
		must(t, v.Close())
		v = k.open()
		wantOpen(t, v, 1, a, "alice")
		must(t, v.Rotate(t.Context()))
		wantOpen(t, v, 2, b, "bob")
	}
	if got := v.Stats(); got.Epoch != 4 || got.Keys != 2 || got.Pending != 0 {
		t.Errorf("stats %+v", got)
	}
}

func TestOpenRefusesWhatSealDidNotMake(t *testing.T) {
	v := newKit(t).open()
	sealed := seal(t, v, 1, "alice")
	seal(t, v, 2, "bob")
	flipped := func(i int) []byte {
		b := bytes.Clone(sealed)
		b[i] ^= 1
		return b
	}
	cases := []struct {
		name   string
		n      int
		sealed []byte
		aad    string
		want   error
	}{
		{"another subject", 2, sealed, "aad", vault.ErrCorrupt},
		{"another aad", 1, sealed, "aae", vault.ErrCorrupt},
		{"no aad", 1, sealed, "", vault.ErrCorrupt},
		{"version", 1, flipped(0), "aad", vault.ErrCorrupt},
		{"nonce", 1, flipped(1), "aad", vault.ErrCorrupt},
		{"ciphertext", 1, flipped(14), "aad", vault.ErrCorrupt},
		{"tag", 1, flipped(len(sealed) - 1), "aad", vault.ErrCorrupt},
		{"cut", 1, sealed[:len(sealed)-1], "aad", vault.ErrCorrupt},
		{"empty", 1, nil, "aad", vault.ErrCorrupt},
		{"stranger", 3, sealed, "aad", vault.ErrUnknown},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := v.Open(subject(c.n), c.sealed, []byte(c.aad))
			wantErr(t, err, c.want)
			if got != nil {
				t.Errorf("returned %q with an error", got)
			}
		})
	}
}

func TestErasedIsForEver(t *testing.T) {
	k := newKit(t)
	v := k.open()
	a, b := seal(t, v, 1, "alice"), seal(t, v, 2, "bob")
	must(t, v.Erase(subject(1), subject(1), subject(9)))
	check := func(pending int) {
		t.Helper()
		for _, n := range []int{1, 9} {
			_, err := v.Open(subject(n), a, []byte("aad"))
			wantErr(t, err, vault.ErrErased)
			_, err = v.Seal(subject(n), []byte("again"), nil)
			wantErr(t, err, vault.ErrErased)
			if !v.Erased(subject(n)) || v.Known(subject(n)) {
				t.Errorf("subject %d is not erased", n)
			}
		}
		wantOpen(t, v, 2, b, "bob")
		if got := v.Pending(); got != pending {
			t.Errorf("pending %d, want %d", got, pending)
		}
		if since := v.Stats().PendingSince; since.IsZero() != (pending == 0) {
			t.Errorf("%d pending since %v", pending, since)
		}
	}
	check(1)
	must(t, v.Close())
	v = k.open()
	check(1)
	must(t, v.Rotate(t.Context()))
	check(0)
	must(t, v.Close())
	v = k.open()
	check(0)
	must(t, v.Erase(subject(1)))
	check(0)
}

func TestRefusals(t *testing.T) {
	ctx := t.Context()
	k := newKit(t)
	wantErr(t, vault.Init(ctx, k.cfg), vault.ErrExists)

	elsewhere := k.cfg
	elsewhere.Dir = t.TempDir()
	wantErr(t, vault.Init(ctx, elsewhere), vault.ErrExists) // would take another vault's epoch key
	_, err := vault.Open(ctx, elsewhere)
	wantErr(t, err, vault.ErrNoVault)

	v := k.open()
	_, err = vault.Open(ctx, k.cfg)
	wantErr(t, err, vault.ErrInUse)
	must(t, v.Close())
	must(t, v.Close())
	_, err = v.Seal(subject(1), nil, nil)
	wantErr(t, err, vault.ErrClosed)
	_, err = v.Open(subject(1), nil, nil)
	wantErr(t, err, vault.ErrClosed)
	wantErr(t, v.Erase(subject(1)), vault.ErrClosed)
	wantErr(t, v.Rotate(ctx), vault.ErrClosed)

	keyless := k.cfg
	keyless.EpochKeyPath += ".other"
	_, err = vault.Open(ctx, keyless)
	wantErr(t, err, vault.ErrNoEpochKey)
	must(t, vault.FileKeeper(keyless.EpochKeyPath).Keep(ctx, 1, make([]byte, 32)))
	_, err = vault.Open(ctx, keyless)
	wantErr(t, err, vault.ErrNoEpochKey)

	for _, c := range []vault.Config{
		{},
		{Dir: k.cfg.Dir},
		{EpochKeyPath: "x"},
		{Dir: k.cfg.Dir, EpochKeyPath: filepath.Join(k.cfg.Dir, "epoch.key")},
	} {
		if _, err := vault.Open(ctx, c); err == nil {
			t.Errorf("opened %+v", c)
		}
	}
}
