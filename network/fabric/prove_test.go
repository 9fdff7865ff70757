package fabric_test

import (
	"errors"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// Every block of a real network verifies, from the first one on, and a ledger's leaves are among them.
func TestBlocksOfARealNetwork(t *testing.T) {
	n, chaincode := launchtest.Shared(t)
	p := profileOf(t, n, hospital, chaincode)
	_, genesis := consenttest.NewWorld(t.Name())
	realGate(t, p, genesis).start(t)
	ch := dialer(p)(t)
	defer func() {
		if err := ch.Close(); err != nil {
			t.Error(err)
		}
	}()
	found := errors.New("the genesis is there")
	blocks, transactions := 0, 0
	err := ch.Blocks(launchtest.Context(t), fabric.Start{}, func(b fabric.Block) error {
		blocks, transactions = blocks+1, transactions+len(b.Transactions)
		for _, tx := range b.Transactions {
			if tx.Code == fabric.Valid && tx.Event != nil {
				return found
			}
		}
		return nil
	})
	if !errors.Is(err, found) {
		t.Fatal(err)
	}
	t.Logf("%d blocks with %d transactions verify", blocks, transactions)
}
