package access

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// Encode writes the sealed input of a use.
func Encode(q policies.Request, from []replica.InForce, t minimise.Terms, c study.Claims) []byte {
	return encodeInput(q, from, terms{t, c})
}

// Recode reads the sealed input of a use and writes it again.
func Recode(b []byte) ([]byte, error) {
	in, err := decodeInput(b)
	if err != nil {
		return nil, err
	}
	if in.Version == inputVersion2 {
		return consent.Append(nil, in), nil
	}
	return consent.Append(nil, in.input), nil
}
