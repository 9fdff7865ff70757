package policies

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Filter is what of a consent tells, without its body, whether it can bear on a request and whether it is in force: a few
// bytes that a replica keeps beside every consent, so that only bodies that can matter are read. It may only over-include.
type Filter struct {
	// Start and End bound the time in which the consent and its root rule are in force (README, B2), half-open.
	Start, End int64
	// Recipients has a bit for each recipient that the rules are limited to, or the lowest bit when some rule is for anyone.
	Recipients uint64
	// Purposes is the same for purposes.
	Purposes uint32
}

// FilterFormat moves when the bytes or the meaning of filters or of digests do. Stored ones of another format must be made
// anew.
const FilterFormat = 2

// FilterSize is the length of a filter in bytes.
const FilterSize = 28

// FilterOf returns the filter of a consent, and the digest of what it says. Shape makes the same.
func FilterOf(c consent.Consent) (Filter, [32]byte) {
	b := strip(c)
	recipients, purposes := b.limits()
	return b.filter(recipients, purposes), sha256.Sum256(b.append(nil))
}

// Append writes the filter in FilterSize bytes.
func (f Filter) Append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(f.Start)) //nolint:gosec // back by the same conversion
	b = binary.BigEndian.AppendUint64(b, uint64(f.End))   //nolint:gosec // back by the same conversion
	b = binary.BigEndian.AppendUint64(b, f.Recipients)
	return binary.BigEndian.AppendUint32(b, f.Purposes)
}

// ParseFilter reads what Append wrote.
func ParseFilter(b []byte) (Filter, error) {
	if len(b) != FilterSize {
		return Filter{}, errors.New("a filter of another length")
	}
	return Filter{
		Start: int64(binary.BigEndian.Uint64(b)), End: int64(binary.BigEndian.Uint64(b[8:])), //nolint:gosec // as in Append
		Recipients: binary.BigEndian.Uint64(b[16:]), Purposes: binary.BigEndian.Uint32(b[24:]),
	}, nil
}

// Lens is a request as filters see it.
type Lens struct {
	now        int64
	recipients uint64
	purposes   uint32
}

// Lens returns the lens of a request.
func (e *Engine) Lens(req Request) Lens {
	l := Lens{now: int64(req.Now), recipients: anyone, purposes: anyPurpose}
	for _, a := range req.Actors {
		l.recipients |= recipientBit(a)
	}
	purpose := purposeKey(req.Purpose)
	l.purposes |= purposeBit(purpose)
	for _, p := range e.tables.Up[purpose] {
		l.purposes |= purposeBit(p)
	}
	return l
}

// Sees reports whether the consent of f can bear on the request.
func (l Lens) Sees(f Filter) bool {
	return l.recipients&f.Recipients != 0 && l.purposes&f.Purposes != 0
}

// Rest is what matters of the active consents of a subject that a request's lens does not see.
type Rest struct {
	Enforceable bool  // one of them is in force
	Next        int64 // the first instant after the request's at which one of them begins or ends to be; 0: none
}

// LeaveOut adds the consent of f, which is active, to the rest.
func (l Lens) LeaveOut(r *Rest, f Filter) {
	r.Enforceable = r.Enforceable || f.Start <= l.now && l.now < f.End
	for _, t := range [2]int64{f.Start, f.End} {
		if t > l.now && t != never && (r.Next == 0 || t < r.Next) {
			r.Next = t
		}
	}
}

// The lowest bits stand for no limit; every lens has them.
const (
	anyone     = uint64(1)
	anyPurpose = uint32(1)
)

func recipientBit(s string) uint64 { return 1 << (1 + spread(s)%63) }

func purposeBit(s string) uint32 { return 1 << (1 + spread(s)%31) }

// spread is FNV-1a: stored filters need a hash that is the same in every process.
func spread(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// limits returns the recipients and purposes that the rules are limited to, root or own; nil when some rule is not limited.
func (b *body) limits() (recipients, purposes []string) {
	openToAll, forAll := false, false
	for i := range b.rules {
		r := &b.rules[i]
		actors, reasons := r.actors, r.purposes
		if r.depth == 1 { // silence at depth 1 means what the root says (README, F1)
			actors, reasons = orElse(actors, b.rules[0].actors), orElse(reasons, b.rules[0].purposes)
		}
		openToAll, forAll = openToAll || len(actors) == 0, forAll || len(reasons) == 0
		recipients, purposes = append(recipients, actors...), append(purposes, reasons...)
	}
	if openToAll {
		recipients = nil
	}
	if forAll {
		purposes = nil
	}
	return recipients, purposes
}

func (b *body) filter(recipients, purposes []string) Filter {
	root := &b.rules[0]
	f := Filter{Start: max(b.start, root.start), End: min(b.end, root.end), Recipients: anyone, Purposes: anyPurpose}
	if recipients != nil {
		f.Recipients = 0
		for _, r := range recipients {
			f.Recipients |= recipientBit(r)
		}
	}
	if purposes != nil {
		f.Purposes = 0
		for _, p := range purposes {
			f.Purposes |= purposeBit(p)
		}
	}
	return f
}
