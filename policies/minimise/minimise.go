// Package minimise says which elements of a FHIR resource flow: the intersection of what was asked for (_elements and _summary,
// FHIR R4 search), what the purpose needs (a Table that a custodian edits) and what the patient granted, which is whole
// resources and decided elsewhere.
//
// What remains besides: resourceType, id, meta and the elements that FHIR makes mandatory, for without them it is no resource.
// A resource of which something may be missing says so, with the tag SUBSETTED, and must not be used for an update.
package minimise

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies/label"
)

// Subsetted is the tag of a resource that is not whole.
var Subsetted = consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ObservationValue", Code: "SUBSETTED"}

// Version is a version of FHIR.
type Version string

// The versions whose elements are known here.
const (
	R4 Version = "R4" // 4.0.1
	R5 Version = "R5" // 5.0.0
)

//go:embed elements-r4.json
var elementsR4 []byte

//go:embed elements-r5.json
var elementsR5 []byte

// shape is the top-level elements of a type that matter here; in the first two lists a choice of types ends in [x].
type shape struct{ Mandatory, Summary, Choice []string }

var shapes = map[Version]func() (map[string]shape, error){
	R4: sync.OnceValues(func() (map[string]shape, error) { return readShapes(elementsR4) }),
	R5: sync.OnceValues(func() (map[string]shape, error) { return readShapes(elementsR5) }),
}

func readShapes(raw []byte) (m map[string]shape, err error) {
	err = json.Unmarshal(raw, &m)
	return m, err
}

// Ask is what a request asks for, or what is left of it. The zero value is everything.
type Ask struct {
	Elements []string // base names, "value" for value[x]; or a type and a name, "Patient.name"; nil: all
	Summary  string   // "", "false", "true", "text" or "data"
	Need     []string // of the purpose, for this type; nil: all
}

// Whole reports whether nothing was left out on purpose.
func (a Ask) Whole() bool {
	return a.Elements == nil && a.Need == nil && (a.Summary == "" || a.Summary == "false")
}

// Apply returns the resource with what flows, and the names of the top-level elements that were there and do not. It fails on
// what is no resource, and on a type that this version of FHIR does not have: what cannot be made smaller does not flow.
func (a Ask) Apply(raw []byte, v Version) (out []byte, masked []string, err error) {
	if a.Whole() {
		return raw, nil, nil
	}
	var root map[string]json.RawMessage
	if err := json.Unmarshal(raw, &root); err != nil {
		return nil, nil, fmt.Errorf("minimise a resource: %w", err)
	}
	var name string
	if err := json.Unmarshal(root["resourceType"], &name); err != nil {
		return nil, nil, errors.New("minimise a resource: it has no resourceType")
	}
	s, err := shapeOf(name, v)
	if err != nil {
		return nil, nil, fmt.Errorf("minimise a resource: %w", err)
	}
	for element := range root {
		if !a.keeps(name, strings.TrimPrefix(element, "_"), s) {
			delete(root, element)
			masked = append(masked, element)
		}
	}
	if a.Elements != nil || a.Summary != "" && a.Summary != "false" || len(masked) > 0 {
		if err := label.Annotate(root, "tag", Subsetted); err != nil {
			return nil, nil, fmt.Errorf("minimise a resource: %w", err)
		}
	}
	slices.Sort(masked)
	out, err = encode(root)
	return out, masked, err
}

func shapeOf(name string, v Version) (shape, error) {
	read, ok := shapes[v]
	if !ok {
		return shape{}, fmt.Errorf("FHIR %s is not known", v)
	}
	types, err := read()
	if err != nil {
		return shape{}, fmt.Errorf("read the elements of FHIR %s: %w", v, err)
	}
	s, ok := types[name]
	if !ok {
		return s, fmt.Errorf("FHIR %s has no %s", v, name)
	}
	return s, nil
}

// always flow.
var always = []string{"resourceType", "id", "meta"}

func (a Ask) keeps(typ, element string, s shape) bool {
	switch {
	case slices.Contains(always, element), among(s.Mandatory, element):
		return true
	case a.Need != nil && !s.named(a.Need, typ, element), a.Elements != nil && !s.named(a.Elements, typ, element):
		return false
	}
	switch a.Summary {
	case "true":
		return among(s.Summary, element)
	case "text":
		return element == "text"
	case "data":
		return element != "text"
	}
	return true
}

// among reports whether an element is one of those that a definition names.
func among(names []string, element string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		base, choice := strings.CutSuffix(n, "[x]")
		return n == element || choice && isChoice(base, element)
	})
}

// isChoice reports whether an element is value[x] in one of its types, valueQuantity.
func isChoice(base, element string) bool {
	rest, ok := strings.CutPrefix(element, base)
	return ok && rest != "" && rest[0] >= 'A' && rest[0] <= 'Z'
}

// named reports whether a person named an element, by its own name, its base name, or with its type.
func (s *shape) named(names []string, typ, element string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		n = strings.TrimPrefix(n, typ+".")
		n, _, _ = strings.Cut(n, ".") // what is below an element flows with it
		n = strings.TrimSuffix(n, "[x]")
		return n == element || slices.Contains(s.Choice, n) && isChoice(n, element)
	})
}

// encode writes without escaping what HTML would mind: the text of a resource is left as it is.
func encode(root map[string]json.RawMessage) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(root); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
