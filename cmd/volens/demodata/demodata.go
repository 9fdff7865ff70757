// Package demodata is the small store of records that the demo's City Hospital keeps: HL7's own FHIR R4 examples, as SOURCE
// says, put under made-up record numbers. They stand in for a hospital's FHIR server; Volens itself stores no health
// records.
package demodata

import (
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
)

//go:embed *.json
var files embed.FS

// Record numbers of City Hospital.
const (
	Alice   = "MRN-1001"
	Visitor = "MRN-1002" // free for whoever tries the demo
)

// records says which files belong to a record number. HL7's examples are of several made-up patients; the demo takes no
// notice of that.
var records = map[string][]string{
	Alice: {
		"Patient-pat1", "AllergyIntolerance-example", "Condition-example", "Condition-f201", "DocumentReference-example", "Encounter-emerg",
		"Goal-example", "MedicationStatement-example001", "Observation-blood-pressure", "Observation-bmi",
		"Observation-body-temperature", "Observation-f203", "Observation-glasgow", "Observation-respiratory-rate", "Observation-satO2",
	},
	Visitor: {"Encounter-f001", "Observation-f001", "Observation-date-lastmp", "Procedure-f001"},
}

// restricted are resources that the hospital labels R (v3-Confidentiality); all others it labels N. The examples bear no
// labels of their own.
var restricted = []string{"Condition-f201", "MedicationStatement-example001"}

// Restricted is how many resources of a record number bear the label R.
func Restricted(localID string) (n int) {
	for _, name := range records[localID] {
		if slices.Contains(restricted, name) {
			n++
		}
	}
	return n
}

// Store is the store. It implements gateway.Store.
type Store struct{}

// Resources returns the resources of a record number, none for an unknown one.
func (Store) Resources(_ context.Context, localID string) ([]json.RawMessage, error) {
	out := make([]json.RawMessage, 0, len(records[localID]))
	for _, name := range records[localID] {
		b, err := files.ReadFile(name + ".json")
		if err != nil {
			return nil, fmt.Errorf("read record: %w", err)
		}
		code := "N"
		if slices.Contains(restricted, name) {
			code = "R"
		}
		if b, err = label(b, code); err != nil {
			return nil, fmt.Errorf("read record %s: %w", name, err)
		}
		out = append(out, b)
	}
	return out, nil
}

// label adds a confidentiality mark to meta.security.
func label(b []byte, code string) ([]byte, error) {
	var r, meta map[string]any
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	meta, ok := r["meta"].(map[string]any)
	if !ok {
		meta = map[string]any{}
	}
	security, _ := meta["security"].([]any) //nolint:errcheck // absent is empty
	meta["security"] = append(security, map[string]any{
		"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": code,
	})
	r["meta"] = meta
	return json.Marshal(r)
}
