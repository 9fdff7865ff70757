package policies

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Systems of what a document is, as LEAP's content classes name them.
const (
	systemProfile  = "urn:ietf:rfc:3986"
	systemMimeType = "urn:ietf:bcp:13"
)

// authoring are the elements that name who made a FHIR resource.
var authoring = map[string]bool{
	"asserter": true, "assessor": true, "author": true, "informationSource": true, "performer": true, "recorder": true,
	"requester": true, "resultsInterpreter": true,
}

// dating are the elements that say when the data of a resource came to be, the most telling first.
var dating = []string{
	"effectiveDateTime", "effectiveInstant", "effectivePeriod", "performedDateTime", "performedPeriod", "occurrenceDateTime",
	"occurrencePeriod", "onsetDateTime", "onsetPeriod", "period", "started", "date", "created", "authoredOn", "authored",
	"recordedDate", "dateAsserted", "issued",
}

// ParseResource reads from FHIR JSON what rules can ask about a resource.
func ParseResource(raw []byte) (Resource, error) {
	var root map[string]any
	if err := json.Unmarshal(raw, &root); err != nil {
		return Resource{}, fmt.Errorf("read resource: %w", err)
	}
	return ReadResource(root)
}

// ReadResource is ParseResource of FHIR JSON that encoding/json made maps of.
func ReadResource(root map[string]any) (Resource, error) {
	r := Resource{Type: text(root["resourceType"]), ID: text(root["id"])}
	if r.Type == "" {
		return Resource{}, errors.New("read resource: it has no resourceType")
	}
	if meta, ok := root["meta"].(map[string]any); ok {
		r.Labels = codingsOf(meta["security"])
		for _, p := range list(meta["profile"]) {
			r.Classes = append(r.Classes, consent.Coding{System: systemProfile, Code: text(p)})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(root)) {
		if name != "meta" && name != "contained" {
			r.walk(name, root[name], authoring[name])
		}
	}
	for _, name := range dating {
		if root[name] == nil {
			continue
		}
		var err error
		if r.Date, err = when(root[name]); err != nil {
			return Resource{}, fmt.Errorf("read resource: %s: %w", name, err)
		}
		break
	}
	return r, nil
}

// walk collects codings, references and authors below an element.
func (r *Resource) walk(name string, v any, authored bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			r.walk(name, x, authored)
		}
	case map[string]any:
		switch name {
		case "coding", "class", "valueCoding":
			r.Codes = append(r.Codes, codingsOf([]any{v})...)
		case "format":
			r.Classes = append(r.Classes, codingsOf([]any{v})...)
		}
		for _, k := range slices.Sorted(maps.Keys(v)) {
			r.walk(k, v[k], authored)
		}
	case string:
		switch name {
		case "reference":
			r.References = append(r.References, v)
			if authored {
				r.Authors = append(r.Authors, v)
			}
		case "contentType":
			r.Classes = append(r.Classes, consent.Coding{System: systemMimeType, Code: v})
		}
	}
}

func when(v any) (consent.Period, error) {
	if p, ok := v.(map[string]any); ok {
		return ParsePeriod(text(p["start"]), text(p["end"]))
	}
	return ParseDate(text(v))
}

func text(v any) string {
	s, _ := v.(string) //nolint:errcheck // "" when it is no text
	return s
}

func list(v any) []any {
	l, _ := v.([]any) //nolint:errcheck // nil when it is no list
	return l
}

func codingsOf(v any) []consent.Coding {
	var cs []consent.Coding
	for _, x := range list(v) {
		if m, ok := x.(map[string]any); ok && text(m["code"]) != "" {
			cs = append(cs, consent.Coding{System: text(m["system"]), Code: text(m["code"])})
		}
	}
	return cs
}
