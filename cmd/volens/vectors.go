package main

import (
	"slices"

	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/duo"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/passport"
	"github.com/volens-ledger/volens/policies/scope"
	"github.com/volens-ledger/volens/policies/vectors"
)

// vectorSets are all kinds of public cases that this program answers.
func vectorSets() []vectors.Set {
	return slices.Concat(
		policies.VectorSets(), scope.VectorSets(), label.VectorSets(), minimise.VectorSets(), duo.VectorSets(), passport.VectorSets(),
		fhir.VectorSets(), auditevent.VectorSets(),
	)
}
