package policies

import "github.com/volens-ledger/volens/policies/vectors"

// VectorSets are the kinds of public cases that this package answers: IHE PCF's decisions and tokens, combinations of
// consents, subsumptions of codes. Other packages bring theirs; vectors.Run runs them.
func VectorSets() []vectors.Set {
	return []vectors.Set{
		{Fits: fitsPCF, Run: runPCF},
		vectors.Lists(runCombining, "id", "now", "consents", "expected.denyOverrides"),
		vectors.Lists(runSubsumption, "granted", "requested", "subsumes"),
	}
}
