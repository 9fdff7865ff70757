package proxy

import (
	"errors"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// window is resources that are decided together: one request to package access for each patient.
type window struct {
	items   []*item
	parts   int
	bytes   int
	answers []*access.Answer
}

// Bounds of a window: of what package access decides at once, and of memory.
const (
	maxParts = access.MaxResources
	maxBytes = 4 << 20
)

// fits reports whether resources do that are decided together. What does not fit an empty window fits none.
func (w *window) fits(its ...*item) bool {
	parts, bytes := w.parts, w.bytes
	for _, it := range its {
		parts, bytes = parts+len(it.parts), bytes+len(it.raw)
	}
	return parts <= maxParts && (len(w.items) == 0 || bytes <= maxBytes)
}

func (w *window) add(its ...*item) {
	for _, it := range its {
		w.items = append(w.items, it)
		w.parts += len(it.parts)
		w.bytes += len(it.raw)
	}
}

// done ends the decisions of a window, when what it let through was written.
func (w *window) done() {
	for _, a := range w.answers {
		a.Done()
	}
	w.answers = nil
}

// asking is a decision under way on some patient's resources of a window.
type asking struct {
	items   []*item
	pending *access.Pending
}

// decide finds out what flows. When it returns, each decision is on record, durable. The caller calls done, whatever happens.
func (x *exchange) decide(w *window, action string) error {
	return x.decideOn(w, x.shares(w), action)
}

// decideOn is decide of some shares.
func (x *exchange) decideOn(w *window, shares []share, action string) error {
	var under []asking
	var first error
	for _, of := range shares {
		a, err := x.begin(w, of, action)
		if err != nil || a.pending == nil {
			first = errors.Join(first, err)
			a.settle(policies.Decision{})
			continue
		}
		under = append(under, a)
	}
	for _, a := range under {
		answer, err := a.pending.Wait(x.r.Context())
		if err != nil {
			first = errors.Join(first, err)
			a.settle(policies.Decision{})
			continue
		}
		w.answers = append(w.answers, answer)
		a.settle(answer.Decision)
	}
	return first
}

// share is what is decided at once: a patient's resources of a window of which the same is wanted.
type share struct {
	patient string
	ask     ask
}

func (s share) has(it *item) bool {
	return it.flows && slices.Contains(it.subjects, s.patient) && s.ask.Summary == it.ask.Summary && slices.Equal(s.ask.Elements, it.ask.Elements)
}

// shares are those of a window of which something may flow.
func (x *exchange) shares(w *window) (out []share) {
	for _, it := range w.items {
		it.flows = it.known && x.inScope(it)
		for _, patient := range it.subjects {
			if it.flows && !slices.ContainsFunc(out, func(s share) bool { return s.patient == patient && s.has(it) }) {
				out = append(out, share{patient, it.ask})
			}
		}
	}
	return out
}

// asking is the request for one share, without its patient.
func (x *exchange) asking(w *window, of share, action string) (a asking, req api.AccessRequest) {
	req = x.who.request(action)
	req.Elements, req.Summary = of.ask.Elements, of.ask.Summary
	for _, it := range w.items {
		if of.has(it) {
			a.items = append(a.items, it)
			req.Resources = append(req.Resources, it.parts...)
			req.Present = append(req.Present, x.present(it)...)
		}
	}
	return a, req
}

// begin asks for one share. Nothing is pending when nobody knows the patient here; then nothing flows.
func (x *exchange) begin(w *window, of share, action string) (asking, error) {
	a, req := x.asking(w, of, action)
	h, ok := x.p.cfg.Handle(of.patient)
	if !ok || len(a.items) == 0 { // none is left when all was withheld meanwhile, for another patient's sake
		return a, nil
	}
	var err error
	if req.Subject, err = x.p.cfg.Pseudonyms.Of(x.who.Member, h); err != nil {
		return a, err
	}
	a.pending, err = x.p.cfg.Access.Begin(x.r.Context(), x.who.Requester, req, x.cut)
	if consent.CodeOf(err) == consent.NotFound {
		return a, nil
	}
	return a, err
}

// foresee reports whether everything in a window would be permitted, and puts nothing on record of what would be. What would not is
// asked for, so that it is on record as denied.
func (x *exchange) foresee(w *window, action string) (bool, error) {
	var denied []share
	for _, of := range x.shares(w) {
		if _, req := x.asking(w, of, action); !x.preview(of.patient, action, req.Resources) {
			denied = append(denied, of)
		}
	}
	err := x.decideOn(w, denied, action)
	return len(denied) == 0 && flow(w.items), err
}

// preview reports whether a patient's consents permit something now. A fault permits nothing.
func (x *exchange) preview(patient, action string, of []policies.Resource) bool {
	h, ok := x.p.cfg.Handle(patient)
	if !ok {
		return false
	}
	d, err := x.p.cfg.Access.Preview(x.r.Context(), h, api.Preview{
		Member: x.who.Member, Actor: x.who.actor, Purpose: x.who.purpose, Action: x.who.request(action).Action, Study: x.who.study, Resources: of,
	}, x.who.Requester)
	return err == nil && d.Decision == policies.Permit
}

func (who *requester) request(action string) api.AccessRequest {
	return api.AccessRequest{
		Actor: who.actor, Purpose: who.purpose, Action: consent.Coding{System: policies.SystemAction, Code: action},
		Study: who.study, Emergency: who.emergency, RequestID: who.requestID,
	}
}

// settle keeps back what a decision does not permit. Of resources that come twice, in two versions say, each flows when all do:
// decisions go by name.
func (a *asking) settle(d policies.Decision) {
	asked, permitted := map[string]int{}, map[string]int{}
	for _, it := range a.items {
		for _, r := range it.parts {
			asked[r.Type+"/"+r.ID]++
		}
	}
	for _, r := range d.Resources {
		if d.Decision == policies.Permit && r.Decision == policies.Permit {
			permitted[r.Type+"/"+r.ID]++
		}
	}
	for _, it := range a.items {
		it.flows = it.flows && !slices.ContainsFunc(it.parts, func(r policies.Resource) bool {
			return permitted[r.Type+"/"+r.ID] < asked[r.Type+"/"+r.ID]
		})
	}
}

// cutOff reports whether a revocation was acknowledged while a window was decided. Then nothing of it may be written.
func (w *window) cutOff() bool {
	return slices.ContainsFunc(w.answers, (*access.Answer).CutOff)
}
