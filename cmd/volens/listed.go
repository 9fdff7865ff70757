package main

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// listed imports consents as a gateway lists them. The status is turned into FHIR's, as the gateway itself does when it
// decides: a decline was never in force.
func listed(raw []byte) (rs []policies.Record, ok bool, err error) {
	var many []json.RawMessage
	if trimmed := bytes.TrimSpace(raw); len(trimmed) == 0 || trimmed[0] != '[' {
		many = []json.RawMessage{raw}
	} else if json.Unmarshal(raw, &many) != nil || len(many) == 0 {
		return nil, false, nil //nolint:nilerr // not in this form
	}
	for _, one := range many {
		var shape struct{ Seq, Commitment, Consent json.RawMessage }
		if json.Unmarshal(one, &shape) != nil || shape.Seq == nil || shape.Commitment == nil || shape.Consent == nil {
			return nil, false, nil //nolint:nilerr // not in this form
		}
		r, err := listedOne(one)
		if err != nil {
			return nil, true, err
		}
		rs = append(rs, r)
	}
	return rs, true, nil
}

func listedOne(raw []byte) (policies.Record, error) {
	var k api.Consent
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&k); err != nil {
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
