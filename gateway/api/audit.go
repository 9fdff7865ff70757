package api

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// AuditFilter selects uses for an auditor, newest first. Zero fields select everything.
type AuditFilter struct {
	From      consent.Millis   `json:"from,omitempty"` // half-open with until
	Until     consent.Millis   `json:"until,omitempty"`
	Requester consent.MemberID `json:"requester,omitempty"`
	Purpose   string           `json:"purpose,omitempty"`
	Decision  string           `json:"decision,omitempty"`
	Kind      proof.Kind       `json:"kind,omitempty"`
	Emergency bool             `json:"emergency,omitempty"`
	Before    consent.Uint64   `json:"before,omitempty"` // continue below this index
	Limit     int              `json:"limit,omitempty"`  // at most 1,000; 0 means 100
}

// AuditUse is a use as an auditor sees it: the subject is a pseudonym that only this auditor has.
type AuditUse struct {
	Index           consent.Uint64   `json:"index"`
	Time            consent.Millis   `json:"time"` // of an erased subject's use: whole minutes
	Subject         consent.Hash     `json:"subject"`
	Erased          bool             `json:"erased"` // then the rest is not known
	UseSeq          consent.Uint64   `json:"useSeq"`
	Kind            proof.Kind       `json:"kind,omitempty"`
	Requester       consent.MemberID `json:"requester,omitempty"`
	Roles           []consent.Coding `json:"roles,omitempty"`
	Purpose         *consent.Coding  `json:"purpose,omitempty"`
	Action          *consent.Coding  `json:"action,omitempty"`
	ResourceTypes   []string         `json:"resourceTypes,omitempty"`
	Resources       int              `json:"resources,omitempty"`
	Labels          []consent.Coding `json:"labels,omitempty"`
	Emergency       bool             `json:"emergency,omitempty"`
	Decision        string           `json:"decision,omitempty"`
	ConsentDecision string           `json:"consentDecision,omitempty"`
	Rules           []string         `json:"rules,omitempty"`
	PolicyDigest    consent.Hash     `json:"policyDigest,omitzero"`
	CodesDigest     consent.Hash     `json:"codesDigest,omitzero"`
	Position        consent.Uint64   `json:"position,omitempty"`
}

// AuditUses is a page of uses.
type AuditUses struct {
	Rows []AuditUse     `json:"rows"`
	Next consent.Uint64 `json:"next"` // AuditFilter.Before for the next page; 0 at the end
	Size consent.Uint64 `json:"size"` // uses on record
}

// ReplayRequest names a use to be decided again. Why goes on record.
type ReplayRequest struct {
	Index consent.Uint64 `json:"index"`
	Why   string         `json:"why,omitempty"`
}

// Replay is a past decision, made again from its sealed input with the archived policies and code systems.
type Replay struct {
	Index  consent.Uint64    `json:"index"`
	Was    string            `json:"was"` // the decision on record
	Again  policies.Decision `json:"again"`
	Same   bool              `json:"same"`
	Detail string            `json:"detail,omitempty"` // what differs
}
