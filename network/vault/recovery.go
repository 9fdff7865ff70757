package vault

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"filippo.io/age"
	"filippo.io/age/armor"
)

// A sealedKey is what a recovery file holds.
type sealedKey struct {
	Vault []byte `json:"vault"`
	Epoch uint64 `json:"epoch"`
	Key   []byte `json:"key"`
}

// SealKeys writes the epoch key in force, encrypted with age to the authorities' recovery keys ("age1..."), as text.
// Any one of them opens it. Whoever holds such a file together with a ring of its epoch undoes every erasure since that
// epoch began: keep it apart from backups, and not longer than erasures may stay pending.
func SealKeys(ctx context.Context, cfg Config, w io.Writer, recipients ...string) error {
	if err := sealKeys(ctx, cfg, w, recipients); err != nil {
		return fmt.Errorf("seal epoch key: %w", err)
	}
	return nil
}

func sealKeys(ctx context.Context, cfg Config, w io.Writer, recipients []string) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	to := make([]age.Recipient, len(recipients))
	for i, r := range recipients {
		if to[i], err = age.ParseX25519Recipient(r); err != nil {
			return err
		}
	}
	k, err := currentKey(ctx, cfg)
	if err != nil {
		return err
	}
	text, err := json.Marshal(k)
	clear(k.Key)
	if err != nil {
		return err
	}
	defer clear(text)
	a := armor.NewWriter(w)
	body, err := age.Encrypt(a, to...)
	if err != nil {
		return err
	}
	if _, err := body.Write(text); err != nil {
		return err
	}
	return errors.Join(body.Close(), a.Close())
}

func currentKey(ctx context.Context, cfg Config) (sealedKey, error) {
	epoch, err := readCurrent(cfg.Dir)
	if err != nil {
		return sealedKey{}, err
	}
	f, err := os.Open(ringPath(cfg.Dir, epoch))
	if err != nil {
		return sealedKey{}, err
	}
	s, err := newScanner(f.Name(), f, headerSize)
	if err := errors.Join(err, f.Close()); err != nil {
		return sealedKey{}, err
	}
	if _, err := openEpoch(ctx, cfg.Keeper, s.header); err != nil {
		return sealedKey{}, err
	}
	key, err := cfg.Keeper.Key(ctx, epoch)
	return sealedKey{Vault: s.header.vault[:], Epoch: epoch, Key: key}, err
}

// OpenKeys decrypts what SealKeys wrote with one of the recovery identities ("AGE-SECRET-KEY-1...") and gives the key
// to the keeper. It returns the epoch. A key that the keeper has already is left alone; another one in its place is
// ErrExists.
func OpenKeys(ctx context.Context, cfg Config, r io.Reader, identities ...string) (uint64, error) {
	epoch, err := openKeys(ctx, cfg, r, identities)
	if err != nil {
		return 0, fmt.Errorf("open epoch key: %w", err)
	}
	return epoch, nil
}

func openKeys(ctx context.Context, cfg Config, r io.Reader, identities []string) (uint64, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return 0, err
	}
	from := make([]age.Identity, len(identities))
	for i, id := range identities {
		if from[i], err = age.ParseX25519Identity(id); err != nil {
			return 0, err
		}
	}
	body, err := age.Decrypt(armor.NewReader(r), from...)
	if err != nil {
		return 0, err
	}
	const most = 1024
	text, err := io.ReadAll(io.LimitReader(body, most))
	if err != nil {
		return 0, err
	}
	defer clear(text)
	var k sealedKey
	if err := json.Unmarshal(text, &k); err != nil || len(k.Key) != keySize || k.Epoch == 0 {
		return 0, fmt.Errorf("not a recovery file: %w", ErrCorrupt)
	}
	defer clear(k.Key)
	if have, err := cfg.Keeper.Key(ctx, k.Epoch); err == nil && subtle.ConstantTimeCompare(have, k.Key) == 1 {
		return k.Epoch, nil
	}
	return k.Epoch, cfg.Keeper.Keep(ctx, k.Epoch, k.Key)
}
