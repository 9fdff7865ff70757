package auth

import (
	"hash/maphash"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/study"
)

type kind uint8

const (
	nobody kind = iota
	patient
	delegate
	person // of a member, or an authority
	client
)

func (k kind) String() string {
	return [...]string{"nobody", "patient", "delegate", "person", "client"}[k]
}

// owner is whose secrets are counted and ended together.
type owner struct {
	kind    kind
	handle  consent.SubjectID
	seq     consent.Uint64   // of the delegation
	member  consent.MemberID // of a person or client
	address consent.Address  // of a person: public, it is in the member's or the ledger's record
}

// identity is what was proven, and what must still be so for it to count. It holds no address of a patient or delegate.
type identity struct {
	owner
	commit     consent.Hash      // the patient's KeyCommit, or the delegation's commitment
	delegation *consent.Delegate // opened
	record     consent.Uint64    // seq of the member record that a client proved itself under
	scope      roleSet           // a client asked for these at most
	smart      string            // and for these SMART scopes
	shown      []study.Visa      // and showed these, of a passport
}

// roles reads from the ledger what the identity may do at this moment; the empty set means that it no longer counts.
func (s *Service) roles(id *identity) roleSet {
	switch id.kind {
	case patient:
		h, ok := s.ledger.Head(id.handle)
		if ok && (h.State == consent.Active || h.State == consent.Recovering) && h.KeyCommit == id.commit {
			return setOf(Patient)
		}
	case delegate:
		if s.delegationHolds(id) {
			return setOf(Delegate)
		}
	case person:
		return s.personRoles(id)
	case client:
		return s.clientRoles(id)
	case nobody:
	}
	return 0
}

func (s *Service) clientRoles(id *identity) roleSet {
	m, ok := s.ledger.Member(id.member)
	if !ok || m.Suspended || m.Seq != id.record {
		return 0
	}
	return setOfMember(m) & id.scope
}

func (s *Service) delegationHolds(id *identity) bool {
	h, ok := s.ledger.Head(id.handle)
	if !ok || h.State == consent.Gone {
		return false
	}
	e, ok := s.ledger.Delegation(id.handle, id.seq)
	d, now := id.delegation, s.millis()
	return ok && e.Kind == "Delegate" && e.Status == consent.Live && e.Commitment == id.commit &&
		d.Period.Contains(now) && (d.Majority == 0 || now < d.Majority)
}

func (s *Service) personRoles(id *identity) (set roleSet) {
	if slices.ContainsFunc(s.ledger.Genesis().Authorities, func(a consent.Authority) bool { return a.Address == id.address }) {
		set = setOf(Authority)
	}
	if id.member == "" {
		return set
	}
	if m, ok := s.ledger.Member(id.member); ok && !m.Suspended && slices.Contains(m.Keys, id.address) {
		set |= setOfMember(m)
	}
	return set
}

// principal makes the principal of an identity, or ErrUnauthenticated when the ledger gives it nothing.
func (s *Service) principal(id *identity) (Principal, error) {
	set := s.roles(id)
	if set == 0 {
		return Principal{}, ErrUnauthenticated
	}
	return Principal{
		Handle: id.handle, Delegation: id.delegation, Member: id.member,
		id: *id, roles: set, tag: maphash.Comparable(s.tagSeed, id.owner),
	}, nil
}

// proven is the principal of an identity that was proven just now, which alone may get a secret: a token does not buy
// another token.
func (s *Service) proven(id *identity) (Principal, error) {
	p, err := s.principal(id)
	p.fresh = err == nil
	return p, err
}

// Renew reads the ledger again for a principal whose request is still running. ErrUnauthenticated: end it.
func (s *Service) Renew(p Principal) (Principal, error) { return s.principal(&p.id) }
