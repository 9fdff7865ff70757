package label_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/label"
)

// TestInsert wants codings to be put in, and every other byte to stay.
func TestInsert(t *testing.T) {
	r := consent.Coding{System: "s", Code: "R"}
	for _, c := range []struct{ raw, want string }{
		{`{}`, `{"meta":{"security":[{"system":"s","code":"R"}]}}`},
		{` { "id" : "a" } `, ` {"meta":{"security":[{"system":"s","code":"R"}]}, "id" : "a" } `},
		{`{"id":"a","meta":{}}`, `{"id":"a","meta":{"security":[{"system":"s","code":"R"}]}}`},
		{`{"meta":{"tag":[1,{"x":"]"}]},"z":"é\u00e9<"}`, `{"meta":{"security":[{"system":"s","code":"R"}],"tag":[1,{"x":"]"}]},"z":"é\u00e9<"}`},
		{`{"meta":{"security": [ ]}}`, `{"meta":{"security": [{"system":"s","code":"R"} ]}}`},
		{`{"me\u0074a":{"security":[{"code":"N"}]}}`, `{"me\u0074a":{"security":[{"system":"s","code":"R"},{"code":"N"}]}}`},
		{`{"contained":[{"meta":{"security":[]}}]}`, `{"meta":{"security":[{"system":"s","code":"R"}]},"contained":[{"meta":{"security":[]}}]}`},
	} {
		got, err := label.Insert([]byte(c.raw), "security", r)
		if err != nil || !json.Valid(got) {
			t.Errorf("%s: %v", c.raw, err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s: %s", c.raw, diff)
		}
	}
	for _, raw := range []string{`[]`, `1`, `{"meta":1}`, `{"meta":{"security":{}}}`, `{"meta":[]}`} {
		if got, err := label.Insert([]byte(raw), "security", r); err == nil {
			t.Errorf("%s: %s", raw, got)
		}
	}
	if got, err := label.Insert([]byte(`{"meta":1}`), "security"); err != nil || string(got) != `{"meta":1}` {
		t.Errorf("nothing to insert: %s %v", got, err)
	}
}

// FuzzInsert wants what was valid to stay valid, and to bear the label.
func FuzzInsert(f *testing.F) {
	for _, seed := range []string{`{}`, `{"meta":{"security":[{"code":"N"}],"tag":[]}}`, ` { "a" : [ {} , "\"" ] , "meta" : { } } `, `{"meta":null}`} {
		f.Add([]byte(seed))
	}
	l := label.New(label.Table{})
	r := consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "R"}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !json.Valid(raw) {
			return
		}
		got, err := label.Insert(raw, "security", r)
		if err != nil {
			return
		}
		if !json.Valid(got) || len(got) <= len(raw) {
			t.Fatalf("%s", got)
		}
		labels, err := l.Read(got)
		if err != nil || len(labels) == 0 {
			t.Errorf("%v %v", labels, err)
		}
	})
}
