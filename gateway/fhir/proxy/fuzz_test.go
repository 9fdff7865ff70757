package proxy_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"

	"github.com/volens-ledger/volens/gateway/fhir/proxy"
)

// FuzzBundle sends what a server might: nothing makes the readers panic, only JSON is taken, and what is told to be somebody's is
// still that, and JSON, with its labels in.
func FuzzBundle(f *testing.F) {
	for _, seed := range []string{
		searchset("", observation("a", "")),
		searchset(`,"link":[{"relation":"next","url":"http://x/y?z"}],"total":3`, observation("a", drug), `{"resourceType":"Patient","id":"bob"}`),
		searchset("", observation("a", `,"contained":[{"resourceType":"Medication","id":"m"}],"meta":{"security":[{"code":"R"}]}`)),
		searchset("", observation("a", `,"\u0073ubject":{"reference":"Patient/bob"}`)),
		searchset("", searchset("", observation("a", ""))),
		`{"resourceType":"Bundle","entry":[{"search":{"mode":"match"},"response":{"status":"200"},"request":{"method":"GET"}}]}`,
		`{"resourceType":"Bundle","entry":[]}{}`, `{"entry":[1]}`, `[`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		resources, _, err := proxy.ReadBundle(bytes.NewReader(raw))
		if err == nil && !json.Valid(raw) {
			t.Fatalf("taken: %q", raw)
		}
		for _, r := range resources {
			if len(r) == 0 {
				continue
			}
			subjects, known, labelled, err := proxy.Look(r)
			if err != nil || !known {
				continue
			}
			if !json.Valid(labelled) {
				t.Fatalf("%q became %q", r, labelled)
			}
			again, known, _, err := proxy.Look(labelled)
			if err != nil || !known || !slices.Equal(again, subjects) {
				t.Fatalf("%q is of %q, and %q of %q: %v", r, subjects, labelled, again, err)
			}
		}
	})
}
