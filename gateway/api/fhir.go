package api

import "net/http"

// Bases of the FHIR interfaces. The same consents, uses and decisions as under /v1, in the words of a FHIR release.
const (
	PathFHIR4 = "/fhir/R4"
	PathFHIR5 = "/fhir/R5"
)

// fhirRoutes are the rows of both FHIR interfaces. Bodies and answers are FHIR's own and so have no type here.
func fhirRoutes() (rows []Route) {
	readers := []Role{Patient, Delegate, Custodian}
	for _, base := range []string{PathFHIR4, PathFHIR5} {
		rows = append(
			rows,
			get(base+"/metadata", everybody, "CapabilityStatement.", nil),
			get(base+"/.well-known/smart-configuration", everybody, "How to sign in (SMART App Launch).", nil),
			get(base+"/Consent", readers, "Search consents: _id, identifier, patient, status, date.", nil),
			post(base+"/Consent/_search", readers, "The same, with the parameters in the body.", nil, nil),
			post(base+"/Consent", readers, "Attest a consent (custodian), or bring a signed one (patient).", nil, nil),
			post(base+"/Consent/$decide", requesters, "Ask for a decision; the use is on record before the answer.", nil, nil),
			get(base+"/Consent/:id", readers, "Read a consent.", nil),
			Route{http.MethodPut, base + "/Consent/:id", readers, "End a consent: the same with status inactive.", nil, nil},
			get(base+"/Consent/:id/_history", readers, "The versions of a consent.", nil),
			get(base+"/Consent/:id/_history/:vid", readers, "Read a version of a consent.", nil),
			post(base, []Role{Custodian}, "Bundle, batch or transaction, of consents to attest or end.", nil, nil),
			get(base+"/AuditEvent", people, "Search my uses as audit events (IHE BALP): _id, date, outcome.", nil),
			post(base+"/AuditEvent/_search", people, "The same, with the parameters in the body.", nil, nil),
			get(base+"/AuditEvent/:id", people, "Read a use as an audit event.", nil),
		)
	}
	return rows
}
