package gateway

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
)

// Store is where a custodian keeps records. The demo's is a few files; a hospital's is its FHIR server.
type Store interface {
	// Resources returns the FHIR resources of a local record.
	Resources(ctx context.Context, localID string) ([]json.RawMessage, error)
}

// fetch decides on the subject's resources that a request asks for, and sends those that flow. What is withheld is on
// record and not in the answer, not even by name.
func (g *Gateway) fetch(c *gin.Context) {
	var req api.AccessRequest
	if !decode(c, &req) {
		return
	}
	if g.cfg.Store == nil {
		problem(c, consent.NotFound, "this gateway keeps no records")
		return
	}
	who := requester(c, "rest")
	who.Part = true
	raw, resources, err := g.records(c.Request.Context(), who.Member, req)
	if err != nil {
		refuse(c, err)
		return
	}
	req.Resources = resources
	a, err := g.access.Decide(c.Request.Context(), who, req, cut(c))
	if err != nil {
		refuse(c, err)
		return
	}
	defer a.Done()
	g.metrics.decided(a.Decision.Decision)
	g.release(c, flows(a, raw), a)
}

// records returns the resources that a request asks for, by reference, with what rules can ask about them.
func (g *Gateway) records(ctx context.Context, m consent.MemberID, req api.AccessRequest) (map[string]json.RawMessage, []policies.Resource, error) {
	h, err := g.cfg.Pseudonyms.Handle(m, req.Subject)
	if err != nil {
		return nil, nil, err
	}
	id, ok := g.links.localID(h)
	if !ok {
		return nil, nil, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	all, err := g.cfg.Store.Resources(ctx, id)
	if err != nil {
		return nil, nil, consent.Errorf(consent.Unavailable, "read the custodian's records: %w", err)
	}
	labels, err := label.Default()
	if err != nil {
		return nil, nil, consent.Errorf(consent.Internal, "read the labelling rules: %w", err)
	}
	raw := map[string]json.RawMessage{}
	var parsed []policies.Resource
	for _, b := range all {
		r, err := policies.ParseResource(b)
		if err == nil {
			r.Labels, err = labels.Read(b)
		}
		if err != nil {
			return nil, nil, consent.Errorf(consent.Internal, "read a record: %w", err)
		}
		if wanted(req, r) {
			raw[r.Type+"/"+r.ID] = b
			parsed = append(parsed, r)
		}
	}
	if len(parsed) > access.MaxResources {
		return nil, nil, consent.Errorf(consent.TooLarge, "more than %d resources match: ask for some types, or by name", access.MaxResources)
	}
	return raw, parsed, nil
}

func wanted(req api.AccessRequest, r policies.Resource) bool {
	if len(req.ResourceTypes) > 0 && !slices.ContainsFunc(req.ResourceTypes, func(t consent.Coding) bool { return t.Code == r.Type }) {
		return false
	}
	return len(req.Resources) == 0 || slices.ContainsFunc(req.Resources, func(w policies.Resource) bool {
		return w.Type == r.Type && w.ID == r.ID
	})
}

// flows is an answer with the resources that it lets through: all that it names, for what is withheld was decided apart.
func flows(a *access.Answer, raw map[string]json.RawMessage) api.Access {
	out := a.Access
	out.Resources = nil
	if a.Decision.Decision != policies.Permit {
		return out
	}
	for _, r := range a.Resources {
		if r.Decision == policies.Permit {
			out.Data = append(out.Data, raw[r.Type+"/"+r.ID])
			out.Resources = append(out.Resources, r)
		}
	}
	return out
}
