package api

import (
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
)

// PathEvidence gives the messages that a consent of mine stands on.
const PathEvidence = "/v1/me/consents/evidence"

// EvidenceQuery names a consent of the subject.
type EvidenceQuery struct {
	Seq consent.Uint64 `json:"seq"`
}

// Proved is a message with the ledger's receipt.
type Proved struct {
	Message consent.Message `json:"message"`
	Receipt network.Receipt `json:"receipt"`
}

// Evidence is the messages that made a consent, confirmed it and ended it, oldest first. Each checks offline.
type Evidence struct {
	Messages []Proved `json:"messages"`
}
