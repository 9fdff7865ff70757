package cli

import (
	"context"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

// Code systems beside those of package policies.
const systemParticipation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

// words are for codes that the shipped code systems have no display for.
var words = map[consent.Coding]string{
	{System: systemParticipation, Code: "IRCP"}:         "recipient of information",
	{System: systemParticipation, Code: "PRCP"}:         "primary recipient of information",
	{System: policies.SystemConfidentiality, Code: "U"}: "unrestricted",
	{System: policies.SystemConfidentiality, Code: "L"}: "low",
	{System: policies.SystemConfidentiality, Code: "M"}: "moderate",
	{System: policies.SystemConfidentiality, Code: "N"}: "normal",
	{System: policies.SystemConfidentiality, Code: "R"}: "restricted",
	{System: policies.SystemConfidentiality, Code: "V"}: "very restricted",
	{System: policies.SystemScope, Code: "treatment"}:   "treatment",
	{System: policies.SystemScope, Code: "research"}:    "research",
	{System: policies.SystemActCode, Code: "PSY"}:       "psychiatry",
	{System: policies.SystemActCode, Code: "HIV"}:       "HIV",
	{System: policies.SystemActCode, Code: "ETH"}:       "substance abuse",
	{System: policies.SystemActCode, Code: "SEX"}:       "sexuality and reproductive health",
	{System: policies.SystemActCode, Code: "GDIS"}:      "genetic disease",
	{System: policies.SystemActCode, Code: "SDV"}:       "sexual assault, abuse or domestic violence",
}

// code turns a code into words from what this program ships.
func code(c consent.Coding) (string, bool) {
	if w, known := words[c]; known {
		return w, true
	}
	if c.System == policies.SystemResourceType {
		return c.Code, true // FHIR's names of resource types are words
	}
	d := policies.Display(c)
	return d, d != c.Code
}

// roster takes the names of members from the messages that the authorities of the pinned ledger signed.
func roster(ctx context.Context, c *client.Client, pinned wallet.Ledger) (*wallet.Roster, error) {
	ms, err := c.Members(ctx)
	if err != nil {
		return nil, err
	}
	if len(ms.Messages) == 0 {
		return nil, fmt.Errorf("%w: the gateway shows no genesis", wallet.ErrRoster)
	}
	r, err := wallet.NewRoster(pinned, ms.Messages[0])
	if err != nil {
		return nil, err
	}
	for _, m := range ms.Messages[1:] {
		if err := r.Add(m); err != nil {
			return nil, fmt.Errorf("%w: %w", wallet.ErrRoster, err)
		}
	}
	return r, nil
}

// learn fetches and verifies the names that what is signed will be shown with.
func (p *person) learn(ctx context.Context) error {
	r, err := roster(ctx, p.api, *p.ledger)
	if err != nil {
		return err
	}
	p.names = wallet.Names{Member: r.Member, Code: code}
	return nil
}

// member is a member's name and id, or the id in quotation marks when no authority has signed a name for it.
func (p *person) member(id consent.MemberID) string {
	if id == "" {
		return "you"
	}
	if p.names.Member != nil {
		if m, known := p.names.Member(id); known {
			return fmt.Sprintf("%s (%s)", wallet.Escape(m.Name), wallet.Escape(string(id)))
		}
	}
	return `"` + wallet.Escape(string(id)) + `"`
}
