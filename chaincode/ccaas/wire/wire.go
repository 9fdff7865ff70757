// Package wire is what goes over the border between the chaincode and its clients: function names and the values that
// are arguments, responses and events. Every value travels in the contract's canonical encoding (consent.Append and
// consent.Decode). The package imports neither the chaincode shim nor the SDK: the two cannot live in one process.
package wire

import "github.com/volens-ledger/volens/chaincode/consent"

// The chaincode's functions.
const (
	// Submit takes a Batch as transient data and keeps the bodies of subjects' messages in the custodian's collection.
	Submit = "submit"
	// Withdraw is Submit for messages that take permission away (see Withdrawal). It writes no private value, so
	// organisations that may not hold the custodian's records can endorse it.
	Withdraw = "withdraw"
	// TakeOver takes a Chunk of a closed ledger as transient data. It answers Taken.
	TakeOver = "takeover"
	// State answers the public values of the keys in its arguments, as Values.
	State = "state"
	// Bodies answers messages that this peer's collection holds, as Values: the arguments are the custodian, the transaction
	// that the messages were in, and "handle/seq" of each, at most MaxLeaves.
	Bodies = "bodies"
	// Genesis answers the genesis record, as Values with one value.
	Genesis = "genesis"
)

const (
	// Transient is the key of the Batch in the proposal's transient data.
	Transient = "batch"
	// EventName is the name of the one event of a transaction; its payload is an Event.
	EventName = "volens"
	// MaxBatch is the largest number of messages in one transaction.
	MaxBatch = 256
	// MaxLeaves is the largest number of leaves in one Chunk.
	MaxLeaves = 1024
	// TakenKey is the key of Taken in the public state.
	TakenKey = "taken"
	// MaxKeys is the largest number of keys in one query.
	MaxKeys = 1000
)

// Batch is many messages, each by itself in consent.Message's canonical form. They are taken or refused one by one. No
// two may touch one key, and all that have private data are of one custodian: what does not fit with those before it is
// refused with consent.Unavailable and belongs in another transaction.
type Batch struct{ Messages []string }

// Result says for each message of a Batch, in order, why it was refused: a consent.Code, "" when it was accepted. A
// transaction that accepts nothing is refused as a whole with status Refused, and its text is the codes with commas.
type Result struct{ Codes []string }

// Refused is the status of a response when no message of the batch was accepted: there is nothing to order.
const Refused = 400

// Event is what one transaction says to those who follow the ledger.
type Event struct{ Parts []Part }

// Part is one accepted message, in the order of the Batch.
type Part struct {
	Leaf    string // consent.Leaf's bytes
	Kept    bool   // the message is in the custodian's collection
	Message string // the message, when it speaks of no subject; else ""
}

// Chunk is consecutive leaves of a closed ledger that goes on here, the first of all being its genesis. A chunk is taken
// whole or refused whole. Its private data is of one custodian.
type Chunk struct {
	Import  string // the authorities' message that names the whole; it is put on the ledger with the last leaf
	First   consent.Uint64
	Entries []Entry
	Proof   []consent.Hash // RFC 6962 consistency proof: of the tree that ends with the chunk, in the whole; none for the last chunk
}

// Entry is a leaf of the closed ledger with its message in consent.Message's canonical form, "" where an erasure took it.
type Entry struct{ Leaf, Message string }

// Taken is how far a closed ledger was taken over. Until Size is Of, nothing else is accepted.
type Taken struct {
	Import consent.Hash // commitment of the Import, which the first chunk named
	Size   consent.Uint64
	Of     consent.Uint64
	Peaks  []consent.Hash // roots of the complete subtrees that the leaves so far make, the largest first
}

// Values answers a query, in the order of its arguments; "" stands for what is not there.
type Values struct{ Values []string }

// Withdrawal reports whether a message may travel through Withdraw: a revocation of one consent or of all, or an erasure.
func Withdrawal(b consent.Body) bool {
	switch b.(type) {
	case *consent.ConsentRevoke, *consent.RevokeAll, *consent.Erase:
		return true
	}
	return false
}
