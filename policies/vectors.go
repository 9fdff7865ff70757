package policies

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
)

// vectorSet is a kind of test cases that RunVectors knows by the files of a folder, not by its name.
type vectorSet struct {
	fits func(dir fs.FS) bool
	run  func(ctx context.Context, dir fs.FS, t *tally) error
}

// vectorSets lists them. A new kind is one entry.
var vectorSets = []vectorSet{
	{fitsPCF, runPCF},
	{func(dir fs.FS) bool { return hasCases(dir, "consents", "expected") }, runCombining},
	{func(dir fs.FS) bool { return hasCases(dir, "granted", "requested", "subsumes") }, runSubsumption},
}

// tally counts and tells.
type tally struct {
	w              io.Writer
	name           string
	passed, failed int
}

// check counts a case; got and want are told when they differ.
func (t *tally) check(id, want, got string) error {
	if want == got {
		t.passed++
		return nil
	}
	t.failed++
	_, err := fmt.Fprintf(t.w, "%s: %s: expected %s, got %s\n", t.name, id, want, got)
	return err
}

// RunVectors runs every set of cases in dir and in the folders below it, writes the differing rows, one line for each
// set and a last line "N passed, M failed". An error means that cases could not be read or that there are none.
func RunVectors(ctx context.Context, dir string, w io.Writer) (passed, failed int, err error) {
	sets := 0
	root := os.DirFS(dir)
	err = fs.WalkDir(root, ".", func(at string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		sub, err := fs.Sub(root, at)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(vectorSets, func(s vectorSet) bool { return s.fits(sub) })
		if i < 0 {
			return nil
		}
		sets++
		t := &tally{w: w, name: path.Base(at)}
		if at == "." {
			t.name = path.Base(dir)
		}
		err = vectorSets[i].run(ctx, sub, t)
		passed, failed = passed+t.passed, failed+t.failed
		if err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
		_, err = fmt.Fprintf(w, "%s: %d passed, %d failed\n", t.name, t.passed, t.failed)
		return err
	})
	if err == nil && sets == 0 {
		err = fmt.Errorf("there is no set of cases in %s", dir)
	}
	if err != nil {
		return passed, failed, fmt.Errorf("run vectors: %w", err)
	}
	_, err = fmt.Fprintf(w, "%d passed, %d failed\n", passed, failed)
	return passed, failed, err
}

// load reads a JSON file.
func load(dir fs.FS, name string, into any) error {
	raw, err := fs.ReadFile(dir, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// hasCases reports whether vectors.json is a list whose first case has these fields.
func hasCases(dir fs.FS, fields ...string) bool {
	var cases []map[string]json.RawMessage
	if load(dir, "vectors.json", &cases) != nil || len(cases) == 0 {
		return false
	}
	return !slices.ContainsFunc(fields, func(f string) bool { return cases[0][f] == nil })
}
