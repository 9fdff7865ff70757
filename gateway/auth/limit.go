package auth

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// limiter lets each key through n times a minute, after a burst of n. It is a sketch: a key falls on one place in each of
// two rows, under seeds that nobody outside knows, and is held back only when both are used up. Memory is constant and
// there is nothing to evict, so no flood of keys frees another key; the price is that, with k busy keys, an innocent key is
// held back with a chance of about (k/places)².
type limiter struct {
	*limits
}

type limits struct {
	mu    sync.Mutex
	seeds [2]maphash.Seed
	rows  [2][]int64 // when the place will be as good as unused, Unix nanoseconds (the "theoretical arrival time" of GCRA)
	every int64      // nanoseconds that one use takes to recover
	burst int64      // nanoseconds by which a place may run ahead
}

const places = 1 << 14

func newLimiter(perMinute int) limiter {
	every := int64(time.Minute) / int64(max(perMinute, 1))
	return limiter{&limits{
		seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()},
		rows:  [2][]int64{make([]int64, places), make([]int64, places)},
		every: every, burst: int64(time.Minute),
	}}
}

// take counts a use of key, or refuses it with a *LimitError; a refused use costs nothing.
func take[K comparable](l limiter, key K, now time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := now.UnixNano()
	at := [2]*int64{
		&l.rows[0][maphash.Comparable(l.seeds[0], key)%places],
		&l.rows[1][maphash.Comparable(l.seeds[1], key)%places],
	}
	next := max(min(*at[0], *at[1]), t) + l.every
	if ahead := next - t - l.burst; ahead > 0 {
		return &LimitError{time.Duration(ahead)}
	}
	for _, p := range at {
		*p = max(*p, next)
	}
	return nil
}

// network is what is counted of a remote address: all of IPv4, the /64 of IPv6, since one host has that many. What is no
// address counts as one remote.
func network(remote string) netip.Prefix {
	a, err := netip.ParseAddr(remote)
	if err != nil {
		ap, err := netip.ParseAddrPort(remote)
		if err != nil {
			return netip.Prefix{}
		}
		a = ap.Addr()
	}
	a = a.Unmap().WithZone("")
	bits := 64
	if a.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(a, bits).Masked()
}
