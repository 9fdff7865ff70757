package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
)

// evidence gives the patient the messages that one of her consents stands on, whoever signed them and on whatever device: what a
// receipt is made of (package wallet/takeout).
func (g *Gateway) evidence(c *gin.Context) {
	var q api.EvidenceQuery
	if !decode(c, &q) {
		return
	}
	h, ok := g.view(c, "what a consent stands on")
	if !ok {
		return
	}
	ms, err := g.chain(c.Request.Context(), h, q.Seq)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Evidence{Messages: ms})
}

// maxChain is how far a subject's chain is walked back.
const maxChain = 1 << 16

// chain walks a subject's messages from the newest back to consent seq, each naming the one before, and keeps those that are
// about it.
func (g *Gateway) chain(ctx context.Context, h consent.SubjectID, seq consent.Uint64) (out []api.Proved, err error) {
	head, ok := g.cfg.Replica.Head(h)
	if !ok || seq < 2 || seq > head.Seq || head.Seq-seq > maxChain { // the first opened the subject
		return nil, errNoConsent
	}
	prev := head.Prev
	for at := head.Seq; at >= seq; at-- {
		p, link, err := g.proved(ctx, prev)
		if err != nil {
			return nil, err
		}
		if link.Handle != h || link.Seq != at {
			return nil, consent.Errorf(consent.Internal, "message %d of a subject is of another", at)
		}
		if about(p.Message.Body, seq) {
			out = append(out, p)
		}
		prev = link.Prev
	}
	slices.Reverse(out)
	if len(out) == 0 || !expresses(out[0].Message.Body) {
		return nil, errNoConsent
	}
	return out, nil
}

var errNoConsent = consent.Errorf(consent.NotFound, "there is no such consent")

// about reports whether a message makes, confirms or ends consent seq. What ended it twice, as everything does after an end, is
// about it too: the first counts.
func about(b consent.Body, seq consent.Uint64) bool {
	switch b := b.(type) {
	case *consent.ConsentGrant:
		return b.Seq == seq || b.Replaces == seq
	case *consent.ConsentDecline:
		return b.Seq == seq
	case *consent.ConsentAttest:
		return b.Seq == seq
	case *consent.ConsentConfirm:
		return b.Consent == seq
	case *consent.ConsentRevoke:
		return b.Consent == seq
	case *consent.RevokeAll:
		return b.Seq > seq
	}
	return false
}

func expresses(b consent.Body) bool {
	switch b.(type) {
	case *consent.ConsentGrant, *consent.ConsentDecline, *consent.ConsentAttest:
		return true
	}
	return false
}

var errRead = errors.New("the message was read")

// proved is the message of a subject with a commitment, its receipt, and where it stands in the subject's chain.
func (g *Gateway) proved(ctx context.Context, commitment consent.Hash) (p api.Proved, l consent.Link, err error) {
	if p.Receipt, err = g.cfg.Ledger.Lookup(ctx, commitment); err != nil {
		return p, l, err
	}
	err = g.cfg.Ledger.Follow(ctx, p.Receipt.Position-1, func(ev network.Event) error {
		if ev.Message == nil {
			return consent.Errorf(consent.Erased, "the subject was erased")
		}
		p.Message = *ev.Message
		return errRead
	})
	if errors.Is(err, errRead) {
		err = nil
	}
	if b, ok := p.Message.Body.(consent.SubjectBody); ok {
		l = b.Link()
	}
	return p, l, err
}
