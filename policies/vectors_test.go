package policies_test

import (
	"bytes"
	"testing"

	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/vectors"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := vectors.Run(t.Context(), "testdata", &out, policies.VectorSets()...)
	if err != nil || failed > 0 || passed < 1527 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
	t.Log(out.String())
}
