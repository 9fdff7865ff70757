package gateway

import (
	"context"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/auth"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
)

const (
	submitTimeout = 30 * time.Second
	// drainTimeout is how long a revocation waits for answers that were decided before it.
	drainTimeout = 200 * time.Millisecond
)

// message puts a signed message on the ledger.
func (g *Gateway) message(c *gin.Context) {
	var m consent.Message
	if !g.decodeMessage(c, &m) {
		return
	}
	if err := mayBring(principal(c), m.Body); err != nil {
		refuse(c, err)
		return
	}
	r, err := g.submit(c.Request.Context(), m)
	if err != nil {
		refuse(c, err)
		return
	}
	w := writer{b: make([]byte, 0, 4096)}
	w.receipt(&r)
	writeJSON(c, http.StatusOK, w.b)
}

// maxMessageJSON bounds a message in JSON, which is at most that much longer than its canonical bytes.
const maxMessageJSON = 4 * consent.MaxMessage

func (g *Gateway) decodeMessage(c *gin.Context, m *consent.Message) bool {
	b, ok := body(c, maxMessageJSON)
	if !ok {
		return false
	}
	if err := unmarshalMessage(b, m); err != nil {
		refuse(c, err)
		return false
	}
	return true
}

// unmarshalMessage reads a message. Its form is the contract's own, and as strict as unmarshal's; consent.Verify checks its
// texts.
func unmarshalMessage(b []byte, m *consent.Message) error {
	if err := m.UnmarshalJSON(b); err != nil {
		return unreadable(b, consent.CodeOf(err))
	}
	return nil
}

// unreadable says where a message that cannot be read went wrong, in words of ours alone.
func unreadable(b []byte, code consent.Code) error {
	var raw struct {
		Type     string           `json:"type"`
		Body     jsontext.Value   `json:"body"`
		Openings consent.Openings `json:"openings"`
		Sigs     []jsontext.Value `json:"sigs"`
	}
	if err := unmarshalAny(b, &raw); err != nil {
		return err
	}
	body, known := consent.NewBody(raw.Type)
	if !known {
		return consent.Errorf(consent.Malformed, "there is no such type of message")
	}
	if err := unmarshalAny(raw.Body, body); err != nil {
		return err
	}
	if code == consent.BadSignature {
		return consent.Errorf(code, "a signature is 0x and 130 lower-case hex digits, r, s and v; s in the lower half, v 1b or 1c")
	}
	return consent.Errorf(consent.Malformed, "a member of the message is missing, or null: every one is there, a list without values is []")
}

// mayBring says whether a principal may bring a message at all. What the message may do is decided by its signatures.
func mayBring(p auth.Principal, b consent.Body) error {
	sb, ok := b.(consent.SubjectBody)
	switch {
	case p.Has(auth.Authority), p.Has(auth.Custodian):
		return nil
	case !ok:
		return consent.Errorf(consent.Unauthorized, "a %s is brought by a custodian or an authority", consent.TypeOf(b))
	case sb.Link().Handle == p.Handle:
		return nil
	}
	return consent.Errorf(consent.NotFound, "there is no such subject")
}

