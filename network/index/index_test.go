package index_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/network/index"
)

const entries = 2000

func open(t *testing.T, dir string) *index.DB {
	t.Helper()
	d, err := index.Open(dir, index.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// filled returns a folder with a closed index of many entries, some of them in tables.
func filled(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "index")
	d := open(t, dir)
	fill(t, d)
	if err := d.Sound(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func fill(t *testing.T, d *index.DB) {
	t.Helper()
	b := d.NewWriteBatch()
	for i := range entries {
		if err := b.Set(fmt.Appendf(nil, "key %d", i), make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.Flush(); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, d *index.DB) (n int) {
	t.Helper()
	if err := d.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.DefaultIteratorOptions)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			n++
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeeps(t *testing.T) {
	dir := filled(t)
	for range 2 {
		d := open(t, dir)
		if n := count(t, d); n != entries {
			t.Fatalf("%d entries, want %d", n, entries)
		}
		if err := d.Sound(); err != nil {
			t.Fatal(err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDamage flips one bit, or takes one file away, and finds everything or nothing, never a part.
func TestDamage(t *testing.T) {
	dir := filled(t)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, f := range files {
		t.Run(f.Name(), func(t *testing.T) {
			whole, err := os.ReadFile(filepath.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			spoils := []func(string) error{os.Remove}
			for range 3 {
				if len(whole) == 0 {
					break
				}
				bad := slices.Clone(whole)
				bad[rnd.IntN(len(bad))] ^= 1 << rnd.IntN(8)
				spoils = append(spoils, func(p string) error { return os.WriteFile(p, bad, 0o600) })
			}
			for _, spoil := range spoils {
				c := filepath.Join(t.TempDir(), "copy")
				if err := os.CopyFS(c, os.DirFS(dir)); err != nil {
					t.Fatal(err)
				}
				if err := spoil(filepath.Join(c, f.Name())); err != nil {
					t.Fatal(err)
				}
				d := open(t, c)
				want := 0
				if f.Name() == "SUMS" {
					want = count(t, d) // without SUMS it is an index that was not closed: whole, or dropped for its SUMS
					if want != 0 && want != entries {
						t.Fatalf("%d entries", want)
					}
				}
				if n := count(t, d); n != want {
					t.Fatalf("%d entries of a spoiled index, want %d", n, want)
				}
				if err := d.Close(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestDropped(t *testing.T) {
	for name, leave := range map[string]func(dir string) error{
		"a start that died":       func(dir string) error { return os.WriteFile(filepath.Join(dir, "OPENING"), nil, 0o600) },
		"never found to be sound": func(string) error { return nil },
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "index")
			d := open(t, dir)
			fill(t, d)
			if name != "never found to be sound" {
				if err := d.Sound(); err != nil {
					t.Fatal(err)
				}
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
			if err := leave(dir); err != nil {
				t.Fatal(err)
			}
			d = open(t, dir)
			if n := count(t, d); n != 0 {
				t.Fatalf("%d entries, want none", n)
			}
			if err := d.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestTwoLogs opens what a process leaves that dies while Badger moves its log of writes into a table. After a power cut
// nobody knows what the older log held; after a kill it is all there.
func TestTwoLogs(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "index")
	d := open(t, dir)
	fill(t, d)
	if err := d.Sound(); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(filepath.Join(image, "00001.mem"))
	if err != nil {
		t.Fatal(err)
	}
	boot, err := os.ReadFile(filepath.Join(image, "BOOT"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"another boot": 0, string(boot): entries} {
		if name == "" {
			continue // this system does not name its boots
		}
		c := filepath.Join(t.TempDir(), "copy")
		if err := errors.Join(
			os.CopyFS(c, os.DirFS(image)), os.Remove(filepath.Join(c, "LOCK")), os.WriteFile(filepath.Join(c, "00002.mem"), log, 0o600),
			os.WriteFile(filepath.Join(c, "BOOT"), []byte(name), 0o600),
		); err != nil {
			t.Fatal(err)
		}
		d := open(t, c)
		if n := count(t, d); n != want {
			t.Errorf("%s: %d entries, want %d", name, n, want)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestForeign(t *testing.T) {
	dir := t.TempDir()
	thesis := filepath.Join(dir, "thesis.txt")
	if err := errors.Join(os.WriteFile(thesis, []byte("years"), 0o600), os.WriteFile(filepath.Join(dir, "OPENING"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := index.Open(dir, index.Options{}); !errors.Is(err, index.ErrForeign) {
		t.Fatalf("got %v", err)
	}
	if b, err := os.ReadFile(thesis); string(b) != "years" {
		t.Fatalf("the file holds %q, %v", b, err)
	}
}
