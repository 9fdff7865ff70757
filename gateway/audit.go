package gateway

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/policies"
)

// auditUses lists uses for an auditor. That somebody looked is itself put on record, once for each subject on the page,
// before the page is sent.
func (g *Gateway) auditUses(c *gin.Context) {
	var f api.AuditFilter
	if !decode(c, &f) {
		return
	}
	by := principal(c).Member
	page, err := g.cfg.Uses.List(c.Request.Context(), by, uses.Filter{
		From: f.From, Until: f.Until, Requester: f.Requester, Purpose: f.Purpose, Decision: f.Decision, Kind: f.Kind, Emergency: f.Emergency,
	}, f.Before, f.Limit)
	if err != nil {
		refuse(c, err)
		return
	}
	if err := g.recordLooks(c, by, page.Rows); err != nil {
		refuse(c, err)
		return
	}
	out := api.AuditUses{Rows: make([]api.AuditUse, len(page.Rows)), Next: page.Next, Size: page.Size}
	for i, r := range page.Rows {
		out.Rows[i] = api.AuditUse(r)
	}
	answer(c, http.StatusOK, out)
}

// recordLooks puts a look at each subject in the rows on record; the looks share the wait for the disk. The rows of a
// subject that was erased meanwhile are cut down to what is left of them.
func (g *Gateway) recordLooks(c *gin.Context, by consent.MemberID, rows []uses.Row) error {
	looks := map[consent.Hash]*uses.Pending{}
	for i := range rows {
		r := &rows[i]
		look, seen := looks[r.Subject]
		if !r.Erased && !seen {
			u, _, err := g.cfg.Uses.Open(r.Index)
			if err == nil {
				look, err = g.beginRead(c, u.Handle, proof.Use{
					Kind: proof.Read, Requester: by, Sentence: say("auditor-looked", "An auditor looked at the log of uses."),
				})
			}
			if err != nil && consent.CodeOf(err) != consent.Erased {
				return err
			}
			looks[r.Subject] = look
		}
		if look == nil && !r.Erased {
			*r = uses.Row{Index: r.Index, Time: r.Time / 60_000 * 60_000, Subject: r.Subject, Erased: true, UseSeq: r.UseSeq}
		}
	}
	for _, look := range looks {
		if look == nil {
			continue
		}
		if _, err := look.Wait(c.Request.Context()); err != nil {
			return err
		}
	}
	return nil
}

// replay makes a past decision again, after putting on record that its input was opened.
func (g *Gateway) replay(c *gin.Context) {
	var q api.ReplayRequest
	if !decode(c, &q) {
		return
	}
	u, input, err := g.cfg.Uses.Open(q.Index)
	if err == nil && u.Kind != proof.Decision {
		err = consent.Errorf(consent.Malformed, "use %d is no decision: there is nothing to make again", q.Index)
	}
	if err == nil {
		err = g.recordRead(c, u.Handle, proof.Use{
			Kind: proof.Replay, Requester: principal(c).Member,
			Sentence: say("replayed", strings.TrimSpace("An auditor made a past decision again. "+q.Why)),
		})
	}
	var engine *policies.Engine
	if err == nil {
		engine, err = g.cfg.Archive(u)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	d, detail, err := g.access.Replay(c.Request.Context(), u, input, engine)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Replay{Index: q.Index, Was: u.Decision, Again: d, Same: detail == "", Detail: detail})
}

// log returns the journal that a tile route names.
func (g *Gateway) log(c *gin.Context) (*journal.Log, bool) {
	switch c.Param("log") {
	case "uses":
		return g.cfg.Uses.Journal(), true
	case "ledger":
		if g.cfg.LedgerLog != nil {
			return g.cfg.LedgerLog, true
		}
	}
	problem(c, consent.NotFound, "there are the logs ledger and uses")
	return nil, false
}

func (g *Gateway) checkpoint(c *gin.Context) {
	if l, ok := g.log(c); ok {
		c.Data(http.StatusOK, "text/plain; charset=utf-8", bytes.Clone(l.Durable().Note))
	}
}

// ledgerCheckpoint serves wallets: the newest checkpoint of the ledger, proved to hold the one that the wallet saw last.
func (g *Gateway) ledgerCheckpoint(c *gin.Context) {
	var q api.CheckpointQuery
	if !decode(c, &q) {
		return
	}
	l := g.cfg.LedgerLog
	if l == nil {
		problem(c, consent.NotFound, "this ledger has no checkpoints")
		return
	}
	at := l.Durable()
	if q.Since > consent.Uint64(at.Size) { //nolint:gosec // not negative
		problem(c, consent.Conflict, "the ledger has fewer records")
		return
	}
	out := api.Checkpoint{Checkpoint: string(at.Note), Consistency: []consent.Hash{}}
	if q.Since > 0 {
		proof, err := l.ProveTree(at.Size, int64(q.Since)) //nolint:gosec // at most at.Size
		if err != nil {
			refuse(c, consent.Errorf(consent.Internal, "prove the ledger: %w", err))
			return
		}
		for _, h := range proof {
			out.Consistency = append(out.Consistency, consent.Hash(h))
		}
	}
	answer(c, http.StatusOK, out)
}

// tile serves C2SP tlog-tiles: tile/<L>/<N>[.p/<W>] and tile/entries/<N>[.p/<W>].
func (g *Gateway) tile(c *gin.Context) {
	l, ok := g.log(c)
	if !ok {
		return
	}
	path := strings.TrimPrefix(c.Param("tile"), "/")
	data := strings.HasPrefix(path, "entries/")
	if data {
		path = "data/" + strings.TrimPrefix(path, "entries/")
	}
	t, err := tlog.ParseTilePath("tile/8/" + path)
	if err != nil {
		problem(c, consent.NotFound, "there is no such tile")
		return
	}
	var b []byte
	if data {
		b, err = l.ReadEntries(c.Request.Context(), t.N, t.W)
	} else {
		b, err = l.ReadTile(t)
	}
	if errors.Is(err, journal.ErrNotFound) {
		problem(c, consent.NotFound, "there is no such tile")
		return
	}
	if err != nil {
		refuse(c, err)
		return
	}
	c.Header("Content-Length", strconv.Itoa(len(b)))
	c.Data(http.StatusOK, "application/octet-stream", b)
}

// sizeOf is the size of the log in a statement's checkpoint: its second line.
func sizeOf(s proof.Statement) (size consent.Uint64, err error) {
	if lines := strings.SplitN(s.Checkpoint, "\n", 3); len(lines) == 3 {
		err = size.UnmarshalText([]byte(lines[1]))
	} else {
		err = errors.New("it has no size")
	}
	if err != nil {
		return 0, consent.Errorf(consent.Internal, "read our own checkpoint: %w", err)
	}
	return size, nil
}
