// Package access turns a request into a decision that is on record.
//
// One path, one order (chaincode/DESIGN.md and policies/README.md say why):
//
//  1. The requester is known: member and roles come from the ledger. It names the subject by its own pseudonym.
//  2. Enter the subject's state. While a message of the subject is on its way, or the replica is stale, deny.
//  3. Evaluate. Any fault denies.
//  4. Take one use of each consent that limits its uses; if none is left, evaluate again without it.
//  5. Append the use, permit or deny, with everything that a replay needs.
//  6. Only when it is durable, and the reader was not cut off by a revocation meanwhile, answer.
//  7. Leave, when the answer has been written.
//
// Nothing here permits anything: a permit comes from package policies or not at all.
package access

import (
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// Requester is who asks: a member with the roles that the ledger gives it now.
type Requester struct {
	Member  consent.MemberID
	Roles   []string
	Channel string       // rest, authzen, fhir
	Client  string       // software and address, as far as known
	Part    bool         // takes what flows when not everything does; the others ask for all or nothing
	Shown   []study.Visa // of the passport that the access token stands for, if any

	Response *Response // nil: the answer is one decision
}

// Config sets a Service up. All but Needs, Version, Studies and Now are needed.
type Config struct {
	Replica    *replica.Replica
	Engine     *policies.Engine
	Uses       *uses.Log
	Pseudonyms Pseudonyms
	Needs      *minimise.Table  // what purposes need; nil: each needs everything
	Version    minimise.Version // of the custodian's records; "" means R4
	Studies    *study.Rules     // whose visas are believed, and what is demanded of studies; nil: none, nothing
	Now        func() time.Time
}

// Service decides requests. It is safe for concurrent use.
type Service struct {
	cfg    Config
	policy consent.Hash
	codes  consent.Hash

	evaluated, remembered atomic.Int64
}

// Evaluations returns how many decisions OPA made and how many the memo answered, since the start.
func (s *Service) Evaluations() (evaluated, remembered int64) {
	return s.evaluated.Load(), s.remembered.Load()
}

// New returns a service.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Version == "" {
		cfg.Version = minimise.R4
	}
	p, c := cfg.Engine.Digests()
	return &Service{cfg: cfg, policy: p, codes: c}
}

// Answer is a decision on its way out. The caller writes it and then calls Done, exactly once, whatever happens.
type Answer struct {
	api.Access
	Handle consent.SubjectID
	terms  terms
	view   *replica.View
}

// Done says that the answer was written, or never will be.
func (a *Answer) Done() {
	if a.view != nil {
		a.view.Leave()
	}
}

// CutOff reports whether a revocation was acknowledged while the answer was made. Then it must not be written.
func (a *Answer) CutOff() bool { return a.view != nil && a.view.Refused == nil && a.view.Cut() }

// Pending is a decision whose use is not durable yet.
type Pending struct {
	answer *Answer
	use    *uses.Pending
}

// Decide decides one request and returns when its use is durable. cut is called if a revocation must not wait for the
// answer any longer: it closes the connection.
func (s *Service) Decide(ctx context.Context, who Requester, req api.AccessRequest, cut func()) (*Answer, error) {
	p, err := s.Begin(ctx, who, req, cut)
	if err != nil {
		return nil, err
	}
	return p.Wait(ctx)
}

// Begin decides and queues the use; Wait returns the answer when it is durable. Errors mean that there is no decision:
// Malformed, NotFound (no such subject, or erased: the two look the same to a requester), and storage that failed.
func (s *Service) Begin(ctx context.Context, who Requester, req api.AccessRequest, cut func()) (*Pending, error) {
	if err := Check(req); err != nil {
		return nil, err
	}
	handle, err := s.cfg.Pseudonyms.Handle(who.Member, req.Subject)
	if err != nil {
		return nil, err
	}
	view, err := s.cfg.Replica.Enter(handle, cut)
	switch consent.CodeOf(err) { //nolint:exhaustive // the default is for all others
	case "":
	case consent.Erased, consent.NotFound:
		return nil, consent.Errorf(consent.NotFound, "there is no such subject")
	default:
		return nil, err
	}
	view.GoOn(who.Response.of(handle))
	p, err := s.begin(ctx, who, req, view)
	if err != nil {
		view.Leave()
	}
	return p, err
}

