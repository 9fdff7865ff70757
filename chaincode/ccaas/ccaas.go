// Package ccaas hosts the contract on Hyperledger Fabric, as chaincode that runs outside the peer. It is consent.Verify
// and consent.Apply between Fabric's state and package wire, and nothing else: what is allowed is said in package
// consent.
//
// A transaction carries a batch of independent messages. They come as transient data, so the proposal holds nothing
// personal; what the contract keeps private goes to the collection of the subject's custodian, named by its member id;
// responses and events hold leaves, codes and what is public anyway. Every endorser verifies every signature itself.
package ccaas

import (
	"strings"
	"time"

	"github.com/hyperledger/fabric-chaincode-go/v2/shim"
	"github.com/hyperledger/fabric-protos-go-apiv2/peer"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
)

// MaxSkew is how far a proposal's time may be from the endorser's clock.
const MaxSkew = 60 * time.Second

// Config of a Contract. The zero value works.
type Config struct {
	// Ledger, when not zero, is the id of the only ledger whose genesis this organisation endorses.
	Ledger consent.Hash
	// Now is the clock that proposals are held against; nil is the machine's.
	Now func() time.Time
	// Trouble is told what kept a transaction from being answered; nil drops it. It holds nothing personal.
	Trouble func(function string, err error)
}

// Contract is the chaincode. It keeps nothing between transactions and is safe for concurrent use.
type Contract struct{ cfg Config }

var _ shim.Chaincode = (*Contract)(nil)

// New returns the chaincode.
func New(cfg Config) *Contract {
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the endorser's own clock, against which proposals are held
	}
	if cfg.Trouble == nil {
		cfg.Trouble = func(string, error) {}
	}
	return &Contract{cfg}
}

// Stub is the part of the shim's stub that the chaincode uses.
type Stub interface {
	GetFunctionAndParameters() (string, []string)
	GetTransient() (map[string][]byte, error)
	GetTxID() string
	GetTxTimestamp() (*timestamppb.Timestamp, error)
	GetMultipleStates(keys ...string) ([][]byte, error)
	GetMultiplePrivateData(collection string, keys ...string) ([][]byte, error)
	PutState(key string, value []byte) error
	PutPrivateData(collection, key string, value []byte) error
	PurgePrivateData(collection, key string) error
	SetEvent(name string, payload []byte) error
	StartWriteBatch()
	FinishWriteBatch() error
}

// Init implements shim.Chaincode. Fabric's own Init is not used: the ledger begins with an endorsed Init message.
func (c *Contract) Init(shim.ChaincodeStubInterface) *peer.Response { return shim.Success(nil) }

// Invoke implements shim.Chaincode.
func (c *Contract) Invoke(stub shim.ChaincodeStubInterface) *peer.Response { return c.Call(stub) }

// Call answers one transaction or query.
func (c *Contract) Call(stub Stub) *peer.Response {
	function, args := stub.GetFunctionAndParameters()
	answer, err := c.call(stub, function, args)
	if err != nil {
		c.cfg.Trouble(function, err)
		return shim.Error(string(consent.CodeOf(err)))
	}
	if r, ok := answer.(wire.Result); ok && refused(r) {
		return &peer.Response{Status: wire.Refused, Message: strings.Join(r.Codes, ",")}
	}
	return shim.Success(consent.Append(nil, answer))
}

func (c *Contract) call(stub Stub, function string, args []string) (any, error) {
	switch function {
	case wire.Submit:
		return c.submit(stub, true)
	case wire.Withdraw:
		return c.submit(stub, false)
	case wire.TakeOver:
		return c.takeOver(stub)
	case wire.State:
		return query(args, stub.GetMultipleStates)
	case wire.Genesis:
		return query([]string{consent.GenesisKey()}, stub.GetMultipleStates)
	case wire.Bodies:
		return bodies(stub, args)
	}
	return nil, consent.Errorf(consent.Malformed, "there is no such function")
}

func refused(r wire.Result) bool {
	for _, code := range r.Codes {
		if code == "" {
			return false
		}
	}
	return true
}

func query(keys []string, get func(...string) ([][]byte, error)) (wire.Values, error) {
	if len(keys) == 0 || len(keys) > wire.MaxKeys {
		return wire.Values{}, consent.Errorf(consent.Malformed, "a query has 1 to %d keys", wire.MaxKeys)
	}
	values, err := get(keys...)
	if err != nil {
		return wire.Values{}, consent.Errorf(consent.Unavailable, "read: %w", err)
	}
	v := wire.Values{Values: make([]string, len(values))}
	for i, b := range values {
		v.Values[i] = string(b)
	}
	return v, nil
}
