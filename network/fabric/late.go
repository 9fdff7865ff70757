package fabric

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/embedded"
)

// body names a message in a private collection.
type body struct {
	custodian  consent.MemberID
	handle     consent.SubjectID
	seq        consent.Uint64
	commitment consent.Hash
}

func (b body) key() string { return b.handle.String() + "/" + strconv.FormatUint(uint64(b.seq), 10) }

// bodyOf names the message of a leaf that speaks of a subject.
func bodyOf(leaf consent.Leaf, ev consent.Event) body {
	b := body{handle: ev.Handle, seq: ev.Seq, commitment: ev.Commitment}
	for _, w := range leaf.Writes {
		var h consent.Head
		if w.Key == consent.HeadKey(ev.Handle) && consent.Decode(w.Value, &h) == nil {
			b.custodian = h.Custodian
		}
	}
	return b
}

// fetchAgain is how often the own peer is asked for a body that it has not got yet.
const fetchAgain = 200 * time.Millisecond

// fetch gets bodies from the own peer's collection. One that does not come within Config.Grace does not hold the copy up: its
// entry is late, its subject is denied, and chase goes on asking. While one is late the others get no time of grace, or a
// peer without bodies would make the copy stale.
func (l *Ledger) fetch(all []embedded.Entry, missing map[int]body) error {
	end := l.cfg.Now().Add(l.cfg.Grace)
	for {
		var why error
		for i, want := range missing {
			m, gone, err := l.fetchOne(want)
			if m != nil {
				all[i].Message = m
			}
			if m != nil || gone {
				delete(missing, i)
			}
			why = errors.Join(why, err)
		}
		if err := l.ctx.Err(); err != nil || len(missing) == 0 {
			return err
		}
		if some, _ := l.anyLate(); some || l.cfg.Now().After(end) {
			l.cfg.Log.Warn("bodies have not arrived; their subjects are denied until they do", slog.Int("missing", len(missing)), slog.Any("error", why))
			for i := range missing {
				all[i].Late = true
			}
			return nil
		}
		pause(l.ctx, fetchAgain)
	}
}

// chase asks for late bodies until the ledger is closed.
func (l *Ledger) chase() {
	for l.ctx.Err() == nil {
		pause(l.ctx, fetchAgain)
		some, added := l.anyLate()
		if !some {
			continue
		}
		if err := l.chaseOnce(added); err != nil && l.ctx.Err() == nil {
			l.cfg.Log.Warn("ask for late bodies", slog.String("error", err.Error()))
			pause(l.ctx, followSlow)
		}
	}
}

func (l *Ledger) chaseOnce(added int) error {
	missing, err := l.copy.Late()
	if err != nil {
		return err
	}
	left := len(missing)
	for _, ev := range missing {
		m, gone, err := l.fetchOne(bodyOf(ev.Leaf, ev.Event))
		if err != nil {
			return err
		}
		if m == nil && !gone {
			continue
		}
		if err := l.copy.Arrived(ev, m); err != nil {
			return err
		}
		left--
		l.cfg.Log.Info("a late body arrived", slog.Uint64("position", uint64(ev.Position)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late.some = left > 0 || l.late.added > added
	return nil
}

// lateBodies says whether bodies are late; the ledger's lock guards it.
type lateBodies struct {
	some  bool
	added int // blocks that came with late bodies
}

// missed notes that a block came with late bodies.
func (l *Ledger) missed(entries []embedded.Entry) {
	if !slices.ContainsFunc(entries, func(e embedded.Entry) bool { return e.Late }) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late = lateBodies{true, l.late.added + 1}
}

func (l *Ledger) anyLate() (some bool, added int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late.some, l.late.added
}
