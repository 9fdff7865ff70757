package fhir

import (
	"strconv"
)

// URLs of extensions. Those of this package say what FHIR has no element for; the others are HL7's own for an element that
// the other release has (https://hl7.org/fhir/versions.html#extensions).
const (
	own = "https://volens.example/fhir/StructureDefinition/"

	ExtSignedMessage = own + "signed-message"    // the signed message of the contract that makes or ends this consent, as JSON
	ExtSigned        = own + "signed-by-patient" // what the ledger knows; never believed when it comes from outside
	ExtOutcome       = own + "outcome"           // in answers: what of the resource that was sent is not in this one
	extTextHash      = own + "text-hash"         // SHA-256 of the text that the person saw, hex
	extTextLocale    = own + "text-locale"
	extPolicy        = own + "policy"      // policies, where the elements cannot keep their order
	extMaxUses       = own + "max-uses"    // a decimal number
	extEraseBy       = own + "erase-by"    // recipients erase by then
	extAccessMode    = own + "access-mode" // view or store
	extRole          = own + "role"        // of the requester; several: any of them
	extRoot          = own + "root"        // R5: this provision is the root rule itself
	extRulePeriod    = own + "rule-period" // R4: provision.period is the root rule's alone

	extType       = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.provision.type"
	extScope      = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.scope"
	extDateTime   = "http://hl7.org/fhir/4.0/StructureDefinition/extension-Consent.dateTime"
	extGrantee    = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.grantee"
	extController = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.controller"
	extPeriod     = "http://hl7.org/fhir/5.0/StructureDefinition/extension-Consent.period"
)

// Extension is a row of the table of extensions that are mapped.
type Extension struct {
	URL      string
	On       string  // path of the element that carries it
	Only     Version // "" for both releases
	Value    string  // the JSON member of its value
	Modifier bool    // it restricts
	List     bool    // may be there more than once
	Note     string
}

// Extensions returns the table of extensions.
func Extensions() []Extension {
	return []Extension{
		{extMaxUses, "Consent", "", "valueString", true, false, "maxUses"},
		{extEraseBy, "Consent", "", "valueDateTime", true, false, "eraseBy"},
		{extAccessMode, "Consent", "", "valueCode", true, false, "accessMode"},
		{extTextHash, "Consent", "", "valueString", false, false, "textHash"},
		{extTextLocale, "Consent", "", "valueString", false, false, "locale"},
		{extPolicy, "Consent", "", "valueString", false, true, "policies"},
		{ExtSigned, "Consent", "", "valueBoolean", false, false, "said by the server, never believed"},
		{ExtSignedMessage, "Consent", "", "valueString", false, false, "the message that a patient's write needs"},
		{ExtOutcome, "Consent", "", "valueReference", false, false, "said by the server: what was not mapped"},
		{extPeriod, "Consent", R4, "valuePeriod", true, false, "period, where it is not the root rule's"},
		{extRulePeriod, "Consent", R4, "valueBoolean", false, false, "the consent itself has no period"},
		{extGrantee, "Consent", R4, "valueReference", false, true, "grantees"},
		{extController, "Consent", R4, "valueReference", false, true, "controllers"},
		{extScope, "Consent", R5, "valueCodeableConcept", false, false, "kind"},
		{extDateTime, "Consent", R5, "valueDateTime", false, false, "recordedAt, to the millisecond"},
		{extRole, "Consent.provision", "", "valueCoding", true, true, "roles"},
		{extRoot, "Consent.provision", R5, "valueBoolean", true, false, "this provision is the root rule, not an exception to decision"},
		{extType, "Consent.provision", R5, "valueCode", true, false, "effect, where it does not alternate"},
	}
}

// extensionValues are the data types of the values that the known extensions have.
var extensionValues = map[string]string{
	"valueBoolean": "boolean", "valueCode": "code", "valueString": "string", "valueDateTime": "dateTime", "valueCoding": "Coding",
	"valueCodeableConcept": "CodeableConcept", "valueReference": "Reference", "valuePeriod": "Period",
}

// extensions checks the extensions of an element: known ones by the table, others are reported, or refused when they
// modify.
func (w *walk) extensions(on Element, at string, modifier bool, v any) {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		w.refuse("structure", at, "a list of extensions that is not empty is due")
		return
	}
	seen := map[string]bool{}
	for i, one := range list {
		here := at + "[" + strconv.Itoa(i) + "]"
		m, ok := one.(map[string]any)
		if !ok {
			w.refuse("structure", here, "an extension is an object")
			continue
		}
		w.extension(on, here, modifier, m, seen)
	}
}

// extension checks one extension. seen are the URLs before it.
func (w *walk) extension(on Element, at string, modifier bool, m map[string]any, seen map[string]bool) {
	path := on.Path
	if len(on.Types) == 1 && on.Types[0] == "Consent.provision" {
		path = on.Types[0]
	}
	url, ok := m["url"].(string)
	e, known := w.known(url, path)
	switch {
	case !ok:
		w.refuse("required", at, "an extension has a url")
	case !known && modifier:
		w.refuse("extension", at, "unknown modifier extension: what it changes cannot be known")
	case !known:
		w.report("extension", at, "not kept: unknown extension")
	case e.Modifier != modifier:
		w.refuse("extension", at, "an extension that restricts is a modifierExtension, and only such a one")
	case seen[url] && !e.List:
		w.refuse("extension", at, "this extension is there twice")
	default:
		w.mapped(e, at, m)
	}
	seen[url] = true
}

func (w *walk) known(url, path string) (Extension, bool) {
	for _, e := range Extensions() {
		if e.URL == url && e.On == path && (e.Only == "" || e.Only == w.version) {
			return e, true
		}
	}
	return Extension{}, false
}

// mapped checks one known extension: its url and its value, nothing else.
func (w *walk) mapped(e Extension, at string, m map[string]any) {
	v, ok := m[e.Value]
	if !ok || len(m) != 2 {
		w.refuse("extension", at, "this extension has url and %s", e.Value)
		return
	}
	if kind := extensionValues[e.Value]; kind != "boolean" {
		w.value(Element{Path: kind, Types: []string{kind}}, at+"."+e.Value, v)
	} else if b, ok := v.(bool); !ok || !b && e.URL != ExtSigned {
		w.refuse("value", at, "this extension is true or not there")
	}
}
