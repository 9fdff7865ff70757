package study

import (
	"crypto/sha256"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// memo remembers what counted of passports that were shown before, so that one that comes with each of many requests has its signatures
// checked once. It holds digests of passports and none of them. It is safe for concurrent use.
type memo struct {
	mu    sync.Mutex
	shown map[[sha256.Size]byte]remembered
}

type remembered struct {
	Shown
	at consent.Millis // judged then
}

// maxRemembered bounds a memo: with what is kept of each (32 KiB at most), 8 MiB.
const maxRemembered = 256

func key(member consent.MemberID, pass string) [sha256.Size]byte {
	return sha256.Sum256([]byte(string(member) + "\x00" + pass)) // no member's id has a NUL
}

// find returns what counted of a passport, as long as it still does.
func (m *memo) find(k [sha256.Size]byte, now consent.Millis) (Shown, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.shown[k]
	return r.Shown, ok && now >= r.at && now < r.Until
}

// keep remembers a passport of which everything counts: what does not may count later, or never, and is judged each time.
func (m *memo) keep(k [sha256.Size]byte, s Shown, now consent.Millis) {
	if len(s.Ignored) > 0 || len(s.Visas) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown == nil || len(m.shown) >= maxRemembered {
		m.shown = make(map[[sha256.Size]byte]remembered, maxRemembered)
	}
	m.shown[k] = remembered{s, now}
}
