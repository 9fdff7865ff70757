package fhir

import "encoding/json"

// The shapes of FHIR JSON that a Consent needs, both releases in one: walk has seen to it that a resource has only what its
// release has.

type resource struct {
	ResourceType      string          `json:"resourceType"`
	ID                string          `json:"id,omitempty"`
	Meta              *meta           `json:"meta,omitempty"`
	Extension         []extension     `json:"extension,omitempty"`
	ModifierExtension []extension     `json:"modifierExtension,omitempty"`
	Identifier        []identifier    `json:"identifier,omitempty"`
	Status            string          `json:"status,omitempty"`
	Scope             *concept        `json:"scope,omitempty"` // R4
	Category          []concept       `json:"category,omitempty"`
	Patient           *Reference      `json:"patient,omitempty"`      // R4
	Subject           *Reference      `json:"subject,omitempty"`      // R5
	DateTime          string          `json:"dateTime,omitempty"`     // R4
	Date              string          `json:"date,omitempty"`         // R5
	Period            *period         `json:"period,omitempty"`       // R5
	Performer         []Reference     `json:"performer,omitempty"`    // R4
	Grantor           []Reference     `json:"grantor,omitempty"`      // R5
	Grantee           []Reference     `json:"grantee,omitempty"`      // R5
	Organization      []Reference     `json:"organization,omitempty"` // R4
	Controller        []Reference     `json:"controller,omitempty"`   // R5
	Policy            []policy        `json:"policy,omitempty"`       // R4
	PolicyRule        *concept        `json:"policyRule,omitempty"`   // R4
	RegulatoryBasis   []concept       `json:"regulatoryBasis,omitempty"`
	PolicyBasis       *basis          `json:"policyBasis,omitempty"` // R5
	Decision          string          `json:"decision,omitempty"`    // R5
	Provision         json.RawMessage `json:"provision,omitempty"`   // R4: one; R5: a list
}

type meta struct {
	VersionID   string   `json:"versionId,omitempty"`
	LastUpdated string   `json:"lastUpdated,omitempty"`
	Profile     []string `json:"profile,omitempty"`
}

type coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code,omitempty"`
}

type concept struct {
	Coding []coding `json:"coding,omitempty"`
	Text   string   `json:"text,omitempty"`
}

type identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value,omitempty"`
}

// Reference is a FHIR Reference, literal, logical or both.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Identifier *identifier `json:"identifier,omitempty"`
}

type period struct {
	Start string `json:"start,omitempty"`
	End   string `json:"end,omitempty"`
}

type policy struct {
	URI string `json:"uri,omitempty"`
}

type basis struct {
	URL string `json:"url,omitempty"`
}

type actor struct {
	Role      *concept   `json:"role,omitempty"`
	Reference *Reference `json:"reference,omitempty"`
}

type data struct {
	Meaning   string    `json:"meaning"`
	Reference Reference `json:"reference"`
}

type provision struct {
	ModifierExtension []extension `json:"modifierExtension,omitempty"`
	Type              string      `json:"type,omitempty"` // R4
	Period            *period     `json:"period,omitempty"`
	Actor             []actor     `json:"actor,omitempty"`
	Action            []concept   `json:"action,omitempty"`
	SecurityLabel     []coding    `json:"securityLabel,omitempty"`
	Purpose           []coding    `json:"purpose,omitempty"`
	Class             []coding    `json:"class,omitempty"`        // R4
	DocumentType      []coding    `json:"documentType,omitempty"` // R5
	ResourceType      []coding    `json:"resourceType,omitempty"` // R5
	Code              []concept   `json:"code,omitempty"`
	DataPeriod        *period     `json:"dataPeriod,omitempty"`
	Data              []data      `json:"data,omitempty"`
	Provision         []provision `json:"provision,omitempty"`
}

// extension is an extension with one of the values that the known ones have.
type extension struct {
	URL            string     `json:"url"`
	ValueBoolean   *bool      `json:"valueBoolean,omitempty"`
	ValueCode      string     `json:"valueCode,omitempty"`
	ValueString    string     `json:"valueString,omitempty"`
	ValueDateTime  string     `json:"valueDateTime,omitempty"`
	ValueCoding    *coding    `json:"valueCoding,omitempty"`
	ValueConcept   *concept   `json:"valueCodeableConcept,omitempty"`
	ValueReference *Reference `json:"valueReference,omitempty"`
	ValuePeriod    *period    `json:"valuePeriod,omitempty"`
}
