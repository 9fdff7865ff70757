package fabric

import (
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network/embedded"
)

// body names a message in a private collection.
type body struct {
	custodian  consent.MemberID
	tx         string // that the message was in
	handle     consent.SubjectID
	seq        consent.Uint64
	commitment consent.Hash
	kept       bool // by the organisation's peers
}

func (b body) place() string { return b.handle.String() + "/" + strconv.FormatUint(uint64(b.seq), 10) }

// bodyOf names the message of a leaf that speaks of a subject.
func bodyOf(tx string, leaf consent.Leaf, ev consent.Event) body {
	b := body{tx: tx, handle: ev.Handle, seq: ev.Seq, commitment: ev.Commitment}
	for _, w := range leaf.Writes {
		var h consent.Head
		if w.Key == consent.HeadKey(ev.Handle) && consent.Decode(w.Value, &h) == nil {
			b.custodian = h.Custodian
		}
	}
	return b
}

// found is what became of a body that was asked for: neither means that it is not there yet.
type found struct {
	message *consent.Verified
	gone    bool // its subject was erased since
}

// askBodies asks the own peer for bodies: of one transaction and custodian together. What is found before an error counts.
func (l *Ledger) askBodies(wants []body) (all []found, why error) {
	all = make([]found, len(wants))
	for from := 0; from < len(wants); {
		to := from + 1
		for to < len(wants) && to-from < wire.MaxLeaves && wants[to].tx == wants[from].tx && wants[to].custodian == wants[from].custodian {
			to++
		}
		why = errors.Join(why, l.askTogether(wants[from:to], all[from:to]))
		from = to
	}
	return all, why
}

func (l *Ledger) askTogether(wants []body, all []found) error {
	args := []string{string(wants[0].custodian), wants[0].tx}
	for _, w := range wants {
		args = append(args, w.place())
	}
	values, err := l.ask(wire.Bodies, args...)
	if err != nil {
		return err
	}
	var heads []string
	var absent []int
	for i, b := range values {
		if b == "" {
			heads, absent = append(heads, consent.HeadKey(wants[i].handle)), append(absent, i)
			continue
		}
		v, bad := l.readBody(b)
		if bad != nil || v.Commitment() != wants[i].commitment {
			err = errors.Join(errors.New("the own peer's body is not the one that the leaf commits to"), bad)
			continue
		}
		all[i].message = &v
	}
	for len(absent) > 0 {
		n := min(len(absent), wire.MaxKeys)
		values, wrong := l.ask(wire.State, heads[:n]...)
		if wrong != nil {
			return errors.Join(err, wrong)
		}
		for i, b := range values {
			var h consent.Head
			if b != "" && consent.Decode([]byte(b), &h) == nil {
				all[absent[i]].gone = h.State == consent.Gone
			}
		}
		heads, absent = heads[n:], absent[n:]
	}
	return err
}

// readBody reads and verifies a body. One that its signers did not sign counts as not there, so that its subject alone is
// denied.
func (l *Ledger) readBody(b string) (consent.Verified, error) {
	m, err := consent.Unmarshal([]byte(b))
	if err != nil {
		return consent.Verified{}, err
	}
	return consent.Verify(l.cfg.Copy.Ledger, m)
}

// body is the message that was found, nil when nothing was.
func (f found) body() *consent.Message {
	if f.message == nil {
		return nil
	}
	m := f.message.Message()
	return &m
}

// fetchAgain is how often the own peer is asked for a body that it has not got yet.
const fetchAgain = 200 * time.Millisecond

// fetch gets bodies from the own peer's collection. One that does not come within Config.Grace does not hold the copy up: its
// entry is late, its subject is denied, and chase goes on asking. While one is late the others get no time of grace, or a
// peer without bodies would make the copy stale.
func (l *Ledger) fetch(all []embedded.Entry, missing []int, wants []body) error {
	end := l.cfg.Now().Add(l.cfg.Grace)
	for {
		got, why := l.askBodies(wants)
		var left []int
		var still []body
		for i, f := range got {
			all[missing[i]].Message = f.body()
			switch {
			case f.message != nil:
				l.given[wants[i].commitment] = *f.message
			case !f.gone:
				left, still = append(left, missing[i]), append(still, wants[i])
			}
		}
		missing, wants = left, still
		if err := l.ctx.Err(); err != nil || len(missing) == 0 {
			return err
		}
		if some, _ := l.anyLate(); some || l.cfg.Now().After(end) {
			l.cfg.Log.Warn("bodies have not arrived; their subjects are denied until they do", slog.Int("missing", len(missing)), slog.Any("error", why))
			for i, at := range missing {
				all[at].Late = wants[i].tx
			}
			return nil
		}
		pause(l.ctx, fetchAgain)
	}
}

// chaseSlow is how often it is asked for again when nothing comes.
const chaseSlow = 5 * time.Second

// chase asks for late bodies until the ledger is closed, less and less often as long as nothing comes.
func (l *Ledger) chase() {
	wait, seen := fetchAgain, 0
	for l.ctx.Err() == nil {
		pause(l.ctx, wait)
		some, added := l.anyLate()
		if !some {
			wait = fetchAgain
			continue
		}
		came, err := l.chaseOnce(added)
		if err != nil && l.ctx.Err() == nil {
			l.cfg.Log.Warn("ask for late bodies", slog.String("error", err.Error()))
		}
		if wait = min(2*wait, chaseSlow); came > 0 || added > seen {
			wait = fetchAgain
		}
		seen = added
	}
}

// chaseOnce asks for all late bodies and returns how many came.
func (l *Ledger) chaseOnce(added int) (came int, err error) {
	missing, err := l.copy.Late()
	if err != nil {
		return 0, err
	}
	wants := make([]body, len(missing))
	for i, m := range missing {
		wants[i] = bodyOf(m.Where, m.Leaf, m.Event.Event)
	}
	got, why := l.askBodies(wants)
	for i, f := range got {
		if f.message == nil && !f.gone {
			continue
		}
		if err := l.copy.Arrived(missing[i].Event, f.body()); err != nil {
			return came, err
		}
		came++
		l.cfg.Log.Info("a late body arrived", slog.Uint64("position", uint64(missing[i].Position)))
	}
	if why != nil {
		return came, why
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.late.some = came < len(missing) || l.late.added > added
	return came, nil
}

// lateBodies says whether bodies are late; the ledger's lock guards it.
type lateBodies struct {
	some  bool
	added int // blocks that came with late bodies
}

// missed notes that a block came with late bodies.
func (l *Ledger) missed(entries []embedded.Entry) {
	if !slices.ContainsFunc(entries, func(e embedded.Entry) bool { return e.Late != "" }) {
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
