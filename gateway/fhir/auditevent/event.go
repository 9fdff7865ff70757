package auditevent

import (
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// Event is an R4 AuditEvent, as far as uses need it.
type Event struct { //nolint:recvcheck // Of fills it in, the rest reads it
	ResourceType string   `json:"resourceType"`
	ID           string   `json:"id,omitempty"`
	Meta         *Meta    `json:"meta,omitempty"`
	Type         Coding   `json:"type"`
	Subtype      []Coding `json:"subtype,omitempty"`
	Action       string   `json:"action,omitempty"`
	Recorded     string   `json:"recorded"`
	Outcome      string   `json:"outcome,omitempty"`
	OutcomeDesc  string   `json:"outcomeDesc,omitempty"`
	Agent        []Agent  `json:"agent"`
	Source       Source   `json:"source"`
	Entity       []Entity `json:"entity,omitempty"`
}

// Meta names the profile.
type Meta struct {
	Profile []string `json:"profile,omitempty"`
}

// Coding is a FHIR Coding.
type Coding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
}

// Concept is a FHIR CodeableConcept.
type Concept struct {
	Coding []Coding `json:"coding,omitempty"`
}

// Reference is a FHIR Reference.
type Reference struct {
	Reference  string      `json:"reference,omitempty"`
	Identifier *Identifier `json:"identifier,omitempty"`
	Display    string      `json:"display,omitempty"`
}

// Identifier is a FHIR Identifier.
type Identifier struct {
	System string `json:"system,omitempty"`
	Value  string `json:"value"`
}

// Agent took part.
type Agent struct {
	Type         *Concept  `json:"type,omitempty"`
	Role         []Concept `json:"role,omitempty"`
	Who          Reference `json:"who"`
	Requestor    bool      `json:"requestor"`
	Policy       []string  `json:"policy,omitempty"`
	Network      *Network  `json:"network,omitempty"`
	PurposeOfUse []Concept `json:"purposeOfUse,omitempty"`
}

// Network is where an agent was reached: type 1 a name, 2 an address, 5 a URI.
type Network struct {
	Address string `json:"address"`
	Type    string `json:"type"`
}

// Source is who reports.
type Source struct {
	Site     string    `json:"site,omitempty"`
	Observer Reference `json:"observer"`
	Type     []Coding  `json:"type,omitempty"`
}

// Entity is what it was about.
type Entity struct {
	What   *Reference `json:"what,omitempty"`
	Type   *Coding    `json:"type,omitempty"`
	Role   *Coding    `json:"role,omitempty"`
	Detail []Detail   `json:"detail,omitempty"`
}

// Detail is a named value.
type Detail struct {
	Type  string `json:"type"`
	Value string `json:"valueString"`
}

// Origin is what a use does not say of itself.
type Origin struct {
	Server    string                      // URL of the gateway
	Custodian consent.MemberID            // whose gateway it is
	Patient   string                      // reference to the subject
	Consent   func(consent.Uint64) string // id of a consent by its seq, "" when it is not known; nil: none is known
}

// Code systems.
const (
	dcm      = "http://dicom.nema.org/resources/ontology/DCM"
	rest     = "http://terminology.hl7.org/CodeSystem/audit-event-type"
	actions  = "http://hl7.org/fhir/restful-interaction"
	entities = "http://terminology.hl7.org/CodeSystem/audit-entity-type"
	objects  = "http://terminology.hl7.org/CodeSystem/object-role"
	purposes = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	balp     = "https://profiles.ihe.net/ITI/BALP/"
	profile  = balp + "StructureDefinition/IHE.BasicAudit."
	// MemberSystem is the system of member ids in identifiers.
	MemberSystem = "https://volens.example/fhir/member"
)

// Of tells a use as an R4 AuditEvent. index is the use's place in the log; it makes the id.
func Of(u proof.Use, index consent.Uint64, o Origin) Event {
	e := Event{
		ResourceType: "AuditEvent", ID: "use-" + strconv.FormatUint(uint64(index), 10), OutcomeDesc: u.Sentence.Text,
		Recorded: time.UnixMilli(int64(u.Time)).UTC().Format("2006-01-02T15:04:05.000Z"), Outcome: "0",
		Source: Source{Site: o.Server, Observer: member(o.Custodian), Type: []Coding{{"http://terminology.hl7.org/CodeSystem/security-source-type", "6"}}},
	}
	if u.Decision != proof.Permit {
		e.Outcome = "8"
	}
	patient := Entity{
		What: &Reference{Reference: o.Patient}, Type: &Coding{entities, "1"}, Role: &Coding{objects, "1"}, Detail: details(u),
	}
	switch u.Kind { //nolint:exhaustive // all others are looks at records
	case proof.Decision:
		e.decision(u, o)
		e.Entity = append([]Entity{patient}, consents(u, o)...)
		return e
	case proof.Export:
		e.form("PrivacyDisclosure.Source", Coding{dcm, "110106"}, Coding{"http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle", "disclose"}, "R")
		e.between(u, o, one(dcm, "110152"), one(dcm, "110153"), true)
	case "enrolment", "request", "deposit":
		e.form("PatientCreate", Coding{rest, "rest"}, Coding{actions, "create"}, "C")
		e.between(u, o, one(dcm, "110153"), one(dcm, "110152"), false)
	case "removal":
		e.form("PatientDelete", Coding{rest, "rest"}, Coding{actions, "delete"}, "D")
		e.between(u, o, one(dcm, "110150"), one("http://terminology.hl7.org/CodeSystem/provenance-participant-type", "custodian"), false)
	default:
		e.form("PatientRead", Coding{rest, "rest"}, Coding{actions, "read"}, "R")
		e.between(u, o, one(dcm, "110152"), one(dcm, "110153"), true)
	}
	data := Entity{What: &Reference{Display: "records of consent and use"}, Type: &Coding{entities, "2"}, Role: &Coding{objects, "4"}}
	if len(u.Resources) == 1 { // a document that was put down or taken away
		data.What = &Reference{Reference: u.Resources[0]}
	}
	e.Entity = []Entity{patient, data}
	return e
}

