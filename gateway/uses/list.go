package uses

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
)

// Filter says which uses an auditor wants to see. Empty fields ask nothing.
type Filter struct {
	From, Until consent.Millis // half-open
	Requester   consent.MemberID
	Purpose     string // code
	Decision    string // proof.Permit or proof.Deny
	Kind        proof.Kind
	Emergency   bool // only those that broke the glass
}

// Row is one use as an auditor sees it: no handle, no user, no resource, nothing that a free text could give away.
type Row struct {
	Index           consent.Uint64   `json:"index"`   // of the leaf; Open takes it, for replay
	Time            consent.Millis   `json:"time"`    // of an erased subject's use: whole minutes
	Subject         consent.Hash     `json:"subject"` // the same for one auditor, another for each other
	Erased          bool             `json:"erased"`  // the subject was erased: nothing more is known
	UseSeq          consent.Uint64   `json:"useSeq"`
	Kind            proof.Kind       `json:"kind,omitempty"`
	Requester       consent.MemberID `json:"requester,omitempty"`
	Roles           []consent.Coding `json:"roles,omitempty"`
	Purpose         *consent.Coding  `json:"purpose,omitempty"`
	Action          *consent.Coding  `json:"action,omitempty"`
	ResourceTypes   []string         `json:"resourceTypes,omitempty"`
	Resources       int              `json:"resources,omitempty"` // how many were named
	Labels          []consent.Coding `json:"labels,omitempty"`
	Emergency       bool             `json:"emergency,omitempty"`
	Decision        string           `json:"decision,omitempty"`
	ConsentDecision string           `json:"consentDecision,omitempty"`
	Rules           []string         `json:"rules,omitempty"` // letters of policies/README.md
	PolicyDigest    consent.Hash     `json:"policyDigest,omitzero"`
	CodesDigest     consent.Hash     `json:"codesDigest,omitzero"`
	Position        consent.Uint64   `json:"position,omitempty"`
}

// Page is a stretch of the log, newest first.
type Page struct {
	Rows []Row `json:"rows"`
	// Next continues the listing: uses below this record have not been looked at. Zero at the end. A page may be short, or
	// empty, and still have a next one: the work for a page is bounded.
	Next consent.Uint64 `json:"next"`
	Size consent.Uint64 `json:"size"` // uses on record
}

const (
	maxScanned = 64 << 10 // records looked at for one page
	scanChunk  = 256
)

// List returns the uses that match f, newest first, below record before (0: from the newest), as the auditor sees them.
// Without a content filter the uses of erased subjects are listed too.
func (l *Log) List(ctx context.Context, auditor consent.MemberID, f Filter, before consent.Uint64, limit int) (Page, error) {
	if len(l.cfg.Secret) < 16 {
		return Page{}, consent.Errorf(consent.Internal, "the use log has no secret for pseudonyms")
	}
	if limit <= 0 {
		limit = DefaultPage
	}
	limit = min(limit, MaxPage)
	size := l.Count()
	at := size
	if before > 0 {
		at = min(size, int64(min(before, consent.Uint64(size)))) //nolint:gosec // at most size
	}
	p := Page{Size: consent.Uint64(size)} //nolint:gosec // not negative
	for scanned := 0; at > 0 && scanned < maxScanned; {
		block := (at - 1) / zoneRecords
		if z, ok := l.index.zone(block); ok && f.misses(z) {
			at = block * zoneRecords
			continue
		}
		lo := max(block*zoneRecords, at-scanChunk)
		rows, err := l.rows(ctx, auditor, f, lo, at)
		if err != nil {
			return Page{}, l.codedRead(err)
		}
		scanned += int(at - lo)
		at = lo
		for k := len(rows) - 1; k >= 0; k-- {
			if p.Rows = append(p.Rows, rows[k]); len(p.Rows) == limit {
				p.Next = rows[k].Index
				return p, nil
			}
		}
	}
	p.Next = consent.Uint64(at) //nolint:gosec // not negative
	return p, nil
}

// misses says whether no use in z can match.
func (f *Filter) misses(z zone) bool {
	return f.From > 0 && z.last < proof.MinuteOf(f.From) || f.Until > 0 && z.first > proof.MinuteOf(f.Until)
}

// content says whether f asks for something that only a body tells.
func (f *Filter) content() bool {
	return f.Requester != "" || f.Purpose != "" || f.Decision != "" || f.Kind != "" || f.Emergency
}

func (f *Filter) inTime(t consent.Millis) bool {
	return (f.From == 0 || t >= f.From) && (f.Until == 0 || t < f.Until)
}

func (f *Filter) matches(u *Use) bool {
	return f.inTime(u.Time) && (f.Requester == "" || f.Requester == u.Requester) && (f.Purpose == "" || f.Purpose == u.Purpose.Code) &&
		(f.Decision == "" || f.Decision == u.Decision) && (f.Kind == "" || f.Kind == u.Kind) && (!f.Emergency || u.Emergency != "")
}

// rows returns the matching records of [lo, hi), oldest first.
func (l *Log) rows(ctx context.Context, auditor consent.MemberID, f Filter, lo, hi int64) (out []Row, err error) {
	err = l.journal.Scan(ctx, lo, hi, func(i int64, rec journal.Record) error {
		a, err := parseAttachment(rec.Attachment)
		if err != nil {
			return err
		}
		o, err := l.unseal(i, rec)
		if consent.CodeOf(err) == consent.Erased {
			t := consent.Millis(o.leaf.Minute) * 60_000 //nolint:gosec // ParseLeaf bounds it
			if !f.content() && f.inTime(t) {
				out = append(out, Row{
					Index: consent.Uint64(i), Time: t, Subject: l.pairwise(auditor, a.handle), Erased: true, //nolint:gosec // not negative
					UseSeq: o.leaf.UseSeq,
				})
			}
			return nil
		}
		if err != nil {
			return err
		}
		if f.matches(&o.use) {
			out = append(out, l.row(auditor, i, &o.use))
		}
		return nil
	})
	return out, err
}

func (l *Log) row(auditor consent.MemberID, i int64, u *Use) Row {
	r := Row{
		Index: consent.Uint64(i), Time: u.Time, Subject: l.pairwise(auditor, u.Handle), UseSeq: u.UseSeq, Kind: u.Kind, //nolint:gosec // not negative
		Requester: u.Requester, Roles: u.Roles, Purpose: &u.Purpose, Action: &u.Action, ResourceTypes: u.ResourceTypes,
		Resources: len(u.Resources), Labels: u.Labels, Emergency: u.Emergency != "", Decision: u.Decision,
		ConsentDecision: u.ConsentDecision, PolicyDigest: u.PolicyDigest, CodesDigest: u.CodesDigest, Position: u.Position,
	}
	for _, reason := range u.Reasons {
		r.Rules = append(r.Rules, reason.Rule)
	}
	return r
}

// pairwise is how one auditor sees a handle.
func (l *Log) pairwise(auditor consent.MemberID, handle consent.SubjectID) consent.Hash {
	h := hmac.New(sha256.New, l.cfg.Secret)
	h.Write([]byte("volens/use-auditor/1\x00"))
	h.Write(handle[:])
	h.Write([]byte(auditor))
	return consent.Hash(h.Sum(nil))
}
