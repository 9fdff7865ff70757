package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/age"
	"filippo.io/age/armor"

	"github.com/volens-ledger/volens/network/vault"
)

// Names of a keys backup's files.
const (
	sealedKeysFile  = "keys.age"
	sealedEpochFile = "epoch.age"
)

// BackupKeys writes two files to the folder dst, both encrypted with age to recovery keys ("age1..."), any one of which
// opens them: keys.age with the keys that last (of the logs, the pseudonyms, the custodian), and epoch.age with the epoch
// key in force. Keep epoch.age no longer than erasures may stay pending: together with a ring of its epoch it undoes every
// erasure since that epoch began. It works on a running node too.
func BackupKeys(ctx context.Context, p Paths, dst string, recipients ...string) error {
	if len(recipients) == 0 {
		return errors.New("back up keys: name a recovery key")
	}
	to := make([]age.Recipient, len(recipients))
	for i, r := range recipients {
		var err error
		if to[i], err = age.ParseX25519Recipient(r); err != nil {
			return fmt.Errorf("back up keys: %w", err)
		}
	}
	if err := os.MkdirAll(dst, 0o700); err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	sealed, err := sealKeys(p, to)
	if err != nil {
		return fmt.Errorf("back up keys: %w", err)
	}
	var epoch bytes.Buffer
	if err := vault.SealKeys(ctx, p.vault(), &epoch, recipients...); err != nil {
		return err
	}
	if err := writeNew(filepath.Join(dst, sealedKeysFile), sealed); err != nil {
		return err
	}
	return writeNew(filepath.Join(dst, sealedEpochFile), epoch.Bytes())
}

// lasting are the key files that keys.age holds.
func lasting() []string { return []string{ledgerKeyFile, usesKeyFile, secretFile, custodianKeyFile} }

func sealKeys(p Paths, to []age.Recipient) ([]byte, error) {
	if err := checkKeys(p); err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, name := range lasting() {
		b, err := os.ReadFile(filepath.Join(p.Keys, name)) //nolint:gosec // the operator's own path
		if errors.Is(err, os.ErrNotExist) && name == custodianKeyFile {
			continue
		}
		if err != nil {
			return nil, err
		}
		files[name] = string(b)
	}
	text, err := json.Marshal(files)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	var out bytes.Buffer
	a := armor.NewWriter(&out)
	w, err := age.Encrypt(a, to...)
	if err != nil {
		return nil, err
	}
	_, err = w.Write(text)
	err = errors.Join(err, w.Close(), a.Close())
	return out.Bytes(), err
}

// RestoreKeys writes the keys of a BackupKeys folder to the node's keys folder, opened with recovery identities
// ("AGE-SECRET-KEY-1..."). A key that is there already and the same is left alone, another one in its place is refused.
// It returns the epoch of the epoch key, 0 if the folder holds none.
func RestoreKeys(ctx context.Context, p Paths, src string, identities ...string) (uint64, error) {
	from := make([]age.Identity, len(identities))
	for i, id := range identities {
		var err error
		if from[i], err = age.ParseX25519Identity(id); err != nil {
			return 0, fmt.Errorf("restore keys: %w", err)
		}
	}
	if err := os.MkdirAll(p.Keys, 0o700); err != nil {
		return 0, fmt.Errorf("restore keys: %w", err)
	}
	if err := openKeys(p, filepath.Join(src, sealedKeysFile), from); err != nil {
		return 0, fmt.Errorf("restore keys: %w", err)
	}
	b, err := os.ReadFile(filepath.Join(src, sealedEpochFile)) //nolint:gosec // the operator's own path
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("restore keys: %w", err)
	}
	return vault.OpenKeys(ctx, p.vault(), bytes.NewReader(b), identities...)
}

func openKeys(p Paths, path string, from []age.Identity) error {
	sealed, err := os.ReadFile(path) //nolint:gosec // the operator's own path
	if err != nil {
		return err
	}
	r, err := age.Decrypt(armor.NewReader(bytes.NewReader(sealed)), from...)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(io.LimitReader(r, 1<<20))
	if err != nil {
		return err
	}
	defer clear(text)
	var files map[string]string
	if err := json.Unmarshal(text, &files); err != nil {
		return errors.New("not a backup of keys")
	}
	for _, name := range lasting() {
		content, ok := files[name]
		if !ok {
			continue
		}
		path := filepath.Join(p.Keys, name)
		if old, err := os.ReadFile(path); err == nil { //nolint:gosec // the operator's own path
			if strings.TrimSpace(string(old)) != strings.TrimSpace(content) {
				return fmt.Errorf("%s holds another key", path)
			}
			continue
		}
		if err := writeNew(path, []byte(content)); err != nil {
			return err
		}
	}
	return nil
}
