package vault

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	currentName = "CURRENT"
	currentTemp = "CURRENT.new"
	lockName    = "LOCK"
	ringPrefix  = "ring-"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func ringPath(dir string, epoch uint64) string {
	return filepath.Join(dir, ringPrefix+strconv.FormatUint(epoch, 10))
}

// ringEpochs lists the epochs that have a ring file, finished or not.
func ringEpochs(dir string) ([]uint64, error) {
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("list rings: %w", err)
	}
	var epochs []uint64
	for _, f := range files {
		digits, ok := strings.CutPrefix(f.Name(), ringPrefix)
		if !ok {
			continue
		}
		if n, err := strconv.ParseUint(digits, 10, 64); err == nil && ringPath("", n) == f.Name() {
			epochs = append(epochs, n)
		}
	}
	return epochs, nil
}

// writeCurrent writes the file that says which ring is in force, under its temporary name.
func writeCurrent(dir string, epoch uint64) error {
	f, err := os.OpenFile(filepath.Join(dir, currentTemp), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600) //nolint:gosec // the operator names the path
	if err != nil {
		return err
	}
	return writeClose(f, formatCurrent(epoch))
}

// installCurrent makes it the one in force; syncDir must follow.
func installCurrent(dir string) error {
	return os.Rename(filepath.Join(dir, currentTemp), filepath.Join(dir, currentName))
}

// force puts the first ring of a new folder in force, and makes the folder durable.
func force(dir string, epoch uint64) error {
	if err := writeCurrent(dir, epoch); err != nil {
		return err
	}
	if err := installCurrent(dir); err != nil {
		return err
	}
	return errors.Join(syncDir(dir), syncDir(filepath.Dir(dir)))
}

func readCurrent(dir string) (uint64, error) {
	path := filepath.Join(dir, currentName)
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s: %w", dir, ErrNoVault)
	}
	if err != nil {
		return 0, err
	}
	digits, _, _ := strings.Cut(strings.TrimPrefix(string(text), ringPrefix), " ")
	epoch, err := strconv.ParseUint(digits, 10, 64)
	if err != nil || string(formatCurrent(epoch)) != string(text) {
		return 0, &DamageError{File: path, Offset: 0, What: "does not name a ring"}
	}
	return epoch, nil
}

func formatCurrent(epoch uint64) []byte {
	text := fmt.Appendf(nil, "%s%d ", ringPrefix, epoch)
	return fmt.Appendf(text, "%08x\n", crc32.Checksum(text, castagnoli))
}

// writeClose writes a whole small file, syncs it and closes it.
func writeClose(f *os.File, data []byte) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes the names in a folder durable.
func syncDir(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// emptyDir makes the folder if need be and refuses one that holds anything.
func emptyDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(files) > 0 {
		return fmt.Errorf("%s is not empty (%s): %w", dir, files[0].Name(), ErrExists)
	}
	return nil
}

// within says whether path lies in dir, symbolic links resolved as far as the paths exist.
func within(dir, path string) (bool, error) {
	d, err := resolve(dir)
	if err != nil {
		return false, err
	}
	p, err := resolve(filepath.Dir(path))
	if err != nil {
		return false, err
	}
	rel, err := filepath.Rel(d, p)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator)), nil
}

func resolve(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	path, err = filepath.EvalSymlinks(abs)
	if errors.Is(err, fs.ErrNotExist) {
		return abs, nil
	}
	return path, err
}
