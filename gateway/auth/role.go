package auth

import (
	"encoding/binary"
	"encoding/hex"
	"log/slog"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Role is what somebody is to this gateway. Every role follows from the ledger.
type Role string

// The roles. The last four are those of members.
const (
	Patient    Role = "patient"
	Delegate   Role = "delegate"
	Authority  Role = "authority"
	Custodian       = Role(consent.Custodian)
	Clinician       = Role(consent.Clinician)
	Researcher      = Role(consent.Researcher)
	Auditor         = Role(consent.Auditor)
)

var allRoles = [...]Role{Patient, Delegate, Authority, Custodian, Clinician, Researcher, Auditor}

// roleSet is a set of roles, a bit for each.
type roleSet uint8

const memberRoles = roleSet(0b1111000)

func setOf(r Role) roleSet {
	for i, known := range allRoles {
		if r == known {
			return 1 << i
		}
	}
	return 0
}

func setOfMember(m consent.Member) (s roleSet) {
	for _, r := range m.Roles {
		s |= setOf(Role(r)) & memberRoles
	}
	return s
}

// Principal is who asks, with the roles that the ledger gave at the moment of Authenticate or SignIn. It is for one
// request; a stream asks Service.Renew from time to time. The zero Principal has no role.
type Principal struct {
	Handle     consent.SubjectID // of a patient, and of the subject that a delegate acts for
	Delegation *consent.Delegate // of a delegate, opened; do not change
	Member     consent.MemberID  // of a person or client of a member

	id    identity
	roles roleSet
	fresh bool // proven in this request
	tag   uint64
}

// Has reports whether the principal has the role.
func (p Principal) Has(r Role) bool { return p.roles&setOf(r) != 0 }

// Roles lists the principal's roles.
func (p Principal) Roles() []Role {
	var list []Role
	for _, r := range allRoles {
		if p.Has(r) {
			list = append(list, r)
		}
	}
	return list
}

// May reports whether the principal acts for its handle within a scope (consent.ScopeView and so on): a patient in every
// scope, a delegate in those of the delegation, nobody else.
func (p Principal) May(scope string) bool {
	return p.Has(Patient) || p.Has(Delegate) && slices.Contains(p.Delegation.Scope, scope)
}

// Client reports whether this is an organisation's system, not a person.
func (p Principal) Client() bool { return p.id.kind == client }

// Scopes are the SMART scopes that the client's token was asked for, separated by blanks: what it may do with FHIR resources, if
// consent permits.
func (p Principal) Scopes() string { return p.id.smart }

// Allow reports whether p has one of the roles. With no roles it is false: what is not listed is denied.
func Allow(p Principal, roles ...Role) bool {
	for _, r := range roles {
		if p.Has(r) {
			return true
		}
	}
	return false
}

// String names the principal for logs and limits: its kind and a tag that is the same for all its requests of this process
// and means nothing outside it. No handle, member, name or address is in it.
func (p Principal) String() string {
	return p.id.kind.String() + "/" + hex.EncodeToString(binary.BigEndian.AppendUint64(nil, p.tag))
}

// GoString hides the rest from %#v too.
func (p Principal) GoString() string { return p.String() }

// LogValue implements slog.LogValuer.
func (p Principal) LogValue() slog.Value { return slog.StringValue(p.String()) }
