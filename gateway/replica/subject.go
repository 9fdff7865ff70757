package replica

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// record is what the replica keeps of a subject.
type record struct {
	Head        consent.Head
	Consents    []Held
	Delegations []Delegation
}

// Held is a consent of a subject, without its body.
type Held struct {
	Seq        consent.Uint64
	Kind       string // message type that made it
	Status     consent.EntryStatus
	Confirmed  bool
	Date       consent.Millis // when it was recorded, whole minutes
	Ended      consent.Millis // when it was revoked or replaced; 0 while it has not been
	Commitment consent.Hash
	MaxUses    consent.Uint64
	Request    consent.Hash
	Replaces   consent.Uint64
}

// Delegation is a delegation of a subject.
type Delegation struct {
	consent.Delegate
	Status consent.EntryStatus
}

// absorb changes the record as the event says. The public part comes from the leaf, so that it is right even when the
// message is gone; the rest from the message.
func (r *record) absorb(ev network.Event) error { //nolint:cyclop // a case for each message
	for _, w := range ev.Leaf.Writes {
		if w.Key == consent.HeadKey(ev.Event.Handle) {
			if err := consent.Decode(w.Value, &r.Head); err != nil {
				return err
			}
		}
	}
	if ev.Message == nil {
		return nil
	}
	at := ev.Event.Time
	switch b := ev.Message.Body.(type) {
	case *consent.ConsentGrant:
		if b.Replaces != 0 {
			r.end(b.Replaces, consent.Replaced, at)
		}
		r.hold(ev, b.Consent, consent.Live, b.Request)
		r.Consents[len(r.Consents)-1].Replaces = b.Replaces
	case *consent.ConsentAttest:
		r.hold(ev, b.Consent, consent.Live, consent.Hash{})
	case *consent.ConsentDecline:
		r.hold(ev, b.Consent, consent.Ended, b.Request)
	case *consent.ConsentConfirm:
		for i := range r.Consents {
			if r.Consents[i].Seq == b.Consent {
				r.Consents[i].Confirmed = true
			}
		}
	case *consent.ConsentRevoke:
		r.end(b.Consent, consent.Revoked, at)
	case *consent.RevokeAll:
		for _, c := range r.Consents {
			r.end(c.Seq, consent.Revoked, at)
		}
	case *consent.Delegate:
		r.Delegations = append(r.Delegations, Delegation{*b, consent.Live})
	case *consent.DelegateEnd:
		for i := range r.Delegations {
			if r.Delegations[i].Seq == b.Delegation {
				r.Delegations[i].Status = consent.Ended
			}
		}
	}
	return nil
}

func (r *record) hold(ev network.Event, c consent.Consent, s consent.EntryStatus, request consent.Hash) {
	r.Consents = append(r.Consents, Held{
		Seq: ev.Event.Seq, Kind: ev.Event.Type, Status: s, Date: ev.Event.Time, Commitment: ev.Event.Commitment,
		MaxUses: c.MaxUses, Request: request,
	})
}

func (r *record) end(seq consent.Uint64, s consent.EntryStatus, at consent.Millis) {
	for i := range r.Consents {
		if c := &r.Consents[i]; c.Seq == seq && c.Status == consent.Live {
			c.Status, c.Ended = s, at
		}
	}
}

// consentOf returns the consent that a message brings.
func consentOf(m *consent.Message) (consent.Consent, bool) {
	if m == nil {
		return consent.Consent{}, false
	}
	switch b := m.Body.(type) {
	case *consent.ConsentGrant:
		return b.Consent, true
	case *consent.ConsentDecline:
		return b.Consent, true
	case *consent.ConsentAttest:
		return b.Consent, true
	}
	return consent.Consent{}, false
}