func (s *Service) begin(ctx context.Context, who Requester, req api.AccessRequest, view *replica.View) (*Pending, error) {
	now := consent.Millis(s.cfg.Now().UnixMilli())
	q := question(who, req, view.Custodian, now)
	t, err := s.terms(who, req, q)
	if err != nil {
		return nil, err
	}
	var d, shown policies.Decision
	var from []replica.InForce
	switch {
	case !s.cfg.Studies.Met(q.Purpose, t.Claims):
		d = s.demanded()
		shown = d
	case who.Part:
		d, shown, from = s.part(ctx, &req, &q, &t, view)
	default:
		d, from = s.decide(ctx, q, &t, view)
		shown = d
	}
	use := s.use(who, req, q, d, view)
	use.Reasons = append(use.Reasons, t.stated()...)
	if d.Decision == policies.Permit {
		use.Reasons = append(use.Reasons, who.Response.take(view.Handle, view.Counted(use.Consents))...)
	}
	pending, err := s.cfg.Uses.Begin(view.Slot, use, encodeInput(q, from, t))
	if err != nil {
		return nil, err
	}
	a := &Answer{Access: api.Access{Decision: shown, Position: consent.Uint64(view.Position)}, Handle: view.Handle, terms: t, view: view}
	return &Pending{a, pending}, nil
}

// Wait returns the answer when its use is durable.
func (p *Pending) Wait(ctx context.Context) (*Answer, error) {
	r, err := p.use.Wait(ctx)
	if err != nil {
		p.answer.Done()
		return nil, err
	}
	p.answer.Use = &api.UseReceipt{Index: r.Index, UseSeq: r.UseSeq, Leaf: r.Leaf}
	return p.answer, nil
}

// decide evaluates, and again without the consents whose last use somebody else took in between. A fault is a denial that
// says so; the engine's error is in its reasons.
func (s *Service) decide(ctx context.Context, q policies.Request, t *terms, view *replica.View) (policies.Decision, []replica.InForce) {
	if view.Refused != nil {
		return s.refused(view.Refused), nil
	}
	for {
		d, from, err := s.evaluate(ctx, q, t, view)
		if err != nil {
			d.Decision, d.Obligations = policies.Deny, nil // every error denies already; this says so once more, here
		}
		d = t.Bind(q, d)
		if d.Decision != policies.Permit || view.Reserve(seqs(d.Consents)) {
			return d, from
		}
	}
}

// evaluate asks the engine once, about the consents that the request can see.
func (s *Service) evaluate(ctx context.Context, q policies.Request, t *terms, view *replica.View) (policies.Decision, []replica.InForce, error) {
	c, err := view.Consider(s.cfg.Engine.Lens(q))
	if err != nil {
		return s.refusal("unreadable", "A consent could not be read, so nothing is decided now."), nil, err
	}
	for i := range c.Records {
		if uses := c.Records[i].Shape.DataUses(); len(uses) > 0 {
			c.Records[i].Unfit = t.Unfit(q.Purpose, uses)
		}
	}
	d, err := s.cfg.Engine.DecideSeen(ctx, q, c.Records, c.Rest)
	if d.Memo {
		s.remembered.Add(1)
	} else {
		s.evaluated.Add(1)
	}
	return d, c.InForce, err
}

// refused is the denial while the state may not be decided on.
func (s *Service) refused(why error) policies.Decision {
	code, text := "stale", "This gateway is behind the ledger, so it decides nothing now."
	if consent.CodeOf(why) == consent.Closed {
		code, text = "ledger-closed", "The ledger is closed: nobody could revoke there, so nothing is decided on it."
	}
	if why == replica.ErrPending { //nolint:errorlint // the sentinel itself
		code, text = "revocation-pending", "A change to these consents is on its way, so nothing is decided now."
	}
	if why == replica.ErrIncomplete { //nolint:errorlint // the sentinel itself
		code, text = "message-missing", "A message about these consents has not arrived at this gateway, so nothing is decided now."
	}
	return s.refusal(code, text)
}

// refusal is a denial by the gateway itself, before or beside the policies.
func (s *Service) refusal(code, text string) policies.Decision {
	return policies.Decision{
		Decision: policies.Deny, ConsentDecision: policies.NoConsent,
		Reasons:      []policies.Reason{{Rule: "0", Code: code, Text: text}},
		Sentence:     policies.Sentence{Code: code, Text: text},
		PolicyDigest: s.policy.String(), CodesDigest: s.codes.String(),
	}
}

