package auth

import (
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// spent remembers what was used, until it would be refused as expired anyway. When it is full nothing more can be spent:
// to forget would be to accept something twice.
type spent struct {
	mu    sync.Mutex
	until map[[32]byte]time.Time
	limit int
	swept time.Time
}

func newSpent(limit int) *spent { return &spent{until: map[[32]byte]time.Time{}, limit: limit} }

// spend reports true for exactly one caller for each id. It fails with Unavailable when the table is full.
func (s *spent) spend(id [32]byte, now, until time.Time) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, used := s.until[id]; used {
		return false, nil
	}
	if len(s.until) >= s.limit && now.Sub(s.swept) >= time.Second { // not more often: a sweep costs as much as the table holds
		s.forget(now)
	}
	if len(s.until) >= s.limit {
		return false, consent.Errorf(consent.Unavailable, "too many sign-ins at once; try again in a minute")
	}
	s.until[id] = until
	return true, nil
}

func (s *spent) sweep(now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
}

func (s *spent) forget(now time.Time) {
	s.swept = now
	for id, t := range s.until {
		if !now.Before(t) {
			delete(s.until, id)
		}
	}
}
