package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
)

// anchor serves whoever holds a checkpoint of the use log: the newest anchor on the ledger, proved to be of the same log.
func (g *Gateway) anchor(c *gin.Context) {
	var q api.AnchorQuery
	if !decode(c, &q) {
		return
	}
	g.anchorOf(c, q)
}

// anchorNow anchors on a custodian's demand.
func (g *Gateway) anchorNow(c *gin.Context) {
	if !g.custodian(c) {
		return
	}
	if g.cfg.Anchor == nil {
		problem(c, consent.Unavailable, "this gateway signs no anchors")
		return
	}
	size := consent.Uint64(g.cfg.Uses.Count()) //nolint:gosec // not negative
	if err := g.cfg.Anchor(c.Request.Context()); err != nil {
		refuse(c, err)
		return
	}
	g.anchorOf(c, api.AnchorQuery{Size: size})
}

func (g *Gateway) anchorOf(c *gin.Context, q api.AnchorQuery) {
	a, err := g.anchored(c, q.Size)
	if err == nil && a.Receipt != nil && q.Ledger > 0 {
		a.LedgerConsistency, err = g.sameLedger(*a.Receipt, q.Ledger)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, a)
}

// anchored finds the newest anchor and proves it against the log of size uses. A log that is shorter than its anchor has lost
// uses: the receipt goes out without a proof, and the reader finds out.
func (g *Gateway) anchored(c *gin.Context, size consent.Uint64) (api.Anchor, error) {
	out := api.Anchor{Consistency: []consent.Hash{}}
	if size > consent.Uint64(g.cfg.Uses.Count()) { //nolint:gosec // not negative
		return out, consent.Errorf(consent.Conflict, "the use log is shorter")
	}
	commitment, err := g.cfg.Replica.Anchor(g.cfg.Info.Custodian)
	if consent.CodeOf(err) == consent.NotFound {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	r, err := g.cfg.Ledger.Lookup(c.Request.Context(), commitment)
	if err != nil {
		return out, err
	}
	out.Receipt = &r
	leaf, err := consent.ParseLeaf(r.Leaf)
	if err != nil {
		return out, consent.Errorf(consent.Internal, "read the anchor: %w", err)
	}
	var at consent.Anchored
	if len(leaf.Writes) != 1 || consent.Decode(leaf.Writes[0].Value, &at) != nil {
		return out, consent.Errorf(consent.Internal, "read the anchor")
	}
	least, most := min(size, at.Size), max(size, at.Size)
	if least == 0 || most > consent.Uint64(g.cfg.Uses.Count()) { //nolint:gosec // not negative
		return out, nil
	}
	p, err := g.cfg.Uses.Journal().ProveTree(int64(most), int64(least)) //nolint:gosec // at most Count
	if err != nil {
		return out, consent.Errorf(consent.Internal, "prove the use log: %w", err)
	}
	for _, h := range p {
		out.Consistency = append(out.Consistency, consent.Hash(h))
	}
	return out, nil
}

// sameLedger proves that the ledger that a receipt is of and the one of seen records are one.
func (g *Gateway) sameLedger(r network.Receipt, seen consent.Uint64) ([]consent.Hash, error) {
	l := g.cfg.LedgerLog
	if l == nil {
		return nil, consent.Errorf(consent.NotFound, "this ledger has no checkpoints")
	}
	lines := strings.SplitN(string(r.Checkpoint), "\n", 3)
	if len(lines) < 3 {
		return nil, consent.Errorf(consent.Internal, "read the ledger's checkpoint")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 1 {
		return nil, consent.Errorf(consent.Internal, "read the ledger's checkpoint")
	}
	if seen > consent.Uint64(max(size, l.Durable().Size)) { //nolint:gosec // not negative
		return nil, consent.Errorf(consent.Conflict, "the ledger has fewer records")
	}
	p, err := l.ProveTree(max(size, int64(seen)), min(size, int64(seen))) //nolint:gosec // at most its size
	if err != nil {
		return nil, consent.Errorf(consent.Internal, "prove the ledger: %w", err)
	}
	out := make([]consent.Hash, len(p))
	for i, h := range p {
		out[i] = consent.Hash(h)
	}
	return out, nil
}
