// Command bare is volens-chaincode with one function more, put, which writes a key and does nothing else: what benchmarks
// hold the contract against, on the same network. It is not for production.
package main

import (
	"fmt"
	"os"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/volens-ledger/volens/chaincode/ccaas"
)

func main() {
	if err := ccaas.Main(os.Args, func(c *ccaas.Contract) shim.Chaincode { return withPut{c} }); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

type withPut struct{ *ccaas.Contract }

// Invoke implements shim.Chaincode.
func (w withPut) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	if f, args := stub.GetFunctionAndParameters(); f == "put" && len(args) == 2 {
		if err := stub.PutState("bare/"+args[0], []byte(args[1])); err != nil {
			return shim.Error(err.Error())
		}
		return shim.Success(nil)
	}
	return w.Contract.Invoke(stub)
}
