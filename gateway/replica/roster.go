package replica

import (
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// roster is who is on the ledger: the authorities and the members. It is small, whole in memory and replaced whole.
type roster struct {
	version uint64
	genesis consent.Genesis
	members map[consent.MemberID]consent.Member
	byKey   map[consent.Address]consent.MemberID
	names   []consent.MemberID
	// messages are Init, AuthorityChange, Close and Member…, in order.
	messages []consent.Message
}

// loadRoster reads the authorities and the members again. Member ids are kept in the index as the leaves name them.
func (r *Replica) loadRoster() error {
	next := roster{members: map[consent.MemberID]consent.Member{}, byKey: map[consent.Address]consent.MemberID{}}
	if old := r.roster.Load(); old != nil {
		next.version = old.version + 1
	}
	if b, err := r.cfg.Ledger.Get(consent.GenesisKey()); err != nil {
		return err
	} else if b != nil {
		if err := consent.Decode(b, &next.genesis); err != nil {
			return err
		}
	}
	var err error
	if next.messages, err = r.loadMessages(); err != nil {
		return err
	}
	for _, m := range next.messages {
		admitted, ok := m.Body.(*consent.MemberAdmit)
		if !ok {
			continue
		}
		id := admitted.Member
		b, err := r.cfg.Ledger.Get(consent.MemberKey(id))
		if err != nil {
			return err
		}
		var m consent.Member
		if err := consent.Decode(b, &m); err != nil {
			return err
		}
		next.members[id] = m
		next.names = append(next.names, id)
		for _, k := range m.Keys {
			next.byKey[k] = id
		}
	}
	slices.Sort(next.names)
	r.roster.Store(&next)
	return nil
}

// Genesis is the ledger's record of itself.
func (r *Replica) Genesis() consent.Genesis { return r.roster.Load().genesis }

// Member returns a member's record.
func (r *Replica) Member(id consent.MemberID) (consent.Member, bool) {
	m, ok := r.roster.Load().members[id]
	return m, ok
}

// MemberOfKey returns the member that signs with this key.
func (r *Replica) MemberOfKey(a consent.Address) (consent.Member, bool) {
	ro := r.roster.Load()
	m, ok := ro.members[ro.byKey[a]]
	return m, ok
}

// Members returns all members in order of id.
func (r *Replica) Members() []consent.Member {
	ro := r.roster.Load()
	ms := make([]consent.Member, 0, len(ro.names))
	for _, id := range ro.names {
		ms = append(ms, ro.members[id])
	}
	return ms
}

// named is a member's id in the one string that all subjects share.
func (r *Replica) named(id consent.MemberID) consent.MemberID {
	if m, ok := r.roster.Load().members[id]; ok {
		return m.ID
	}
	return id
}

// record reads a subject's record from the index; NotFound when there is none.
func (r *Replica) record(h consent.SubjectID) (rec record, err error) {
	err = r.db.View(func(txn *badger.Txn) (err error) {
		rec, err = r.readRecord(txn, h)
		return err
	})
	return rec, coded(err)
}

// RosterVersion moves with every change of authorities or members.
func (r *Replica) RosterVersion() uint64 { return r.roster.Load().version }

// Head returns a subject's head as the replica shows it.
func (r *Replica) Head(h consent.SubjectID) (consent.Head, bool) {
	rec, err := r.record(h)
	return rec.Head, err == nil
}

// Delegation returns the public entry of a delegation.
func (r *Replica) Delegation(h consent.SubjectID, seq consent.Uint64) (consent.Entry, bool) {
	b, err := r.cfg.Ledger.Get(consent.DelegationKey(h, seq))
	if err != nil || b == nil {
		return consent.Entry{}, false
	}
	var e consent.Entry
	return e, consent.Decode(b, &e) == nil
}

// Delegations returns a subject's delegations.
func (r *Replica) Delegations(h consent.SubjectID) ([]Delegation, error) {
	rec, err := r.record(h)
	return rec.Delegations, err
}

// MemberMessages returns the messages that made the authorities and members what they are, in the ledger's order.
func (r *Replica) MemberMessages() []consent.Message { return r.roster.Load().messages }

// loadMessages reads the messages of authorities and members, which nobody seals: they are public.
func (r *Replica) loadMessages() (ms []consent.Message, err error) {
	err = r.each(messageKeys, func(_ string, b []byte) error {
		m, err := consent.Unmarshal(b)
		ms = append(ms, m)
		return err
	})
	return ms, err
}
