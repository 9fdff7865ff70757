package fhir

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	strict "github.com/go-json-experiment/json"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Document is a FHIR Consent: the consent of the contract, and what FHIR says around it.
type Document struct {
	Version Version // which release it was read from; Write is told its own
	ID      string
	Status  string    // FHIR status; only "active" is in force
	Patient Reference // whom it concerns
	Consent consent.Consent
	Issues  Issues // what was not mapped, and what was noticed
	// Message is the signed message of the contract that rides along (ExtSignedMessage), "" when there is none.
	Message string
	// Signed is what a server says of the patient's signature. Read never sets it: nobody is believed to have signed.
	Signed *bool
	// VersionID and LastUpdated are resource metadata for Write; Read drops them.
	VersionID   string
	LastUpdated consent.Millis
}

// ReadOptions says how to read.
type ReadOptions struct {
	Version Version // "": found out by the elements that only one release has
	Strict  bool    // what is not mapped is an error
}

// statuses are the codes of each release.
var statuses = map[Version][]string{
	R4: {"draft", "proposed", "active", "rejected", "inactive", "entered-in-error"},
	R5: {"draft", "active", "inactive", "not-done", "entered-in-error", "unknown"},
}

// Read reads a FHIR Consent. It fails with *RefusedError when a finding is an error; the findings of a resource that was
// taken are in Document.Issues.
func Read(raw []byte, o ReadOptions) (Document, error) {
	f := &findings{strict: o.Strict}
	d, err := read(raw, o.Version, f)
	d.Issues = f.list
	if err != nil {
		return d, err
	}
	if f.list.Refused() {
		return Document{Issues: f.list}, &RefusedError{f.list}
	}
	return d, nil
}

// Is reports whether raw is a FHIR Consent at all.
func Is(raw []byte) bool {
	var kind struct {
		ResourceType string `json:"resourceType"`
	}
	return json.Unmarshal(raw, &kind) == nil && kind.ResourceType == "Consent"
}

func read(raw []byte, v Version, f *findings) (Document, error) {
	var tree map[string]any
	if err := strict.Unmarshal(raw, &tree); err != nil { // refuses duplicate names and bytes that are not UTF-8
		f.add(Fatal, "structure", "", "not a JSON object in UTF-8 with every name once")
		return Document{}, &RefusedError{f.list}
	}
	if tree["resourceType"] != "Consent" {
		f.add(Fatal, "structure", "", "not a Consent")
		return Document{}, &RefusedError{f.list}
	}
	if v == "" {
		v = version(tree)
	}
	w := walk{f, v}
	if w.amend(Element{Path: "Consent"}, "Consent", tree) {
		var err error
		if raw, err = json.Marshal(tree); err != nil {
			return Document{}, fmt.Errorf("read FHIR Consent: %w", err)
		}
	}
	w.object(Element{Path: "Consent"}, "Consent", tree)
	if f.list.Refused() {
		return Document{}, &RefusedError{f.list}
	}
	var r resource
	if err := json.NewDecoder(bytes.NewReader(raw)).Decode(&r); err != nil {
		return Document{}, fmt.Errorf("read FHIR Consent: %w", err)
	}
	m := reader{findings: f, version: v, r: &r, contained: tree["contained"] != nil}
	return m.document(), nil
}

// version tells R4 from R5 by the elements that only one has. With none of either it is R5, which requires a status only.
func version(tree map[string]any) Version {
	for _, name := range []string{"scope", "patient", "dateTime", "performer", "organization", "policy", "policyRule"} {
		if tree[name] != nil {
			return R4
		}
	}
	if _, one := tree["provision"].(map[string]any); one {
		return R4
	}
	return R5
}

// reader maps a resource that walk has let through.
type reader struct {
	*findings
	version   Version
	r         *resource
	contained bool
	out       consent.Consent
}

func (m *reader) document() Document {
	r := m.r
	d := Document{Version: m.version, ID: r.ID, Status: r.Status, Patient: m.patient()}
	if !slices.Contains(statuses[m.version], r.Status) {
		m.refuse("code-invalid", "Consent.status", "not a status of %s", m.version)
	}
	m.out.Categories = m.concepts(r.Category, "Consent.category", false)
	m.identifiers()
	m.out.RecordedAt = m.instant(r.DateTime+r.Date, "Consent.dateTime")
	m.parties()
	m.policies()
	m.terms(&d)
	if m.version == R4 {
		m.r4()
	} else {
		m.r5()
	}
	if m.list.Refused() {
		return d
	}
	if err := m.out.Check(); err != nil {
		m.refuse("invalid", "Consent", "%v", err)
	} else if err := consent.CheckText(&m.out); err != nil {
		m.refuse("invalid", "Consent", "%v", err)
	}
	d.Consent = m.out
	return d
}

// patient is whom it concerns. HL7's invariants ppc-2 to ppc-5 mean to require one and never fire (they ask for the system
// 'something'), so this does.
func (m *reader) patient() Reference {
	p, at := m.r.Patient, "Consent.patient"
	if m.version == R5 {
		p, at = m.r.Subject, "Consent.subject"
	}
	if p == nil || p.Reference == "" && p.Identifier == nil {
		m.report("required", at, "it does not say whom it concerns")
		return Reference{}
	}
	return *p
}

func (m *reader) identifiers() {
	for i, id := range m.r.Identifier {
		if id.Value == "" {
			m.report("not-supported", at("Consent.identifier", i), "not kept: an identifier without value")
			continue
		}
		m.out.Identifiers = append(m.out.Identifiers, consent.Identifier(id))
	}
}