// claim takes the messages of those who have no key to sign in with yet: who registers her first one with an enrolment
// code, and guardians and the new key in a recovery. Each proves itself by what it opens on the ledger.
func (g *Gateway) claim(c *gin.Context) {
	if err := g.cfg.Auth.Claim(remote(c)); err != nil {
		refuse(c, err)
		return
	}
	raw, ok := body(c, maxMessageJSON)
	if !ok {
		return
	}
	var in struct {
		Message jsontext.Value `json:"message"`
	}
	var m consent.Message
	err := unmarshalAny(raw, &in)
	if err == nil {
		err = unmarshalMessage(in.Message, &m)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	h, ok := keyless(m.Body)
	if !ok {
		problem(c, consent.Malformed, "this route takes a SubjectClaim, RecoveryBegin or RecoveryFinish; sign in for the others")
		return
	}
	v, err := consent.Verify(g.cfg.Ledger.ID(), m)
	if err != nil {
		refuse(c, err)
		return
	}
	r, err := g.put(c.Request.Context(), v)
	switch code := consent.CodeOf(err); {
	case err == nil:
	case hides[code]: // one answer, whether or not the handle is there
		problem(c, consent.NotFound, "the handle does not go together with the code or the key, or they were used already")
		return
	default:
		refuse(c, err)
		return
	}
	me, err := g.meOf(h)
	if err != nil {
		refuse(c, err)
		return
	}
	me.Delegations = nil // who signs in sees them
	answer(c, http.StatusOK, api.Claimed{Receipt: r, Me: me})
}

// keyless is the handle of a message that needs no sign-in, false for all others.
func keyless(b consent.Body) (consent.SubjectID, bool) {
	switch b := b.(type) {
	case *consent.SubjectClaim:
		return b.Handle, true
	case *consent.RecoveryBegin:
		return b.Handle, true
	case *consent.RecoveryFinish:
		return b.Handle, true
	}
	return consent.SubjectID{}, false
}

// hides are the refusals that would tell a stranger whether a handle exists and where it stands.
var hides = map[consent.Code]bool{
	consent.NotFound: true, consent.Erased: true, consent.WrongState: true, consent.Conflict: true, consent.Unauthorized: true,
	consent.BadSignature: true,
}

// submit verifies a message and puts it on the ledger.
func (g *Gateway) submit(ctx context.Context, m consent.Message) (network.Receipt, error) {
	v, err := consent.Verify(g.cfg.Ledger.ID(), m)
	if err != nil {
		return network.Receipt{}, err
	}
	return g.put(ctx, v)
}

// put puts a message on the ledger and returns when it is in force here. One that takes permission away is fenced: from
// before it is submitted until it is applied and every answer that was decided before it is out or cut off, its subject is
// denied.
//
// The client's going away does not stop it: half a revocation would be worse than an unread answer.
func (g *Gateway) put(ctx context.Context, v consent.Verified) (network.Receipt, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitTimeout)
	defer cancel()
	body := v.Message().Body
	var r network.Receipt
	var err error
	if sb, ok := body.(consent.SubjectBody); ok && g.narrows(body) {
		r, err = g.submitFenced(ctx, v, sb.Link().Handle)
	} else {
		r, err = g.cfg.Ledger.Submit(ctx, v)
	}
	if err != nil {
		return r, err
	}
	if e, ok := body.(*consent.Erase); ok {
		g.links.drop(e.Handle)
	}
	if err = g.cfg.Replica.Wait(ctx, r.Position); err == nil && g.broken() { // some other storage failed meanwhile
		err = consent.Errorf(consent.Fenced, storageFailed)
	}
	return r, err
}

func (g *Gateway) submitFenced(ctx context.Context, v consent.Verified, h consent.SubjectID) (network.Receipt, error) {
	// Acceptable as things stand? Else anybody could cause denials by sending nonsense.
	tx := consent.Tx{ID: v.Commitment().String(), Time: consent.Millis(g.cfg.Now().UnixMilli())}
	if _, err := consent.Run(tx, g.cfg.Ledger, v); err != nil {
		r, lookup := g.cfg.Ledger.Lookup(ctx, v.Commitment()) // perhaps it is on the ledger already
		if lookup != nil {
			return network.Receipt{}, err
		}
		return r, nil
	}
	fence := g.cfg.Replica.Fence(h)
	r, err := g.submitBehind(ctx, v, fence)
	if unsettled(err) {
		g.unsettled.add(v, fence)
	}
	return r, err
}

// submitBehind submits a message behind its fence, and lifts the fence when the outcome is known.
func (g *Gateway) submitBehind(ctx context.Context, v consent.Verified, fence *replica.Fence) (network.Receipt, error) {
	r, err := g.cfg.Ledger.Submit(ctx, v)
	if err == nil {
		if err = g.cfg.Replica.Wait(ctx, r.Position); err != nil {
			err = consent.Errorf(consent.Unknown, "the message is on the ledger and not yet in force here: %w", err)
		}
	}
	if unsettled(err) { // it may have landed: keep denying
		return r, err
	}
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	fence.Drain(drain)
	fence.Lift()
	return r, err
}

// narrows reports whether a message may take permission away from somebody. Where a subject without any consent is not
// simply denied, the first consent ends what the implicit policy let through; where the most recent consent wins, a new one
// comes before the old.
func (g *Gateway) narrows(b consent.Body) bool {
	every := g.cfg.Info.Implicit != "" && g.cfg.Info.Implicit != policies.ImplicitDeny || g.cfg.Info.Algorithm == policies.MostRecent
	switch b := b.(type) {
	case *consent.ConsentRevoke, *consent.RevokeAll, *consent.Erase, *consent.DelegateEnd:
		return true
	case *consent.ConsentGrant:
		return every || b.Replaces != 0 || denies(b.Consent)
	case *consent.ConsentAttest:
		return every || denies(b.Consent)
	}
	return false
}

func denies(c consent.Consent) bool {
	for _, p := range c.Provisions {
		if p.Effect == consent.Deny {
			return true
		}
	}
	return false
}
