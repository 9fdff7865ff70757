package policies

import (
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Algorithm names how several enforceable consents combine (README, G). FHIR defines none, so every decision names its own.
type Algorithm string

// The combining algorithms.
const (
	DenyOverrides Algorithm = "deny-overrides" // any denial wins, else any permit
	MostRecent    Algorithm = "most-recent"    // the latest consent that speaks of the matter wins
)

// Implicit names what holds when the subject has no enforceable consent at all (README, H; IHE PCF volume 1, 53.2.1).
type Implicit string

// The implicit policies.
const (
	ImplicitDeny           Implicit = "deny"
	ImplicitBasicNormal    Implicit = "basic-normal"     // treatment by clinicians
	ImplicitAllNormal      Implicit = "all-normal"       // every use that is authorised otherwise
	ImplicitBreakGlassOnly Implicit = "break-glass-only" // emergencies declared by clinicians
)

// Active is the one status in which a consent is enforceable (FHIR consent-state-codes).
const Active = "active"

// Record is one consent as a decision sees it.
type Record struct {
	ID       string          `json:"id"`              // opaque; echoed in the decision
	Status   string          `json:"status"`          // FHIR status; only Active is enforceable
	Date     consent.Millis  `json:"date"`            // when it was given; for most-recent. Of equal dates the later in the list wins
	Consent  consent.Consent `json:"consent"`         // what it says
	Attested bool            `json:"attested"`        // entered by the custodian, not signed by the patient. Changes no answer
	UsesLeft *consent.Uint64 `json:"usesLeft"`        // nil: no limit. 0: its permits are used up
	Unfit    string          `json:"unfit,omitempty"` // why its permits do not match the study that asks: DataUse, DataUseUnclear or VisaMissing; "": they may
	Shape    *Shape          `json:"-"`               // what Engine.Shape made of Consent, or nil to have it made now
}

// Why the permits of a consent do not match a study (README, F8). Package study finds out.
const (
	DataUse        = "data-use"         // its data use terms do not permit the study, or none is named
	DataUseUnclear = "data-use-unclear" // they do not say; a person has to look
	VisaMissing    = "visa"             // it asks for a visa that the researcher has not shown
)

// Systems of the policies of a consent that restrict what studies it permits.
const (
	SystemOBO  = "http://purl.obolibrary.org/obo/"                    // data use terms (DUO_0000042) and diseases (MONDO_0005148)
	SystemVisa = "https://volens.example/fhir/CodeSystem/ga4gh-visa|" // a GA4GH visa: its type, or type=value
)

// DataUses are those of the policies of a consent that restrict what studies it permits.
func DataUses(c consent.Consent) (uses []string) {
	for _, p := range c.Policies {
		if strings.HasPrefix(p, SystemOBO) || strings.HasPrefix(p, SystemVisa) {
			uses = append(uses, p)
		}
	}
	return uses
}

// Resource is one thing that a request asks for: all that a rule can ask about it.
type Resource struct {
	Type       string           `json:"type"`       // FHIR resource type
	ID         string           `json:"id"`         // logical id; Type/ID is what references name
	Classes    []consent.Coding `json:"classes"`    // document types, format codes and profiles, beside the type
	Labels     []consent.Coding `json:"labels"`     // meta.security
	Codes      []consent.Coding `json:"codes"`      // every clinical coding found in it
	Date       consent.Period   `json:"date"`       // when the data came to be, half-open; both zero: not known
	References []string         `json:"references"` // what it refers to, e.g. Encounter/1
	Authors    []string         `json:"authors"`    // who made it, e.g. Practitioner/bob
}

// Delegation is a live consent.Delegate of the requester, who asks in the patient's place. Period.End is Delegate.Ends.
type Delegation struct {
	ID     string         `json:"id"`
	Scope  []string       `json:"scope"`
	Period consent.Period `json:"period"`
}

// Request is what a decision is asked about. Purpose and action are required; a request without them is denied.
type Request struct {
	Actors        []string         `json:"actors"`        // every reference the requester is known by, see consent.Recipient
	Roles         []consent.Coding `json:"roles"`         // security roles, from the ledger: {"", "clinician"}
	Action        consent.Coding   `json:"action"`        // FHIR consentaction; an empty system means that one
	Purpose       consent.Coding   `json:"purpose"`       // v3-ActReason; an empty system means that one
	Categories    []consent.Coding `json:"categories"`    // only consents of these categories or kinds; empty: all
	ResourceTypes []consent.Coding `json:"resourceTypes"` // asked for, when Resources is empty; empty: anything
	Resources     []Resource       `json:"resources"`     // asked for; empty: not yet known, so the answer has residual rules
	Delegation    *Delegation      `json:"delegation"`    // set when the requester acts for the patient
	Now           consent.Millis   `json:"now"`
}
