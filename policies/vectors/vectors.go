// Package vectors runs folders of public test cases against this code, and tells which rows differ.
//
// A kind of cases is a Set. It is known by the shape of its files, not by the name of a folder, so that a folder of
// other cases of the same shape runs as well. Each package brings the sets that it implements; the command
// `volens policy vectors` runs them all.
package vectors

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Set is a kind of cases. Several may fit one folder; each is run.
type Set struct {
	// Fits reports whether a folder has cases of this kind. It looks at its files and not below.
	Fits func(dir fs.FS) bool
	// Run checks each case. An error means that cases could not be read; a case that comes out wrong is none.
	Run func(ctx context.Context, dir fs.FS, t *Tally) error
}

// Tally counts the cases of a folder and tells those that differ.
type Tally struct {
	w              io.Writer
	name           string
	passed, failed int
}

// Check counts a case, named by id; want and got are told when they differ. It fails only when that cannot be written.
func (t *Tally) Check(id, want, got string) error {
	if want == got {
		t.passed++
		return nil
	}
	t.failed++
	_, err := fmt.Fprintf(t.w, "%s: %s: expected %s, got %s\n", t.name, id, want, got)
	return err
}

// Run runs every set of cases in dir and in the folders below it, writes the differing rows, one line for each folder
// and a last line "N passed, M failed". An error means that cases could not be read or that there are none.
func Run(ctx context.Context, dir string, w io.Writer, sets ...Set) (passed, failed int, err error) {
	folders := 0
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		sub, err := fs.Sub(root, at)
		if err != nil {
			return err
		}
		t := &Tally{w: w, name: path.Base(at)}
		if at == "." {
			t.name = path.Base(dir)
		}
		n, err := t.folder(ctx, sub, sets)
		passed, failed = passed+t.passed, failed+t.failed
		if err != nil || n == 0 {
			return err
		}
		folders++
		_, err = fmt.Fprintf(w, "%s: %d passed, %d failed\n", t.name, t.passed, t.failed)
		return err
	})
	if err == nil && folders == 0 {
		err = fmt.Errorf("there is no set of cases in %s", dir)
	}
	if err != nil {
		return passed, failed, fmt.Errorf("run vectors: %w", err)
	}
	_, err = fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return passed, failed, err
}

// folder runs the sets that fit one folder and returns how many do.
func (t *Tally) folder(ctx context.Context, dir fs.FS, sets []Set) (n int, err error) {
	for _, s := range sets {
		if !s.Fits(dir) {
			continue
		}
		n++
		if err := s.Run(ctx, dir, t); err != nil {
			return n, fmt.Errorf("%s: %w", t.name, err)
		}
	}
	return n, nil
}

// Load reads a JSON file.
func Load(dir fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// Lists is the set of every JSON file that is a list of cases with all these fields; run checks one file's. A field of a
// field is named "expected.labels". The first case speaks for all.
func Lists[T any](run func(ctx context.Context, dir fs.FS, cases []T, t *Tally) error, fields ...string) Set {
	return Set{
		Fits: func(dir fs.FS) bool { return len(lists(dir, fields)) > 0 },
		Run: func(ctx context.Context, dir fs.FS, t *Tally) error {
			for _, name := range lists(dir, fields) {
				var cases []T
				if err := Load(dir, name, &cases); err != nil {
					return err
				}
				if err := run(ctx, dir, cases, t); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
			return nil
		},
	}
}

// lists names the JSON files of a folder that are lists whose first case has these fields.
func lists(dir fs.FS, fields []string) []string {
	names, err := fs.Glob(dir, "*.json")
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(names, func(name string) bool { return !hasFields(dir, name, fields) })
}

// hasFields reads no further than the first case.
func hasFields(dir fs.FS, name string, fields []string) bool {
	f, err := dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close() //nolint:errcheck // only read
	d := json.NewDecoder(f)
	if open, err := d.Token(); err != nil || open != json.Delim('[') || !d.More() {
		return false
	}
	var first map[string]json.RawMessage
	if d.Decode(&first) != nil {
		return false
	}
	return !slices.ContainsFunc(fields, func(f string) bool { return !has(first, f) })
}

func has(object map[string]json.RawMessage, field string) bool {
	name, rest, deeper := strings.Cut(field, ".")
	if object[name] == nil || !deeper {
		return object[name] != nil
	}
	var inner map[string]json.RawMessage
	return json.Unmarshal(object[name], &inner) == nil && has(inner, rest)
}
