package replica

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Rows are packed before they are sealed, since nothing packs them after: consents say much the same in much the same
// words, and a million of them are to be read without taking a gigabyte. What is packed with one dictionary opens with that
// one only, so whoever changes it changes format too.
var dictionary = sync.OnceValue(func() *s2.Dict {
	codings := func(system string, codes ...string) (cs []consent.Coding) {
		for _, c := range codes {
			cs = append(cs, consent.Coding{System: "http://terminology.hl7.org/CodeSystem/" + system, Code: c})
		}
		return cs
	}
	rule := consent.Provision{
		Effect:        consent.Permit,
		Recipients:    []consent.Recipient{{Role: codings("v3-ParticipationType", "PRCP", "IRCP")[0], Reference: "Organization/"}},
		Roles:         []consent.Coding{{Code: "clinician"}, {Code: "researcher"}},
		Actions:       codings("consentaction", "collect", "access", "use", "disclose", "correct"),
		Purposes:      codings("v3-ActReason", "TREAT", "ETREAT", "HRESCH", "HPAYMT", "HOPERAT", "PUBHLTH"),
		ResourceTypes: codings("resource-types", "Patient", "Encounter", "MedicationStatement", "DocumentReference", "Condition", "Observation"),
		Labels:        codings("v3-Confidentiality", "N", "R", "V"),
		Data:          []consent.DataReference{{Meaning: "instance", Reference: "DocumentReference/"}},
	}
	bare := rule
	bare.Recipients = []consent.Recipient{{Role: consent.Coding{Code: "IRCP"}, Reference: "Organization/"}}
	bare.ResourceTypes = []consent.Coding{{Code: "DocumentReference"}, {Code: "Observation"}, {Code: "Condition"}}
	bare.Roles, bare.Actions = nil, nil
	last := bare
	last.Purposes, last.Labels, last.Data = rule.Purposes[2:3], nil, nil
	sample := consent.Append(nil, &record{Head: consent.Head{State: consent.Active}})
	sample = consent.Append(sample, &Held{Kind: "ConsentAttest", Status: consent.Revoked})
	sample = consent.Append(sample, &consent.Consent{
		Kind: "research", Categories: codings("consentcategorycodes", "research", "infa"),
		Provisions: []consent.Provision{rule, {Effect: consent.Deny, ResourceTypes: bare.ResourceTypes}, bare},
	})
	sample = consent.Append(sample, &Held{Kind: "ConsentGrant", Status: consent.Live})
	sample = consent.Append(sample, &consent.Consent{
		Kind: "patient-privacy", Locale: "en", Policies: []string{"https://"}, Provisions: []consent.Provision{last, {Effect: consent.Deny}},
	})
	return s2.MakeDict(sample, nil)
})

func pack(row []byte) []byte { return dictionary().Encode(nil, row) }

// maxRow bounds what a row unpacks to: a consent is part of one message.
const maxRow = 2 * consent.MaxMessage

func unpack(b []byte) ([]byte, error) {
	n, err := s2.DecodedLen(b)
	if err == nil && n > maxRow {
		err = s2.ErrTooLarge
	}
	var row []byte
	if err == nil {
		row, err = dictionary().Decode(nil, b)
	}
	if err != nil {
		return nil, fmt.Errorf("unpack a row: %w", err)
	}
	return row, nil
}
