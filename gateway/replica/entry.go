package replica

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

// entry is a consent as the index keeps it: an entry each, so that one more costs what the first one did. Sealed, in this
// order: a 4-byte length and Held in canonical bytes, the filter, the digest of the prepared form, the consent in canonical
// bytes.
type entry struct {
	held   Held
	filter policies.Filter
	digest [32]byte
	body   []byte
}

func (e *entry) append(b []byte) []byte {
	at := len(b)
	b = consent.Append(append(b, 0, 0, 0, 0), &e.held)
	binary.BigEndian.PutUint32(b[at:], uint32(len(b)-at-4)) //nolint:gosec // a few hundred bytes
	return append(append(e.filter.Append(b), e.digest[:]...), e.body...)
}

var errEntry = errors.New("an entry of another form")

// parseEntry keeps b.
func parseEntry(b []byte) (e entry, err error) {
	if len(b) < 4 {
		return e, errEntry
	}
	n := int(binary.BigEndian.Uint32(b))
	if b = b[4:]; len(b)-policies.FilterSize-len(e.digest) < n {
		return e, errEntry
	}
	if err := consent.Decode(b[:n], &e.held); err != nil {
		return e, err
	}
	b = b[n:]
	e.filter, err = policies.ParseFilter(b[:policies.FilterSize])
	e.body = b[policies.FilterSize+copy(e.digest[:], b[policies.FilterSize:]):]
	return e, err
}

func entryPrefix(h consent.SubjectID) string { return entryKeys + string(h[:]) }

// entryKey ends with the seq, so that a subject's consents are in order.
func entryKey(h consent.SubjectID, seq consent.Uint64) string {
	return string(binary.BigEndian.AppendUint64([]byte(entryPrefix(h)), uint64(seq)))
}

// applyConsents changes the consents of a subject as the message says.
func (r *Replica) applyConsents(txn *badger.Txn, ev network.Event) error {
	if ev.Message == nil {
		return r.applyEnds(txn, ev)
	}
	h, at := ev.Event.Handle, ev.Event.Time
	switch b := ev.Message.Body.(type) {
	case *consent.ConsentGrant:
		if b.Replaces != 0 {
			if err := r.end(txn, h, b.Replaces, consent.Replaced, at); err != nil {
				return err
			}
		}
		return r.hold(txn, ev, b.Consent, Held{Status: consent.Live, Request: b.Request, Replaces: b.Replaces})
	case *consent.ConsentAttest:
		return r.hold(txn, ev, b.Consent, Held{Status: consent.Live})
	case *consent.ConsentDecline:
		return r.hold(txn, ev, b.Consent, Held{Status: consent.Ended, Request: b.Request})
	case *consent.ConsentConfirm:
		return r.change(txn, h, b.Consent, func(k *Held) { k.Confirmed = true })
	case *consent.ConsentRevoke:
		return r.end(txn, h, b.Consent, consent.Revoked, at)
	}
	return nil
}

// applyEnds ends consents by what is public: on a ledger of several organisations a revocation can come without its message.
func (r *Replica) applyEnds(txn *badger.Txn, ev network.Event) error {
	prefix := strings.TrimSuffix(consent.EntryKey(ev.Event.Handle, 0), "0")
	for _, w := range ev.Leaf.Writes {
		digits, ok := strings.CutPrefix(w.Key, prefix)
		if !ok {
			continue
		}
		seq, err := strconv.ParseUint(digits, 10, 64)
		if err != nil {
			return fmt.Errorf("read the key of a consent: %w", err)
		}
		var e consent.Entry
		if err := consent.Decode(w.Value, &e); err != nil {
			return err
		}
		if e.Status == consent.Live {
			continue
		}
		if err := r.end(txn, ev.Event.Handle, consent.Uint64(seq), e.Status, ev.Event.Time); err != nil {
			return err
		}
	}
	return nil
}

// hold keeps a consent that the event brought.
func (r *Replica) hold(txn *badger.Txn, ev network.Event, c consent.Consent, k Held) error {
	k.Seq, k.Kind, k.Date, k.Commitment, k.MaxUses = ev.Event.Seq, ev.Event.Type, ev.Event.Time, ev.Event.Commitment, c.MaxUses
	e := entry{held: k, body: consent.Append(nil, &c)}
	e.filter, e.digest = policies.FilterOf(c)
	return r.putEntry(txn, ev.Event.Handle, &e)
}

