package gateway

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// identifierIndex finds subjects by the business identifiers of their consents, in memory only, as hashes. It is made from
// the replica when it is asked, and again for those subjects that have moved on since.
type identifierIndex struct {
	mu   sync.Mutex
	seen map[consent.SubjectID]consent.Uint64 // up to which message a subject was read
	by   map[[32]byte][]consent.SubjectID
}

// find returns the subjects that have a consent with any of these identifiers, in the form of a FHIR token.
func (x *identifierIndex) find(ctx context.Context, g *Gateway, tokens []string) (out []consent.SubjectID, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.seen == nil {
		x.seen, x.by = map[consent.SubjectID]consent.Uint64{}, map[[32]byte][]consent.SubjectID{}
	}
	for _, h := range g.links.all() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := x.catchUp(g, h); err != nil {
			return nil, err
		}
	}
	for _, t := range tokens {
		for _, h := range x.by[sha256.Sum256([]byte(t))] {
			if head, ok := g.cfg.Replica.Head(h); ok && head.State != consent.Gone && !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	return out, nil
}

// catchUp reads what a subject's consents have become since it was read last.
func (x *identifierIndex) catchUp(g *Gateway, h consent.SubjectID) error {
	head, ok := g.cfg.Replica.Head(h)
	if !ok || head.State == consent.Gone || x.seen[h] == head.Seq {
		return nil
	}
	held, err := g.cfg.Replica.Consents(h)
	if err != nil {
		return err
	}
	for _, k := range held {
		if k.Seq <= x.seen[h] {
			continue
		}
		body, err := g.cfg.Replica.Body(h, k.Seq)
		if err != nil {
			return err
		}
		x.add(h, body)
	}
	x.seen[h] = head.Seq
	return nil
}

// add enters the identifiers of a consent in each form that a search may give them.
func (x *identifierIndex) add(h consent.SubjectID, k consent.Consent) {
	for _, id := range k.Identifiers {
		for _, form := range []string{id.Value, id.System + "|" + id.Value} {
			key := sha256.Sum256([]byte(form))
			if !slices.Contains(x.by[key], h) {
				x.by[key] = append(x.by[key], h)
			}
		}
	}
}
