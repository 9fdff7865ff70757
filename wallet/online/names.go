package online

import (
	"context"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

// SystemParticipation is HL7's code system of what a recipient is to a consent.
const SystemParticipation = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"

// words are for codes that the shipped code systems have no display for.
var words = map[consent.Coding]string{
	{System: SystemParticipation, Code: "IRCP"}:         "recipient of information",
	{System: SystemParticipation, Code: "PRCP"}:         "primary recipient of information",
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

// Code turns a code into words from what this program ships; it serves as wallet.Names.Code.
func Code(c consent.Coding) (string, bool) {
	if w, known := words[c]; known {
		return w, true
	}
	if c.System == policies.SystemResourceType {
		return c.Code, true // FHIR's names of resource types are words
	}
	d := policies.Display(c)
	return d, d != c.Code
}

// Roster fetches the messages of members and takes their names from those that the authorities of the pinned ledger signed.
func Roster(ctx context.Context, c *client.Client, pinned wallet.Ledger) (*wallet.Roster, error) {
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
