package scope_test

import (
	"bytes"
	"testing"

	"github.com/volens-ledger/volens/policies/scope"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, scope.VectorSets()...)
	if err != nil || failed > 0 || passed < 46 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}

// TestParse has what the public cases leave open: rules A, C and D.
func TestParse(t *testing.T) {
	for text, valid := range map[string]bool{
		"openid": true, "launch/patient": true, "https://example.org/scope": true, "__x": true, "smart/orchestrate_launch": true,
		"": false, "a b": false, `a"`: false, "patient/": false, "patient/.rs": false, "patient/observation.rs": false,
		"patient/Observation.": false, "patient/Observation.rr": false, "patient/Observation.read?status=final": false,
		"patient/Observation.rs?=x": false, "patient/Observation.rs?status=": false, "patient/Observation.rs?status=%zz": false,
		"patient/Observation.rs?a=b&": false, "Observation.rs": false, "/Observation.rs": false, "user/*.s": true,
	} {
		if _, err := scope.Parse(text); (err == nil) != valid {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestAlternatives(t *testing.T) {
	set := scope.ParseSet("system/Observation.r?status=final,amended nonsense/x")
	final := func(p scope.Param) bool { return p == scope.Param{Name: "status", Value: "amended"} }
	if !set.Allows(scope.Read, "Observation", final) || set.Allows(scope.Read, "Observation", nil) || set.Allows("$everything", "Observation", final) {
		t.Error("rule C or B is not kept")
	}
	if !set.May(scope.Read, "Observation") || set.May(scope.SearchType, "Observation") {
		t.Error("May is not kept")
	}
}

func FuzzParse(f *testing.F) {
	f.Add("patient/Observation.rs?category=http://x|y&status=final")
	f.Add("system/*.*")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := scope.Parse(text)
		if err != nil {
			return
		}
		if !scope.Equivalent(scope.Set{s}, scope.Set{s}) {
			t.Errorf("%q is not equivalent to itself", text)
		}
		if s.Level == "" && (scope.Set{s}).May(scope.Read, "Patient") {
			t.Errorf("%q is of another kind and grants", text)
		}
	})
}
