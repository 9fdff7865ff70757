// Package auditevent tells uses as FHIR AuditEvents by IHE's Basic Audit Log Patterns (BALP), and checks AuditEvents
// against BALP's profiles.
//
//	a decision                        AuthZconsent               DCM 110113, AuthZ-Consent
//	a look at records, a replay       PatientRead                rest, read
//	records that left as a file       PrivacyDisclosure.Source   DCM 110106, disclose
//	an enrolment, a request           PatientCreate              rest, create
//	a document put down               PatientCreate              rest, create
//	a document taken away             PatientDelete              rest, delete
//
// BALP is written for R4. R5 events say the same in R5's elements, by HL7's own map between the releases.
package auditevent
