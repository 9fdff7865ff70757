// Command volens-chaincode is the contract as a Fabric external chaincode service: a server that the organisation's own
// peer connects to. Called as detect, build or release it is the peer's external builder for it.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/volens-ledger/volens/chaincode/ccaas"
)

func main() {
	if err := run(os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "volens-chaincode:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if step := filepath.Base(args[0]); ccaas.IsBuilderStep(step) {
		return ccaas.BuilderStep(step, args[1:])
	}
	id, service, cfg, err := ccaas.Flags(args[1:])
	if err != nil {
		return err
	}
	return service.Serve(id, ccaas.New(cfg))
}
