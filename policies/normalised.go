package policies

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// normalised is a FHIR Consent, R4 or R5, in the neutral form of the vector sets.
type normalised struct {
	ID         string           `json:"id"`
	Status     string           `json:"status"`
	Scope      string           `json:"scope"`
	RecordedAt string           `json:"recordedAt"`
	Period     *fhirPeriod      `json:"period"`
	Categories []string         `json:"categories"`
	Base       consent.Effect   `json:"base"`
	Rules      []normalisedRule `json:"rules"`
}

type normalisedRule struct {
	Path           string                  `json:"path"`
	Depth          int                     `json:"depth"`
	Effect         consent.Effect          `json:"effect"`
	Period         *fhirPeriod             `json:"period"`
	Actors         []normalisedActor       `json:"actors"`
	Roles          []string                `json:"roles"`
	Actions        []string                `json:"actions"`
	Purposes       []string                `json:"purposes"`
	Classes        []string                `json:"classes"`
	Codes          []string                `json:"codes"`
	SecurityLabels []string                `json:"securityLabels"`
	DataPeriod     *fhirPeriod             `json:"dataPeriod"`
	Data           []consent.DataReference `json:"data"`
}

type normalisedActor struct {
	Role      string `json:"role"`
	Reference string `json:"reference"`
}

type fhirPeriod struct {
	Start string `json:"start"`
	End   string `json:"end"`
}

// half reads the period as a half-open one.
func (p *fhirPeriod) half() (consent.Period, error) {
	if p == nil {
		return consent.Period{}, nil
	}
	return ParsePeriod(p.Start, p.End)
}

// parseNormalised reads one consent in the vectors' normalised form.
func parseNormalised(raw []byte) (Record, error) {
	var n normalised
	d := json.NewDecoder(strings.NewReader(string(raw)))
	if err := d.Decode(&n); err != nil {
		return Record{}, fmt.Errorf("read normalised consent: %w", err)
	}
	return n.record()
}

// record turns it into ours.
func (n *normalised) record() (Record, error) {
	r := Record{ID: n.ID, Status: n.Status, Consent: consent.Consent{Categories: split(n.Categories)}}
	_, r.Consent.Kind, _ = strings.Cut(n.Scope, "|")
	if n.RecordedAt != "" {
		p, err := ParseDate(n.RecordedAt)
		if err != nil {
			return r, fmt.Errorf("consent %s: %w", n.ID, err)
		}
		r.Date, r.Consent.RecordedAt = p.Start, p.Start
	}
	var err error
	if r.Consent.Period, err = n.Period.half(); err != nil {
		return r, fmt.Errorf("consent %s: %w", n.ID, err)
	}
	if r.Consent.Provisions, err = n.provisions(); err != nil {
		return r, fmt.Errorf("consent %s: %w", n.ID, err)
	}
	if err := r.Consent.Check(); err != nil {
		return r, fmt.Errorf("consent %s: %w", n.ID, err)
	}
	return r, nil
}

// provisions makes the flat list. A base that no root rule states, or states otherwise, becomes a root of its own around
// all rules: in R4 with a coded OPTIN or OPTOUT the root provision is an exception to that.
func (n *normalised) provisions() ([]consent.Provision, error) {
	out, shift := n.base()
	around := make([]int, len(out)) // the latest rule at each depth
	for _, rule := range n.Rules {
		p, err := rule.provision()
		if err != nil {
			return nil, err
		}
		depth := rule.Depth + shift
		if depth < 0 || depth > len(around) || depth == 0 && len(out) > 0 {
			return nil, fmt.Errorf("%s: depth %d does not follow", rule.Path, rule.Depth)
		}
		if depth > 0 {
			p.Parent = consent.Uint64(around[depth-1]) //nolint:gosec // an index
		}
		around, out = append(around[:depth], len(out)), append(out, p)
	}
	return out, nil
}

// base is the root that the base needs, if it needs one, and by how much that moves the rules inwards.
func (n *normalised) base() (root []consent.Provision, shift int) {
	rooted := len(n.Rules) > 0 && n.Rules[0].Depth == 0
	if rooted && n.Rules[0].Effect == "" {
		n.Rules[0].Effect = n.Base // a root without type only narrows the base
	}
	if rooted && (n.Base == "" || n.Rules[0].Effect == n.Base) {
		return nil, 0
	}
	if rooted {
		shift = 1
	}
	return []consent.Provision{{Effect: orDeny(n.Base)}}, shift
}

func (n *normalisedRule) provision() (consent.Provision, error) {
	p := consent.Provision{
		Effect: orDeny(n.Effect), Roles: split(n.Roles), Actions: split(n.Actions), Purposes: split(n.Purposes),
		ResourceTypes: split(n.Classes), Codes: split(n.Codes), Labels: split(n.SecurityLabels), Data: n.Data,
	}
	for _, a := range n.Actors {
		role := split([]string{a.Role})
		p.Recipients = append(p.Recipients, consent.Recipient{Role: role[0], Reference: a.Reference})
	}
	var err error
	if p.Period, err = n.Period.half(); err != nil {
		return p, fmt.Errorf("%s: %w", n.Path, err)
	}
	if p.DataPeriod, err = n.DataPeriod.half(); err != nil {
		return p, fmt.Errorf("%s: %w", n.Path, err)
	}
	return p, nil
}

// orDeny reads a missing effect as a denial.
func orDeny(e consent.Effect) consent.Effect {
	if e == consent.Permit {
		return e
	}
	return consent.Deny
}

// split reads codings written "system|code".
func split(ss []string) []consent.Coding {
	var cs []consent.Coding
	for _, s := range ss {
		i := strings.LastIndexByte(s, '|')
		cs = append(cs, consent.Coding{System: s[:max(i, 0)], Code: s[i+1:]})
	}
	return cs
}
