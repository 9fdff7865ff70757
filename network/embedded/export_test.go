package embedded

import (
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Index rows, for tests.
var (
	StateKey  = stateKey
	PublicKey = publicKey
)

// Apply applies leaves that each write a value of so many bytes, in one batch, and returns what is read back of the last.
func (l *Ledger) Apply(leaves, size int) ([]byte, error) {
	at := l.Position()
	batch := make([]applied, leaves)
	for i := range batch {
		batch[i] = applied{at: at, leaf: consent.Leaf{Writes: []consent.Write{{Key: consent.MemberKey(consent.MemberID(fmt.Sprint("m", i))), Value: make([]byte, size)}}}}
	}
	if err := l.apply(batch, nil); err != nil {
		return nil, err
	}
	return l.read(stateKey(consent.MemberKey(consent.MemberID(fmt.Sprint("m", leaves-1)))))
}
