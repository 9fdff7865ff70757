// Package label finds the security labels of FHIR resources that carry none, or not enough of them.
//
// A table has two kinds of rules. A sensitivity rule names clinical codes, each with a confidence, and the labels that a
// resource gets in which one of them is found, wherever it stands, contained resources included (ASU SHARES: a code counts when
// its confidence is at least the threshold). A confidentiality rule names labels and the confidentiality of what bears one
// (LEAP). Labels are added, never taken away: confidentiality is a high-water mark, so the highest counts (R4
// Consent.provision.securityLabel).
//
// A resource in which nothing is found gets no label, unless the table says what to give it (Otherwise): that nobody's rules
// know a code is no statement that it is harmless, and policies read a missing label as "nobody has looked".
package label

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Table is rules as a custodian writes them. Sensitivity rules stand under "rules" (the form of SHARES) or under
// "sensitivityRules" (LEAP).
type Table struct {
	Rules                []Rule            `json:"rules"`
	SensitivityRules     []Rule            `json:"sensitivityRules"`
	ConfidentialityRules []Rule            `json:"confidentialityRules"`
	CodeAliases          map[string]string `json:"codeAliases"` // of systems: {"http://snomed.info/sct": "$SNOMED"}
	Threshold            float64           `json:"threshold"`   // of confidence; 0: every code counts
	Otherwise            []consent.Coding  `json:"otherwise"`   // of a resource that bears no label and in which none is found
}

// Rule gives labels to what has one of the codes: in code sets for sensitivity, directly for confidentiality.
type Rule struct {
	ID       string           `json:"id"`
	Labels   []consent.Coding `json:"labels"`
	CodeSets []CodeSet        `json:"codeSets"`
	Codes    []Code           `json:"codes"`
}

// CodeSet is codes that belong together.
type CodeSet struct {
	Codes []Code `json:"codes"`
}

// Code is {system, code, confidence}, or "alias#code" with confidence 1.
type Code struct {
	System     string
	Code       string
	Confidence float64
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Code) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		var ok bool
		c.System, c.Code, ok = strings.Cut(text, "#")
		c.Confidence = 1
		if !ok {
			return fmt.Errorf("a code is an alias, # and the code, not %q", text)
		}
		return nil
	}
	v := struct {
		System, Code string
		Confidence   *float64
	}{}
	if err := json.Unmarshal(raw, &v); err != nil {
		return err
	}
	*c = Code{v.System, v.Code, 1}
	if v.Confidence != nil {
		c.Confidence = *v.Confidence
	}
	return nil
}

// ParseTable reads a table. It fails when a rule gives no label or a code has no system.
func ParseTable(raw []byte) (Table, error) {
	var t Table
	if err := json.Unmarshal(raw, &t); err != nil {
		return t, fmt.Errorf("read labelling rules: %w", err)
	}
	t.SensitivityRules = append(t.Rules, t.SensitivityRules...)
	t.Rules = nil
	for _, r := range slices.Concat(t.SensitivityRules, t.ConfidentialityRules) {
		if len(r.Labels) == 0 {
			return t, fmt.Errorf("read labelling rules: rule %q gives no label", r.ID)
		}
		for _, c := range slices.Concat(r.codes(), r.Codes) {
			if c.System == "" || c.Code == "" {
				return t, fmt.Errorf("read labelling rules: rule %q has a code without system", r.ID)
			}
		}
	}
	return t, nil
}

func (r *Rule) codes() []Code {
	var cs []Code
	for _, s := range r.CodeSets {
		cs = append(cs, s.Codes...)
	}
	return cs
}

//go:embed rules/sensitivity.json
var defaultSensitivity []byte

//go:embed rules/confidentiality.json
var defaultConfidentiality []byte

// Default is the labeller of the tables in this package: ASU SHARES' sensitivity rules (rules/SOURCE), every code counting, and
// restricted for what carries a stigma.
var Default = sync.OnceValues(func() (*Labeller, error) {
	s, err := ParseTable(defaultSensitivity)
	if err != nil {
		return nil, err
	}
	c, err := ParseTable(defaultConfidentiality)
	if err != nil {
		return nil, err
	}
	c.SensitivityRules = s.SensitivityRules
	return New(c), nil
})

