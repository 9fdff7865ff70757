// Package network is where the contract runs. A Ledger takes verified messages, puts them in one order, applies the
// contract to them and tells followers what happened. There are two: network/embedded, a single process on local files,
// and network/fabric, a client of a Hyperledger Fabric network. Both keep the same leaves and pass the same suite
// (network/networktest), so nothing above this package can tell which one it stands on.
package network

import (
	"context"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Position is a place in the ledger's order: the number of leaves up to and including that one. The empty ledger is at 0,
// the genesis at 1.
type Position uint64

// Receipt says that a message is on the ledger, durably. With the leaf, the proof and the checkpoint anybody who has the
// log's key can check it offline.
type Receipt struct {
	Position   Position       `json:"position"`
	Commitment consent.Hash   `json:"commitment"`
	Time       consent.Millis `json:"time"` // whole minutes
	Leaf       []byte         `json:"leaf"`
	Proof      []consent.Hash `json:"proof"`      // RFC 6962 inclusion proof of the leaf in the checkpoint's tree
	Checkpoint []byte         `json:"checkpoint"` // C2SP signed note; on Fabric by the gateway, over its copy of the channel
}

// Event is what followers get for each leaf, in order, after it is durable and applied.
type Event struct {
	Position Position
	Leaf     consent.Leaf
	Event    consent.Event
	// Message is the message itself with signatures and openings, nil when it was erased since, or when another organisation
	// keeps it.
	Message *consent.Message
	// Late says that the message is kept here and has not arrived: Message is nil, and will not be when the position is read
	// again later. Until then nothing can be said of the subject.
	Late bool
}

// Ledger is an ordered, durable host of the contract. Implementations are safe for concurrent use.
type Ledger interface {
	// ID is the ledger's id, the salt of its EIP-712 domain.
	ID() consent.Hash
	// Submit puts a message on the ledger. It returns when the message is durable and visible to Get, or a
	// *consent.Error: code Unknown means that the message may have landed and that Lookup will tell. Submitting an
	// accepted message again returns its receipt.
	Submit(ctx context.Context, v consent.Verified) (Receipt, error)
	// Lookup returns the receipt of an accepted message by its commitment, NotFound when there is none.
	Lookup(ctx context.Context, commitment consent.Hash) (Receipt, error)
	// Get returns the applied public value of key, nil when there is none.
	Get(key string) ([]byte, error)
	// Position is the newest durable and applied position.
	Position() Position
	// Follow calls fn for every leaf from position from+1 on, in order, never skipping and never repeating, until ctx ends
	// or fn returns an error, which Follow returns.
	Follow(ctx context.Context, from Position, fn func(Event) error) error
	// Close stops the ledger; what was acknowledged is on disk.
	Close() error
}

// Freshness is a Ledger that others write to as well. Behind is an upper bound of the age of what it shows: everything
// that was on the ledger that long ago is applied here.
type Freshness interface {
	Behind() time.Duration
}
