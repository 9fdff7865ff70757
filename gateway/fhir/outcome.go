package fhir

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Severity is how bad an issue is (FHIR issue-severity).
type Severity string

// The severities.
const (
	Fatal       Severity = "fatal"
	Failure     Severity = "error"
	Warning     Severity = "warning"
	Information Severity = "information"
)

// Issue is one finding, as in OperationOutcome.issue.
type Issue struct {
	Severity   Severity `json:"severity"`
	Code       string   `json:"code"`              // FHIR issue-type
	Details    *Details `json:"details,omitempty"` // a stable code of ours
	Text       string   `json:"diagnostics"`
	Expression []string `json:"expression,omitempty"` // FHIRPath of where it is
}

// Details is a CodeableConcept with one coding.
type Details struct {
	Coding []coding `json:"coding"`
}

// NewDetails returns the coding of a code.
func NewDetails(system, code string) *Details { return &Details{[]coding{{system, code}}} }

// Issues are the findings of one reading.
type Issues []Issue

// Refused reports whether there is an error among them.
func (is Issues) Refused() bool {
	for _, i := range is {
		if i.Severity == Failure || i.Severity == Fatal {
			return true
		}
	}
	return false
}

// Outcome is a FHIR OperationOutcome.
type Outcome struct {
	ResourceType string `json:"resourceType"`
	Issue        Issues `json:"issue"`
}

// NewOutcome makes an OperationOutcome, which has at least one issue: that all is well, when there is none.
func NewOutcome(is ...Issue) Outcome {
	if len(is) == 0 {
		is = Issues{{Severity: Information, Code: "informational", Text: "everything was mapped"}}
	}
	return Outcome{"OperationOutcome", is}
}

// JSON returns the resource.
func (o Outcome) JSON() []byte {
	b, err := json.Marshal(o)
	if err != nil {
		panic("fhir: " + err.Error()) // strings only
	}
	return b
}

// WithOutcome puts an outcome that has more than informations into a resource that was written: contained, and referred to by
// an extension, as FHIR requires of what is contained.
func WithOutcome(resource []byte, o Outcome) ([]byte, error) {
	if !slices.ContainsFunc(o.Issue, func(i Issue) bool { return i.Severity != Information }) {
		return resource, nil
	}
	var tree map[string]any
	if err := json.Unmarshal(resource, &tree); err != nil {
		return nil, fmt.Errorf("put an outcome into a resource: %w", err)
	}
	list, _ := tree["extension"].([]any) //nolint:errcheck // nil when there is none
	tree["extension"] = append(list, extension{URL: ExtOutcome, ValueReference: &Reference{Reference: "#outcome"}})
	tree["contained"] = []any{struct {
		Outcome
		ID string `json:"id"`
	}{o, "outcome"}}
	return json.Marshal(tree)
}

// RefusedError is a resource that was not taken, with every finding.
type RefusedError struct{ Issues Issues }

// Error tells the errors among the findings.
func (e *RefusedError) Error() string {
	var out []string
	for _, i := range e.Issues {
		if i.Severity == Failure || i.Severity == Fatal {
			out = append(out, strings.TrimPrefix(strings.Join(i.Expression, ", ")+": "+i.Text, ": "))
		}
	}
	return "read FHIR Consent: " + strings.Join(out, "; ")
}

// findings gathers issues.
type findings struct {
	strict bool
	list   Issues
}

func (f *findings) add(s Severity, code, at, format string, args ...any) {
	i := Issue{Severity: s, Code: code, Text: fmt.Sprintf(format, args...)}
	if at != "" {
		i.Expression = []string{at}
	}
	f.list = append(f.list, i)
}

// refuse is an error in both modes.
func (f *findings) refuse(code, at, format string, args ...any) {
	f.add(Failure, code, at, format, args...)
}

// report is a warning, in strict mode an error.
func (f *findings) report(code, at, format string, args ...any) {
	s := Warning
	if f.strict {
		s = Failure
	}
	f.add(s, code, at, format, args...)
}

// show is an information.
func (f *findings) show(at, format string, args ...any) {
	f.add(Information, "informational", at, format, args...)
}
