package replica

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// record is what the replica keeps of a subject beside its consents.
type record struct {
	Head        consent.Head
	Sweeps      []sweep
	Delegations []Delegation
	Waiting     []consent.Uint64 // positions of messages from the first on that has not arrived
}

// sweep is a RevokeAll: the consents that it ended are not written again.
type sweep struct {
	Through consent.Uint64
	At      consent.Millis
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
func (r *record) absorb(ev network.Event) error {
	if err := r.move(ev); err != nil || ev.Message == nil {
		return err
	}
	switch b := ev.Message.Body.(type) {
	case *consent.RevokeAll:
		r.Sweeps = append(r.Sweeps, sweep{ev.Event.Seq, ev.Event.Time})
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

// move brings the head to where the event left it.
func (r *record) move(ev network.Event) error {
	for _, w := range ev.Leaf.Writes {
		if w.Key == consent.HeadKey(ev.Event.Handle) {
			if err := consent.Decode(w.Value, &r.Head); err != nil {
				return err
			}
		}
	}
	return nil
}

// settle gives a consent the status that the messages after it left it with.
func (r *record) settle(k *Held) {
	if k.Status != consent.Live || k.Seq > r.Head.RevokedThrough {
		return
	}
	k.Status = consent.Revoked
	for _, s := range r.Sweeps {
		if k.Seq <= s.Through {
			k.Ended = s.At
			return
		}
	}
}
