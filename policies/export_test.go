package policies

import (
	"context"

	"github.com/open-policy-agent/opa/v1/rego"
)

// DecideUnfiltered is Decide with all consents, relevant or not.
func (e *Engine) DecideUnfiltered(ctx context.Context, req Request, records []Record) (Decision, error) {
	return e.decide(ctx, e.ask(req, records, Rest{}, true), req, records)
}

// Bare returns what OPA's own prepared query does with the input of a request.
func (e *Engine) Bare(req Request, records []Record) func(context.Context) error {
	input := e.input(e.ask(req, records, Rest{}, false))
	return func(ctx context.Context) error {
		_, err := e.query.Eval(ctx, rego.EvalParsedInput(input))
		return err
	}
}

// AskWhole makes an engine ask about consents as they are, with nothing left out that a request cannot meet.
func (e *Engine) AskWhole() { e.whole = true }
