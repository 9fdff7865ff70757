package consent_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

func readText(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFormatDocument: the specification says what the code does.
func TestFormatDocument(t *testing.T) {
	doc, all := readText(t, "../FORMAT.md"), readText(t, "testdata/vectors.json")
	for _, name := range consent.Types() {
		body, ok := consent.NewBody(name)
		if !ok {
			t.Fatal(name)
		}
		for i, part := range strings.Split(strings.TrimSuffix(sig.TypeOf(body), ")"), ")") {
			want := part + ")\n"
			if i == 0 {
				_, members, _ := strings.Cut(part, "(")
				want = fmt.Sprintf("| %d | %s | `%s` |", consent.Leaf{Type: name}.Marshal()[0], name, members)
			}
			if !strings.Contains(doc, want) {
				t.Errorf("FORMAT.md does not say %s", want)
			}
		}
	}
	for _, c := range consent.Codes() {
		if !strings.Contains(doc, "`"+string(c)+"`") {
			t.Errorf("FORMAT.md does not name the code %s", c)
		}
	}
	if !strings.Contains(doc, fmt.Sprint(consent.ChainID)) {
		t.Error("FORMAT.md gives another chain id")
	}
	values := regexp.MustCompile(`[0-9a-f]{32,}`).FindAllString(doc, -1)
	if len(values) < 15 {
		t.Fatalf("only %d values in the example", len(values))
	}
	for _, v := range values {
		if !strings.Contains(all, v) {
			t.Errorf("FORMAT.md shows %s, which is in no vector", v)
		}
	}
}
