package fabric

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
)

// fresh knows how old the copy may be: the time since the newest own transaction was sent that has come back in a block.
type fresh struct {
	mu    sync.Mutex
	began time.Time
	sent  map[string]time.Duration // own transactions on their way, by id: when each was sent, since began
	last  time.Duration            // when the newest was sent
	upTo  time.Duration            // when the newest that came back was sent; negative: none has
	back  chan struct{}            // closed when the first one came back
}

// maxSent bounds what is remembered of transactions that never came back.
const maxSent = 4096

func (f *fresh) begin(now time.Time) {
	f.began, f.sent, f.upTo, f.last, f.back = now, map[string]time.Duration{}, -1, -time.Hour, make(chan struct{})
}

// sending notes that a transaction is about to be ordered.
func (f *fresh) sending(tx string, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = now.Sub(f.began)
	if len(f.sent) >= maxSent {
		clear(f.sent) // costs a heartbeat
	}
	f.sent[tx] = f.last
}

// seen notes that a transaction, of whomever, was in a block that the copy has.
func (f *fresh) seen(tx string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	at, ok := f.sent[tx]
	if !ok {
		return
	}
	delete(f.sent, tx)
	if f.upTo < 0 {
		close(f.back)
	}
	f.upTo = max(f.upTo, at, 0)
}

func (f *fresh) behind(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Sub(f.began) - max(f.upTo, 0)
}

// idle is how long ago the newest own transaction was sent.
func (f *fresh) idle(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return now.Sub(f.began) - f.last
}

// level waits until the first own transaction came back: then the copy has all that was there when it was sent.
func (f *fresh) level(ctx context.Context, failed func() error) error {
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-f.back:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		case <-t.C:
			if err := failed(); err != nil {
				return err
			}
		}
	}
}

// aloneFor is how many heartbeats the own organisation endorses alone after another one did not.
const aloneFor = 10

// beat sends a heartbeat when no own transaction was sent for a while: a query, endorsed and ordered like a transaction. It
// writes nothing, and coming back is all it does.
func (l *Ledger) beat() {
	t := time.NewTicker(l.cfg.Beat / 4)
	defer t.Stop()
	alone := 0
	for {
		if l.fresh.idle(l.cfg.Now()) >= l.cfg.Beat {
			var err error
			if alone, err = l.beatOnce(alone); err != nil && l.ctx.Err() == nil {
				l.cfg.Log.Warn("heartbeat", slog.Duration("behind", l.Behind()), slog.String("error", err.Error()))
			}
		}
		select {
		case <-l.ctx.Done():
			return
		case <-t.C:
		}
	}
}

// beatOnce has a heartbeat endorsed by two organisations, or by the own one alone: that one is invalid, and comes back in a
// block none the less.
func (l *Ledger) beatOnce(alone int) (int, error) {
	now := l.cfg.Now()
	o := l.cfg.Organizations
	var e Endorsed
	var err error
	if alone == 0 {
		if e, err = l.beatEndorsed(pairs(o.Own, o)[0]...); err != nil {
			alone = aloneFor
		}
	}
	if alone > 0 {
		alone--
		if e, err = l.beatEndorsed(o.Own); err != nil {
			return alone, &StageError{Endorsing, "", err}
		}
	}
	l.fresh.sending(e.Tx, now)
	ctx, cancel := context.WithTimeout(l.ctx, 2*l.cfg.Beat)
	defer cancel()
	if err := l.ch.Order(ctx, e); err != nil {
		return alone, &StageError{Submitting, e.Tx, err}
	}
	return alone, nil
}

func (l *Ledger) beatEndorsed(organizations ...string) (Endorsed, error) {
	ctx, cancel := context.WithTimeout(l.ctx, 2*l.cfg.Beat)
	defer cancel()
	return l.ch.Endorse(ctx, Call{Function: wire.Genesis}, organizations)
}

// pairs are the organisations that may endorse for one of them, two by two, the usual pair first.
func pairs(org string, o Organizations) [][]string {
	var all [][]string
	for _, p := range [][]string{{org, o.Trust}, {o.Trust, o.Regulator}, {org, o.Regulator}} {
		if p[0] != p[1] && p[0] != "" && p[1] != "" {
			all = append(all, p)
		}
	}
	return all
}
