package access

import (
	"bytes"
	"context"
	"slices"
	"strconv"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// input is what a use keeps for its replay: the question as it was put, and which consents were in force. Their bodies are
// on the ledger. It is sealed beside the use, in canonical bytes.
type input struct {
	Version  string
	Question policies.Request
	Consents []replica.InForce
}

// input2 is an input with what else bore on the decision. It is written only where something did, so that the first form stays
// the one of most uses.
type input2 struct {
	input
	Terms  minimise.Terms
	Claims study.Claims
}

// The versions of an input; its first member says which it is.
const (
	inputVersion  = "1"
	inputVersion2 = "2"
)

func encodeInput(q policies.Request, from []replica.InForce, t terms) []byte {
	in := input2{input{inputVersion, q, from}, t.Terms, t.Claims}
	if t.bear() {
		in.Version = inputVersion2
		return consent.Append(nil, &in)
	}
	return consent.Append(nil, &in.input)
}

// decodeInput reads either version.
func decodeInput(sealed []byte) (in input2, err error) {
	if bytes.HasPrefix(sealed, consent.Append(nil, inputVersion2)) {
		return in, consent.Decode(sealed, &in)
	}
	return in, consent.Decode(sealed, &in.input)
}

// Replay decides again what the use records, from its sealed input, with the engine that has the use's policy and codes. It
// reports the new decision and what differs from the record, "" when nothing does.
func (s *Service) Replay(ctx context.Context, u proof.Use, sealed []byte, engine *policies.Engine) (policies.Decision, string, error) {
	if u.Kind != proof.Decision {
		return policies.Decision{}, "", consent.Errorf(consent.Malformed, "only decisions can be made again")
	}
	in, err := decodeInput(sealed)
	if err != nil {
		return policies.Decision{}, "", err
	}
	if len(u.Reasons) > 0 && u.Reasons[0].Rule == "0" && u.Reasons[0].Code != withheldCode && u.Reasons[0].Code != goesOnCode {
		return policies.Decision{}, "", consent.Errorf(consent.WrongState, "the gateway refused to decide then (%s); there is nothing to make again", u.Reasons[0].Code)
	}
	recs := make([]policies.Record, len(in.Consents))
	for i, c := range in.Consents {
		body, err := s.cfg.Replica.Body(u.Handle, c.Seq)
		if err != nil {
			return policies.Decision{}, "", err
		}
		recs[i] = policies.Record{
			Unfit: in.Claims.Unfit(in.Question.Purpose, policies.DataUses(body)),
			ID:    strconv.FormatUint(uint64(c.Seq), 10), Status: policies.Active, Date: c.Date, Attested: c.Attested,
			UsesLeft: c.UsesLeft, Consent: body,
		}
	}
	d, err := engine.Decide(ctx, in.Question, recs)
	if err != nil {
		return d, "", err
	}
	d = in.Terms.Bind(in.Question, d)
	return d, differs(u, d), nil
}

func differs(u proof.Use, d policies.Decision) string {
	switch {
	case u.Decision != d.Decision:
		return "decision"
	case u.ConsentDecision != d.ConsentDecision:
		return "consentDecision"
	case !slices.Equal(u.Consents, seqs(d.Consents)):
		return "consents"
	case !slices.Equal(u.Rules, d.Rules) && len(u.Rules)+len(d.Rules) > 0:
		return "rules"
	case !slices.Equal(onRecord(u), maskings(d)):
		return "masked"
	case u.PolicyDigest.String() != d.PolicyDigest || u.CodesDigest.String() != d.CodesDigest:
		return "digests"
	}
	return ""
}

// Preview decides as if the patient's consents were others: with one added, in the place of another, or without some.
// Nothing is put on record and nothing is reserved. who is whom it is decided for: p's member.
func (s *Service) Preview(ctx context.Context, h consent.SubjectID, p api.Preview, who Requester) (policies.Decision, error) {
	view, err := s.cfg.Replica.Enter(h, nil)
	if err != nil {
		return policies.Decision{}, err
	}
	defer view.Leave()
	now := consent.Millis(s.cfg.Now().UnixMilli())
	all, err := view.Records()
	if err != nil {
		return policies.Decision{}, err
	}
	recs := slices.DeleteFunc(all, func(r policies.Record) bool {
		seq := seqs([]string{r.ID})[0]
		return slices.Contains(p.Revoke, seq) || p.Replaces != 0 && p.Replaces == seq
	})
	if p.Consent != nil {
		if err := p.Consent.Check(); err != nil {
			return policies.Decision{}, err
		}
		recs = append(recs, policies.Record{ID: "preview", Status: policies.Active, Date: now, Consent: *p.Consent})
	}
	who.Member = p.Member
	req := api.AccessRequest{Actor: p.Actor, Purpose: p.Purpose, Action: p.Action, Study: p.Study, Resources: p.Resources, Emergency: "preview"}
	if err := CheckTerms(req); err != nil {
		return policies.Decision{}, err
	}
	q := question(who, req, view.Custodian, now)
	t, err := s.terms(who, req, q)
	if err != nil {
		return policies.Decision{}, err
	}
	if !s.cfg.Studies.Met(q.Purpose, t.Claims) {
		return s.demanded(), nil
	}
	for i := range recs {
		uses := policies.DataUses(recs[i].Consent)
		if recs[i].Shape != nil {
			uses = recs[i].Shape.DataUses()
		}
		recs[i].Unfit = t.Unfit(q.Purpose, uses)
	}
	d, err := s.cfg.Engine.Decide(ctx, q, recs)
	return t.Bind(q, d), err
}
