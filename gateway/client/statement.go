package client

import (
	"context"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// usesPage is how many uses are asked for at a time.
const usesPage = 500

// Statement asks for every use of the handle after those seen, all pages of it, for proof.Check with the same seen. It
// says nothing itself about whether the statement is true.
func (c *Client) Statement(ctx context.Context, seen proof.Seen) (proof.Statement, error) {
	var s proof.Statement
	err := c.StatementPages(ctx, seen, func(page proof.Statement) error {
		page.Entries = append(s.Entries, page.Entries...)
		s = page
		return nil
	})
	return s, err
}

// StatementPages is Statement page by page, for proof.Checker. Each page has all of the statement but the other pages' entries.
func (c *Client) StatementPages(ctx context.Context, seen proof.Seen, each func(proof.Statement) error) error {
	q := api.UsesQuery{After: seen.UseSeq, Since: seen.Size, Limit: usesPage}
	s, err := c.Uses(ctx, q)
	if err != nil {
		return err
	}
	q.Since, q.Size = 0, sizeOf(s.Checkpoint)
	for {
		if err := each(s); err != nil || len(s.Entries) == 0 {
			return err
		}
		last := s.Entries[len(s.Entries)-1]
		if last.Use.UseSeq <= seen.UseSeq+1 {
			return nil
		}
		q.Before = last.Index
		p, err := c.UsesPage(ctx, q)
		if err != nil {
			return err
		}
		if n := len(p.Entries); n == 0 || p.Entries[n-1].Use.UseSeq >= last.Use.UseSeq {
			return consent.Errorf(consent.Malformed, "the statement of uses stops at use %d", last.Use.UseSeq)
		}
		s.Entries = p.Entries
	}
}

// sizeOf reads the size in a checkpoint that nobody has verified, 0 when there is none.
func sizeOf(checkpoint string) consent.Uint64 {
	lines := strings.SplitN(checkpoint, "\n", 3)
	if len(lines) < 3 {
		return 0
	}
	n, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return consent.Uint64(n)
}
