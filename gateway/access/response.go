package access

import (
	"slices"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// Response is what the decisions of one answer have in common, when it takes more than one. A consent that limits its uses counts
// the answer once: the first decision that it permits takes the use, and the others go on with it and say so on record. One
// goroutine asks for them, one after the other. The zero value is an answer that begins.
type Response struct {
	taken map[consent.SubjectID][]consent.Uint64
}

// of are the consents of a subject of which the answer has taken a use.
func (r *Response) of(h consent.SubjectID) []consent.Uint64 {
	if r == nil {
		return nil
	}
	return r.taken[h]
}

// goesOnCode is the reason, on record beside a permit, that it takes no use of a consent: it goes on with that of its answer.
const goesOnCode = "goes-on"

// take notes that uses were taken of the consents that limit them, and returns what to put on record of those that were before.
func (r *Response) take(h consent.SubjectID, counted []consent.Uint64) (reasons []proof.Reason) {
	if r == nil {
		return nil
	}
	for _, seq := range counted {
		if slices.Contains(r.taken[h], seq) {
			reasons = append(reasons, proof.Reason{
				Rule: "0", Code: goesOnCode, Consent: strconv.FormatUint(uint64(seq), 10),
				Text: "This goes on with an answer that was counted already as a use of this consent.",
			})
			continue
		}
		if r.taken == nil {
			r.taken = map[consent.SubjectID][]consent.Uint64{}
		}
		r.taken[h] = append(r.taken[h], seq)
	}
	return reasons
}

// goesOn reports whether a use on record takes none of a consent.
func goesOn(u *proof.Use, seq consent.Uint64) bool {
	return slices.ContainsFunc(u.Reasons, func(r proof.Reason) bool {
		return r.Code == goesOnCode && r.Consent == strconv.FormatUint(uint64(seq), 10)
	})
}
