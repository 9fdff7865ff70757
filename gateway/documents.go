package gateway

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/deposit"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
)

// maxDeposit bounds the body that brings a document: its base64, and the little that is said of it.
const maxDeposit = (deposit.MaxDocument+2)/3*4 + 8<<10

// place is where a handle's documents are.
func (g *Gateway) place(h consent.SubjectID) (deposit.Place, error) {
	head, ok := g.cfg.Replica.Head(h)
	if !ok {
		return deposit.Place{}, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	return deposit.Place{Handle: h, Slot: head.Slot}, nil
}

// by is the beginning of a use by the person who is signed in. own and other are what it says of her and of a delegate.
func (g *Gateway) by(c *gin.Context, code, own, other string) proof.Use {
	u := proof.Use{
		Channel: "rest", Client: remote(c), Action: consent.Coding{Code: "collect"}, Position: consent.Uint64(g.cfg.Replica.Position()),
		Delegation: delegation(principal(c)), Sentence: say(code, own),
	}
	if u.Delegation != "" {
		u.Sentence = say("delegate-"+code, other)
	}
	return u
}

// deposit puts a document down. It gives nobody anything: that takes a consent.
func (g *Gateway) deposit(c *gin.Context) {
	b, ok := body(c, maxDeposit)
	if !ok {
		return
	}
	var in api.Deposit
	err := unmarshal(b, &in)
	if err == nil && !principal(c).May(consent.ScopeGrant) {
		err = consent.Errorf(consent.Unauthorized, "your delegation does not cover this")
	}
	var at deposit.Place
	if err == nil {
		at, err = g.place(principal(c).Handle)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	d, err := g.shelf.Put(c.Request.Context(), at, in, g.by(c, "document-deposited",
		"You put a document here, to be shared under your consents.", "A delegate of yours put a document here, to be shared under your consents."))
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, d)
}

func (g *Gateway) documents(c *gin.Context) {
	h, ok := g.view(c, "your documents")
	if !ok {
		return
	}
	g.listDocuments(c, h)
}

func (g *Gateway) listDocuments(c *gin.Context, h consent.SubjectID) {
	at, err := g.place(h)
	var ds []api.Document
	if err == nil {
		ds, err = g.shelf.List(c.Request.Context(), at)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Documents{Documents: ds})
}

func (g *Gateway) readDocument(c *gin.Context) {
	var q api.DocumentQuery
	if !decode(c, &q) {
		return
	}
	h, ok := g.view(c, "a document of yours")
	if !ok {
		return
	}
	at, err := g.place(h)
	var d api.Document
	var data []byte
	if err == nil {
		d, data, err = g.shelf.Read(c.Request.Context(), at, q.ID)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.DocumentContent{Document: d, Data: base64.StdEncoding.EncodeToString(data)})
}

// removeDocument takes a document away. Like a revocation it is final when it is acknowledged: decisions that could send the
// document are denied meanwhile, and those under way are waited for, or cut off.
func (g *Gateway) removeDocument(c *gin.Context) {
	var q api.DocumentQuery
	if !decode(c, &q) {
		return
	}
	p := principal(c)
	if !p.May(consent.ScopeRevoke) {
		problem(c, consent.Unauthorized, "your delegation does not cover this")
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), submitTimeout)
	defer cancel()
	at, err := g.place(p.Handle)
	if err == nil {
		err = g.takeAway(ctx, at, q.ID, g.by(c, "document-removed", "You took a document away.", "A delegate of yours took a document away."))
	}
	if err != nil {
		refuse(c, err)
		return
	}
	if !p.May(consent.ScopeView) { // a delegate who may only end things sees none
		answer(c, http.StatusOK, api.Documents{Documents: []api.Document{}})
		return
	}
	g.listDocuments(c, p.Handle)
}

func (g *Gateway) takeAway(ctx context.Context, at deposit.Place, id consent.Hash, by proof.Use) error {
	fence := g.cfg.Replica.Fence(at.Handle)
	defer fence.Lift()
	if err := g.shelf.Remove(ctx, at, id, by); err != nil {
		return err
	}
	drain, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	fence.Drain(drain)
	return nil
}

// shared are the documents of a subject that a request asks for, told without their bytes.
func (g *Gateway) shared(ctx context.Context, h consent.SubjectID, req api.AccessRequest) ([]json.RawMessage, error) {
	asks := func(t string) bool { return wanted(req, policies.Resource{Type: t}) || named(req, t) }
	if !asks("DocumentReference") {
		return nil, nil
	}
	at, err := g.place(h)
	if err != nil {
		return nil, err
	}
	ds, err := g.shelf.List(ctx, at)
	if consent.CodeOf(err) == consent.Erased {
		err = consent.Errorf(consent.NotFound, "there is no such subject")
	}
	if err != nil {
		return nil, err
	}
	out := make([]json.RawMessage, len(ds))
	for i, d := range ds {
		if out[i], err = deposit.Resource(d, req.Subject, nil); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// named reports whether a request names a resource of a type.
func named(req api.AccessRequest, t string) bool {
	return slices.ContainsFunc(req.Resources, func(r policies.Resource) bool { return r.Type == t })
}

// fill adds their bytes to the documents of an answer. One that was taken away since it was decided on is not sent; its use is on
// record all the same.
func (g *Gateway) fill(ctx context.Context, h consent.SubjectID, pseudonym string, found candidates, out *api.Access) error {
	if len(found.documents) == 0 || len(out.Data) == 0 {
		return nil
	}
	at, err := g.place(h)
	if err != nil {
		return err
	}
	data, kept := out.Data[:0:0], out.Resources[:0:0]
	for i, r := range out.Resources {
		raw := out.Data[i]
		if id, ok := found.documents[r.Type+"/"+r.ID]; ok {
			d, b, err := g.shelf.Read(ctx, at, id)
			if consent.CodeOf(err) == consent.NotFound {
				continue
			}
			if err == nil {
				raw, err = deposit.Resource(d, pseudonym, b)
			}
			if err != nil {
				return err
			}
		}
		data, kept = append(data, raw), append(kept, r)
	}
	out.Data, out.Resources = data, kept
	return nil
}

// known puts in the place of each document that a preview names all that rules can ask about it.
func (g *Gateway) known(ctx context.Context, h consent.SubjectID, rs []policies.Resource) error {
	labels, err := label.Default()
	if err != nil {
		return consent.Errorf(consent.Internal, "read the labelling rules: %w", err)
	}
	at, err := g.place(h)
	if err != nil {
		return err
	}
	ds, err := g.shelf.List(ctx, at)
	if err != nil {
		return err
	}
	for i, r := range rs {
		id, ok := deposit.ID(r.Type + "/" + r.ID)
		k := slices.IndexFunc(ds, func(d api.Document) bool { return d.ID == id })
		if !ok || k < 0 {
			continue
		}
		raw, err := deposit.Resource(ds[k], "", nil)
		if err == nil {
			rs[i], _, err = readRecord(raw, labels)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
