package fhir_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/gateway/fhir"
)

var update = flag.Bool("update", false, "write README.md's tables")

// TestReadme keeps the tables of README.md.
func TestReadme(t *testing.T) {
	t.Parallel()
	var es, xs strings.Builder
	es.WriteString("| | element | fate | as, or why not |\n|---|---|---|---|\n")
	for _, e := range fhir.Elements() {
		fmt.Fprintf(&es, "| %s | `%s` | %s | %s |\n", e.Version, e.Path, e.Fate, strings.ReplaceAll(e.Note, "|", `\|`))
	}
	xs.WriteString("| | extension | on | value | restricts | as |\n|---|---|---|---|---|---|\n")
	short := strings.NewReplacer("https://volens.example/fhir/StructureDefinition/", "…",
		"http://hl7.org/fhir/4.0/StructureDefinition/extension-", "4:", "http://hl7.org/fhir/5.0/StructureDefinition/extension-", "5:")
	for _, x := range fhir.Extensions() {
		restricts := ""
		if x.Modifier {
			restricts = "yes"
		}
		fmt.Fprintf(&xs, "| %s | `%s` | %s | %s | %s | %s |\n", x.Only, short.Replace(x.URL), x.On, x.Value, restricts, x.Note)
	}
	was, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	now := between(t, between(t, was, "elements", es.String()), "extensions", xs.String())
	if bytes.Equal(was, now) {
		return
	}
	if !*update {
		t.Fatal("README.md's tables are not current; run go test ./gateway/fhir -run TestReadme -update")
	}
	if err := os.WriteFile("README.md", now, 0o600); err != nil {
		t.Fatal(err)
	}
}

// between replaces what is between two marks.
func between(t *testing.T, doc []byte, mark, text string) []byte {
	t.Helper()
	open := []byte("<!-- " + mark + " -->\n")
	i := bytes.Index(doc, open)
	if i < 0 {
		t.Fatalf("README.md has no mark %s", mark)
	}
	i += len(open)
	j := bytes.Index(doc[i:], []byte("<!-- end -->"))
	return append(append(append([]byte{}, doc[:i]...), text...), doc[i+j:]...)
}
