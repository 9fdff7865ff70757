package fabric

import (
	"context"
	"errors"
	"fmt"

	"github.com/volens-ledger/volens/network/fabric/blocks"
)

// Channel is what a ledger needs of a Fabric channel. Dial makes one from the SDK; tests make their own. It is safe for
// concurrent use.
type Channel interface {
	// Endorse asks the named organisations' peers to run a call and returns when all have given the same result. An answer
	// that is an error is an *AnswerError; different results are ErrMismatch.
	Endorse(ctx context.Context, c Call, organizations []string) (Endorsed, error)
	// Order hands an endorsed transaction to an orderer. After an error it may have arrived all the same, and without one it
	// may have been lost. It may be called again with the same transaction, which counts once, and then begins with another
	// orderer.
	Order(ctx context.Context, e Endorsed) error
	// Query asks the own organisation's peer alone.
	Query(ctx context.Context, c Call) ([]byte, error)
	// Outcome is the validation code of a transaction that is in a block of the own peer, "" when it is in none.
	Outcome(ctx context.Context, tx string) (string, error)
	// Blocks calls fn for the own peer's blocks from there on, in order and as they come, until ctx ends, the connection
	// breaks, or fn returns an error, which Blocks returns. A block that does not verify is an error that is for good.
	Blocks(ctx context.Context, from Start, fn func(Block) error) error
	// Said calls fn with what another organisation's peer says of the blocks from this number on (see blocks.Said), like
	// Blocks does.
	Said(ctx context.Context, organization string, from uint64, fn func(number uint64, said [32]byte) error) error
	// Close frees what the channel holds.
	Close() error
}

// Call names a function of the chaincode and its input. Batch is transient: it reaches endorsers and no block.
type Call struct {
	Function string
	Args     []string
	Batch    []byte
}

// Endorsed is a transaction that can be ordered.
type Endorsed struct {
	Tx      string
	Payload []byte
	sealed  any
}

// Endorse makes an Endorsed for channels of other packages; Sealed gives back what it holds for Order.
func Endorse(tx string, payload []byte, sealed any) Endorsed { return Endorsed{tx, payload, sealed} }

// Sealed is what Endorse was given for Order.
func (e Endorsed) Sealed() any { return e.sealed }

// Block is a block of the channel that was verified.
type Block = blocks.Block

// Transaction is one transaction of a block.
type Transaction = blocks.Transaction

// Start says from where on blocks are wanted: the next one, and the configuration that it is judged by, which is the
// Config of the block before it and zero at the beginning.
type Start struct {
	Next   uint64
	Config blocks.Ref
}

// Validation codes, by Fabric's names.
const (
	Valid        = blocks.Valid
	readConflict = "MVCC_READ_CONFLICT"
	phantomRead  = "PHANTOM_READ_CONFLICT"
)

// ErrMismatch says that endorsers ran one call and gave different results: one of them is behind, or lies.
var ErrMismatch = errors.New("the endorsers' results differ")

// AnswerError is a peer's answer that is no endorsement.
type AnswerError struct {
	Peer    string
	Status  int32
	Message string
}

// Error implements error.
func (e *AnswerError) Error() string {
	return fmt.Sprintf("%s answers %d %s", e.Peer, e.Status, e.Message)
}

// Stage is how far a message got.
type Stage string

// The stages. A message that failed before Submitting is not on the ledger and will not be.
const (
	Waiting    Stage = "wait"
	Endorsing  Stage = "endorse"
	Submitting Stage = "submit"
	Committing Stage = "commit"
)

// StageError says where a message failed and in which transaction, "" when there was none yet. It is wrapped in a
// consent.Error.
type StageError struct {
	Stage Stage
	Tx    string
	Err   error
}

// Error implements error.
func (e *StageError) Error() string {
	if e.Tx == "" {
		return fmt.Sprintf("%s: %v", e.Stage, e.Err)
	}
	return fmt.Sprintf("%s transaction %s: %v", e.Stage, e.Tx, e.Err)
}

// Unwrap returns the cause.
func (e *StageError) Unwrap() error { return e.Err }
