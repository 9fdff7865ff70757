package gateway

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
)

// requester is the principal as one who asks for access.
func requester(c *gin.Context, channel string) access.Requester {
	p := principal(c)
	roles := make([]string, 0, 3)
	for _, r := range p.Roles() {
		roles = append(roles, string(r))
	}
	return access.Requester{Member: p.Member, Roles: roles, Channel: channel, Client: remote(c), Shown: p.Shown()}
}

// cut closes the connection of a request whose answer must not be sent any more.
func cut(c *gin.Context) func() {
	rc := http.NewResponseController(c.Writer)
	return func() { _ = rc.SetWriteDeadline(time.Unix(1, 0)) } //nolint:errcheck // a connection without deadlines has been answered already
}

func (g *Gateway) decide(c *gin.Context) {
	var req api.AccessRequest
	if !decode(c, &req) {
		return
	}
	a, err := g.access.Decide(c.Request.Context(), requester(c, "rest"), req, cut(c))
	if err != nil {
		refuse(c, err)
		return
	}
	defer a.Done()
	g.metrics.decided(a.Decision.Decision)
	switch {
	case a.CutOff():
		problem(c, consent.Unavailable, cutOff)
		return
	case g.broken(): // since the request came in
		problem(c, consent.Fenced, storageFailed)
		return
	}
	answerAccess(c, &a.Access)
	c.Writer.Flush()
}

// storageFailed is said when some storage of the node failed, whichever.
const storageFailed = "storage failed; nothing is acknowledged until the node was started again"

// cutOff is said instead of an answer that a revocation overtook.
const cutOff = "a revocation came first; ask again"

// release writes an answer, unless a revocation was acknowledged while it was made.
func (g *Gateway) release(c *gin.Context, v any, as ...*access.Answer) {
	for _, a := range as {
		if a.CutOff() {
			problem(c, consent.Unavailable, cutOff)
			return
		}
	}
	if len(as) > 0 && g.broken() {
		problem(c, consent.Fenced, storageFailed)
		return
	}
	answer(c, http.StatusOK, v)
	c.Writer.Flush()
}

func (g *Gateway) decideBatch(c *gin.Context) {
	var b api.Batch
	if !decode(c, &b) {
		return
	}
	as, err := g.batch(c, requester(c, "rest"), b.Requests)
	defer done(as)
	if err != nil {
		refuse(c, err)
		return
	}
	out := api.Answers{Answers: make([]api.Access, len(as))}
	for i, a := range as {
		g.metrics.decided(a.Decision.Decision)
		out.Answers[i] = a.Access
	}
	g.release(c, out, as...)
}

// batch decides several requests; their uses share the wait for the disk. A subject that does not exist is a denial in its
// place, so that one bad name does not spoil the others; a request that is not in form refuses the batch before anything is
// on record.
func (g *Gateway) batch(c *gin.Context, who access.Requester, reqs []api.AccessRequest) ([]*access.Answer, error) {
	if len(reqs) == 0 {
		return nil, consent.Errorf(consent.Malformed, "a batch has 1 to 100 requests")
	}
	for i, r := range reqs {
		if err := access.Check(r); err != nil {
			return nil, consent.Errorf(consent.CodeOf(err), "request %d: %w", i, err)
		}
	}
	ctx := c.Request.Context()
	pending := make([]*access.Pending, len(reqs))
	answers := make([]*access.Answer, len(reqs))
	var first error
	for i, r := range reqs {
		p, err := g.access.Begin(ctx, who, r, cut(c))
		switch {
		case consent.CodeOf(err) == consent.NotFound:
			answers[i] = access.NoSubject()
		case err != nil && first == nil:
			first = err
		}
		pending[i] = p
	}
	for i, p := range pending {
		if p == nil {
			continue
		}
		a, err := p.Wait(ctx)
		if err != nil && first == nil {
			first = err
		}
		answers[i] = a
	}
	return answers, first
}

func done(as []*access.Answer) {
	for _, a := range as {
		if a != nil {
			a.Done()
		}
	}
}