func (r *Replica) end(txn *badger.Txn, h consent.SubjectID, seq consent.Uint64, s consent.EntryStatus, at consent.Millis) error {
	return r.change(txn, h, seq, func(k *Held) {
		if k.Status == consent.Live {
			k.Status, k.Ended = s, at
		}
	})
}

// change changes an entry. One that is not there stays so: its message is gone.
func (r *Replica) change(txn *badger.Txn, h consent.SubjectID, seq consent.Uint64, how func(*Held)) error {
	e, err := r.entry(txn, h, seq)
	if errors.Is(err, errAbsent) {
		return nil
	}
	if err != nil {
		return err
	}
	how(&e.held)
	return r.putEntry(txn, h, &e)
}

func (r *Replica) putEntry(txn *badger.Txn, h consent.SubjectID, e *entry) error {
	sealed, err := r.cfg.Vault.Seal(vault.ID(h), pack(e.append(nil)), []byte(entryKeys))
	if err != nil {
		return err
	}
	return r.put(txn, entryKey(h, e.held.Seq), sealed)
}

func (r *Replica) entry(txn *badger.Txn, h consent.SubjectID, seq consent.Uint64) (e entry, err error) {
	item, err := txn.Get([]byte(entryKey(h, seq)))
	if errors.Is(err, badger.ErrKeyNotFound) {
		return e, errAbsent
	}
	if err != nil {
		return e, err
	}
	return r.openEntry(h, item)
}

func (r *Replica) openEntry(h consent.SubjectID, item *badger.Item) (e entry, err error) {
	err = item.Value(func(sealed []byte) error {
		b, err := r.cfg.Vault.Open(vault.ID(h), sealed, []byte(entryKeys))
		if err != nil {
			return fmt.Errorf("open a consent: %w", err)
		}
		if b, err = unpack(b); err != nil {
			return err
		}
		e, err = parseEntry(b)
		return err
	})
	return e, err
}

// eachEntry calls fn for the consents of a subject in order of seq.
func (r *Replica) eachEntry(txn *badger.Txn, h consent.SubjectID, fn func(*entry) error) error {
	prefix := []byte(entryPrefix(h))
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	for it.Seek(prefix); it.Valid(); it.Next() {
		e, err := r.openEntry(h, it.Item())
		if err != nil {
			return err
		}
		if err := fn(&e); err != nil {
			return err
		}
	}
	return nil
}

// consents reads a subject's record and its consents, with the status that they have by now.
func (r *Replica) consents(h consent.SubjectID, each func(*entry) error) (rec record, err error) {
	err = r.db.View(func(txn *badger.Txn) (err error) {
		if rec, err = r.readRecord(txn, h); err != nil || rec.Head.State == consent.Gone {
			return err
		}
		return r.eachEntry(txn, h, func(e *entry) error {
			rec.settle(&e.held)
			return each(e)
		})
	})
	return rec, coded(err)
}

// coded gives an error of the index its code.
func coded(err error) error {
	switch {
	case errors.Is(err, errAbsent):
		return consent.Errorf(consent.NotFound, "there is no such subject")
	case err != nil:
		return consent.Errorf(consent.Unavailable, "%w", err)
	}
	return nil
}

// Consents returns a subject's consents, of every status, in order of seq.
func (r *Replica) Consents(h consent.SubjectID) (held []Held, err error) {
	_, err = r.consents(h, func(e *entry) error {
		held = append(held, e.held)
		return nil
	})
	return held, err
}

// Find returns the first consent in force that says what is looked for, and the head of the subject that it was read with. ok is
// false when none does.
func (r *Replica) Find(h consent.SubjectID, says func(consent.Consent) bool) (head consent.Head, held Held, c consent.Consent, ok bool, err error) {
	rec, err := r.consents(h, func(e *entry) error {
		if ok || e.held.Status != consent.Live {
			return nil
		}
		var body consent.Consent
		if err := consent.Decode(e.body, &body); err != nil {
			return err
		}
		if says(body) {
			held, c, ok = e.held, body, true
		}
		return nil
	})
	return rec.Head, held, c, ok, err
}

// Body returns the consent with this seq as it was signed or attested.
func (r *Replica) Body(h consent.SubjectID, seq consent.Uint64) (c consent.Consent, err error) {
	var e entry
	err = r.db.View(func(txn *badger.Txn) (err error) {
		e, err = r.entry(txn, h, seq)
		return err
	})
	if errors.Is(err, errAbsent) {
		return c, consent.Errorf(consent.NotFound, "there is no such consent")
	}
	if err != nil {
		return c, err
	}
	return c, consent.Decode(e.body, &c)
}
