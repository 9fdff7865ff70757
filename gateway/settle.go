package gateway

import (
	"context"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/replica"
)

// unsettled reports whether, after err, a message may be on the ledger all the same.
func unsettled(err error) bool {
	switch consent.CodeOf(err) { //nolint:exhaustive // after all others it is known
	case consent.Unknown, consent.Fenced, consent.Internal:
		return true
	}
	return false
}

// unsettledMessages are those whose outcome is not known yet. Their subjects are denied until it is.
type unsettledMessages struct {
	mu    sync.Mutex
	queue []unsettledMessage
}

type unsettledMessage struct {
	v     consent.Verified
	fence *replica.Fence
}

func (u *unsettledMessages) add(v consent.Verified, f *replica.Fence) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.queue = append(u.queue, unsettledMessage{v, f})
}

// settle asks for the outcomes again. A message that landed gives its receipt; one that did not is submitted now, which is
// what its signer asked for.
func (g *Gateway) settle(ctx context.Context) {
	g.unsettled.mu.Lock()
	queue := g.unsettled.queue
	g.unsettled.queue = nil
	g.unsettled.mu.Unlock()
	for _, m := range queue {
		attempt, cancel := context.WithTimeout(ctx, submitTimeout)
		if _, err := g.submitBehind(attempt, m.v, m.fence); unsettled(err) {
			g.unsettled.add(m.v, m.fence)
		}
		cancel()
	}
}
