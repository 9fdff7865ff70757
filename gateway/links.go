package gateway

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
)

// links joins handles and the custodian's record numbers, in memory only. Each link is durable as the sealed input of the
// handle's first use, so it is gone for good when the handle is erased; nothing on disk has to be cleaned up.
type links struct {
	mu      sync.RWMutex
	handles map[string]consent.SubjectID
	locals  map[consent.SubjectID]string
	opening map[string]bool // record numbers whose subject is being opened
}

func (l *links) put(h consent.SubjectID, local string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.handles == nil {
		l.handles, l.locals = map[string]consent.SubjectID{}, map[consent.SubjectID]string{}
	}
	l.handles[local], l.locals[h] = h, local
}

// reserve lets one caller at a time open a subject for a record number that has none. It is given back with release.
func (l *links) reserve(local string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, taken := l.handles[local]; taken || l.opening[local] {
		return false
	}
	if l.opening == nil {
		l.opening = map[string]bool{}
	}
	l.opening[local] = true
	return true
}

func (l *links) release(local string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.opening, local)
}

func (l *links) drop(h consent.SubjectID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.handles, l.locals[h])
	delete(l.locals, h)
}

func (l *links) handle(local string) (consent.SubjectID, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	h, ok := l.handles[local]
	return h, ok
}

func (l *links) localID(h consent.SubjectID) (string, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s, ok := l.locals[h]
	return s, ok
}

// all lists the handles of the custodian's records, in no order.
func (l *links) all() []consent.SubjectID {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Collect(maps.Keys(l.locals))
}

// Load reads, of all subjects that are not erased, the links to local records and where the requests for consent are. Call
// it before the gateway serves.
func (g *Gateway) Load(ctx context.Context) error {
	log := g.cfg.Uses.Journal()
	err := log.Scan(ctx, 0, log.Durable().Size, func(i int64, r journal.Record) error {
		leaf, err := proof.ParseLeaf(r.Leaf)
		if err != nil || leaf.UseSeq != 1 && !uses.IsRequest(r.Attachment) {
			return err
		}
		u, input, err := g.cfg.Uses.Open(consent.Uint64(i)) //nolint:gosec // not negative
		switch {
		case errors.Is(err, &consent.Error{Code: consent.Erased}):
			return nil
		case err != nil:
			return err
		}
		switch u.Kind { //nolint:exhaustive // the others are not kept in mind
		case kindEnrolment:
			g.links.put(u.Handle, string(input))
		case proof.Request:
			g.asked.add(u.Handle, u.Requester, consent.Uint64(i)) //nolint:gosec // not negative
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read links and requests: %w", err)
	}
	return nil
}
