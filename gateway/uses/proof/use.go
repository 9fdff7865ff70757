package proof

import (
	"crypto/sha256"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Kind says what sort of use a record is of.
type Kind string

// The kinds of use.
const (
	Decision Kind = "decision" // a request was decided, permit or deny
	Read     Kind = "read"     // an auditor, custodian, delegate or the patient read records of consent or use
	Export   Kind = "export"   // such records left as a file
	Replay   Kind = "replay"   // a past decision was computed again, its input opened
	Request  Kind = "request"  // a member asked for a consent; the sealed input is what it asked for
)

// What a use's Decision says.
const (
	Permit = "permit"
	Deny   = "deny"
)

// Reason is one lettered rule of policies/README.md that bore on the decision.
type Reason struct {
	Rule    string `json:"rule"`
	Code    string `json:"code,omitempty"` // for translation; stable
	Text    string `json:"text"`           // English
	Consent string `json:"consent,omitempty"`
}

// Param is a named value of a Sentence.
type Param struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Sentence is the decision as a patient reads it. An app translates Code and Params.
type Sentence struct {
	Code   string  `json:"code,omitempty"`
	Params []Param `json:"params,omitempty"` // in order of name
	Text   string  `json:"text"`
}

// Use is the record of one decision or read: who, when, what, why, and under which consent. It covers what EHDS article 9,
// 45 CFR 164.528 and FHIR AuditEvent (IHE BALP) ask for. It is committed to by a leaf and sealed under the handle's key.
// UseSeq and Salt are given by the log.
type Use struct {
	Handle          consent.SubjectID `json:"handle"`
	UseSeq          consent.Uint64    `json:"useSeq"` // 1 for the handle's first
	Time            consent.Millis    `json:"time"`
	Kind            Kind              `json:"kind"`
	Requester       consent.MemberID  `json:"requester"`            // the member, proven by its key; "" for the patient
	Actors          []string          `json:"actors,omitempty"`     // users and groups as the member asserts them
	Roles           []consent.Coding  `json:"roles,omitempty"`      // from the ledger
	Delegation      string            `json:"delegation,omitempty"` // on whose behalf: the delegation asked under
	Channel         string            `json:"channel,omitempty"`    // which interface: rest, authzen, fhir, cli
	Client          string            `json:"client,omitempty"`     // software and address, as far as known
	Purpose         consent.Coding    `json:"purpose"`              // v3-ActReason
	Action          consent.Coding    `json:"action"`               // FHIR consentaction
	ResourceTypes   []string          `json:"resourceTypes,omitempty"`
	Resources       []string          `json:"resources,omitempty"` // references, Type/id
	Labels          []consent.Coding  `json:"labels,omitempty"`    // security labels of what was asked for
	Emergency       string            `json:"emergency,omitempty"` // the reason given for breaking the glass; "" otherwise
	Decision        string            `json:"decision"`            // Permit or Deny
	ConsentDecision string            `json:"consentDecision,omitempty"`
	Reasons         []Reason          `json:"reasons,omitempty"`
	Sentence        Sentence          `json:"sentence"`
	Consents        []consent.Uint64  `json:"consents,omitempty"` // seqs of the consents that decided
	Rules           []string          `json:"rules,omitempty"`
	Obligations     []string          `json:"obligations,omitempty"`
	PolicyDigest    consent.Hash      `json:"policyDigest"`
	CodesDigest     consent.Hash      `json:"codesDigest"`
	Position        consent.Uint64    `json:"position"` // of the ledger, as the decision saw it
	Algorithm       string            `json:"algorithm,omitempty"`
	Implicit        string            `json:"implicit,omitempty"`
	RequestID       string            `json:"requestId,omitempty"`
	InputHash       consent.Hash      `json:"inputHash"` // SHA-256 of the full input, which is sealed beside the use for replay
	Salt            consent.Hash      `json:"salt"`      // 32 random bytes
}

// Marshal returns the canonical bytes.
func (u *Use) Marshal() []byte { return u.AppendTo(make([]byte, 0, 1024)) }

// AppendTo appends the canonical bytes.
func (u *Use) AppendTo(b []byte) []byte { return consent.Append(b, u) }

// ParseUse reads what Marshal wrote; any other bytes are consent.Malformed.
func ParseUse(b []byte) (Use, error) {
	var u Use
	err := consent.Decode(b, &u)
	return u, err
}

// Commitment is what the leaf says of the use.
func (u *Use) Commitment() consent.Hash { return Commitment(u.Salt, u.Marshal()) }

// Commitment commits to the canonical bytes of a use with its salt.
func Commitment(salt consent.Hash, canonical []byte) consent.Hash {
	return labelled("volens/use/1", salt[:], canonical)
}

// SubjectSalt derives a handle's subject salt from the salt of its first use.
func SubjectSalt(first consent.Hash) consent.Hash {
	return labelled("volens/use-subject-salt/1", first[:])
}

// Pseudonym is how leaves name a handle.
func Pseudonym(h consent.SubjectID, subjectSalt consent.Hash) consent.Hash {
	return labelled("volens/use-subject/1", h[:], subjectSalt[:])
}

func labelled(label string, parts ...[]byte) (out consent.Hash) {
	h := sha256.New()
	h.Write([]byte{byte(len(label))})
	h.Write([]byte(label))
	for _, p := range parts {
		h.Write(p)
	}
	h.Sum(out[:0])
	return out
}
