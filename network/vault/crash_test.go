package vault_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/network/vault"
)

func (k kit) root() string { return filepath.Dir(k.cfg.Dir) }

func (k kit) ring(epoch int) string { return filepath.Join(k.cfg.Dir, fmt.Sprintf("ring-%d", epoch)) }

// image copies both places as a crash at this moment would leave them.
func (k kit) image() kit {
	k.t.Helper()
	root := filepath.Join(k.t.TempDir(), "image")
	must(k.t, os.CopyFS(root, os.DirFS(k.root())))
	return kitIn(k.t, root)
}

// holds says which files hold any of the canaries, in any usual spelling.
func (k kit) holds(canaries ...[]byte) (files []string) {
	k.t.Helper()
	err := filepath.WalkDir(k.root(), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		for _, c := range canaries {
			for _, s := range [][]byte{c, []byte(hex.EncodeToString(c)), []byte(base64.StdEncoding.EncodeToString(c))} {
				if bytes.Contains(data, s) {
					files = append(files, filepath.Base(path))
				}
			}
		}
		return err
	})
	must(k.t, err)
	return slices.Compact(files)
}

const crowd = 40

// crowded has sealed a value for each of a crowd, all on disk, the first ten already erased.
func crowded(t *testing.T) (kit, *vault.Vault, [][]byte, []vault.ID) {
	t.Helper()
	k := newKit(t)
	v := k.open()
	var sealed [][]byte
	for n := range crowd {
		sealed = append(sealed, seal(t, v, n, fmt.Sprint("value ", n)))
	}
	must(t, v.Sync())
	var gone []vault.ID
	for n := range 10 {
		gone = append(gone, subject(n))
	}
	return k, v, sealed, gone
}

func wantCrowd(t *testing.T, v *vault.Vault, sealed [][]byte) {
	t.Helper()
	for n, s := range sealed {
		if n >= 10 {
			wantOpen(t, v, n, s, fmt.Sprint("value ", n))
			continue
		}
		_, err := v.Open(subject(n), s, []byte("aad"))
		wantErr(t, err, vault.ErrErased)
		_, err = v.Seal(subject(n), nil, nil)
		wantErr(t, err, vault.ErrErased)
	}
}

func TestCrashAtEveryStepOfARotation(t *testing.T) {
	k, v, sealed, gone := crowded(t)
	must(t, v.Erase(gone...))
	type crash struct {
		step string
		kit  kit
	}
	var crashes []crash
	vault.OnStep(v, func(step string) { crashes = append(crashes, crash{step, k.image()}) })
	must(t, v.Rotate(t.Context()))

	pending := map[string]int{}
	for _, c := range crashes {
		t.Run(c.step, func(t *testing.T) {
			v := c.kit.open()
			wantCrowd(t, v, sealed)
			pending[c.step] = v.Pending()
			must(t, v.Rotate(t.Context()))
			if v.Pending() != 0 {
				t.Errorf("%d pending after rotation", v.Pending())
			}
			must(t, v.Close())
			v = c.kit.open()
			wantCrowd(t, v, sealed)
			if rings, err := filepath.Glob(filepath.Join(c.kit.cfg.Dir, "ring-*")); err != nil || len(rings) != 1 {
				t.Errorf("rings left: %v, %v", rings, err)
			}
			if keys, err := filepath.Glob(c.kit.cfg.EpochKeyPath + ".[0-9]*"); err != nil || len(keys) != 1 {
				t.Errorf("epoch keys left: %v, %v", keys, err)
			}
		})
	}
	want := map[string]int{
		"ring begun": 10, "key kept": 10, "ring written": 10, "ring synced": 10, "current written": 10,
		"current moved": 0, "current synced": 0, "key destroyed": 0, "ring deleted": 0,
	}
	if diff := cmp.Diff(want, pending); diff != "" {
		t.Errorf("pending after a crash at each step (-want +got):\n%s", diff)
	}
}

