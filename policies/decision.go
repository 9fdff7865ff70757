package policies

import (
	"encoding/json"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// What a decision says.
const (
	Permit = "permit"
	Deny   = "deny"
)

// What the consents alone say, before implicit policy and delegation.
const (
	ConsentPermit = "PERMIT"
	ConsentDeny   = "DENY"
	NoConsent     = "NO_CONSENT"
)

// Decision is the answer. The zero value denies. Its slices and maps may be shared between decisions: read only.
type Decision struct {
	Decision        string             `json:"decision"`        // Permit or Deny: final, for all that was asked for
	ConsentDecision string             `json:"consentDecision"` // ConsentPermit, ConsentDeny or NoConsent
	Reasons         []Reason           `json:"reasons"`
	Sentence        Sentence           `json:"sentence"`
	Consents        []string           `json:"consents"`    // ids of the records that decided
	Rules           []string           `json:"rules"`       // what in them decided: "<id>/provision[<index>]"
	Residual        []ResidualRule     `json:"residual"`    // without concrete resources: what flows (README, J)
	Obligations     []Obligation       `json:"obligations"` // only on permit
	Resources       []ResourceDecision `json:"resources"`   // in the order asked; withheld ones are Deny
	Algorithm       Algorithm          `json:"algorithm"`
	Implicit        Implicit           `json:"implicit"`
	PolicyDigest    string             `json:"policyDigest"` // hex; names the Rego in the archive
	CodesDigest     string             `json:"codesDigest"`  // hex; names the code systems in the archive
	InputDigest     string             `json:"inputDigest"`  // hex; equal inputs have equal answers
	NextBoundary    consent.Millis     `json:"nextBoundary"` // the next instant at which time alone may change the answer; 0: never
	Memo            bool               `json:"memo"`         // answered from the memo
}

// Reason is one lettered rule that bore on the decision.
type Reason struct {
	Rule    string `json:"rule"`              // letter in README.md, e.g. "F3"
	Code    string `json:"code"`              // for translation; stable
	Text    string `json:"text"`              // English
	Consent string `json:"consent,omitempty"` // id of the record it speaks of, when it speaks of one
}

// Sentence is the decision in one sentence that a patient understands. Text is English; an app translates Code and Params.
type Sentence struct {
	Code   string            `json:"code"`
	Params map[string]string `json:"params,omitempty"`
	Text   string            `json:"text"`
}

// ResidualRule is one rule that still has to be applied to each resource, in the form of IHE PCF (ITI-71 update,
// extension ihe_pcf.residual) with additions. Rules of one consent are in order and the last one that matches decides;
// Default marks the opening "forbid" of a consent that says nothing of the rest, as against one that denies it. Consents
// combine by the decision's algorithm. A rule without criteria matches everything.
type ResidualRule struct {
	Type          string           `json:"type"` // permit or forbid
	SecurityLabel []consent.Coding `json:"securityLabel,omitempty"`
	DataPeriod    *ResidualPeriod  `json:"dataPeriod,omitempty"`
	Data          []ResidualData   `json:"data,omitempty"`
	ResourceType  []consent.Coding `json:"resourceType,omitempty"`
	Code          []consent.Coding `json:"code,omitempty"`
	Within        []ResidualRule   `json:"within,omitempty"` // rules around this one, which must match as well; their type says how labels and dates are read
	Default       bool             `json:"default,omitempty"`
	Consent       string           `json:"consent,omitempty"`
	Rules         []string         `json:"rules,omitempty"`
}

// ResidualData points at resources, as FHIR Consent.provision.data does.
type ResidualData struct {
	Meaning   string            `json:"meaning"`
	Reference ResidualReference `json:"reference"`
}

// ResidualReference is a FHIR Reference.
type ResidualReference struct {
	Reference string `json:"reference"`
}

// ResidualPeriod is a half-open period, shown as a FHIR Period, whose end is inclusive: one millisecond earlier.
type ResidualPeriod consent.Period

// MarshalJSON implements json.Marshaler.
func (p ResidualPeriod) MarshalJSON() ([]byte, error) {
	v := map[string]string{}
	if p.Start != 0 {
		v["start"] = fhirInstant(p.Start)
	}
	if p.End != 0 {
		v["end"] = fhirInstant(p.End - 1)
	}
	return json.Marshal(v)
}

func fhirInstant(t consent.Millis) string {
	return time.UnixMilli(int64(t)).UTC().Format("2006-01-02T15:04:05.000Z07:00")
}

// Obligation is what comes with a permit: REDACT (LEAP form), NOPERSISTP, DELAU, MINEC (v3-ActCode).
type Obligation struct {
	ID         consent.Coding `json:"id"`
	Parameters Parameters     `json:"parameters"`
}

// Parameters of an obligation. Labels among the codes are read as in rules: confidentiality as a mark, others by
// subsumption.
type Parameters struct {
	Codes            []consent.Coding `json:"codes,omitempty"`            // redact what bears one of these
	ExceptAnyOfCodes []consent.Coding `json:"exceptAnyOfCodes,omitempty"` // redact what bears none of these
	Before           consent.Millis   `json:"before,omitempty"`           // DELAU: delete by then
	Elements         []string         `json:"elements,omitempty"`         // MINEC: what of each type flows, "Patient.gender", beside id, meta and what FHIR makes mandatory
}

// ResourceDecision is the answer for one resource of the request.
type ResourceDecision struct {
	Type            string   `json:"type"`
	ID              string   `json:"id"`
	Decision        string   `json:"decision"`
	ConsentDecision string   `json:"consentDecision"`
	Consents        []string `json:"consents"`
	Rules           []string `json:"rules"`
	Reasons         []Reason `json:"reasons"`
	Masked          []string `json:"masked,omitempty"` // its top-level elements that do not flow (README, M2)
}
