package vault_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"filippo.io/age"

	"github.com/volens-ledger/volens/network/vault"
)

// moved is another machine: another folder, a keeper without keys.
func (k kit) moved() kit { return kitIn(k.t, k.t.TempDir()) }

func TestBackupAndKeysMoveAVault(t *testing.T) {
	ctx := t.Context()
	k, v, sealed, gone := crowded(t)
	must(t, v.Erase(gone[0]))
	var ring, keys bytes.Buffer
	must(t, v.Backup(&ring))
	authority, err := age.GenerateX25519Identity()
	must(t, err)
	must(t, vault.SealKeys(ctx, k.cfg, &keys, authority.Recipient().String()))
	must(t, v.Erase(gone...)) // after the backup: only the ledger knows
	backup, keyFile := ring.Bytes(), keys.String()
	if !strings.HasPrefix(keyFile, "-----BEGIN AGE ENCRYPTED FILE-----") {
		t.Errorf("not text: %.40q", keyFile)
	}

	to := k.moved()
	wantErr(t, vault.Restore(ctx, to.cfg, bytes.NewReader(backup), gone...), vault.ErrNoEpochKey)
	stranger, err := age.GenerateX25519Identity()
	must(t, err)
	if _, err := vault.OpenKeys(ctx, to.cfg, strings.NewReader(keyFile), stranger.String()); err == nil {
		t.Error("a stranger opened the epoch key")
	}
	for range 2 { // again: the keeper has it, which is no error
		epoch, err := vault.OpenKeys(ctx, to.cfg, strings.NewReader(keyFile), authority.String())
		if err != nil || epoch != 1 {
			t.Fatalf("epoch %d, %v", epoch, err)
		}
	}
	must(t, vault.Restore(ctx, to.cfg, bytes.NewReader(backup), append(gone, gone[3], subject(77))...))
	v2 := to.open()
	wantCrowd(t, v2, sealed)
	if got := v2.Stats(); got.Pending != 0 || got.Epoch != 2 || got.Erased != 11 {
		t.Errorf("restored: %+v", got)
	}
	_, err = vault.FileKeeper(to.cfg.EpochKeyPath).Key(ctx, 1)
	wantErr(t, err, vault.ErrNoEpochKey)
	wantErr(t, vault.Restore(ctx, to.cfg, bytes.NewReader(backup)), vault.ErrExists)
}

func TestDamagedBackupIsRefused(t *testing.T) {
	ctx := t.Context()
	k, v, sealed, gone := crowded(t)
	var ring bytes.Buffer
	must(t, v.Backup(&ring))
	must(t, v.Close())
	to := k.moved()
	to.cfg.EpochKeyPath = k.cfg.EpochKeyPath
	refused := func(backup []byte) {
		t.Helper()
		wantErr(t, vault.Restore(ctx, to.cfg, bytes.NewReader(backup), gone...), vault.ErrCorrupt)
		if files, err := os.ReadDir(to.cfg.Dir); err != nil || len(files) > 0 {
			t.Fatalf("a refused backup left %v, %v", files, err)
		}
	}
	for size := 0; size < ring.Len(); size += 7 {
		refused(ring.Bytes()[:size])
	}
	for bit := 0; bit < 8*ring.Len(); bit += 13 {
		bad := bytes.Clone(ring.Bytes())
		bad[bit/8] ^= 1 << (bit % 8)
		refused(bad)
	}
	refused(append(bytes.Clone(ring.Bytes()), 0))
	must(t, vault.Restore(ctx, to.cfg, bytes.NewReader(ring.Bytes())))
	wantOpen(t, to.open(), 0, sealed[0], "value 0")
}

func TestRestoreBesideARunningVaultDoesNotTakeItsKey(t *testing.T) {
	k, v, sealed, gone := crowded(t)
	var ring bytes.Buffer
	must(t, v.Backup(&ring))
	drill := k.moved()
	drill.cfg.EpochKeyPath = k.cfg.EpochKeyPath
	wantErr(t, vault.Restore(t.Context(), drill.cfg, &ring, gone...), vault.ErrInUse)
	must(t, v.Close())
	wantOpen(t, k.open(), 0, sealed[0], "value 0")
}

func TestKeeper(t *testing.T) {
	ctx := t.Context()
	keeper := vault.FileKeeper(t.TempDir() + "/epoch.key")
	key := bytes.Repeat([]byte{7}, 32)
	must(t, keeper.Destroy(ctx, 5))
	must(t, keeper.Keep(ctx, 5, key))
	wantErr(t, keeper.Keep(ctx, 5, key), vault.ErrExists)
	got, err := keeper.Key(ctx, 5)
	if err != nil || !bytes.Equal(got, key) {
		t.Errorf("key %x, %v", got, err)
	}
	path := string(keeper) + ".5"
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	must(t, os.Rename(path, string(keeper)+".6"))
	_, err = keeper.Key(ctx, 6)
	wantErr(t, err, vault.ErrCorrupt)
	must(t, keeper.Destroy(ctx, 6))
	if _, err := os.Stat(string(keeper) + ".6"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("still there: %v", err)
	}
}
