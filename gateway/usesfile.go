package gateway

import (
	"context"
	"io"
	"iter"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

func (g *Gateway) usesCSV(c *gin.Context) {
	g.usesFile(c, "text/csv; charset=utf-8", "volens-uses.csv", func(w io.Writer, _ proof.Statement, entries iter.Seq[proof.Entry]) error {
		return proof.WriteCSV(w, entries)
	})
}

func (g *Gateway) usesJSON(c *gin.Context) {
	g.usesFile(c, "application/json", "volens-uses.json", proof.WriteJSON)
}

// usesFile sends the whole statement of a subject, a page at a time. That it left as a file is put on record first.
func (g *Gateway) usesFile(c *gin.Context, media, name string, write func(io.Writer, proof.Statement, iter.Seq[proof.Entry]) error) {
	h, ok := g.view(c, "all uses, as a file")
	if !ok {
		return
	}
	out := proof.Use{Kind: proof.Export, Delegation: delegation(principal(c)), Sentence: say("exported", "The list of your uses left as a file.")}
	at, err := g.place(h)
	if err == nil {
		err = g.recordRead(c, h, out)
	}
	var s proof.Statement
	if err == nil {
		s, err = g.cfg.Uses.Statement(c.Request.Context(), at.Slot, h, uses.Query{Limit: uses.MaxPage})
	}
	if err != nil {
		refuse(c, err)
		return
	}
	c.Header("Content-Type", media)
	c.Header("Content-Disposition", `attachment; filename="`+name+`"`)
	var failed error
	err = write(c.Writer, s, func(yield func(proof.Entry) bool) { failed = g.eachEntry(c.Request.Context(), at.Slot, h, s, yield) })
	if err != nil || failed != nil { // what was sent so far must not pass for a whole file
		panic(http.ErrAbortHandler)
	}
}

// eachEntry yields the entries of a statement and those of the pages behind it, in the tree that its checkpoint is of.
func (g *Gateway) eachEntry(ctx context.Context, slot consent.Uint64, h consent.SubjectID, s proof.Statement, yield func(proof.Entry) bool) error {
	size, err := sizeOf(s)
	for page := s.Entries; err == nil && len(page) > 0; {
		for _, e := range page {
			if !yield(e) {
				return nil
			}
		}
		last := page[len(page)-1]
		if last.Use.UseSeq == 1 {
			break
		}
		page, err = g.cfg.Uses.Entries(ctx, slot, h, size, last.Index, uses.Query{Limit: uses.MaxPage})
		if err == nil && len(page) == 0 {
			err = consent.Errorf(consent.Internal, "a statement stops before its first use")
		}
	}
	return err
}
