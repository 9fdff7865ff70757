package access

import (
	"slices"
	"strings"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// terms are what bears on a decision beside the question and the consents: how it is minimised, and what is said of a study.
type terms struct {
	minimise.Terms
	study.Claims
}

// bear reports whether any of it does.
func (t *terms) bear() bool { return t.Binds() || t.Stated() }

// terms are those of a request. What is brought or put right is not minimised: it comes from the requester.
func (s *Service) terms(who Requester, req api.AccessRequest, q policies.Request) (t terms, err error) {
	said := study.Stated{Member: who.Member, Terms: req.Study, Passport: req.Passport, Shown: who.Shown}
	if t.Claims, err = s.cfg.Studies.Read(said, q.Now); err != nil {
		return t, err
	}
	if q.Action.Code == "collect" || q.Action.Code == "correct" {
		return t, nil
	}
	t.Elements, t.Summary, t.Needs = req.Elements, req.Summary, s.cfg.Needs.Needs(q.Purpose, minimise.Types(q))
	if t.Summary == "false" {
		t.Summary = ""
	}
	if t.Binds() {
		t.Version, t.Present = s.cfg.Version, req.Present
	}
	return t, nil
}

// stated is what is said of the study, for the record.
func (t *terms) stated() (out []proof.Reason) {
	if len(t.Claims.Terms) > 0 {
		out = append(out, proof.Reason{Rule: "N1", Code: "study", Text: "Stated of the study: " + strings.Join(t.Claims.Terms, ", ") + "."})
	}
	for _, v := range t.Visas {
		out = append(out, proof.Reason{Rule: "N2", Code: "visa", Text: "Shown of the researcher: " + v.Type + ", said by " + v.Issuer + "."})
	}
	return out
}

// Minimised is a resource as it flows under a permit, by the release of FHIR that the custodian's records have. It fails on
// what cannot be made smaller, which then does not flow.
func (a *Answer) Minimised(resourceType string, raw []byte) ([]byte, error) {
	out, _, err := a.terms.Ask(resourceType).Apply(raw, a.terms.Version)
	return out, err
}

// maskedRule is the letter of what is left out of resources that flow (policies/README.md).
const maskedRule = "M2"

// maskings are what a decision leaves out of the resources that flow, for the record: resources of which the same is left out are
// named together.
func maskings(d policies.Decision) (out []proof.Reason) {
	var elements, resources []string
	for _, r := range d.Resources {
		if len(r.Masked) == 0 || r.Decision != policies.Permit {
			continue
		}
		what := strings.Join(r.Masked, ", ")
		i := slices.Index(elements, what)
		if i < 0 {
			i, elements, resources = len(elements), append(elements, what), append(resources, "")
		} else {
			resources[i] += ", "
		}
		resources[i] += r.Type + "/" + r.ID
	}
	for i, what := range elements {
		out = append(out, proof.Reason{Rule: maskedRule, Code: "masked", Text: "Left out of " + resources[i] + ": " + what + "."})
	}
	return out
}

// onRecord are the maskings that a use names.
func onRecord(u proof.Use) []proof.Reason {
	return slices.DeleteFunc(slices.Clone(u.Reasons), func(r proof.Reason) bool { return r.Rule != maskedRule })
}
