package proxy

import (
	"slices"
	"strings"
)

// direct are the elements that say whose data a resource is, in the Patient compartment's sense. Where there is one, nothing else
// is asked.
var direct = []string{"patient", "subject", "beneficiary", "individual", "candidate", "for"}

// public are the types that are nobody's data when they refer to no patient. Whatever is not listed needs a patient to flow.
var public = []string{
	"ActivityDefinition", "CapabilityStatement", "ChargeItemDefinition", "CodeSystem", "CompartmentDefinition", "ConceptMap", "Device",
	"DeviceDefinition", "DeviceMetric", "Endpoint", "EventDefinition", "EvidenceVariable", "GraphDefinition", "HealthcareService",
	"ImplementationGuide", "InsurancePlan", "Library", "Location", "Measure", "Medication", "MedicationKnowledge", "MessageDefinition",
	"NamingSystem", "ObservationDefinition", "OperationDefinition", "Organization", "OrganizationAffiliation", "PlanDefinition", "Practitioner",
	"PractitionerRole", "Questionnaire", "ResearchStudy", "SearchParameter", "SpecimenDefinition", "StructureDefinition", "StructureMap",
	"Substance", "TerminologyCapabilities", "ValueSet",
}

// whole are types that hold other resources or anything at all: what is in them cannot be decided.
var whole = []string{"Bundle", "Parameters", "Binary", "OperationOutcome"}

// subjects returns the patients whose data a resource is, by their ids on the server, and whether that can be told. No patient
// and true: it is nobody's data.
func (p *Proxy) subjects(root map[string]any) (ids []string, known bool) {
	typ, id := text(root["resourceType"]), text(root["id"])
	if typ == "" || slices.Contains(whole, typ) {
		return nil, false
	}
	if typ == "Patient" {
		return []string{id}, logical(id)
	}
	if refs, named := directly(root); named {
		for _, ref := range refs {
			id, patient := p.patient(ref)
			if !patient {
				return nil, false
			}
			ids = add(ids, id)
		}
		return ids, true
	}
	if ids, known = p.mentioned(root, nil); len(ids) > 0 {
		return ids, known
	}
	return nil, known && slices.Contains(public, typ)
}

// directly returns the references of the elements that say whose data a resource is; "" stands for one that is no reference.
func directly(root map[string]any) (refs []string, named bool) {
	for _, element := range direct {
		v, ok := root[element]
		if !ok {
			continue
		}
		list, many := v.([]any)
		if !many {
			list = []any{v}
		}
		for _, x := range list {
			ref, _ := x.(map[string]any) //nolint:errcheck // nil has no reference
			refs, named = append(refs, text(ref["reference"])), true
		}
	}
	return refs, named
}

// mentioned finds every patient that a resource refers to. A patient that cannot be told (of another server, or contained) makes
// it unknown.
func (p *Proxy) mentioned(v any, ids []string) ([]string, bool) {
	known := true
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			var ok bool
			ids, ok = p.mentioned(x, ids)
			known = known && ok
		}
	case map[string]any:
		if ref := text(v["reference"]); ref != "" {
			if id, ok := p.patient(ref); ok {
				ids = add(ids, id)
			} else if strings.Contains(ref, "Patient/") || strings.HasPrefix(ref, "urn:") {
				known = false
			}
		}
		for name, x := range v {
			if name == "contained" {
				continue // looked at one by one
			}
			var ok bool
			ids, ok = p.mentioned(x, ids)
			known = known && ok
		}
	}
	return ids, known
}

// patient reads a reference to a patient of this server, of whatever version.
func (p *Proxy) patient(ref string) (id string, ok bool) {
	for _, base := range []string{p.upstream.String() + "/", p.base + "/"} {
		ref = strings.TrimPrefix(ref, base)
	}
	rest, ok := strings.CutPrefix(ref, "Patient/")
	id, version, versioned := strings.Cut(rest, "/_history/")
	if !ok || !logical(id) || versioned && !logical(version) {
		return "", false
	}
	return id, true
}

func add(ids []string, id string) []string {
	if slices.Contains(ids, id) {
		return ids
	}
	return append(ids, id)
}

func text(v any) string {
	s, _ := v.(string) //nolint:errcheck // "" when it is no text
	return s
}
