package access

import (
	"context"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// Permits counts the permits on record under each consent of a subject, an answer of several decisions once. It reads the subject's whole chain, so it is asked
// once when a subject with a limited consent comes into memory, and counted on from there. A use that is still on its way
// to the disk, because nobody waited for it, counts.
func Permits(ctx context.Context, log *uses.Log, h consent.SubjectID, slot consent.Uint64) (map[consent.Uint64]uint64, error) {
	n := map[consent.Uint64]uint64{}
	if err := log.Journal().Sync(); err != nil {
		return nil, err
	}
	s, err := log.Statement(ctx, slot, h, uses.Query{Limit: uses.MaxPage})
	if consent.CodeOf(err) == consent.NotFound { // nothing on record yet
		return n, nil
	}
	if err != nil {
		return nil, err
	}
	size := consent.Uint64(log.Count()) //nolint:gosec // not negative
	for es := s.Entries; len(es) > 0; {
		for i := range es {
			u := &es[i].Use
			if u.Kind != proof.Decision || u.Decision != policies.Permit {
				continue
			}
			for _, seq := range u.Consents {
				if !goesOn(u, seq) {
					n[seq]++
				}
			}
		}
		last := es[len(es)-1]
		if last.Use.UseSeq <= 1 {
			break
		}
		if es, err = log.Entries(ctx, slot, h, size, last.Index, uses.Query{Limit: uses.MaxPage}); err != nil {
			return nil, err
		}
	}
	return n, nil
}
