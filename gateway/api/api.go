// Package api holds what crosses the wire between a gateway and its clients: the JSON bodies, the routes, and the table
// that maps error codes to HTTP status. Where a body is something that another package defines (a message, a decision, a
// statement of uses), it is that package's type and not a copy.
//
// Every error is an RFC 9457 problem. Handles, names, record numbers and keys travel in bodies only, never in a URL.
package api

import (
	"encoding/json"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
)

// Ledger describes the gateway's ledger and logs: what a wallet pins at enrolment. It is public.
type Ledger struct {
	ID           consent.Hash       `json:"id"`
	Name         string             `json:"name"`
	ChainID      uint64             `json:"chainId"`
	Genesis      consent.Message    `json:"genesis"`
	Position     network.Position   `json:"position"`
	Origin       string             `json:"origin"`                 // of the ledger's checkpoints
	Key          string             `json:"key"`                    // verifier key of the ledger's checkpoints (C2SP signed-note)
	UsesOrigin   string             `json:"usesOrigin"`             // of the use log's checkpoints
	UsesKey      string             `json:"usesKey"`                // verifier key of the use log's checkpoints
	Custodian    consent.MemberID   `json:"custodian"`              // whose gateway this is
	Jurisdiction string             `json:"jurisdiction,omitempty"` // ISO 3166: under whose law the custodian keeps its records
	Algorithm    policies.Algorithm `json:"algorithm"`
	Implicit     policies.Implicit  `json:"implicit"`
	PolicyDigest consent.Hash       `json:"policyDigest"`
	CodesDigest  consent.Hash       `json:"codesDigest"`
	Version      string             `json:"version"`
}

// CheckpointQuery names the size of the ledger that its reader saw last, 0 for none.
type CheckpointQuery struct {
	Since consent.Uint64 `json:"since,omitempty"`
}

// Checkpoint is the newest signed checkpoint of the ledger, and the RFC 6962 proof that it holds the ledger of Since records:
// a wallet that keeps what it saw notices a ledger that shows another history.
type Checkpoint struct {
	Checkpoint  string         `json:"checkpoint"` // C2SP tlog-checkpoint
	Consistency []consent.Hash `json:"consistency"`
}

// AnchorQuery names a size of the use log, that of the checkpoint which its reader holds, and of the ledger that she saw last, 0
// for none.
type AnchorQuery struct {
	Size   consent.Uint64 `json:"size"`
	Ledger consent.Uint64 `json:"ledger,omitempty"`
}

// Anchor is the newest anchor of the gateway's use log: the receipt of the message that put the log's root on the ledger, and
// the RFC 6962 proof that the smaller of the anchored log and the log of Size uses is a prefix of the other one. Whoever
// reads the ledger sees the same anchor, so a gateway cannot show a patient another history than an auditor. LedgerConsistency is
// such a proof for the ledger itself, between the receipt's checkpoint and the ledger that the reader saw: without it the receipt
// could be of a tree that was made for this one answer.
type Anchor struct {
	Receipt     *network.Receipt `json:"receipt,omitempty"` // absent: never anchored
	Consistency []consent.Hash   `json:"consistency"`

	LedgerConsistency []consent.Hash `json:"ledgerConsistency,omitempty"`
}

// Members lists the members of the ledger, and the messages that made them so: Init, AuthorityChange and Member… in the
// ledger's order. A wallet takes names from the messages, which the authorities signed, and from nowhere else.
type Members struct {
	Members  []consent.Member  `json:"members"`
	Messages []consent.Message `json:"messages"`
}

// Challenge is a nonce and what the sign-in text has to say (ERC-4361).
type Challenge struct {
	Nonce     string `json:"nonce"`
	Domain    string `json:"domain"`
	URI       string `json:"uri"`
	ChainID   uint64 `json:"chainId"`
	Statement string `json:"statement"`
	IssuedAt  string `json:"issuedAt"`  // RFC 3339
	ExpiresAt string `json:"expiresAt"` // RFC 3339
}

