package gateway

import (
	"net/http"
	"regexp"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// The OpenID AuthZEN Authorization API 1.0, over the same decision path. How its terms map:
//
//	subject   {type: "user", id: the actor's reference, e.g. Practitioner/bob; properties: {groups}}
//	action    {name: FHIR consentaction: access, use, disclose, collect, correct}
//	resource  {type: "patient", id: the pairwise pseudonym; properties: {resourceTypes, resources}}
//	context   {purpose, study, passport, emergency, requestId}
type evaluationRequest struct {
	Subject  *azSubject  `json:"subject,omitempty"`
	Action   *azAction   `json:"action,omitempty"`
	Resource *azResource `json:"resource,omitempty"`
	Context  *azContext  `json:"context,omitempty"`
}

type azSubject struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Properties struct {
		Groups []string `json:"groups,omitempty"`
	} `json:"properties,omitzero"`
}

type azAction struct {
	Name string `json:"name"`
}

type azResource struct {
	Type       string `json:"type"`
	ID         string `json:"id"`
	Properties struct {
		ResourceTypes []string            `json:"resourceTypes,omitempty"`
		Resources     []policies.Resource `json:"resources,omitempty" limit:"256"`
	} `json:"properties,omitzero"`
}

type azContext struct {
	Purpose   string   `json:"purpose"`
	Study     []string `json:"study,omitempty"`                  // as in api.AccessRequest
	Passport  string   `json:"passport,omitempty" limit:"65536"` // as in api.AccessRequest
	Emergency string   `json:"emergency,omitempty"`
	RequestID string   `json:"requestId,omitempty"`
}

type evaluationAnswer struct {
	Decision bool       `json:"decision"`
	Context  api.Access `json:"context"`
}

type evaluationsRequest struct {
	evaluationRequest
	Evaluations []evaluationRequest `json:"evaluations,omitempty" limit:"100"`
	Options     struct {
		Semantic string `json:"evaluations_semantic,omitempty"` //nolint:tagliatelle // AuthZEN's name
	} `json:"options,omitzero"`
}

type evaluationsAnswer struct {
	Evaluations []evaluationAnswer `json:"evaluations"`
}

// request is the evaluation as an access request; what it lacks comes from the defaults.
func (e evaluationRequest) request(d evaluationRequest) (api.AccessRequest, error) {
	s, a, r, x := first(e.Subject, d.Subject), first(e.Action, d.Action), first(e.Resource, d.Resource), first(e.Context, d.Context)
	if s == nil || a == nil || r == nil || x == nil || r.Type != "patient" || s.Type != "user" {
		return api.AccessRequest{}, consent.Errorf(consent.Malformed,
			"an evaluation has subject (type user), action, resource (type patient) and context with a purpose")
	}
	req := api.AccessRequest{
		Subject: r.ID, Actor: api.Actor{Reference: s.ID, Groups: s.Properties.Groups}, Purpose: consent.Coding{Code: x.Purpose},
		Action: consent.Coding{Code: a.Name}, Resources: r.Properties.Resources, Study: x.Study, Passport: x.Passport, Emergency: x.Emergency, RequestID: x.RequestID,
	}
	for _, t := range r.Properties.ResourceTypes {
		req.ResourceTypes = append(req.ResourceTypes, consent.Coding{Code: t})
	}
	return req, nil
}

func first[T any](a, b *T) *T {
	if a != nil {
		return a
	}
	return b
}

func evaluated(a *access.Answer) evaluationAnswer {
	return evaluationAnswer{Decision: a.Decision.Decision == policies.Permit, Context: a.Access}
}

func (g *Gateway) evaluation(c *gin.Context) {
	var e evaluationRequest
	if !decode(c, &e) {
		return
	}
	as, ok := g.evaluate(c, []evaluationRequest{e}, evaluationRequest{})
	defer done(as)
	if ok {
		g.release(c, evaluated(as[0]), as...)
	}
}

// evaluations answers with the semantic execute_all, the only one offered: every evaluation is decided and on record. Without
// any it is one evaluation of what would be the defaults (AuthZEN 1.0, 7.1).
func (g *Gateway) evaluations(c *gin.Context) {
	var e evaluationsRequest
	if !decode(c, &e) {
		return
	}
	if s := e.Options.Semantic; s != "" && s != "execute_all" {
		problem(c, consent.Malformed, "evaluations_semantic is execute_all")
		return
	}
	one := len(e.Evaluations) == 0
	if one {
		e.Evaluations = []evaluationRequest{{}}
	}
	as, ok := g.evaluate(c, e.Evaluations, e.evaluationRequest)
	defer done(as)
	if !ok {
		return
	}
	if one {
		g.release(c, evaluated(as[0]), as...)
		return
	}
	out := evaluationsAnswer{Evaluations: make([]evaluationAnswer, len(as))}
	for i, a := range as {
		out.Evaluations[i] = evaluated(a)
	}
	g.release(c, out, as...)
}

func (g *Gateway) evaluate(c *gin.Context, es []evaluationRequest, defaults evaluationRequest) ([]*access.Answer, bool) {
	id := requestID(c)
	reqs := make([]api.AccessRequest, len(es))
	for i, e := range es {
		r, err := e.request(defaults)
		if err != nil {
			refuse(c, err)
			return nil, false
		}
		if r.RequestID == "" {
			r.RequestID = id
		}
		reqs[i] = r
	}
	as, err := g.batch(c, requester(c, "authzen"), reqs)
	if err != nil {
		refuse(c, err)
		return as, false
	}
	for _, a := range as {
		g.metrics.decided(a.Decision.Decision)
	}
	return as, true
}

var requestIDs = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// requestID is the caller's own reference of an exchange, which goes on record and back to it (AuthZEN 1.0, 10.1.3). One that
// could be anything but a reference is passed over.
func requestID(c *gin.Context) string {
	id := c.GetHeader("X-Request-ID")
	if !requestIDs.MatchString(id) {
		return ""
	}
	c.Header("X-Request-ID", id)
	return id
}

func (g *Gateway) authzenConfiguration(c *gin.Context) {
	origin := g.cfg.Origin
	answer(c, http.StatusOK, map[string]string{
		"policy_decision_point":       origin,
		"access_evaluation_endpoint":  origin + api.PathEvaluation,
		"access_evaluations_endpoint": origin + api.PathEvaluations,
	})
}