// Labeller applies a table. It is safe for concurrent use.
type Labeller struct {
	codes     map[consent.Coding][]consent.Coding // of clinical codes: labels
	labels    map[consent.Coding][]consent.Coding // of labels: labels
	otherwise []consent.Coding
}

// New prepares a table. Codes below its threshold are forgotten here.
func New(t Table) *Labeller {
	systems := map[string]string{}
	for system, alias := range t.CodeAliases {
		systems[alias] = system
	}
	l := &Labeller{map[consent.Coding][]consent.Coding{}, map[consent.Coding][]consent.Coding{}, t.Otherwise}
	add := func(to map[consent.Coding][]consent.Coding, c Code, labels []consent.Coding) {
		if c.Confidence < t.Threshold {
			return
		}
		k := consent.Coding{System: cmp.Or(systems[c.System], c.System), Code: c.Code}
		to[k] = merge(to[k], labels...)
	}
	for _, r := range t.SensitivityRules {
		for _, c := range append(r.codes(), r.Codes...) {
			add(l.codes, c, r.Labels)
		}
	}
	for _, r := range t.ConfidentialityRules {
		for _, c := range append(r.codes(), r.Codes...) {
			add(l.labels, c, r.Labels)
		}
	}
	return l
}

// merge adds what is not there yet.
func merge(to []consent.Coding, cs ...consent.Coding) []consent.Coding {
	for _, c := range cs {
		if !slices.Contains(to, c) {
			to = append(to, c)
		}
	}
	return to
}

// Read returns all labels of a resource in FHIR JSON: those that it carries, then those that the rules add. What a resource
// contains is part of it. It fails on what is no JSON object.
func (l *Labeller) Read(raw []byte) ([]consent.Coding, error) {
	if !json.Valid(raw) {
		return nil, fmt.Errorf("label a resource: %w", errJSON)
	}
	return l.ReadValid(raw)
}

// ReadValid is Read of what is known to be valid JSON. It panics on anything else.
func (l *Labeller) ReadValid(raw []byte) ([]consent.Coding, error) {
	var carried, found []consent.Coding
	err := scan(raw, func(c consent.Coding, security bool) {
		if security {
			carried = merge(carried, c)
		}
		found = merge(found, l.codes[c]...)
	})
	if err != nil {
		return nil, err
	}
	out := merge(carried, found...)
	for i := 0; i < len(out); i++ {
		out = merge(out, l.labels[out[i]]...)
	}
	if len(out) == 0 {
		return slices.Clone(l.otherwise), nil
	}
	return out, nil
}

// Annotate adds codings to a list of a resource's meta, security or tag, and leaves those that are there.
func Annotate(root map[string]json.RawMessage, list string, cs ...consent.Coding) error {
	meta := map[string]json.RawMessage{}
	if raw, ok := root["meta"]; ok {
		if err := json.Unmarshal(raw, &meta); err != nil || meta == nil {
			return fmt.Errorf("read meta: %w", errors.Join(err, errors.New("it is no object")))
		}
	}
	var have []json.RawMessage
	if raw, ok := meta[list]; ok {
		if err := json.Unmarshal(raw, &have); err != nil {
			return fmt.Errorf("read meta.%s: %w", list, err)
		}
	}
	for _, c := range cs {
		if slices.ContainsFunc(have, func(raw json.RawMessage) bool { return same(raw, c) }) {
			continue
		}
		raw, err := json.Marshal(struct {
			System string `json:"system,omitempty"`
			Code   string `json:"code"`
		}{c.System, c.Code})
		if err != nil {
			return err
		}
		have = append(have, raw)
	}
	var err error
	if meta[list], err = json.Marshal(have); err != nil {
		return err
	}
	root["meta"], err = json.Marshal(meta)
	return err
}

func same(raw json.RawMessage, c consent.Coding) bool {
	var have struct{ System, Code string }
	return json.Unmarshal(raw, &have) == nil && have.System == c.System && have.Code == c.Code
}
