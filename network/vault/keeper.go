package vault

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// A Keeper keeps epoch keys away from the ring: in files of another volume ([FileKeeper]), in an HSM, in a KMS.
//
// Wrapping and unwrapping through a KMS would not be enough: a KMS that can still unwrap an old epoch key has not
// erased anything. What shredding needs is that one key, by its number, can be made to exist and made to be gone, so
// that is the interface. A keeper on a KMS stores the key wrapped under a KMS key of its own for each epoch and lets
// Destroy schedule that KMS key for deletion.
type Keeper interface {
	// Keep stores the key of an epoch and returns when it is durable. It fails with ErrExists, changing nothing, when
	// that epoch has a key already. It does not retain key.
	Keep(ctx context.Context, epoch uint64, key []byte) error
	// Key returns the key of an epoch, the caller's to overwrite, or ErrNoEpochKey.
	Key(ctx context.Context, epoch uint64) ([]byte, error)
	// Destroy returns when the key can be read by nobody again. A key that is not there is destroyed.
	Destroy(ctx context.Context, epoch uint64) error
}

// FileKeeper keeps the key of epoch n in the file PATH.n, readable by its owner alone. Put PATH on its own small
// volume, outside the backups of the data: destroying a key overwrites and unlinks the file, which on a
// copy-on-write file system or a worn flash disk may leave a copy behind. Where that matters, use an HSM.
type FileKeeper string

var _ Keeper = FileKeeper("")

const keyFileMagic = "volens-epoch-key-v1"

func (k FileKeeper) path(epoch uint64) string {
	return string(k) + "." + strconv.FormatUint(epoch, 10)
}

// Keep implements [Keeper].
func (k FileKeeper) Keep(_ context.Context, epoch uint64, key []byte) error {
	path := k.path(epoch)
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the path
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("epoch key %s: %w", path, ErrExists)
	}
	if err != nil {
		return fmt.Errorf("create epoch key: %w", err)
	}
	text := formatKey(epoch, key)
	defer clear(text)
	if err := writeClose(f, text); err != nil {
		return fmt.Errorf("write epoch key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// Key implements [Keeper]. A file that is not as Keep wrote it is a [*DamageError].
func (k FileKeeper) Key(_ context.Context, epoch uint64) ([]byte, error) {
	path := k.path(epoch)
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the path
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read %s: %w", path, ErrNoEpochKey)
	}
	if err != nil {
		return nil, fmt.Errorf("read epoch key: %w", err)
	}
	defer clear(text)
	key, ok := parseKey(epoch, text)
	if !ok {
		return nil, &DamageError{File: path, Offset: 0, What: "not the epoch key that was written"}
	}
	return key, nil
}

// Destroy implements [Keeper]: it overwrites the file, syncs it, unlinks it and syncs the folder.
func (k FileKeeper) Destroy(_ context.Context, epoch uint64) error {
	path := k.path(epoch)
	f, err := os.OpenFile(path, os.O_WRONLY, 0) //nolint:gosec // the operator names the path
	if errors.Is(err, fs.ErrNotExist) {
		return syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("destroy epoch key: %w", err)
	}
	if err := writeClose(f, make([]byte, len(formatKey(epoch, make([]byte, keySize))))); err != nil {
		return fmt.Errorf("overwrite epoch key: %w", err)
	}
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("unlink epoch key: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

func formatKey(epoch uint64, key []byte) []byte {
	text := fmt.Appendf(nil, "%s %d %s ", keyFileMagic, epoch, hex.EncodeToString(key))
	return fmt.Appendf(text, "%08x\n", crc32.Checksum(text, castagnoli))
}

// parseKey accepts exactly what formatKey makes: it re-encodes what it read and compares.
func parseKey(epoch uint64, text []byte) ([]byte, bool) {
	fields := bytes.Fields(text)
	if len(fields) != 4 {
		return nil, false
	}
	key, err := hex.DecodeString(string(fields[2]))
	if err != nil || len(key) != keySize {
		return nil, false
	}
	want := formatKey(epoch, key)
	defer clear(want)
	return key, bytes.Equal(want, text)
}
