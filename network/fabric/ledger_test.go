package fabric_test

import (
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/networktest"
)

func TestNetwork(t *testing.T) {
	networktest.Run(t, func(t *testing.T, genesis consent.Message) networktest.Host {
		return fakeGate(t, newFakeNet(), genesis, hospital).start(t)
	})
}
