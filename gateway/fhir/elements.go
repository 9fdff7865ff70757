package fhir

import (
	_ "embed"
	"strings"
)

// Version is a FHIR release.
type Version string

// The releases that are read and written.
const (
	R4 Version = "R4" // 4.0.1
	R5 Version = "R5" // 5.0.0
)

// Fate says what becomes of an element.
type Fate string

// The fates.
const (
	Mapped   Fate = "mapped"   // it is in the record
	Reported Fate = "reported" // it is not: a warning, in strict mode an error
	Refused  Fate = "refused"  // what it says cannot be known, so nothing may be decided by the rest
	Shown    Fate = "shown"    // words for people and data about the resource: an information
)

// Element is a row of the table of elements.
type Element struct {
	Version  Version // "" for elements of data types, which both releases have
	Path     string  // of the definition, e.g. Consent.provision.actor
	List     bool    // a JSON array
	Required bool
	Types    []string
	Modifier bool
	Fate     Fate
	Note     string // what it becomes, or why it does not
}

//go:embed elements.txt
var elementText string

// Elements returns the table of elements, in the order of HL7's definitions.
func Elements() []Element {
	var out []Element
	for line := range strings.Lines(elementText) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(f) != 7 || f[0] == "" || f[0][0] == '#' {
			continue
		}
		out = append(out, Element{
			Version: Version(strings.Trim(f[0], "-")), Path: f[1], List: strings.HasSuffix(f[2], "*"), Required: f[2][0] == '1',
			Types: strings.FieldsFunc(f[3], func(r rune) bool { return r == '|' }), Modifier: f[4] == "M", Fate: Fate(f[5]), Note: f[6],
		})
	}
	return out
}

// table finds elements by version and path.
type table map[Version]map[string]Element

// elements is made once; nobody changes it.
var elements = newTable()

func newTable() table {
	t := table{R4: {}, R5: {}}
	for _, e := range Elements() {
		for _, v := range []Version{R4, R5} {
			if e.Version == v || e.Version == "" {
				t[v][e.Path] = e
			}
		}
	}
	return t
}

// child finds the element that a member of an object is. parent is the object's own element; its type says where the
// children are: a data type has them in its own table, a backbone element below its path, and a nested provision is a
// provision again.
func (t table) child(v Version, parent Element, name string) (Element, bool) {
	base := parent.Path
	backbone := true
	if len(parent.Types) == 1 && parent.Types[0] != "BackboneElement" {
		base, backbone = parent.Types[0], base == "" || strings.HasPrefix(parent.Types[0], "Consent")
	}
	if e, ok := t[v][base+"."+name]; ok {
		return e, true
	}
	if e, ok := t[v][base+".source[x]"]; ok { // the one choice of types: sourceAttachment, sourceReference
		for _, kind := range e.Types {
			if name == "source"+kind {
				return e, true
			}
		}
	}
	kind := "Element"
	if backbone {
		kind = "BackboneElement"
	}
	e, ok := t[v][kind+"."+name]
	return e, ok
}
