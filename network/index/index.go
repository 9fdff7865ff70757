// Package index opens Badger databases that hold only what a journal can give again: an index may be dropped at any time,
// and costs time and nothing else.
//
// That is why it is held to so much. Badger v4.9.6 panics on some damage, in goroutines of its own, where nobody can
// recover; after some it opens without a word and without some of its entries; without its MANIFEST it opens empty. So
// Badger is given only what can be trusted:
//
//   - An index that was closed has a file SUMS with the size and CRC-32C of every other file. If a byte differs, it is
//     dropped before Badger sees it.
//   - An index that was not closed may have two logs of recent writes, because the process died while Badger moved one of
//     them into a table. After a power cut the newer one may be whole and the older one not: their pages reach the disk in
//     any order. So the file BOOT says under which boot of the machine the index was opened, and one with two logs from
//     another boot is dropped.
//   - While an index is opened and its content is checked against the journal there is a file OPENING. If the process
//     dies of it, the next one finds the file and drops the index.
package index

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options are sizes in bytes. The zero value works.
type Options struct {
	MemTable   int64 // 0 means 32 MiB
	BlockCache int64 // 0 means 32 MiB
	IndexCache int64 // 0 means 32 MiB
}

// DB is an open index.
type DB struct {
	*badger.DB
	dir string
}

const (
	sumsName    = "SUMS"
	openingName = "OPENING"
	bootName    = "BOOT"
	memExt      = ".mem"
	lockName    = "LOCK" // Badger's, with its process id
)

// ErrForeign says that there is a file in the folder that no index put there. Nothing was touched.
var ErrForeign = errors.New("not the index's: give the index a folder of its own")

// Open opens the index in dir, or makes an empty one there. One that cannot be trusted is dropped. The folder is the
// index's alone, and the caller holds a lock that keeps other processes from it.
func Open(dir string, o Options) (*DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	ok, whole, err := trusted(dir)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	if ok {
		if d, err := o.open(dir, whole); err == nil {
			return d, nil
		}
	}
	if err := Drop(dir); err != nil {
		return nil, err
	}
	d, err := o.open(dir, true)
	if err != nil {
		return nil, fmt.Errorf("make index: %w", err)
	}
	return d, nil
}

// open opens Badger. Files that are not known to be whole are checked by it too: all of every table, which it maps into memory
// for that; else only what is read later.
func (o Options) open(dir string, whole bool) (*DB, error) {
	if err := os.WriteFile(filepath.Join(dir, openingName), nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(dir, bootName), boot(), 0o600); err != nil {
		return nil, err
	}
	if err := remove(filepath.Join(dir, sumsName)); err != nil {
		return nil, err
	}
	b := badger.DefaultOptions(dir)
	b.Logger = nil // its lines name keys
	b.MemTableSize = or(o.MemTable, 32<<20)
	b.NumMemtables = 3
	b.BlockCacheSize = or(o.BlockCache, 32<<20)
	b.IndexCacheSize = or(o.IndexCache, 32<<20)
	b.ChecksumVerificationMode = options.OnTableAndBlockRead
	if whole {
		b.ChecksumVerificationMode = options.OnBlockRead
	}
	b.DetectConflicts = false // one goroutine writes
	b.MetricsEnabled = false
	db, err := badger.Open(b)
	if err != nil {
		return nil, err
	}
	return &DB{db, dir}, nil
}

func or(n, otherwise int64) int64 {
	if n == 0 {
		return otherwise
	}
	return n
}

// Sound says that the index was opened, read and found to be its journal's. Call it once that is so.
func (d *DB) Sound() error {
	if err := remove(filepath.Join(d.dir, openingName)); err != nil {
		return fmt.Errorf("open index: %w", err)
	}
	return nil
}

// Close closes the index and, if it was sound, writes its SUMS.
func (d *DB) Close() error {
	err := d.DB.Close()
	if _, statErr := os.Stat(filepath.Join(d.dir, openingName)); err == nil && errors.Is(statErr, fs.ErrNotExist) {
		err = seal(d.dir)
	}
	if err != nil {
		return fmt.Errorf("close index: %w", err)
	}
	return nil
}

// Drop empties the folder of an index that is not open. It refuses with ErrForeign, touching nothing, if there is
// anything in it that is not an index's.
func Drop(dir string) error {
	names, err := list(dir)
	if err != nil {
		return fmt.Errorf("drop index: %w", err)
	}
	for _, n := range names {
		if !own(n) {
			return fmt.Errorf("drop index: %s: %w", filepath.Join(dir, n), ErrForeign)
		}
	}
	for _, n := range names {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			return fmt.Errorf("drop index: %w", err)
		}
	}
	return nil
}

// own tells an index's files from others.
func own(name string) bool {
	switch filepath.Ext(name) {
	case ".sst", ".vlog", memExt:
		return true
	}
	switch name {
	case "MANIFEST", "MANIFEST-REWRITE", "KEYREGISTRY", "REWRITE-KEYREGISTRY", "DISCARD", lockName, openingName, bootName, sumsName:
		return true
	}
	return false
}

// trusted says whether Badger may see what is in the folder, and whether every byte is what it was when the index was closed.
func trusted(dir string) (ok, whole bool, err error) {
	names, err := list(dir)
	if err != nil {
		return false, false, err
	}
	logs := 0
	has := map[string]bool{}
	for _, n := range names {
		has[n] = true
		if filepath.Ext(n) == memExt {
			logs++
		}
	}
	if !has[sumsName] {
		return !has[openingName] && (logs <= 1 || sameBoot(dir)), len(names) == 0, nil
	}
	want, err := os.ReadFile(filepath.Join(dir, sumsName)) //nolint:gosec // the operator names the folder
	if err != nil {
		return false, false, err
	}
	got, err := sums(dir)
	whole = bytes.Equal(got, want)
	return whole, whole, err
}

// boot names this boot of the machine; nothing where the system does not.
func boot() []byte {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil
	}
	return bytes.TrimSpace(b)
}

func sameBoot(dir string) bool {
	was, err := os.ReadFile(filepath.Join(dir, bootName)) //nolint:gosec // the operator names the folder
	return err == nil && len(was) > 0 && bytes.Equal(was, boot())
}

// seal writes SUMS. It need not be synced: whatever of it and of the others does not reach the disk makes them differ.
func seal(dir string) error {
	b, err := sums(dir)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, sumsName), b, 0o600)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// sums lists the files in order, one line each: CRC-32C in hex, size, name; and at the end the checksum of the lines.
func sums(dir string) ([]byte, error) {
	names, err := list(dir)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	for _, n := range names {
		if n == sumsName || n == lockName {
			continue
		}
		sum, size, err := sumOf(filepath.Join(dir, n))
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%08x %d %s\n", sum, size, n)
	}
	fmt.Fprintf(&b, "%08x\n", crc32.Checksum(b.Bytes(), castagnoli))
	return b.Bytes(), nil
}

func sumOf(path string) (sum uint32, size int64, err error) {
	f, err := os.Open(path) //nolint:gosec // the operator names the folder
	if err != nil {
		return 0, 0, err
	}
	h := crc32.New(castagnoli)
	size, err = io.Copy(h, bufio.NewReaderSize(f, 1<<20))
	return h.Sum32(), size, errors.Join(err, f.Close())
}

// list names what is in the folder, in order, as seen by people too: without what a file system puts there itself.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		if e.Name() != "lost+found" && !strings.HasPrefix(e.Name(), ".nfs") {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
