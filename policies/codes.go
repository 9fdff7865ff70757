package policies

import (
	"embed"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Code systems that rules and requests name.
const (
	SystemPurpose         = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
	SystemActCode         = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
	SystemConfidentiality = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
	SystemAction          = "http://terminology.hl7.org/CodeSystem/consentaction"
	SystemScope           = "http://terminology.hl7.org/CodeSystem/consentscope"
	SystemResourceType    = "http://hl7.org/fhir/resource-types"

	systemResourceTypeR5 = "http://hl7.org/fhir/fhir-types"
)

// Bounds of time, standing for "open" in what Rego sees: comparisons then need no special case.
const (
	never  = math.MaxInt64
	always = math.MinInt64
)

//go:embed codes/*.json
var codeFiles embed.FS

// tables are the code systems as Rego sees them under data.codes. A code is written "system|code".
type tables struct {
	Up              map[string][]string `json:"up"`              // every code above, by HL7's is-a
	Confidentiality map[string]int      `json:"confidentiality"` // rank, U lowest
	Explicit        map[string]bool     `json:"explicit"`        // purposes that permits must name
	Access          string              `json:"access"`
	BreakGlass      string              `json:"breakGlass"`
	Clinician       string              `json:"clinician"`
	Never           int64               `json:"never"`
	PatientRequest  string              `json:"patientRequest"`
	PurposeOfUse    string              `json:"purposeOfUse"`
	Treatment       string              `json:"treatment"`
	Display         map[string]string   `json:"display"`  // of purposes and actions, for sentences
	Versions        map[string]string   `json:"versions"` // of the code systems
}

// order is that of confidentiality, R4 Consent.provision.securityLabel: a high-water mark.
var order = []string{"U", "L", "M", "N", "R", "V"}

// embedded reads the code systems in the binary, once.
var embedded = sync.OnceValues(func() (*tables, error) {
	t := &tables{
		Up: map[string][]string{}, Confidentiality: map[string]int{}, Display: map[string]string{}, Versions: map[string]string{},
		Explicit:       map[string]bool{SystemPurpose + "|BTG": true, SystemPurpose + "|MLTRAINING": true},
		Access:         SystemAction + "|access",
		BreakGlass:     SystemPurpose + "|BTG",
		Clinician:      "|" + string(consent.Clinician),
		Never:          never,
		PatientRequest: SystemPurpose + "|PATRQT",
		PurposeOfUse:   SystemPurpose + "|PurposeOfUse",
		Treatment:      SystemPurpose + "|TREAT",
	}
	for rank, code := range order {
		t.Confidentiality[SystemConfidentiality+"|"+code] = rank
	}
	files, err := codeFiles.ReadDir("codes")
	if err != nil {
		return nil, fmt.Errorf("list code systems: %w", err)
	}
	for _, f := range files {
		raw, err := codeFiles.ReadFile("codes/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("read code system: %w", err)
		}
		if err := t.add(raw); err != nil {
			return nil, fmt.Errorf("read code system %s: %w", f.Name(), err)
		}
	}
	return t, nil
})

// add reads one file in the form of the HL7 terminology set: {system, version, concepts[]{code, display, parents[]}}.
func (t *tables) add(raw []byte) error {
	var cs struct {
		System, Version string
		Concepts        []struct {
			Code, Display string
			Parents       []string
		}
	}
	if err := json.Unmarshal(raw, &cs); err != nil {
		return err
	}
	parents := map[string][]string{}
	for _, c := range cs.Concepts {
		parents[c.Code] = c.Parents
		if cs.System == SystemPurpose || cs.System == SystemAction {
			t.Display[cs.System+"|"+c.Code] = c.Display
		}
	}
	for code := range parents {
		var up []string
		for next := slices.Clone(parents[code]); len(next) > 0; next = next[1:] {
			if k := cs.System + "|" + next[0]; !slices.Contains(up, k) {
				up, next = append(up, k), append(next, parents[next[0]]...)
			}
		}
		if len(up) > 0 {
			slices.Sort(up)
			t.Up[cs.System+"|"+code] = up
		}
	}
	t.Versions[cs.System] = cs.Version
	return nil
}

// subsumes reports whether the code granted is requested or above it.
func (t *tables) subsumes(granted, requested string) bool {
	return granted == requested || slices.Contains(t.Up[requested], granted)
}

// Subsumes reports whether granted is requested or above it in the is-a hierarchy of system, as HL7 publishes it. The
// exceptions that decisions make (BTG, MLTRAINING) are not part of it. Codes that are not known subsume only themselves.
func Subsumes(system, granted, requested string) bool {
	t, err := embedded()
	return err == nil && t.subsumes(system+"|"+granted, system+"|"+requested)
}

// Confidentiality returns the rank of a v3-Confidentiality code, 0 for U to 5 for V, or -1.
func Confidentiality(code string) int { return slices.Index(order, code) }

// Display returns HL7's display of a purpose or an action, or the code itself.
func Display(c consent.Coding) string {
	if t, err := embedded(); err == nil {
		if d := t.Display[key(c, "")]; d != "" {
			return d
		}
	}
	return c.Code
}

// key writes a coding as one string. A "|" in the system is escaped, so that no two codings share a key.
func key(c consent.Coding, system string) string {
	if c.Code == "" {
		return ""
	}
	if c.System != "" {
		system = c.System
	}
	if strings.IndexByte(system, '|') >= 0 {
		system = strings.ReplaceAll(system, "|", "%7C")
	}
	return system + "|" + c.Code
}

// coding is the inverse of key.
func coding(k string) consent.Coding {
	system, code, _ := strings.Cut(k, "|")
	return consent.Coding{System: strings.ReplaceAll(system, "%7C", "|"), Code: code}
}

func purposeKey(c consent.Coding) string { return key(c, SystemPurpose) }
func actionKey(c consent.Coding) string  { return key(c, SystemAction) }

// typedKey reads a clinical code; resource types among them are R4 or R5.
func typedKey(c consent.Coding) string {
	if c.System == systemResourceTypeR5 {
		c.System = SystemResourceType
	}
	return key(c, "")
}

func plainKey(c consent.Coding) string { return key(c, "") }

// labelKey takes a label without system for a confidentiality mark if it is one, else for an ActCode.
func labelKey(c consent.Coding) string {
	if c.System == "" && Confidentiality(c.Code) >= 0 {
		return key(c, SystemConfidentiality)
	}
	return key(c, SystemActCode)
}

// typeKey reads R5's system of resource types, and none, as R4's.
func typeKey(c consent.Coding) string {
	if c.System == systemResourceTypeR5 {
		c.System = SystemResourceType
	}
	return key(c, SystemResourceType)
}
