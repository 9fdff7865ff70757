// Package fhir reads FHIR Consent, R4 (4.0.1) and R5 (5.0.0), into the consents of the contract, and writes them back.
//
// Nothing is lost silently. elements.txt is a table of every element that a Consent and the data types in it can have, with
// what becomes of it; the reader walks a resource by that table, so an element that is not in it is refused, and a test holds
// the table against HL7's own. What is not mapped is an Issue: a warning, or in strict mode an error. What would change a
// decision if it were dropped (an unknown modifier extension, a restriction without code, a computable expression) is an
// error in both modes.
//
// Write is the inverse of Read: what it returns reads back as the same consent, or it fails. What FHIR has no element for
// goes into extensions (extension.go); those that restrict are modifier extensions, so that nobody who does not know them
// takes the consent for more than it is.
//
// README.md has the whole table and the reading of R4's root, R5's alternation and partial dates.
package fhir
