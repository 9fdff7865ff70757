package fhir

import (
	"maps"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/policies"
)

// amend puts right, in lenient mode, two slips that consent engines in use make and that can only mean one thing: a single
// value where a list is due, and in R5 R4's element class, where all that it names are resource types. Both are reported. A
// resource that restricts by them is then read with its restrictions, where it would have to be refused. It returns
// whether it changed anything.
func (w *walk) amend(e Element, at string, m map[string]any) (changed bool) {
	if w.classAsType(e, at, m) {
		changed = true
	}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		child, known := elements.child(w.version, e, name)
		if !known || strings.HasPrefix(name, "_") {
			continue
		}
		if one, ok := m[name].(map[string]any); ok && child.List {
			w.report("structure", at+"."+name, "one value where a list is due; read as a list of one")
			m[name] = []any{one}
			changed = true
		}
		for _, one := range values(m[name]) {
			if inner, ok := one.(map[string]any); ok && w.amend(child, at+"."+name, inner) {
				changed = true
			}
		}
	}
	return changed
}

func (w *walk) classAsType(e Element, at string, m map[string]any) bool {
	if w.version != R5 || e.Path != "Consent.provision" || m["class"] == nil || m["resourceType"] != nil || !onlyTypes(m["class"]) {
		return false
	}
	w.report("structure", at+".class", "R5 has no class; read as resourceType")
	m["resourceType"] = m["class"]
	delete(m, "class")
	return true
}

func values(v any) []any {
	if list, ok := v.([]any); ok {
		return list
	}
	return []any{v}
}

func onlyTypes(v any) bool {
	return !slices.ContainsFunc(values(v), func(v any) bool {
		c, ok := v.(map[string]any)
		return !ok || c["system"] != policies.SystemResourceType
	})
}