// SignIn is a signed sign-in text. With Delegation the signer signs in as a delegate, with Handle and KeySalt as a
// patient, with neither as a person of a member or an authority.
type SignIn struct {
	Message    string             `json:"message"`
	Signature  string             `json:"signature"`
	Handle     *consent.SubjectID `json:"handle,omitempty"`
	KeySalt    *consent.Hash      `json:"keySalt,omitempty"`
	Delegation *consent.Delegate  `json:"delegation,omitempty"`
	Cookie     bool               `json:"cookie,omitempty"` // a browser session instead of a bearer token
}

// Session says who is signed in.
type Session struct {
	Roles       []string           `json:"roles"`
	Handle      *consent.SubjectID `json:"handle,omitempty"`
	Member      consent.MemberID   `json:"member,omitempty"`
	AccessToken string             `json:"accessToken,omitempty"` // bearer sign-ins
	ExpiresIn   int                `json:"expiresIn,omitempty"`   // seconds
	CSRF        string             `json:"csrf,omitempty"`        // cookie sessions: send it back in X-CSRF-Token
}

// Me is where a subject stands.
type Me struct {
	Handle      consent.SubjectID    `json:"handle"`
	Custodian   consent.MemberID     `json:"custodian"`
	State       consent.SubjectState `json:"state"`
	Slot        consent.Uint64       `json:"slot"`
	Seq         consent.Uint64       `json:"seq"`
	Prev        consent.Hash         `json:"prev"`
	Deadline    consent.Millis       `json:"deadline"`
	Delegations []Delegation         `json:"delegations"`
}

// Delegation is a delegation and its status.
type Delegation struct {
	consent.Delegate
	Status consent.EntryStatus `json:"status"`
}

// Consent is one consent of a subject.
type Consent struct {
	Seq        consent.Uint64      `json:"seq"`
	Kind       string              `json:"kind"` // ConsentGrant, ConsentAttest, ConsentDecline
	Status     consent.EntryStatus `json:"status"`
	Signed     bool                `json:"signed"` // by the patient or her delegate: granted, or attested and confirmed
	Date       consent.Millis      `json:"date"`
	Ended      consent.Millis      `json:"ended"`
	Commitment consent.Hash        `json:"commitment"`
	Request    consent.Hash        `json:"request"`
	Replaces   consent.Uint64      `json:"replaces"`
	Uses       consent.Uint64      `json:"uses"` // permits so far, for consents that limit their uses
	Consent    consent.Consent     `json:"consent"`
}

// Consents lists a subject's consents, newest first.
type Consents struct {
	Consents []Consent `json:"consents"`
}

// Resource is what a request asks for: all that a rule can ask about it. Data is not sent.
type Resource = policies.Resource

// AccessRequest asks for access to one subject's data. The member that asks is known by its token.
type AccessRequest struct {
	Subject       string           `json:"subject"` // the pairwise pseudonym that the custodian gave this member
	Actor         Actor            `json:"actor"`
	Purpose       consent.Coding   `json:"purpose"` // v3-ActReason; an empty system means that one
	Action        consent.Coding   `json:"action"`  // FHIR consentaction; an empty code means access
	Categories    []consent.Coding `json:"categories,omitempty"`
	ResourceTypes []consent.Coding `json:"resourceTypes,omitempty"`
	Resources     []Resource       `json:"resources,omitempty" limit:"256"`
	Elements      []string         `json:"elements,omitempty" limit:"64"`    // of each resource only these, as FHIR's _elements; empty: all
	Summary       string           `json:"summary,omitempty"`                // as FHIR's _summary: true, text, data or false
	Study         []string         `json:"study,omitempty"`                  // what the study is and keeps to: terms of DUO (DS, NPU) and diseases (MONDO:0005148)
	Passport      string           `json:"passport,omitempty" limit:"65536"` // GA4GH passport of the researcher, or its visas with spaces between; never kept
	Emergency     string           `json:"emergency,omitempty"`              // the reason, when the purpose is an emergency
	RequestID     string           `json:"requestId,omitempty"`              // the caller's own reference, kept on record

	// Present are of each resource its top-level elements, where who asks holds the resource: a gateway, never a client.
	Present [][]string `json:"-"`
}

