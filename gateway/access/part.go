package access

import (
	"context"
	"fmt"
	"slices"

	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
)

// part decides for a requester that takes what flows. What flows is decided by itself, so that the use says what was
// released and no more; that something was withheld is added for the record. d is for the record, shown for the requester.
//
// When nothing flows, the requester is told what its request would come to whatever there is, so that what is withheld and
// what is not there look the same.
func (s *Service) part(ctx context.Context, req *api.AccessRequest, q *policies.Request, t *terms, view *replica.View) (d, shown policies.Decision, from []replica.InForce) {
	if view.Refused != nil {
		d = s.refused(view.Refused)
		return d, d, nil
	}
	if len(q.Resources) > 0 {
		d, from = s.decide(ctx, *q, t, view)
		if flowing, present := permitted(req.Resources, t.Present, d); d.Decision != policies.Permit && len(flowing) > 0 {
			withheld := len(req.Resources) - len(flowing)
			req.Resources, q.Resources = flowing, flowing
			t.Needs, t.Present = s.cfg.Needs.Needs(q.Purpose, minimise.Types(*q)), present
			d, from = s.decide(ctx, *q, t, view)
			shown = d
			d.Reasons = append(slices.Clone(d.Reasons), policies.Reason{
				Rule: "0", Code: withheldCode, Text: fmt.Sprintf("%d resources that were asked for were withheld.", withheld),
			})
			if d.Decision == policies.Permit {
				return d, shown, from
			}
		}
		if d.Decision == policies.Permit {
			return d, d, from
		}
	}
	general := *q
	general.Resources = nil
	shown, all, err := s.evaluate(ctx, general, t, view)
	if err != nil || shown.Decision == policies.Permit {
		shown = s.refusal("nothing-flows", "Nothing that was asked for is there and may flow.")
	}
	if len(q.Resources) == 0 {
		d, from = shown, all
	}
	return d, shown, from
}

// withheldCode is the reason that something was withheld. It is on record and told to no requester.
const withheldCode = "withheld"

// permitted are the resources that a decision lets through, whatever it says of the whole, and the elements that they have.
func permitted(rs []api.Resource, present [][]string, d policies.Decision) (out []api.Resource, elements [][]string) {
	for i, r := range d.Resources {
		if r.Decision != policies.Permit || i >= len(rs) {
			continue
		}
		out = append(out, rs[i])
		if i < len(present) {
			elements = append(elements, present[i])
		}
	}
	return out, elements
}
