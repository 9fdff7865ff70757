package access

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/policies"
)

// Encode writes the sealed input of a use.
func Encode(q policies.Request, from []replica.InForce) []byte { return encodeInput(q, from) }

// Recode reads the sealed input of a use and writes it again.
func Recode(b []byte) ([]byte, error) {
	var in input
	if err := consent.Decode(b, &in); err != nil {
		return nil, err
	}
	return consent.Append(nil, in), nil
}
