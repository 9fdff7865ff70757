package gateway

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/deposit"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/minimise"
)

// Store is where a custodian keeps records. The demo's is a few files; a hospital's is its FHIR server.
type Store interface {
	// Resources returns the FHIR resources of a local record.
	Resources(ctx context.Context, localID string) ([]json.RawMessage, error)
}

// fetch decides on the subject's resources that a request asks for, her own documents among them, and sends those that flow. What is withheld is on
// record and not in the answer, not even by name.
func (g *Gateway) fetch(c *gin.Context) {
	var req api.AccessRequest
	if !decode(c, &req) {
		return
	}
	who := requester(c, "rest")
	who.Part = true
	found, err := g.records(c.Request.Context(), who.Member, req)
	if err != nil {
		refuse(c, err)
		return
	}
	req.Resources, req.Present = found.resources, found.present
	a, err := g.access.Decide(c.Request.Context(), who, req, cut(c))
	if err != nil {
		refuse(c, err)
		return
	}
	defer a.Done()
	g.metrics.decided(a.Decision.Decision)
	out := flows(a, found.raw)
	err = g.fill(c.Request.Context(), a.Handle, req.Subject, found, &out)
	if err == nil {
		err = minimised(a, &out)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	g.release(c, out, a)
}

// candidates are the resources that a request asks for.
type candidates struct {
	raw       map[string]json.RawMessage // by reference
	resources []policies.Resource        // what rules can ask about them
	present   [][]string                 // the top-level elements of each
	documents map[string]consent.Hash    // of raw, those that the patient put down: their bytes come when they flow
}

// records finds the resources that a request asks for.
func (g *Gateway) records(ctx context.Context, m consent.MemberID, req api.AccessRequest) (found candidates, err error) {
	h, err := g.cfg.Pseudonyms.Handle(m, req.Subject)
	if err != nil {
		return found, err
	}
	id, ok := g.links.localID(h)
	if !ok {
		return found, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	all, err := g.shared(ctx, h, req)
	if err != nil {
		return found, err
	}
	own := len(all)
	kept, err := g.kept(ctx, id)
	if err != nil {
		return found, err
	}
	labels, err := label.Default()
	if err != nil {
		return found, consent.Errorf(consent.Internal, "read the labelling rules: %w", err)
	}
	found = candidates{raw: map[string]json.RawMessage{}, documents: map[string]consent.Hash{}}
	for i, b := range append(all, kept...) {
		r, present, err := readRecord(b, labels)
		if err != nil {
			return found, err
		}
		if wanted(req, r) {
			ref := r.Type + "/" + r.ID
			found.raw[ref] = b
			found.resources, found.present = append(found.resources, r), append(found.present, present)
			if id, ok := deposit.ID(ref); ok && i < own {
				found.documents[ref] = id
			}
		}
	}
	if len(found.resources) > access.MaxResources {
		return found, consent.Errorf(consent.TooLarge, "more than %d resources match: ask for some types, or by name", access.MaxResources)
	}
	return found, nil
}

// kept are the resources of a local record.
func (g *Gateway) kept(ctx context.Context, id string) ([]json.RawMessage, error) {
	if g.cfg.Store == nil {
		return nil, nil
	}
	rs, err := g.cfg.Store.Resources(ctx, id)
	if err != nil {
		return nil, consent.Errorf(consent.Unavailable, "read the custodian's records: %w", err)
	}
	return rs, nil
}

// readRecord reads what rules can ask about a resource, its labels by rule included, and which elements it has.
func readRecord(b json.RawMessage, labels *label.Labeller) (policies.Resource, []string, error) {
	var root map[string]json.RawMessage
	r, err := policies.ParseResource(b)
	if err == nil {
		r.Labels, err = labels.Read(b)
	}
	if err == nil {
		err = json.Unmarshal(b, &root)
	}
	if err != nil {
		return r, nil, consent.Errorf(consent.Internal, "read a record: %w", err)
	}
	return r, minimise.Elements(root), nil
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

// minimised cuts the resources of an answer to what the decision lets flow of them.
func minimised(a *access.Answer, out *api.Access) (err error) {
	for i, r := range out.Resources {
		if out.Data[i], err = a.Minimised(r.Type, out.Data[i]); err != nil {
			return consent.Errorf(consent.Internal, "minimise a record: %w", err)
		}
	}
	return nil
}
