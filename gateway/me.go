package gateway

import (
	"context"
	"net/http"
	"slices"
	"strconv"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// view returns the handle whose records the principal may see. A delegate's look is itself put on record.
func (g *Gateway) view(c *gin.Context, what string) (consent.SubjectID, bool) {
	p := principal(c)
	if !p.May(consent.ScopeView) {
		problem(c, consent.Unauthorized, "your delegation does not cover this")
		return consent.SubjectID{}, false
	}
	if p.Has(auth.Delegate) {
		look := proof.Use{Kind: proof.Read, Delegation: delegation(p), Sentence: say("delegate-looked", "A delegate of yours looked at "+what+".")}
		if err := g.recordRead(c, p.Handle, look); err != nil {
			refuse(c, err)
			return consent.SubjectID{}, false
		}
	}
	return p.Handle, true
}

// delegation names the delegation that somebody acts under, "" for the patient herself.
func delegation(p auth.Principal) string {
	if p.Delegation == nil {
		return ""
	}
	return strconv.FormatUint(uint64(p.Delegation.Seq), 10)
}

func say(code, text string) proof.Sentence { return proof.Sentence{Code: code, Text: text} }

// recordRead puts a look at a subject's records on record, before it happens. The use says who looks and in what words.
func (g *Gateway) recordRead(c *gin.Context, h consent.SubjectID, u proof.Use) error {
	p, err := g.beginRead(c, h, u)
	if err != nil {
		return err
	}
	_, err = p.Wait(c.Request.Context())
	return err
}

// beginRead is recordRead up to the wait for the disk, which many can share.
func (g *Gateway) beginRead(c *gin.Context, h consent.SubjectID, u proof.Use) (*uses.Pending, error) {
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		return nil, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	u.Handle, u.Time, u.Channel, u.Client = h, g.now(), "rest", remote(c)
	u.Action, u.Decision, u.Position = consent.Coding{Code: "access"}, proof.Permit, consent.Uint64(g.cfg.Replica.Position())
	return g.cfg.Uses.Begin(head.Slot, u, nil)
}

// me says where the handle stands. A delegate needs it to sign the next message, whatever her scope; of the delegations she
// sees her own.
func (g *Gateway) me(c *gin.Context) {
	p := principal(c)
	if p.May(consent.ScopeView) {
		if _, ok := g.view(c, "where the handle stands"); !ok {
			return
		}
	}
	me, err := g.meOf(p.Handle)
	if err != nil {
		refuse(c, err)
		return
	}
	if p.Delegation != nil {
		me.Delegations = slices.DeleteFunc(me.Delegations, func(d api.Delegation) bool { return d.Seq != p.Delegation.Seq })
	}
	answer(c, http.StatusOK, me)
}

func (g *Gateway) meOf(h consent.SubjectID) (api.Me, error) {
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		return api.Me{}, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	me := api.Me{
		Handle: h, Custodian: head.Custodian, State: head.State, Slot: head.Slot, Seq: head.Seq, Prev: head.Prev, Deadline: head.Deadline,
	}
	ds, err := g.cfg.Replica.Delegations(h)
	if err != nil {
		return api.Me{}, err
	}
	for _, d := range ds {
		me.Delegations = append(me.Delegations, api.Delegation{Delegate: d.Delegate, Status: d.Status})
	}
	return me, nil
}

func (g *Gateway) consents(c *gin.Context) {
	h, ok := g.view(c, "the consents")
	if !ok {
		return
	}
	list, err := g.consentsOf(c.Request.Context(), h)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Consents{Consents: list})
}

// consentsOf lists a subject's consents, newest first.
func (g *Gateway) consentsOf(ctx context.Context, h consent.SubjectID) ([]api.Consent, error) {
	return g.consentsThat(ctx, h, func(replica.Held) bool { return true })
}

// consentsThat lists some of a subject's consents, newest first.
func (g *Gateway) consentsThat(ctx context.Context, h consent.SubjectID, wanted func(replica.Held) bool) ([]api.Consent, error) {
	held, err := g.cfg.Replica.Consents(h)
	if err != nil {
		return nil, err
	}
	var permits map[consent.Uint64]uint64
	list := make([]api.Consent, 0, len(held))
	for i := len(held) - 1; i >= 0; i-- {
		k := held[i]
		if !wanted(k) {
			continue
		}
		body, err := g.cfg.Replica.Body(h, k.Seq)
		if err != nil {
			return nil, err
		}
		if k.MaxUses > 0 && permits == nil {
			if permits, err = g.permits(ctx, h); err != nil {
				return nil, err
			}
		}
		one := consentOf(k, body)
		one.Uses = consent.Uint64(permits[k.Seq])
		list = append(list, one)
	}
	return list, nil
}

// consentOf is a consent as the interface shows it, but for how often it was used.
func consentOf(k replica.Held, body consent.Consent) api.Consent {
	return api.Consent{
		Seq: k.Seq, Kind: k.Kind, Status: k.Status, Signed: k.Kind == "ConsentGrant" || k.Confirmed, Date: k.Date, Ended: k.Ended,
		Commitment: k.Commitment, Request: k.Request, Replaces: k.Replaces, Consent: body,
	}
}

func (g *Gateway) permits(ctx context.Context, h consent.SubjectID) (map[consent.Uint64]uint64, error) {
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		return nil, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	return access.Permits(ctx, g.cfg.Uses, h, head.Slot)
}

func (g *Gateway) preview(c *gin.Context) {
	var p api.Preview
	if !decode(c, &p) {
		return
	}
	h, ok := g.view(c, "a preview")
	if !ok {
		return
	}
	m, ok := g.cfg.Replica.Member(p.Member)
	if !ok {
		problem(c, consent.NotFound, "there is no such member")
		return
	}
	var roles []string
	for _, r := range m.Roles {
		roles = append(roles, string(r))
	}
	var d policies.Decision
	err := g.known(c.Request.Context(), h, p.Resources)
	if err == nil {
		d, err = g.access.Preview(c.Request.Context(), h, p, access.Requester{Roles: roles})
	}
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Access{Decision: d, Position: consent.Uint64(g.cfg.Replica.Position())})
}

func (g *Gateway) uses(c *gin.Context) {
	var q api.UsesQuery
	if !decode(c, &q) {
		return
	}
	h, ok := g.view(c, "the uses")
	if !ok {
		return
	}
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		problem(c, consent.NotFound, "there is no such subject")
		return
	}
	query := uses.Query{Since: q.Since, After: q.After, Limit: q.Limit}
	if q.Before != 0 {
		es, err := g.cfg.Uses.Entries(c.Request.Context(), head.Slot, h, q.Size, q.Before, query)
		if err != nil {
			refuse(c, err)
			return
		}
		answer(c, http.StatusOK, api.UsesPage{Entries: es})
		return
	}
	s, err := g.cfg.Uses.Statement(c.Request.Context(), head.Slot, h, query)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, s)
}

// kindEnrolment is the kind of use that this package adds: the custodian opened the handle; the sealed input is its record
// number.
const kindEnrolment proof.Kind = "enrolment"