func (m *reader) parties() {
	r := m.r
	m.out.Grantors = m.references(append(r.Performer, r.Grantor...), "Consent.performer")
	m.out.Grantees = m.references(r.Grantee, "Consent.grantee")
	m.out.Controllers = m.references(append(r.Organization, r.Controller...), "Consent.organization")
	if m.version == R5 {
		return
	}
	for _, e := range r.Extension {
		switch e.URL {
		case extGrantee:
			m.out.Grantees = append(m.out.Grantees, m.references([]Reference{*e.ValueReference}, "Consent.extension")...)
		case extController:
			m.out.Controllers = append(m.out.Controllers, m.references([]Reference{*e.ValueReference}, "Consent.extension")...)
		}
	}
}

// references are the literal and the logical references: Organization/1, system|value.
func (m *reader) references(rs []Reference, where string) (out []string) {
	for i, r := range rs {
		names := r.Names()
		if len(names) == 0 {
			m.report("not-supported", at(where, i), "not kept: a reference with display alone")
		}
		out = append(out, names...)
	}
	return out
}

// Names are what a reference calls its target: the literal reference, and the business identifier as system|value.
func (r Reference) Names() (out []string) {
	if r.Reference != "" {
		out = append(out, r.Reference)
	}
	if r.Identifier != nil && r.Identifier.Value != "" {
		out = append(out, r.Identifier.System+"|"+r.Identifier.Value)
	}
	return out
}

// policies are the URIs of policies and the codes of rules, as system|code.
func (m *reader) policies() {
	r := m.r
	for _, e := range r.Extension {
		if e.URL == extPolicy {
			m.out.Policies = append(m.out.Policies, e.ValueString)
		}
	}
	for i, p := range r.Policy {
		if p.URI == "" {
			m.report("required", at("Consent.policy", i), "not kept: a policy without uri")
			continue
		}
		m.out.Policies = append(m.out.Policies, p.URI)
	}
	concepts := r.RegulatoryBasis
	if r.PolicyRule != nil {
		concepts = append(concepts, *r.PolicyRule)
	}
	for _, c := range m.concepts(concepts, "Consent.policyRule", false) {
		m.out.Policies = append(m.out.Policies, c.System+"|"+c.Code)
	}
	if r.PolicyBasis != nil && r.PolicyBasis.URL != "" {
		m.out.Policies = append(m.out.Policies, r.PolicyBasis.URL)
	}
	if m.version == R4 && len(r.Policy) == 0 && r.PolicyRule == nil {
		m.report("invariant", "Consent", "ppc-1: either a policy or a policyRule")
	}
}

// terms are what FHIR has no element for.
func (m *reader) terms(d *Document) {
	for _, e := range slices.Concat(m.r.Extension, m.r.ModifierExtension) {
		switch e.URL {
		case extTextHash:
			m.textHash(e.ValueString)
		case extTextLocale:
			m.out.Locale = e.ValueString
		case extMaxUses:
			if m.out.MaxUses.UnmarshalText([]byte(e.ValueString)) != nil {
				m.refuse("value", "Consent.modifierExtension", "max-uses is a decimal number")
			}
		case extEraseBy:
			m.out.EraseBy = m.instant(e.ValueDateTime, "Consent.modifierExtension")
		case extAccessMode:
			m.out.AccessMode = e.ValueCode
		case extScope:
			m.kind(e.ValueConcept, "Consent.extension")
		case extDateTime:
			m.recordedAt(e.ValueDateTime)
		case ExtSignedMessage:
			d.Message = e.ValueString
		}
	}
}

func (m *reader) textHash(text string) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(m.out.TextHash) {
		m.refuse("value", "Consent.extension", "the hash of a text is 64 hex digits")
		return
	}
	copy(m.out.TextHash[:], b)
}

// recordedAt is R4's dateTime in R5, which has a date only; the two must agree.
func (m *reader) recordedAt(text string) {
	t := m.instant(text, "Consent.extension")
	if day := m.instant(m.r.Date, "Consent.date"); t < day || t >= day+24*3600*1000 {
		m.refuse("conflict", "Consent.extension", "it is not on the day of Consent.date")
	}
	m.out.RecordedAt = t
}

func (m *reader) kind(c *concept, where string) {
	if c == nil {
		return
	}
	cs := m.concepts([]concept{*c}, where, false)
	if len(cs) == 0 {
		return
	}
	m.out.Kind = cs[0].Code
	if len(cs) > 1 || cs[0].System != systemScope {
		m.report("not-supported", where, "only the first code is kept, and not a system other than HL7's")
	}
}

const systemScope = "http://terminology.hl7.org/CodeSystem/consentscope"

// concepts are the codings of CodeableConcepts, each by itself. One without any coding says nothing that can be compared:
// in a rule, where it restricts, it is refused.
func (m *reader) concepts(cs []concept, where string, rule bool) (out []consent.Coding) {
	for i, c := range cs {
		here := at(where, i)
		if len(c.Coding) == 0 {
			if rule {
				m.refuse("code-invalid", here, "a restriction by words alone cannot be applied")
			} else {
				m.show(here, "not kept: words without a code")
			}
		}
		out = append(out, m.codings(c.Coding, here+".coding")...)
	}
	return out
}

func (m *reader) codings(cs []coding, where string) (out []consent.Coding) {
	for i, c := range cs {
		if c.Code == "" {
			m.refuse("code-invalid", at(where, i), "a coding without code")
			continue
		}
		if strings.Contains(c.Code, "|") {
			m.refuse("code-invalid", at(where, i), "a code has no |")
			continue
		}
		out = append(out, consent.Coding(c))
	}
	return out
}

func at(where string, i int) string { return fmt.Sprintf("%s[%d]", where, i) }
