package main

import (
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// listed reads a consent as a gateway lists it. The status is turned into FHIR's, as the gateway itself does when it
// decides: a decline was never in force.
func listed(raw []byte) (policies.Record, error) {
	var k api.Consent
	if err := strictJSON(raw, &k); err != nil {
		return policies.Record{}, err
	}
	r := policies.Record{
		ID: strconv.FormatUint(uint64(k.Seq), 10), Status: "inactive", Date: k.Date, Consent: k.Consent, Attested: !k.Signed,
	}
	if k.Status == consent.Live {
		r.Status = policies.Active
	}
	if k.Consent.MaxUses > 0 {
		left := k.Consent.MaxUses - min(k.Uses, k.Consent.MaxUses)
		r.UsesLeft = &left
	}
	return r, k.Consent.Check()
}
