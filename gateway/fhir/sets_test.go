package fhir_test

import (
	"bytes"
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