func TestNothingOfAnErasedKeyIsLeft(t *testing.T) {
	k, v, sealed, gone := crowded(t)
	before := k.image()
	var canaries [][]byte
	for _, id := range gone {
		plain, wrapped := vault.KeyBytes(v, id)
		canaries = append(canaries, plain, wrapped)
	}
	epochKey, err := vault.FileKeeper(k.cfg.EpochKeyPath).Key(t.Context(), 1)
	must(t, err)
	if diff := cmp.Diff([]string{"epoch.key.1", "ring-1"}, k.holds(append(canaries, epochKey)...)); diff != "" {
		t.Fatalf("the search does not find what is there (-want +got):\n%s", diff)
	}
	must(t, v.Erase(gone...))
	must(t, v.Rotate(t.Context()))
	if files := k.holds(append(canaries, epochKey)...); len(files) > 0 {
		t.Errorf("left in %v", files)
	}
	wantCrowd(t, v, sealed)
	must(t, v.Close())

	stale := before.cfg
	stale.EpochKeyPath = k.cfg.EpochKeyPath
	_, err = vault.Open(t.Context(), stale)
	wantErr(t, err, vault.ErrNoEpochKey)
}

// stubborn is a keeper that can be told to fail.
type stubborn struct {
	vault.Keeper
	keep, destroy error
}

func (s *stubborn) Keep(ctx context.Context, n uint64, key []byte) error {
	return errors.Join(s.keep, s.Keeper.Keep(ctx, n, key))
}

func (s *stubborn) Destroy(ctx context.Context, n uint64) error {
	if s.destroy != nil {
		return s.destroy
	}
	return s.Keeper.Destroy(ctx, n)
}

func TestRotationThatCannotFinish(t *testing.T) {
	k, v, sealed, gone := crowded(t)
	must(t, v.Close())
	keeper := &stubborn{Keeper: vault.FileKeeper(k.cfg.EpochKeyPath)}
	k.cfg.EpochKeyPath, k.cfg.Keeper = "", keeper
	v = k.open()
	must(t, v.Erase(gone...))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	wantErr(t, v.Rotate(ctx), context.Canceled)
	keeper.keep = errors.New("keeper is away")
	wantErr(t, v.Rotate(t.Context()), keeper.keep)
	keeper.keep = nil
	if got := v.Stats(); got.Epoch != 1 || got.Pending != 10 {
		t.Errorf("taken back: %+v", got)
	}
	wantCrowd(t, v, sealed)

	keeper.destroy = errors.New("keeper is away")
	wantErr(t, v.Rotate(t.Context()), keeper.destroy)
	if got := v.Stats(); got.Epoch != 2 || got.Pending != 10 {
		t.Errorf("key not destroyed: %+v", got)
	}
	wantCrowd(t, v, sealed)
	seal(t, v, 99, "served meanwhile")
	must(t, v.Close())
	_, err := vault.Open(t.Context(), k.cfg)
	wantErr(t, err, keeper.destroy)
	keeper.destroy = nil
	v = k.open()
	wantCrowd(t, v, sealed)
	if got := v.Stats(); got.Epoch != 2 || got.Pending != 0 {
		t.Errorf("finished by open: %+v", got)
	}
}

func TestFirstSyncErrorFences(t *testing.T) {
	k, v, sealed, gone := crowded(t)
	cause := errors.New("input/output error")
	vault.FailSync(v, cause)
	seal(t, v, 50, "lost")
	err := v.Sync()
	wantErr(t, err, vault.ErrFenced)
	wantErr(t, err, cause)
	wantErr(t, v.Sync(), vault.ErrFenced)
	_, err = v.Seal(subject(20), nil, nil)
	wantErr(t, err, vault.ErrFenced)
	wantErr(t, v.Rotate(t.Context()), vault.ErrFenced)
	wantOpen(t, v, 20, sealed[20], "value 20")
	wantErr(t, v.Erase(gone...), vault.ErrFenced)
	_, err = v.Open(gone[0], sealed[0], []byte("aad"))
	wantErr(t, err, vault.ErrErased)
	wantErr(t, v.Close(), vault.ErrFenced)

	v = k.open() // what the failed sync left may be there or not; what was synced is
	wantOpen(t, v, 20, sealed[20], "value 20")
}
