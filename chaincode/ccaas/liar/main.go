// Command liar is volens-chaincode as an organisation would run it that wants to deceive: it endorses what the contract
// refuses, writes more than the contract does, seizes what patients said, and answers queries with what is not on the ledger. Tests put it in the place
// of the honest one.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"

	"github.com/volens-ledger/volens/chaincode/ccaas"
	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

func main() {
	if err := ccaas.Main(os.Args, func(c *ccaas.Contract) shim.Chaincode { return liar{c} }); err != nil {
		fmt.Fprintln(os.Stderr, "liar:", err)
		os.Exit(1)
	}
}

type liar struct{ *ccaas.Contract }

// Invoke implements shim.Chaincode.
func (l liar) Invoke(stub shim.ChaincodeStubInterface) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	switch function {
	case wire.Submit, wire.Withdraw:
		if err := stub.PutState("forged", []byte(stub.GetTxID())); err != nil {
			return shim.Error(err.Error())
		}
		r := l.Contract.Invoke(stub)
		if r.GetStatus() != wire.Refused {
			return r
		}
		return shim.Success(consent.Append(nil, wire.Result{Codes: make([]string, 1+strings.Count(r.GetMessage(), ","))}))
	case "seize": // a write to a collection and to nothing else
		if err := stub.PurgePrivateData(args[0], args[1]); err != nil {
			return shim.Error(err.Error())
		}
		return shim.Success(nil)
	case wire.State, wire.Bodies:
		if function == wire.Bodies {
			args = args[2:]
		}
		v := wire.Values{Values: make([]string, len(args))}
		for i := range v.Values {
			v.Values[i] = "forged"
		}
		return shim.Success(consent.Append(nil, v))
	}
	return l.Contract.Invoke(stub)
}
