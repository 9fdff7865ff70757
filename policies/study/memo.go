package study

import (
	"crypto/sha256"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// memo remembers what came of passports that were shown before, so that one that comes with each of many requests has its signatures
// checked once. It holds digests of passports and none of them. It is safe for concurrent use.
type memo struct {
	mu    sync.Mutex
	shown map[[sha256.Size]byte]remembered
}

type remembered struct {
	Shown
	err       error
	at, until consent.Millis // judged then; holds until
}

// maxRemembered bounds a memo: with what is kept of each (32 KiB at most), 8 MiB.
const maxRemembered = 256

func key(member consent.MemberID, pass string) [sha256.Size]byte {
	return sha256.Sum256([]byte(string(member) + "\x00" + pass)) // no member's id has a NUL
}

// find returns what came of a passport, as long as it holds.
func (m *memo) find(k [sha256.Size]byte, now consent.Millis) (r remembered, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok = m.shown[k]
	return r, ok && now >= r.at && now < r.until
}

// judgedAgain is how long what does not count is taken not to, in milliseconds: it may count later.
const judgedAgain = 60_000

// keep remembers what came of a passport: until the first visa ends when everything counts, and else for a minute at most, so that one
// which comes with each of many requests costs no more by what does not count.
func (m *memo) keep(k [sha256.Size]byte, s Shown, err error, now consent.Millis) {
	r := remembered{Shown: s, err: err, at: now, until: s.Until}
	if err != nil || len(s.Ignored) > 0 || len(s.Visas) == 0 {
		if r.until = now + judgedAgain; s.Until > 0 {
			r.until = min(r.until, s.Until)
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown == nil || len(m.shown) >= maxRemembered {
		m.shown = make(map[[sha256.Size]byte]remembered, maxRemembered)
	}
	m.shown[k] = r
}
