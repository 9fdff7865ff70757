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
	"github.com/volens-ledger/volens/network"
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
	r, err := g.submit(c, m)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, r)
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

// unmarshalMessage is unmarshal for a message, whose body's type its type member names. consent.Verify checks its texts.
func unmarshalMessage(b []byte, m *consent.Message) error {
	var raw struct {
		Type     string              `json:"type"`
		Body     jsontext.Value      `json:"body"`
		Openings consent.Openings    `json:"openings"`
		Sigs     []consent.Signature `json:"sigs"`
	}
	if err := unmarshalAny(b, &raw); err != nil {
		return err
	}
	body, known := consent.NewBody(raw.Type)
	if !known || len(raw.Body) == 0 {
		return consent.Errorf(consent.Malformed, "a message has a known type and a body")
	}
	if err := unmarshalAny(raw.Body, body); err != nil {
		return err
	}
	*m = consent.Message{Body: body, Openings: raw.Openings, Sigs: raw.Sigs}
	return nil
}

// mayBring says whether a principal may bring a message at all. What the message may do is decided by its signatures.
func mayBring(p auth.Principal, b consent.Body) error {
	sb, ok := b.(consent.SubjectBody)
	switch {
	case p.Has(auth.Authority), p.Has(auth.Custodian):
		return nil
	case ok && sb.Link().Handle == p.Handle:
		return nil
	}
	return consent.Errorf(consent.NotFound, "there is no such subject")
}

// claim registers a key with an enrolment code.
func (g *Gateway) claim(c *gin.Context) {
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
	b, ok := m.Body.(*consent.SubjectClaim)
	if !ok {
		problem(c, consent.Malformed, "this route takes a SubjectClaim")
		return
	}
	r, err := g.submit(c, m)
	switch consent.CodeOf(err) {
	case "":
	case consent.NotFound, consent.Erased, consent.WrongState, consent.Conflict, consent.Unauthorized: // one answer, whether or not the handle is there
		problem(c, consent.NotFound, "the handle and the code do not go together, or the code was used")
		return
	default:
		refuse(c, err)
		return
	}
	me, err := g.meOf(b.Handle)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Claimed{Receipt: r, Me: me})
}

// submit verifies a message and puts it on the ledger. One that takes permission away is fenced: from before it is
// submitted until it is applied and every answer that was decided before it is out or cut off, its subject is denied.
//
// The client's going away does not stop it: half a revocation would be worse than an unread answer.
func (g *Gateway) submit(ctx context.Context, m consent.Message) (network.Receipt, error) {
	v, err := consent.Verify(g.cfg.Ledger.ID(), m)
	if err != nil {
		return network.Receipt{}, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), submitTimeout)
	defer cancel()
	var r network.Receipt
	if sb, ok := m.Body.(consent.SubjectBody); ok && narrows(m.Body) {
		r, err = g.submitFenced(ctx, v, sb.Link().Handle)
	} else {
		r, err = g.cfg.Ledger.Submit(ctx, v)
	}
	if err != nil {
		return r, err
	}
	return r, g.cfg.Replica.Wait(ctx, r.Position)
}

func (g *Gateway) submitFenced(ctx context.Context, v consent.Verified, h consent.SubjectID) (network.Receipt, error) {
	// Acceptable as things stand? Else anybody could cause denials by sending nonsense.
	tx := consent.Tx{ID: v.Commitment().String(), Time: consent.Millis(g.cfg.Now().UnixMilli())}
	if _, err := consent.Run(tx, g.cfg.Ledger, v); err != nil && consent.CodeOf(err) != consent.Conflict {
		return network.Receipt{}, err
	} else if err != nil { // perhaps it is on the ledger already
		return g.known(ctx, v, err)
	}
	fence := g.cfg.Replica.Fence(h)
	r, err := g.cfg.Ledger.Submit(ctx, v)
	if err == nil {
		err = g.cfg.Replica.Wait(ctx, r.Position)
		if err != nil { // on the ledger, not seen here: keep denying
			return r, consent.Errorf(consent.Unknown, "the message is on the ledger and not yet in force here: %w", err)
		}
	}
	switch consent.CodeOf(err) {
	case consent.Unknown, consent.Fenced, consent.Internal: // it may have landed: keep denying
		return r, err
	}
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	fence.Drain(drain)
	fence.Lift()
	return r, err
}

func (g *Gateway) known(ctx context.Context, v consent.Verified, refusal error) (network.Receipt, error) {
	r, err := g.cfg.Ledger.Lookup(ctx, v.Commitment())
	if err != nil {
		return r, refusal
	}
	return r, g.cfg.Replica.Wait(ctx, r.Position)
}

// narrows reports whether a message may take permission away from somebody.
func narrows(b consent.Body) bool {
	switch b := b.(type) {
	case *consent.ConsentRevoke, *consent.RevokeAll, *consent.Erase, *consent.DelegateEnd:
		return true
	case *consent.ConsentGrant:
		return b.Replaces != 0 || denies(b.Consent)
	case *consent.ConsentAttest:
		return denies(b.Consent)
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

var errNoCustodian = consent.Errorf(consent.NotFound, "this gateway opens no subjects")
