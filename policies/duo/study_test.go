package duo_test

import (
	"strings"
	"testing"

	"github.com/volens-ledger/volens/policies/duo"
)

func read(t *testing.T, names string) duo.Terms {
	t.Helper()
	var curies []string
	for _, name := range strings.Fields(names) {
		curie, known := duo.Curie(name)
		if !known {
			t.Fatalf("%s is not known", name)
		}
		curies = append(curies, curie)
	}
	terms, unclear := duo.Read(curies)
	if unclear {
		t.Fatalf("%s is unclear", names)
	}
	return terms
}

func TestFits(t *testing.T) {
	for _, c := range []struct {
		data, study string
		want        duo.Verdict
	}{
		{"GRU", "HMB", duo.Approve},
		{"NRES", "DS MONDO:1", duo.Approve},
		{"HMB", "GRU", duo.Deny},
		{"HMB", "DS MONDO:1", duo.Approve},
		{"DS MONDO:1", "DS MONDO:1", duo.Approve},
		{"DS MONDO:1", "DS MONDO:2", duo.Deny},
		{"DS MONDO:0", "DS MONDO:2", duo.Approve}, // 0 is above 2
		{"DS MONDO:1", "DS MONDO:1 MONDO:2", duo.Deny},
		{"DS MONDO:1", "HMB", duo.Deny},
		{"DS MONDO:1", "GRU", duo.Deny},
		{"POA", "POA", duo.Approve},
		{"POA", "GRU", duo.Deny},
		{"GRU NPU", "GRU", duo.Deny},
		{"GRU NPU", "GRU NPU", duo.Approve},
		{"GRU NPU", "GRU NPUNCU", duo.Approve},
		{"GRU NPUNCU", "GRU NPU", duo.Deny},
		{"GRU NPUNCU", "GRU NPU NCU", duo.Approve},
		{"GRU IRB TS", "GRU IRB", duo.Deny},
		{"GRU IRB", "GRU IRB PUB", duo.Approve},
		{"IRB", "GRU IRB", duo.Abstain}, // nothing says what for
		{"GRU", "IRB", duo.Abstain},
	} {
		if got := duo.Fits(read(t, c.study), read(t, c.data), duo.Ancestors{"MONDO:2": {"MONDO:0"}}); got != c.want {
			t.Errorf("%s for %s: %s, not %s", c.data, c.study, got, c.want)
		}
	}
	for _, unclear := range [][]string{{"DUO:0000007"}, {"MONDO:1"}, {"DUO:0000014"}, {"DUO:0000001"}, {"DUO:0000031"}} {
		if _, is := duo.Read(unclear); !is {
			t.Errorf("%v is clear", unclear)
		}
	}
}

func TestCurie(t *testing.T) {
	for name, want := range map[string]string{
		"GRU": "DUO:0000042", "http://purl.obolibrary.org/obo/DUO_0000042": "DUO:0000042", "MONDO:0005148": "MONDO:0005148",
		"http://purl.obolibrary.org/obo/DOID_1240": "DOID:1240", "DUO:00000044": "DUO:0000044",
	} {
		got, known := duo.Curie(name)
		if back, _ := duo.Curie(duo.IRI(got)); !known || got != want || back != want {
			t.Errorf("%s is %s (%v), and back %s", name, got, known, back)
		}
	}
	for _, name := range []string{"", "cancer", "DUO:9999999", "a:b:c", "MONDO:", "http://example.org/MONDO_1", "MONDO:1|2"} {
		if got, known := duo.Curie(name); known {
			t.Errorf("%q is known as %s", name, got)
		}
	}
}