func (e *Event) form(name string, kind, sub Coding, action string) {
	e.Meta = &Meta{Profile: []string{profile + name}}
	e.Type, e.Subtype, e.Action = kind, []Coding{sub}, action
}

// decision fills in what AuthZconsent asks for: the system that asked, the person, her organisation, and who decided.
func (e *Event) decision(u proof.Use, o Origin) {
	e.form("AuthZconsent", Coding{dcm, "110113"}, Coding{balp + "CodeSystem/AuthZsubType", "AuthZ-Consent"}, "E")
	user := Agent{Type: one("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"), Requestor: true, Who: person(u)}
	for _, r := range u.Roles {
		user.Role = append(user.Role, Concept{[]Coding{{r.System, r.Code}}})
	}
	if u.Purpose.Code != "" {
		system := u.Purpose.System
		if system == "" {
			system = purposes
		}
		user.PurposeOfUse = []Concept{{[]Coding{{system, u.Purpose.Code}}}}
	}
	e.Agent = []Agent{
		{Type: one(dcm, "110150"), Who: requester(u), Network: network(u.Client)},
		user,
		{Type: one("http://terminology.hl7.org/CodeSystem/v3-RoleClass", "PROV"), Who: requester(u)},
		{Type: one("http://terminology.hl7.org/CodeSystem/extra-security-role-type", "authserver"), Who: member(o.Custodian)},
	}
}

// between fills in the two systems of a read, a disclosure, a creation or a deletion, by the roles that BALP gives them, and the
// person. In a creation and a deletion BALP knows the person by being the requestor, so the system that asked is none there.
func (e *Event) between(u proof.Use, o Origin, asks, answers *Concept, requestor bool) {
	e.Agent = []Agent{
		{Type: asks, Who: requester(u), Requestor: requestor && len(u.Actors) == 0, Network: network(u.Client)},
		{Type: answers, Who: member(o.Custodian), Network: &Network{o.Server, "5"}},
	}
	if len(u.Actors) > 0 {
		e.Agent = append(e.Agent, Agent{
			Type: one("http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "IRCP"), Requestor: true, Who: person(u),
		})
	}
}

func one(system, code string) *Concept { return &Concept{[]Coding{{system, code}}} }

func member(m consent.MemberID) Reference {
	return Reference{Identifier: &Identifier{MemberSystem, string(m)}, Display: string(m)}
}

// requester is the member that asked; without one it was the patient, or who acts for her.
func requester(u proof.Use) Reference {
	switch {
	case u.Requester != "":
		return member(u.Requester)
	case u.Delegation != "":
		return Reference{Display: "a delegate of the patient, delegation " + u.Delegation}
	}
	return Reference{Display: "the patient"}
}

// person is for whom the member asked, as it asserted.
func person(u proof.Use) Reference {
	if len(u.Actors) > 0 {
		return Reference{Reference: u.Actors[0]}
	}
	return Reference{Display: "nobody in particular at " + string(u.Requester)}
}

func network(client string) *Network {
	if client == "" {
		return &Network{"not recorded", "1"}
	}
	if _, err := netip.ParseAddr(client); err == nil {
		return &Network{client, "2"}
	}
	return &Network{client, "1"}
}

// consents are the consents that decided. BALP wants at least one; where none speaks of the matter, that is said.
func consents(u proof.Use, o Origin) (out []Entity) {
	kind := &Coding{"http://hl7.org/fhir/resource-types", "Consent"}
	for _, seq := range u.Consents {
		what := &Reference{Display: "consent " + strconv.FormatUint(uint64(seq), 10)}
		if o.Consent != nil {
			if id := o.Consent(seq); id != "" {
				what.Reference = "Consent/" + id
			}
		}
		out = append(out, Entity{What: what, Type: kind})
	}
	if out == nil {
		out = []Entity{{What: &Reference{Display: "no consent applies"}, Type: kind}}
	}
	return out
}

// details are what BALP has no place for and a reader needs: where it is on record, and what decided.
func details(u proof.Use) []Detail {
	out := []Detail{{"use", strconv.FormatUint(uint64(u.UseSeq), 10)}, {"position", strconv.FormatUint(uint64(u.Position), 10)}}
	add := func(kind string, values ...string) {
		for _, v := range values {
			if v != "" {
				out = append(out, Detail{kind, v})
			}
		}
	}
	add("consent-decision", u.ConsentDecision)
	add("action", u.Action.Code)
	add("resource-type", u.ResourceTypes...)
	add("resource", u.Resources...)
	for _, r := range u.Reasons {
		add("rule", r.Rule)
	}
	add("obligation", u.Obligations...)
	add("emergency", u.Emergency)
	add("algorithm", u.Algorithm)
	if !u.PolicyDigest.IsZero() {
		add("policy-digest", u.PolicyDigest.String())
		add("codes-digest", u.CodesDigest.String())
	}
	add("request-id", u.RequestID)
	return out
}

// JSON returns the resource.
func (e Event) JSON() (json.RawMessage, error) { return json.Marshal(e) }