// demanded is the denial of a study that does not show what the custodian demands for its purpose.
func (s *Service) demanded() policies.Decision {
	return s.refusal("visa-demanded", "The custodian asks for a visa for this purpose that the researcher has not shown.")
}

// question is the request as the evaluator sees it.
func question(who Requester, req api.AccessRequest, custodian consent.MemberID, now consent.Millis) policies.Request {
	q := policies.Request{
		Actors: make([]string, 1, 3+2*len(req.Actor.Groups)), Roles: make([]consent.Coding, len(who.Roles)), Action: req.Action, Purpose: req.Purpose,
		Categories: req.Categories, ResourceTypes: req.ResourceTypes, Resources: req.Resources, Now: now,
	}
	if q.Action.Code == "" {
		q.Action.Code = "access"
	}
	q.Actors[0] = "Organization/" + string(who.Member)
	person := func(r string) {
		if r == "" {
			return
		}
		q.Actors = append(q.Actors, string(who.Member)+":"+r)
		if who.Member == custodian { // its own records name its own people without a prefix
			q.Actors = append(q.Actors, r)
		}
	}
	person(req.Actor.Reference)
	for _, r := range req.Actor.Groups {
		person(r)
	}
	for i, r := range who.Roles {
		q.Roles[i].Code = r
	}
	return q
}

func seqs(ids []string) []consent.Uint64 {
	out := make([]consent.Uint64, 0, len(ids))
	for _, id := range ids {
		if n, err := strconv.ParseUint(id, 10, 64); err == nil {
			out = append(out, consent.Uint64(n))
		}
	}
	return out
}

// use is the record of a decision.
func (s *Service) use(who Requester, req api.AccessRequest, q policies.Request, d policies.Decision, v *replica.View) proof.Use {
	u := proof.Use{
		Handle: v.Handle, Time: q.Now, Kind: proof.Decision, Requester: who.Member, Roles: q.Roles, Channel: who.Channel,
		Client: who.Client, Purpose: q.Purpose, Action: q.Action, Emergency: req.Emergency, Decision: d.Decision,
		ConsentDecision: d.ConsentDecision, Consents: seqs(d.Consents), Rules: d.Rules, PolicyDigest: digest(d.PolicyDigest),
		CodesDigest: digest(d.CodesDigest), Position: consent.Uint64(v.Position), Algorithm: string(d.Algorithm),
		Implicit: string(d.Implicit), RequestID: req.RequestID, Sentence: proof.Sentence{Code: d.Sentence.Code, Text: d.Sentence.Text},
	}
	if req.Actor.Reference != "" {
		u.Actors = append([]string{req.Actor.Reference}, req.Actor.Groups...)
	}
	for _, name := range sortedKeys(d.Sentence.Params) {
		u.Sentence.Params = append(u.Sentence.Params, proof.Param{Name: name, Value: d.Sentence.Params[name]})
	}
	u.Reasons = slices.Grow(u.Reasons, len(d.Reasons))
	for _, r := range d.Reasons {
		u.Reasons = append(u.Reasons, proof.Reason(r))
	}
	u.Resources = slices.Grow(u.Resources, len(req.Resources))
	for _, t := range req.ResourceTypes {
		u.ResourceTypes = append(u.ResourceTypes, t.Code)
	}
	for _, r := range req.Resources {
		u.Resources = append(u.Resources, r.Type+"/"+r.ID)
		for _, l := range r.Labels {
			if !slices.Contains(u.Labels, l) {
				u.Labels = append(u.Labels, l)
			}
		}
	}
	u.Reasons = append(u.Reasons, maskings(d)...)
	for _, o := range d.Obligations {
		u.Obligations = append(u.Obligations, o.ID.Code)
	}
	return u
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

func digest(text string) (h consent.Hash) {
	_, _ = hex.Decode(h[:], []byte(text)) //nolint:errcheck // the engine's own hex, or empty
	return h
}

// NoSubject is the answer in a batch for a subject that does not exist. Nothing is on record, because there is nobody to
// record it for.
func NoSubject() *Answer {
	return &Answer{Access: api.Access{Decision: policies.Decision{
		Decision: policies.Deny, ConsentDecision: policies.NoConsent,
		Reasons: []policies.Reason{{Rule: "0", Code: "no-subject", Text: "There is no such subject."}},
	}}}
}
