package policies_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/format"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"

	"github.com/volens-ledger/volens/policies"
)

// archived returns the files of an engine's archive.
func archived(t *testing.T) map[string][]byte {
	t.Helper()
	e, err := policies.New(policies.Config{})
	if err != nil {
		t.Fatal(err)
	}
	file, _, err := e.Archive()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(bytes.NewReader(file)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

// modules parses rego/*.rego, tests included.
func modules(t *testing.T) map[string]*ast.Module {
	t.Helper()
	files, err := filepath.Glob("rego/*.rego")
	if err != nil || len(files) == 0 {
		t.Fatal("no policies: ", err)
	}
	out := map[string]*ast.Module{}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		m, err := ast.ParseModuleWithOpts(f, string(raw), ast.ParserOptions{ProcessAnnotation: true, RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		out[f] = m
	}
	return out
}

// TestRego runs the tests beside the policies and wants every expression of the policies evaluated.
func TestRego(t *testing.T) {
	var data map[string]any
	d := json.NewDecoder(bytes.NewReader(archived(t)["data.json"]))
	d.UseNumber()
	if err := d.Decode(&data); err != nil {
		t.Fatal(err)
	}
	ms := modules(t)
	c := cover.New()
	runner := tester.NewRunner().SetStore(inmem.NewFromObject(data)).SetModules(ms).SetCompiler(ast.NewCompiler().WithStrict(true)).
		SetCoverageQueryTracer(c).SetTimeout(time.Minute)
	results, err := runner.RunTests(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range results {
		n++
		if !r.Pass() {
			t.Errorf("%s: %s.%s: fail=%v error=%v", r.Location, r.Package, r.Name, r.Fail, r.Error)
		}
	}
	if n < 60 {
		t.Errorf("%d tests ran", n)
	}
	report := c.Report(ms)
	for name, f := range report.Files {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		for _, gap := range f.NotCovered {
			t.Errorf("%s:%d-%d is not covered", name, gap.Start.Row, gap.End.Row)
		}
	}
}

// TestRegoForm wants opa fmt's form, and METADATA with a letter or a title on every rule.
func TestRegoForm(t *testing.T) {
	for name, m := range modules(t) {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		want, err := format.SourceWithOpts(name, raw, format.Opts{RegoVersion: ast.RegoV1})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(raw, want) {
			t.Errorf("%s is not in the form of opa fmt", name)
		}
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		titled := map[int]bool{}
		for _, a := range m.Annotations {
			if a.Title != "" {
				titled[a.EndLoc().Row+1] = true
			}
		}
		for _, r := range m.Rules {
			if r.Default {
				continue
			}
			if !titled[r.Loc().Row] {
				t.Errorf("%s:%d: %s has no METADATA", name, r.Loc().Row, r.Head.Name)
			}
		}
	}
}

// TestLetters wants every letter of README.md in the Rego and in a test, and none that README.md does not have.
func TestLetters(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]bool{}
	for _, m := range regexp.MustCompile(`\*\*([A-L]\d+)\*\*`).FindAllStringSubmatch(string(readme), -1) {
		given[m[1]] = true
	}
	letter := regexp.MustCompile(`\b[A-L]\d+\b`)
	code, tests := map[string]bool{}, map[string]bool{}
	files, err := filepath.Glob("*/*.rego")
	if err != nil {
		t.Fatal(err)
	}
	goFiles, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, goFiles...) {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		into := code
		if strings.Contains(f, "_test.") {
			into = tests
		}
		for _, l := range letter.FindAllString(strings.ToUpper(strings.ReplaceAll(string(raw), "_", " ")), -1) {
			into[l] = true
		}
	}
	for l := range given {
		if !code[l] {
			t.Errorf("%s is in README.md and not in the policies", l)
		}
		if !tests[l] {
			t.Errorf("%s is in README.md and not in a test", l)
		}
	}
	if len(given) < 45 {
		t.Errorf("README.md has %d letters", len(given))
	}
}
