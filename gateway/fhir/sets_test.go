package fhir_test

import (
	"bytes"
	"os"
	"testing"

	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	for dir, least := range map[string]int{"testdata/fhir-consent-r4": 24, "testdata/fhir-consent-r5": 24, "../../policies/testdata/ihe-pcf": 42} {
		var out bytes.Buffer
		passed, failed, err := vectors.Run(t.Context(), dir, &out, fhir.VectorSets()...)
		if err != nil || failed > 0 || passed < least {
			t.Errorf("%s: %d passed, %d failed, %v\n%s", dir, passed, failed, err, out.String())
		}
	}
}

// TestLEAP runs the cases of LEAP, which are GPL: they stay outside this tree and are read where they are.
func TestLEAP(t *testing.T) {
	dir := "../../../shared/vectors/leap-cds-gpl3"
	if _, err := os.Stat(dir); err != nil {
		t.Skipf("LEAP's cases (27 decisions, 3 enforcements) are not run: %v", err)
	}
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), dir, &out, fhir.VectorSets()...)
	if err != nil || failed > 0 || passed < 30 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
}
