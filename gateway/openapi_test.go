package gateway_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
)

var update = flag.Bool("update", false, "write the golden files anew")

// kept compares a file of this folder with what the code says it is, or writes it.
func kept(t *testing.T, file, want string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(got), want); diff != "" {
		t.Errorf("%s is out of date (-file +code; -update writes it):\n%s", file, diff)
	}
}

// TestOpenAPIFile keeps openapi.json the document that every gateway serves, for readers and for whoever generates a client.
func TestOpenAPIFile(t *testing.T) {
	w := nodetest.Start(t, nil)
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, w.Node.URL()+"/openapi.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	served, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s, %s", res.Status, res.Header.Get("Content-Type"))
	}
	kept(t, "openapi.json", string(served)+"\n")
}

// TestReadmeTables keeps the README's tables of routes and of errors those of package api.
func TestReadmeTables(t *testing.T) {
	b, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	text := between(t, string(b), "routes", routeTable())
	kept(t, "README.md", between(t, text, "codes", codeTable()))
}

// between puts a table between a document's marks of this name.
func between(t *testing.T, text, name, table string) string {
	t.Helper()
	before, rest, ok := strings.Cut(text, "<!-- "+name+" -->\n")
	_, after, ok2 := strings.Cut(rest, "<!-- end -->\n")
	if !ok || !ok2 {
		t.Fatalf("README.md has no place for %s", name)
	}
	return before + "<!-- " + name + " -->\n" + table + "<!-- end -->\n" + after
}

func routeTable() string {
	var s strings.Builder
	s.WriteString("| route | for | what |\n|---|---|---|\n")
	for _, r := range api.Routes() {
		roles := make([]string, len(r.Roles))
		for i, role := range r.Roles {
			roles[i] = string(role)
		}
		fmt.Fprintf(&s, "| `%s %s` | %s | %s |\n", r.Method, r.Path, strings.Join(roles, ", "), r.Summary)
	}
	return s.String()
}

func codeTable() string {
	var s strings.Builder
	s.WriteString("| status | code | |\n|---|---|---|\n")
	for _, c := range append(consent.Codes(), api.Unauthenticated, api.RateLimited, api.Method, api.MediaType) {
		p := api.ProblemOf(c, "")
		fmt.Fprintf(&s, "| %d | `%s` | %s |\n", p.Status, p.Code, p.Title)
	}
	return s.String()
}
