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
	q := api.UsesQuery{After: seen.UseSeq, Since: seen.Size, Limit: usesPage}
	s, err := c.Uses(ctx, q)
	if err != nil || len(s.Entries) == 0 {
		return s, err
	}
	q.Since, q.Size = 0, sizeOf(s.Checkpoint)
	for last := s.Entries[len(s.Entries)-1].Use.UseSeq; last > seen.UseSeq+1; {
		q.Before = s.Entries[len(s.Entries)-1].Index
		p, err := c.UsesPage(ctx, q)
		if err != nil {
			return s, err
		}
		if n := len(p.Entries); n == 0 || p.Entries[n-1].Use.UseSeq >= last {
			return s, consent.Errorf(consent.Malformed, "the statement of uses stops at use %d", last)
		}
		s.Entries = append(s.Entries, p.Entries...)
		last = s.Entries[len(s.Entries)-1].Use.UseSeq
	}
	return s, nil
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
