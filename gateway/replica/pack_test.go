package replica_test

import (
	"bytes"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/replica"
)

func FuzzPack(f *testing.F) {
	f.Add([]byte(nil))
	f.Add([]byte("Organization/city-hospital"))
	f.Fuzz(func(t *testing.T, row []byte) {
		if got, err := replica.Unpack(replica.Pack(row)); err != nil || !bytes.Equal(got, row) {
			t.Fatalf("%x comes back as %x: %v", row, got, err)
		}
		if got, err := replica.Unpack(row); len(got) > 2*consent.MaxMessage {
			t.Fatalf("%d bytes out of %d: %v", len(got), len(row), err)
		}
	})
}
