package consent

import (
	"encoding/hex"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// Hash, Address and Signature are sig's; they are named here so that users of the contract need one import.
type (
	Hash      = sig.Hash
	Address   = sig.Address
	Signature = sig.Signature
)

// SubjectID is a handle: 128 random bits that stand for one patient at one custodian. Its text form is 32 lower-case hex
// digits. A patient with n custodians has n handles, and nothing on the ledger joins them.
type SubjectID [16]byte

// String returns the text form.
func (s SubjectID) String() string { return hex.EncodeToString(s[:]) }

// IsZero reports whether every byte is zero.
func (s SubjectID) IsZero() bool { return s == SubjectID{} }

// MarshalText implements encoding.TextMarshaler.
func (s SubjectID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText accepts exactly 32 lower-case hex digits.
func (s *SubjectID) UnmarshalText(b []byte) error {
	if len(b) != 2*len(s) {
		return errorf(Malformed, "a handle is 32 lower-case hex digits")
	}
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return errorf(Malformed, "a handle is 32 lower-case hex digits")
		}
	}
	_, err := hex.Decode(s[:], b)
	return err
}

// ParseSubjectID reads 32 lower-case hex digits.
func ParseSubjectID(text string) (SubjectID, error) {
	var s SubjectID
	err := s.UnmarshalText([]byte(text))
	return s, err
}

// Millis is an instant: milliseconds since 1970-01-01T00:00:00Z. Its JSON form is a decimal string, because JSON numbers
// lose precision from 2^53 on. Where a field says so, zero means "not set".
type Millis int64

// Uint64 is a 64-bit count or sequence number whose JSON form is a decimal string.
type Uint64 uint64

// MarshalText implements encoding.TextMarshaler.
func (m Millis) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(m), 10), nil }