// Actor is the person or group of the member for whom it asks, as the member asserts it.
type Actor struct {
	Reference string   `json:"reference,omitempty"` // e.g. Practitioner/bob
	Groups    []string `json:"groups,omitempty"`    // e.g. Group/ward-3
}

// Access is the answer to an AccessRequest. The use is on record before it is sent.
type Access struct {
	policies.Decision
	Position consent.Uint64    `json:"position"`       // of the ledger that it was decided at
	Use      *UseReceipt       `json:"use,omitempty"`  // absent only when nothing could be put on record, which denies
	Data     []json.RawMessage `json:"data,omitempty"` // POST /v1/fetch: the resources that flow
}

// UseReceipt says where a use is on record.
type UseReceipt struct {
	Index  consent.Uint64 `json:"index"`
	UseSeq consent.Uint64 `json:"useSeq"`
	Leaf   consent.Hash   `json:"leaf"`
}

// Batch asks for several decisions; Answers has as many, in order.
type Batch struct {
	Requests []AccessRequest `json:"requests" limit:"100"` // at most 100
}

// Answers are the answers to a Batch.
type Answers struct {
	Answers []Access `json:"answers"`
}

// Preview asks what a consent would let through, now, for a request. Nothing is recorded as a use by others: it is the
// patient's own question.
type Preview struct {
	Consent   *consent.Consent `json:"consent,omitempty"`  // to be added to those in force; absent: what is in force now
	Replaces  consent.Uint64   `json:"replaces,omitempty"` // and in the place of this one
	Revoke    []consent.Uint64 `json:"revoke,omitempty"`   // and without these
	Member    consent.MemberID `json:"member"`             // who would ask
	Actor     Actor            `json:"actor"`
	Purpose   consent.Coding   `json:"purpose"`
	Action    consent.Coding   `json:"action"`
	Study     []string         `json:"study,omitempty"` // as in AccessRequest
	Resources []Resource       `json:"resources,omitempty" limit:"256"`
}

// ConsentRequest asks a subject for a consent. The subject sees it with the name of the member that asks.
type ConsentRequest struct {
	Subject string          `json:"subject"`            // pairwise pseudonym
	Consent consent.Consent `json:"consent"`            // what is asked for; the recipient must be the asking member
	Text    string          `json:"text" limit:"20000"` // the exact text that the person is asked to agree to; consent.textHash is its SHA-256
}

// Asked is a consent request as the subject sees it.
type Asked struct {
	ID       consent.Hash     `json:"id"` // goes into ConsentGrant.request or ConsentDecline.request
	Member   consent.MemberID `json:"member"`
	Time     consent.Millis   `json:"time"`
	Consent  consent.Consent  `json:"consent"`
	Text     string           `json:"text"`
	Answered consent.Uint64   `json:"answered"` // seq of the consent that answered it; 0 while it waits
}

// Requests lists consent requests, newest first.
type Requests struct {
	Requests []Asked `json:"requests"`
}

// AskedQuery asks what a member asked subjects for, newest first.
type AskedQuery struct {
	Before consent.Uint64 `json:"before,omitempty"` // continue below this index
	Limit  int            `json:"limit,omitempty"`  // at most 1,000; 0 means 100
}

// AskedFor is a page of what a member asked for.
type AskedFor struct {
	Requests []RequestState `json:"requests"`
	Next     consent.Uint64 `json:"next"` // AskedQuery.Before for the next page; 0 at the end
}

// RequestState is a consent request as the member that made it sees it: what it said itself, and what came of it. Of the
// patient's consents it says no more than how she answered.
type RequestState struct {
	ID      consent.Hash    `json:"id"`
	Index   consent.Uint64  `json:"index"`   // of the use under which it is on record
	Subject string          `json:"subject"` // the pseudonym under which this member knows the subject
	Time    consent.Millis  `json:"time"`
	Consent consent.Consent `json:"consent"` // what was asked for
	Text    string          `json:"text"`
	State   AnswerState     `json:"state"`
	At      consent.Millis  `json:"at"` // when it was answered, or when what it led to ended; 0 while it waits
}

