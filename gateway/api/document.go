package api

import "github.com/volens-ledger/volens/chaincode/consent"

// Paths of documents.
const (
	PathDocuments      = "/v1/me/documents"
	PathDocumentRead   = "/v1/me/documents/read"
	PathDocumentRemove = "/v1/me/documents/remove"
)

// NotVerified is what a gateway knows of whether a certificate is true: nothing. Who reads it checks it, with keys of her own choice.
const NotVerified = "not-verified"

// Deposit is a document that a patient puts down at her custodian's gateway, to be shared under her consents.
type Deposit struct {
	Title           string          `json:"title,omitempty" limit:"200"`         // requesters who get the document see it
	ContentType     string          `json:"contentType" limit:"100"`             // media type (FHIR Attachment.contentType)
	Type            *consent.Coding `json:"type,omitempty"`                      // what sort of document, e.g. by LOINC; consents can ask for it
	Confidentiality string          `json:"confidentiality,omitempty" limit:"1"` // v3-Confidentiality; "" means R
	Data            string          `json:"data" limit:"1333336"`                // the bytes in base64, at most 1,000,000 of them
}

// Document is a document that is down. To requesters it is DocumentReference/<id>.
type Document struct {
	ID              consent.Hash    `json:"id"` // SHA-256 of the bytes
	Title           string          `json:"title,omitempty"`
	ContentType     string          `json:"contentType"`
	Format          string          `json:"format,omitempty"` // hcert or smart-health-card, when it is one
	Type            *consent.Coding `json:"type,omitempty"`
	Confidentiality string          `json:"confidentiality"`
	Size            int             `json:"size"`         // bytes
	Time            consent.Millis  `json:"time"`         // when it was put down
	Verification    string          `json:"verification"` // always not-verified
}

// Documents are those that are down, oldest first.
type Documents struct {
	Documents []Document `json:"documents"`
}

// DocumentQuery names a document.
type DocumentQuery struct {
	ID consent.Hash `json:"id"`
}

// DocumentContent is a document with its bytes.
type DocumentContent struct {
	Document
	Data string `json:"data"` // base64
}
