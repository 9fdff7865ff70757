// Command volens-chaincode is the contract as a Fabric external chaincode service: a server that the organisation's own
// peer connects to. Called as detect, build or release it is the peer's external builder for it.
package main

import (
	"fmt"
	"os"

	"github.com/volens-ledger/volens/chaincode/ccaas"
)

func main() {
	if err := ccaas.Main(os.Args, nil); err != nil {
		fmt.Fprintln(os.Stderr, "volens-chaincode:", err)
		os.Exit(1)
	}
}
