package policies_test

import (
	"bytes"
	"testing"

	"github.com/volens-ledger/volens/policies"
)

func TestVectors(t *testing.T) {
	var out bytes.Buffer
	passed, failed, err := policies.RunVectors(t.Context(), "testdata", &out)
	if err != nil || failed > 0 || passed < 1527 {
		t.Errorf("%d passed, %d failed, %v\n%s", passed, failed, err, out.String())
	}
	t.Log(out.String())
}