// AnswerState is what came of a consent request.
type AnswerState string

// The states of a consent request.
const (
	Waiting  AnswerState = "waiting"
	Accepted AnswerState = "accepted" // the patient signed the very text that she was asked to
	Narrowed AnswerState = "narrowed" // she agreed to something else, which she chose
	Declined AnswerState = "declined"
	Expired  AnswerState = "expired" // nobody answered before the end of what was asked for
	Over     AnswerState = "over"    // she had agreed; she has withdrawn since, or its time is over
)

// Enrolment opens a subject for a local record.
type Enrolment struct {
	LocalID string `json:"localId"`        // the custodian's record number; sealed, never leaves the custodian
	Days    int    `json:"days,omitempty"` // how long the code is good; 0 means 14
}

// Enrolled is a new subject and its one-time code. The code is shown once and kept nowhere.
type Enrolled struct {
	Handle    consent.SubjectID `json:"handle"`
	Slot      consent.Uint64    `json:"slot"`
	Code      string            `json:"code"`
	CodeUntil consent.Millis    `json:"codeUntil"`
	Ledger    consent.Hash      `json:"ledger,omitempty"` // goes into the QR code with the rest: what the wallet pins
	Genesis   consent.Hash      `json:"genesis"`          // commitment of the genesis
	UsesKey   string            `json:"usesKey"`
	Key       string            `json:"key"`
	Seq       consent.Uint64    `json:"seq"`
	Prev      consent.Hash      `json:"prev"`
	Receipt   network.Receipt   `json:"receipt"`
}

// Claim spends an enrolment code: the one message that needs no sign-in.
type Claim struct {
	Message consent.Message `json:"message"` // a SubjectClaim
}

// Claimed answers a claim.
type Claimed struct {
	Receipt network.Receipt `json:"receipt"`
	Me      Me              `json:"me"`
}

// SubjectQuery finds a subject by the custodian's record number, or names it by handle.
type SubjectQuery struct {
	LocalID string             `json:"localId,omitempty"`
	Handle  *consent.SubjectID `json:"handle,omitempty"`
}

// Subject is a subject as its custodian sees it.
type Subject struct {
	Handle  consent.SubjectID    `json:"handle"`
	LocalID string               `json:"localId,omitempty"`
	State   consent.SubjectState `json:"state"`
	Slot    consent.Uint64       `json:"slot"`
	Seq     consent.Uint64       `json:"seq"`
	Prev    consent.Hash         `json:"prev"`
}

// PseudonymQuery asks for the pseudonym under which a member knows a subject.
type PseudonymQuery struct {
	SubjectQuery
	Member consent.MemberID `json:"member"`
}

// Pseudonym is a pairwise pseudonym.
type Pseudonym struct {
	Pseudonym string `json:"pseudonym"`
}

// Attest enters a paper or imported consent. The custodian's key signs it.
type Attest struct {
	SubjectQuery
	Consent  consent.Consent `json:"consent"`
	Evidence consent.Hash    `json:"evidence"` // SHA-256 of the document that the custodian holds
}

// EraseSubject erases a subject by the custodian's signature.
type EraseSubject struct {
	SubjectQuery
	Reason string `json:"reason"` // request, retention or court
}

// Erasure is how far erasures are: Pending counts subjects whose keys could still be given back by an old copy of the key
// ring, until the next rotation.
type Erasure struct {
	Pending int `json:"pending"`
}

// Notice is a server-sent event for a subject. Its data says where to look, not what happened.
type Notice struct {
	Kind string         `json:"kind"` // use, ledger
	Seq  consent.Uint64 `json:"seq"`  // of the use or the message
}

// Ready is the answer of /readyz.
type Ready struct {
	Ready    bool             `json:"ready"`
	Position network.Position `json:"position"`
	Uses     consent.Uint64   `json:"uses"`
	Why      string           `json:"why,omitempty"`
}
