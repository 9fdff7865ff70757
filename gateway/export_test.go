package gateway

import (
	"context"
	"encoding/json"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
)

// Unmarshal is the strict decoder.
func Unmarshal(b []byte, v any) error { return unmarshal(b, v) }

// UnmarshalMessage is the decoder of messages.
func UnmarshalMessage(b []byte) (m consent.Message, err error) { return m, unmarshalMessage(b, &m) }

// Deeper reports whether JSON nests deeper than the limit of bodies.
func Deeper(b []byte) bool { return deeper(b, maxDepth) }

// Evaluations are the access requests of an AuthZEN body.
func Evaluations(b []byte) ([]api.AccessRequest, error) {
	var e evaluationsRequest
	if err := unmarshal(b, &e); err != nil {
		return nil, err
	}
	var out []api.AccessRequest
	for _, one := range e.Evaluations {
		r, err := one.request(e.evaluationRequest)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// FirstFree searches the first number that is not taken.
func FirstFree(taken func(consent.Uint64) (bool, error)) (consent.Uint64, error) {
	return firstFree(taken)
}

// CheckAsked checks a consent request of a member.
func CheckAsked(m consent.MemberID, text []byte) error {
	var r api.ConsentRequest
	if err := json.Unmarshal(text, &r); err != nil {
		return err
	}
	return checkAsked(m, r)
}

// Handle serves a route of a test's own, so that a handler can be made to fail.
func (g *Gateway) Handle(path string, fail func(write func(string))) {
	g.engine.GET(path, func(c *gin.Context) {
		fail(func(s string) { _, _ = c.Writer.WriteString(s); c.Writer.Flush() })
	})
}

// OnErase calls fn after each erasure, on the goroutine that follows the ledger.
func (g *Gateway) OnErase(fn func()) {
	g.cfg.Notices.onErase(func(consent.SubjectID) { fn() })
}

// Through makes the gateway submit through another ledger.
func (g *Gateway) Through(l network.Ledger) { g.cfg.Ledger = l }

// Break makes some storage of the node fail when broken says so.
func (g *Gateway) Break(broken func() error) { g.cfg.Fenced = broken }

// Settle finds out what became of messages whose outcome was not known, as Sweep does every second.
func (g *Gateway) Settle(ctx context.Context) { g.settle(ctx) }

// HandleCut serves an answer whose connection is cut first.
func (g *Gateway) HandleCut(path string) {
	g.engine.GET(path, func(c *gin.Context) {
		cut(c)()
		g.release(c, struct{}{})
	})
}

// AnswerJSON is an answer as it is written.
func AnswerJSON(a *api.Access) ([]byte, error) {
	var w writer
	w.access(a)
	return w.b, w.err
}

// ReceiptJSON is a receipt as it is written.
func ReceiptJSON(r *network.Receipt) []byte {
	var w writer
	w.receipt(r)
	return w.b
}
