package fhir

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// walk holds a resource against the table of elements: what is not in it is refused, what is not mapped is reported.
// Values of mapped elements are checked for their JSON type and for FHIR's rules on text; what they mean is the reader's.
type walk struct {
	*findings
	version Version
}

func (w *walk) object(e Element, at string, m map[string]any) {
	if len(m) == 0 {
		w.refuse("structure", at, "an object is not empty")
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		if name == "resourceType" && at == "Consent" {
			continue
		}
		w.member(e, at, name, m)
	}
	for _, c := range w.required(e) {
		name := c.Path[strings.LastIndexByte(c.Path, '.')+1:]
		if _, ok := m[name]; !ok && c.Fate == Mapped {
			w.report("required", at, "%s is missing; the definition requires it", name)
		}
	}
}

func (w *walk) member(parent Element, at, name string, m map[string]any) {
	here := at + "." + name
	if plain, ok := strings.CutPrefix(name, "_"); ok {
		w.beside(parent, here, plain, m)
		return
	}
	e, known := elements.child(w.version, parent, name)
	if !known {
		w.refuse("structure", here, "there is no such element in %s", w.version)
		return
	}
	switch {
	case name == "extension" || name == "modifierExtension":
		w.extensions(parent, here, name == "modifierExtension", m[name])
	case e.Fate == Refused:
		w.refuse("not-supported", here, "not supported: %s", e.Note)
	case e.Fate == Reported:
		w.report("not-supported", here, "not kept%s", because(e.Note))
	case e.Fate == Shown:
		w.show(here, "not kept: words for people, or about the resource")
	default:
		w.value(e, here, m[name])
	}
}

// beside checks what is said of a primitive value beside it, in a member with an underscore.
func (w *walk) beside(parent Element, at, plain string, m map[string]any) {
	e, known := elements.child(w.version, parent, plain)
	switch _, there := m[plain]; {
	case !known || !primitive(e):
		w.refuse("structure", at, "there is no such element")
	case !there && e.Fate == Mapped:
		w.refuse("not-supported", at, "a value that is not there restricts nothing")
	default:
		w.report("not-supported", at, "extensions of values are not kept")
	}
}

func because(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

// value checks the value of a mapped element.
func (w *walk) value(e Element, at string, v any) {
	list, isList := v.([]any)
	switch {
	case isList != e.List:
		w.refuse("structure", at, "a list where one value is due, or one where a list is")
	case isList && len(list) == 0:
		w.refuse("structure", at, "a list is not empty")
	case isList:
		for i, one := range list {
			w.single(e, at+"["+strconv.Itoa(i)+"]", one)
		}
	default:
		w.single(e, at, v)
	}
}

func (w *walk) single(e Element, at string, v any) {
	if m, ok := v.(map[string]any); ok && !primitive(e) {
		w.object(e, at, m)
		return
	}
	s, ok := v.(string)
	switch {
	case !ok || !primitive(e):
		w.refuse("value", at, "a value of the wrong type")
	case s == "" || strings.TrimSpace(s) != s:
		w.refuse("value", at, "a text is not empty and has no blanks around it")
	case !plain(s):
		w.refuse("value", at, "a text holds control or replacement characters")
	}
}

func plain(s string) bool {
	return utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return r == utf8.RuneError || unicode.IsControl(r) }) < 0
}

// primitive reports whether values of an element are strings. The mapped elements have no numbers and no booleans.
func primitive(e Element) bool {
	return len(e.Types) == 1 && e.Types[0] != "" && unicode.IsLower(rune(e.Types[0][0]))
}

// required are the elements that a definition requires in an object.
func (w *walk) required(parent Element) []Element {
	base := parent.Path
	if len(parent.Types) == 1 && parent.Types[0] != "BackboneElement" {
		base = parent.Types[0]
	}
	return requirements[w.version][base]
}

// requirements are the required elements by the path of what they are in; made once, nobody changes them.
var requirements = newRequirements()

func newRequirements() map[Version]map[string][]Element {
	out := map[Version]map[string][]Element{R4: {}, R5: {}}
	for _, e := range Elements() {
		if e.Required {
			in := e.Path[:strings.LastIndexByte(e.Path, '.')]
			out[e.Version][in] = append(out[e.Version][in], e)
		}
	}
	return out
}
