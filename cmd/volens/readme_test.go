package main

import (
	"context"
	"errors"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/modfile"

	"github.com/volens-ledger/volens/cmd/volens/demo"
)

// root is the checkout, as tests of this package see it.
const root = "../.."

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// blocks joins the README's shell blocks of one kind.
func blocks(t *testing.T, kind string) string {
	t.Helper()
	script := "set -eu\n"
	found := regexp.MustCompile("(?s)\n```sh "+kind+"\n(.*?)```").FindAllStringSubmatch(read(t, "README.md"), -1)
	for _, block := range found {
		script += block[1]
	}
	if found == nil {
		t.Fatalf("the README has no block of kind %q", kind)
	}
	return script
}

// TestReadmeRuns types what the README says, in its order: the blocks called "sh run" beside a demo that has just been
// started, those called "sh stopped" after it has ended.
func TestReadmeRuns(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	w, err := demo.Open(ctx, demo.Config{Dir: filepath.Join(dir, ".volens-demo"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	run := func(kind string, wants ...string) {
		t.Helper()
		c := exec.CommandContext(ctx, "sh", "-x", "-c", blocks(t, kind))
		c.Dir = dir
		c.Env = append(os.Environ(), "HOME="+dir, "VOLENS_SERVER="+w.Node.URL())
		out, err := c.CombinedOutput()
		if err != nil {
			t.Errorf("%v:\n%s", err, out)
		}
		for _, want := range wants {
			if !strings.Contains(string(out), want) {
				t.Errorf("the README's commands never printed %q:\n%s", want, out)
			}
		}
	}
	if _, err := w.Settle(ctx); err != nil {
		t.Error(err)
	}
	run("run", "PERMIT", "denied, with exit code 3", "none is left out")
	if err := w.Node.Close(ctx); err != nil {
		t.Error(err)
	}
	run("stopped", "ledger size=")
}

// TestReadmeProxy types the three commands by which the README puts a node in front of a FHIR server, on the demo's node and beside
// a stand-in for that server: its first is started and the others follow. Only addresses differ, since those of the README may be in use.
func TestReadmeProxy(t *testing.T) {
	ctx, dir := context.Background(), t.TempDir()
	w, err := demo.Open(ctx, demo.Config{Dir: filepath.Join(dir, ".volens-demo"), Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Settle(ctx)
	if err := errors.Join(err, w.Close(ctx)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "consents", "a.json"), `{"resourceType":"Consent","status":"active","subject":{"reference":"Patient/123"},"decision":"deny","provision":[
	 {"actor":[{"role":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/extra-security-role-type","code":"PRCP"}]},"reference":{"reference":"Organization/rosa-institute"}}],
	  "purpose":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ActReason","code":"HRESCH"}]}]}`)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"searchset","entry":[
		 {"resource":{"resourceType":"Observation","id":"hers","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/123"}}},
		 {"resource":{"resourceType":"Observation","id":"anothers","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/124"}}}]}`)
	}))
	defer upstream.Close()
	node, front := free(t), free(t)
	script := strings.NewReplacer("localhost:8103", strings.TrimPrefix(upstream.URL, "http://"), "localhost:8090", front).Replace(blocks(t, "proxy"))
	lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(script, "set -eu\n")), "\n")
	if len(lines) != 3 || !strings.HasPrefix(lines[0], "volens proxy ") {
		t.Fatalf("the README has not three commands: %q", lines)
	}
	sh := func(script string) *exec.Cmd {
		c := exec.CommandContext(ctx, "sh", "-c", script)
		c.Dir, c.Env = dir, append(os.Environ(), "HOME="+dir, "VOLENS_SERVER=http://"+strings.Replace(node, "127.0.0.1", "localhost", 1))
		return c
	}
	serving := sh("exec " + lines[0] + " --listen " + node + " --fhir-listen " + front)
	if err := serving.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(serving.Process.Signal(os.Interrupt), serving.Wait()); err != nil {
			t.Error(err)
		}
	}()
	for range 600 {
		c, err := net.Dial("tcp", front)
		if err == nil {
			_ = c.Close()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	defined := strings.Join(regexp.MustCompile(`(?m)^(?:rosa|city)=.*$`).FindAllString(read(t, "README.md"), -1), "\n")
	for i, want := range []string{"1 imported", `"id":"hers"`} {
		out, err := sh("set -eu\n" + defined + "\n" + lines[i+1]).CombinedOutput()
		if err != nil || !strings.Contains(string(out), want) || strings.Contains(string(out), "anothers") {
			t.Errorf("%s\n%v, %s", lines[i+1], err, out)
		}
	}
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, []byte(text), 0o600)); err != nil {
		t.Fatal(err)
	}
}

// free is an address on which nobody listens.
func free(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

var dependency = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// TestReadmeDependencies checks that the README gives a reason for each module that this one imports, and for no other.
func TestReadmeDependencies(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte(read(t, "go.mod")), nil)
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, file := range sources(t) {
		f, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			name, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range mod.Require {
				if name == r.Mod.Path || strings.HasPrefix(name, r.Mod.Path+"/") {
					used[r.Mod.Path] = true
				}
			}
		}
	}
	named := map[string]bool{}
	_, section, _ := strings.Cut(read(t, "README.md"), "\n## Dependencies\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, m := range dependency.FindAllStringSubmatch(section, -1) {
		named[m[1]] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(named))); diff != "" {
		t.Errorf("modules imported (-) and named in the README (+):\n%s", diff)
	}
}

// TestReadmeFolders checks that the README names each package's folder.
func TestReadmeFolders(t *testing.T) {
	_, tree, _ := strings.Cut(read(t, "README.md"), "\n## What each folder is for\n")
	tree, _, _ = strings.Cut(tree, "\n## ")
	for _, file := range sources(t) {
		if dir := path.Dir(file); !strings.Contains(tree, path.Base(dir)+"/") {
			t.Errorf("the README does not say what %s is for", dir)
		}
	}
}

var link = regexp.MustCompile(`\]\(([^)#:]+)(?:#[^)]*)?\)`)

// TestLinks checks that links between documents lead somewhere.
func TestLinks(t *testing.T) {
	n := 0
	for _, file := range tree(t, ".md") {
		for _, m := range link.FindAllStringSubmatch(read(t, file), -1) {
			n++
			if _, err := os.Stat(filepath.Join(root, filepath.Dir(file), m[1])); err != nil {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
	if n == 0 {
		t.Error("no document has a link")
	}
}

func sources(t *testing.T) []string { return tree(t, ".go") }

// tree lists the checkout's files of this kind, without test data and what builds and other tools leave.
func tree(t *testing.T, ext string) (files []string) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && p != "." && (name[0] == '.' || name == "testdata" || name == "node_modules") {
			return fs.SkipDir
		}
		if path.Ext(p) == ext {
			files = append(files, p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
