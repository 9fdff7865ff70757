package deposit

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

const (
	resourceType = "DocumentReference"

	// ExtVerification is the extension that says what the gateway knows of a certificate's truth: nothing.
	ExtVerification = "https://volens.example/fhir/StructureDefinition/verification"
	systemFormat    = "https://volens.example/fhir/CodeSystem/document-format"
	systemPseudonym = "https://volens.example/fhir/pseudonym"
)

func reference(id consent.Hash) string { return resourceType + "/" + id.String() }

// named is the document that a use of ours is about.
func named(u *proof.Use) (consent.Hash, bool) {
	if len(u.Resources) != 1 {
		return consent.Hash{}, false
	}
	return ID(u.Resources[0])
}

// ID is the document that a reference names, false when it is no document that could be here.
func ID(ref string) (consent.Hash, bool) {
	text, ok := strings.CutPrefix(ref, resourceType+"/")
	if !ok {
		return consent.Hash{}, false
	}
	var id consent.Hash
	return id, id.UnmarshalText([]byte(text)) == nil
}

func labels(d api.Document) []consent.Coding {
	return []consent.Coding{{System: policies.SystemConfidentiality, Code: d.Confidentiality}}
}

// coding is a FHIR Coding.
type coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
}

type identifier struct {
	System string `json:"system"`
	Value  string `json:"value"`
}

type attachment struct {
	ContentType string `json:"contentType"`
	Data        string `json:"data,omitempty"`
	Size        int    `json:"size"`
	Title       string `json:"title,omitempty"`
	Creation    string `json:"creation"`
}

type content struct {
	Attachment attachment `json:"attachment"`
	Format     *coding    `json:"format,omitempty"`
}

type extension struct {
	URL   string `json:"url"`
	Value string `json:"valueCode"`
}

type concept struct {
	Coding []coding `json:"coding"`
}

// documentReference is an R4 DocumentReference, as far as a deposit needs it.
type documentReference struct {
	ResourceType string                `json:"resourceType"`
	ID           string                `json:"id"`
	Meta         map[string][]coding   `json:"meta"`
	Extension    []extension           `json:"extension"`
	Master       identifier            `json:"masterIdentifier"`
	Status       string                `json:"status"`
	Type         *concept              `json:"type,omitempty"`
	Subject      map[string]identifier `json:"subject"`
	Date         string                `json:"date"`
	Content      []content             `json:"content"`
}

// Resource tells a document as an R4 DocumentReference to who knows the patient by a pseudonym; with the bytes, or without them
// when data is nil. Its masterIdentifier names the bytes by their SHA-256, too (RFC 6920).
func Resource(d api.Document, pseudonym string, data []byte) (json.RawMessage, error) {
	when := time.UnixMilli(int64(d.Time)).UTC().Format("2006-01-02T15:04:05.000Z")
	c := content{Attachment: attachment{
		ContentType: d.ContentType, Data: base64.StdEncoding.EncodeToString(data), Size: d.Size, Title: d.Title, Creation: when,
	}}
	if d.Format != "" {
		c.Format = &coding{systemFormat, d.Format}
	}
	r := documentReference{
		ResourceType: resourceType, ID: d.ID.String(), Extension: []extension{{ExtVerification, d.Verification}},
		Meta:   map[string][]coding{"security": {{policies.SystemConfidentiality, d.Confidentiality}}},
		Master: identifier{"urn:ietf:rfc:3986", "ni:///sha-256;" + base64.RawURLEncoding.EncodeToString(d.ID[:])},
		Status: "current", Subject: map[string]identifier{"identifier": {systemPseudonym, pseudonym}}, Date: when, Content: []content{c},
	}
	if d.Type != nil {
		r.Type = &concept{[]coding{{d.Type.System, d.Type.Code}}}
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, consent.Errorf(consent.Internal, "tell a document: %w", err)
	}
	return b, nil
}