// UnmarshalText accepts -?(0|[1-9][0-9]{0,18}) and nothing else; "-0" is refused too.
func (m *Millis) UnmarshalText(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != string(b) {
		return errorf(Malformed, "an instant is a decimal string of milliseconds since 1970")
	}
	*m = Millis(n)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (u Uint64) MarshalText() ([]byte, error) { return strconv.AppendUint(nil, uint64(u), 10), nil }

// UnmarshalText accepts (0|[1-9][0-9]{0,18}) and nothing else.
func (u *Uint64) UnmarshalText(b []byte) error {
	n, err := strconv.ParseInt(string(b), 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != string(b) {
		return errorf(Malformed, "a number is a decimal string without sign or leading zero")
	}
	*u = Uint64(n)
	return nil
}

// MemberID names a member organisation: 1 to 64 of a-z, 0-9 and "-", beginning with a letter.
type MemberID string

// Role is what a member may do. Roles come from the ledger only.
type Role string

// The roles of members. A patient is whoever holds a handle's key; a delegate is whoever a live Delegate names; an
// authority is named by the genesis or by AuthorityChange.
const (
	Custodian  Role = "custodian"  // holds records, opens subjects, decides requests for them
	Clinician  Role = "clinician"  // its users ask for access to treat
	Researcher Role = "researcher" // its users ask for access to study
	Auditor    Role = "auditor"    // reads the pseudonymised use log and replays decisions
)

// Effect is what a rule does: permit or deny (FHIR consent-provision-type).
type Effect string

// The two effects.
const (
	Permit Effect = "permit"
	Deny   Effect = "deny"
)

// Coding is a code and its system, as in FHIR. The system may be empty where a FHIR element is a bare code.
type Coding struct {
	System string `json:"system"`
	Code   string `json:"code"`
}

// Identifier is a business identifier, as in FHIR.
type Identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

// Period is half-open, [Start, End), in milliseconds since 1970-01-01T00:00:00Z. Zero means open on that side, so the
// instant 0 itself cannot be named. FHIR's inclusive end becomes end + one unit of its precision.
type Period struct {
	Start Millis `json:"start"`
	End   Millis `json:"end"`
}

// Contains reports whether Start <= t < End, open sides reaching for ever.
func (p Period) Contains(t Millis) bool {
	return (p.Start == 0 || p.Start <= t) && (p.End == 0 || t < p.End)
}

// Recipient is who a rule speaks of (FHIR Consent.provision.actor): a participation role (IRCP, PRCP, …) and a reference.
// The references that a live request carries are given by package access:
//
//	Organization/<member>               the requesting member, proven by its key
//	<member>:<reference>                a user or group that this member asserts, e.g. "city-hospital:Practitioner/bob"
//	<reference>                         the same, when the member is the subject's own custodian
type Recipient struct {
	Role      Coding `json:"role"`
	Reference string `json:"reference"`
}

// DataReference points at resources (FHIR Consent.provision.data). Meaning is instance, related, dependents or
// authoredby (FHIR consent-data-meaning).
type DataReference struct {
	Meaning   string `json:"meaning"`
	Reference string `json:"reference"`
}

// Provision is one rule. The rules of a consent are a flat list, because EIP-712 has no recursive structs: Parent is the
// index of the rule that this one is nested in, and always less than the rule's own index. The rule at index 0 is the
// root: its Parent is 0, its effect is the consent's base effect. Within a rule all elements must match; within an
// element any value; an empty element matches anything.
type Provision struct {
	Parent        Uint64          `json:"parent"`
	Effect        Effect          `json:"effect"`
	Period        Period          `json:"period"`
	Recipients    []Recipient     `json:"recipients"`
	Roles         []Coding        `json:"roles"`         // security roles of the requester, e.g. clinician, researcher
	Actions       []Coding        `json:"actions"`       // FHIR consentaction: collect access use disclose correct
	Purposes      []Coding        `json:"purposes"`      // v3-ActReason (PurposeOfUse)
	ResourceTypes []Coding        `json:"resourceTypes"` // FHIR resource types or document types
	Codes         []Coding        `json:"codes"`         // clinical codes found in an instance
	Labels        []Coding        `json:"labels"`        // security labels: confidentiality, sensitivity
	DataPeriod    Period          `json:"dataPeriod"`    // when the data came to be
	Data          []DataReference `json:"data"`
}

// Consent is what a person grants, refuses or is recorded as having granted: everything that FHIR Consent R4 and R5 can
// say of it, and the terms that Volens adds. It is part of the signed messages ConsentGrant, ConsentDecline and
// ConsentAttest.
type Consent struct {
	Kind        string       `json:"kind"`       // FHIR R4 scope: patient-privacy, research, treatment, adr
	Categories  []Coding     `json:"categories"` // FHIR category
	Identifiers []Identifier `json:"identifiers"`
	RecordedAt  Millis       `json:"recordedAt"`  // FHIR dateTime (R4), date (R5): ms; 0 unknown
	Grantors    []string     `json:"grantors"`    // FHIR performer (R4), grantor (R5): references
	Grantees    []string     `json:"grantees"`    // FHIR R5 grantee: who must comply
	Controllers []string     `json:"controllers"` // FHIR organization (R4), controller (R5)
	Period      Period       `json:"period"`
	Provisions  []Provision  `json:"provisions" limit:"64"`
	Policies    []string     `json:"policies"`   // policy URIs, "system|code" for a coded rule
	TextHash    Hash         `json:"textHash"`   // SHA-256 of the exact text that the person saw, UTF-8
	Locale      string       `json:"locale"`     // BCP 47 tag of that text
	MaxUses     Uint64       `json:"maxUses"`    // permits under this consent at most; 0 means no limit
	EraseBy     Millis       `json:"eraseBy"`    // recipients erase what they hold by then: ms; 0 means not set
	AccessMode  string       `json:"accessMode"` // "", view or store (ABDM permission.accessMode)
}

// Base is the base effect: that of the root rule. A consent without rules denies.
func (c Consent) Base() Effect {
	if len(c.Provisions) == 0 {
		return Deny
	}
	return c.Provisions[0].Effect
}

// Depth is the number of steps from rule i to the root: 0 for the root itself.
func (c Consent) Depth(i int) int {
	d := 0
	for i > 0 {
		i, d = int(c.Provisions[i].Parent), d+1 //nolint:gosec // Parent is below i, which Check saw to
	}
	return d
}
