package policies

import "context"

// DecideUnfiltered is Decide with all consents, relevant or not.
func (e *Engine) DecideUnfiltered(ctx context.Context, req Request, records []Record) (Decision, error) {
	return e.decide(ctx, e.ask(req, records, true), req, records)
}
