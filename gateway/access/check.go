package access

import (
	"regexp"
	"slices"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
)

// asserted is what a member may assert of its own people: never an organisation.
var asserted = regexp.MustCompile(`^(Practitioner|PractitionerRole|Group|CareTeam|HealthcareService|Device)/[A-Za-z0-9.-]{1,64}$`)

// MaxResources is how many resources one request names at most.
const MaxResources = 256

const (
	maxGroups   = 16
	maxElements = 64
)

// Check reports whether a request can be decided at all: Malformed or TooLarge when not. Begin checks it too; a batch asks
// beforehand, so that one bad request puts nothing on record for the others.
func Check(req api.AccessRequest) error {
	if _, err := consent.ParseSubjectID(req.Subject); err != nil {
		return errPseudonym
	}
	return CheckTerms(req)
}

// CheckTerms is Check of all but the subject: who asks, for what purpose, and for what.
func CheckTerms(req api.AccessRequest) error {
	refs := slices.Clone(req.Actor.Groups)
	if req.Actor.Reference != "" {
		refs = append(refs, req.Actor.Reference)
	}
	for _, r := range refs {
		if !asserted.MatchString(r) {
			return consent.Errorf(consent.Malformed, "an actor is a reference such as Practitioner/bob or Group/ward-3")
		}
	}
	switch {
	case len(req.Actor.Groups) > maxGroups:
		return consent.Errorf(consent.TooLarge, "an actor is in at most %d groups", maxGroups)
	case len(req.Resources) > MaxResources:
		return consent.Errorf(consent.TooLarge, "a request names at most %d resources", MaxResources)
	case req.Purpose.Code == "":
		return consent.Errorf(consent.Malformed, "a request has a purpose")
	case len(req.Emergency) > 1000 || len(req.RequestID) > 128:
		return consent.Errorf(consent.TooLarge, "the emergency reason has at most 1000 bytes, the request id 128")
	case req.Purpose.Code == "BTG" && req.Emergency == "":
		return consent.Errorf(consent.Malformed, "breaking the glass needs a reason in emergency")
	}
	return checkSubset(req)
}

// checkSubset is CheckTerms for what is asked for of each resource.
func checkSubset(req api.AccessRequest) error {
	switch {
	case len(req.Elements) > maxElements || len(strings.Join(req.Elements, "")) > 64*maxElements:
		return consent.Errorf(consent.TooLarge, "a request names at most %d elements", maxElements)
	case !slices.Contains([]string{"", "true", "false", "text", "data"}, req.Summary):
		return consent.Errorf(consent.Malformed, "summary is true, false, text or data")
	}
	return nil
}
