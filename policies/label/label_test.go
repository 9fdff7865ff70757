package label_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, label.VectorSets()...)
	if err != nil || failed > 0 || passed < 47 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

// TestLEAP runs cases that may not be copied, where they are.
func TestLEAP(t *testing.T) {
	dir := "../../../shared/vectors/leap-cds-gpl3"
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the GPL cases are not beside this checkout")
	}
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), dir, &out, label.VectorSets()...)
	if err != nil || failed > 0 || passed < 4 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

func act(code string) consent.Coding {
	return consent.Coding{System: policies.SystemActCode, Code: code}
}

func mark(code string) consent.Coding {
	return consent.Coding{System: policies.SystemConfidentiality, Code: code}
}

func TestDefault(t *testing.T) {
	l, err := label.Default()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		resource string
		want     []consent.Coding
	}{
		"a code": {`{"code": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "594"}]}}`, []consent.Coding{act("SUD"), mark("R")}},
		"in what it contains": {
			`{"contained": [{"code": {"concept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "594"}]}}}]}`,
			[]consent.Coding{act("SUD"), mark("R")},
		},
		"carried by what it contains": {
			`{"contained": [{"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "HIV"}]}}]}`,
			[]consent.Coding{act("HIV"), mark("R")},
		},
		"carried": {
			`{"meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "V"}]}}`,
			[]consent.Coding{mark("V")},
		},
		"nothing":           {`{"code": {"coding": [{"system": "http://loinc.org", "code": "8867-4"}]}}`, nil},
		"an escaped name":   {`{"a": {"syst\u0065m": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "594"}}`, []consent.Coding{act("SUD"), mark("R")}},
		"a code by itself":  {`{"code": "594"}`, nil},
		"odd but survives":  {`{"meta": {"security": "R"}, "contained": {"meta": 1}}`, nil},
		"odd lists survive": {`{"meta": {"security": [1, null, {"code": 1}]}, "contained": [1]}`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := l.Read([]byte(c.resource))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOtherwise(t *testing.T) {
	l := label.New(label.Table{Otherwise: []consent.Coding{mark("N")}})
	got, err := l.Read([]byte(" {} "))
	if diff := cmp.Diff([]consent.Coding{mark("N")}, got); diff != "" || err != nil {
		t.Error(diff, err)
	}
	for _, text := range []string{"", "[]", "1", `{"a":`, `{"a" 1}`} {
		if _, err := l.Read([]byte(text)); err == nil {
			t.Errorf("%q is accepted", text)
		}
	}
}

func TestParseTableRefuses(t *testing.T) {
	for _, text := range []string{
		`[`, `{"rules": [{"id": "a"}]}`, `{"rules": [{"labels": [{"code": "X"}], "codeSets": [{"codes": ["x"]}]}]}`,
		`{"rules": [{"labels": [{"code": "X"}], "codeSets": [{"codes": [{"code": "x"}]}]}]}`,
	} {
		if _, err := label.ParseTable([]byte(text)); err == nil {
			t.Errorf("%s is accepted", text)
		}
	}
}

func TestAnnotate(t *testing.T) {
	root := map[string]json.RawMessage{"meta": json.RawMessage(`{"security":[{"system":"s","code":"c","display":"d"}],"versionId":"1"}`)}
	if err := label.Annotate(root, "security", consent.Coding{System: "s", Code: "c"}, consent.Coding{Code: "x"}); err != nil {
		t.Fatal(err)
	}
	want := `{"security":[{"system":"s","code":"c","display":"d"},{"code":"x"}],"versionId":"1"}`
	if diff := cmp.Diff(want, string(root["meta"])); diff != "" {
		t.Error(diff)
	}
	for _, meta := range []string{`1`, `null`, `{"security": 1}`} {
		if label.Annotate(map[string]json.RawMessage{"meta": json.RawMessage(meta)}, "security", act("X")) == nil {
			t.Errorf("%s is accepted", meta)
		}
	}
}

func FuzzParseTable(f *testing.F) {
	f.Add([]byte(`{"rules": [{"labels": [{"code": "X"}], "codeSets": [{"codes": ["$A#x"]}]}], "codeAliases": {"s": "$A"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if table, err := label.ParseTable(raw); err == nil {
			if _, err := label.New(table).Read([]byte(`{"a": [{"system": "s", "code": "x"}]}`)); err != nil {
				t.Error(err)
			}
		}
	})
}

// FuzzRead compares the scanner with what encoding/json makes of the same text.
func FuzzRead(f *testing.F) {
	l := label.New(label.Table{SensitivityRules: []label.Rule{{
		Labels: []consent.Coding{act("X")}, Codes: []label.Code{{System: "s", Code: "x", Confidence: 1}},
	}}})
	f.Add([]byte(`{"a": [1, true, null, -1.5e3, "\"", {"system": "s", "code": "x"}], "meta": {"security": []}}`))
	f.Add([]byte(`{"a":{"syst\u0065m":"s","code":"\u0078"}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := l.Read(raw)
		var root map[string]any
		if jsonErr := json.Unmarshal(raw, &root); (jsonErr == nil && root != nil) != (err == nil) {
			t.Fatalf("%v, encoding/json: %v", err, jsonErr)
		}
		if err == nil && holds(root) && !slices.Contains(got, act("X")) {
			t.Errorf("the code is not found in %s", raw)
		}
	})
}

func holds(v any) bool {
	switch v := v.(type) {
	case []any:
		return slices.ContainsFunc(v, holds)
	case map[string]any:
		return v["system"] == "s" && v["code"] == "x" || slices.ContainsFunc(slices.Collect(maps.Values(v)), holds)
	}
	return false
}

// cpu is what this process has used so far, in nanoseconds: on a shared machine it says more than the clock does.
func cpu() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// BenchmarkLabel reads HL7's example resources from JSON and labels them, on all processors.
func BenchmarkLabel(b *testing.B) {
	l, err := label.Default()
	if err != nil {
		b.Fatal(err)
	}
	files, err := filepath.Glob("../../cmd/volens/demodata/*.json")
	if err != nil || len(files) == 0 {
		b.Fatal("there are no examples", err)
	}
	var texts [][]byte
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			b.Fatal(err)
		}
		texts = append(texts, raw)
	}
	b.ReportAllocs()
	began := cpu()
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			for i := w; i < b.N; i += workers {
				if _, err := l.Read(texts[i%len(texts)]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	group.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "resources/s")
	b.ReportMetric(float64(cpu()-began)/float64(b.N), "cpu-ns/op")
}
