package gateway

import (
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strconv"
	"sync"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/policies"
)

// Answers to access requests are by far the most that a gateway writes, and receipts come next, so they are written here
// without reflection, byte for byte as json.Marshal would. Parts that few answers have are left to it.

var answerPool = sync.Pool{New: func() any { return new([]byte) }}

// writer appends JSON; the first fault is kept.
type writer struct {
	b   []byte
	err error
}

func (w *writer) raw(s string) { w.b = append(w.b, s...) }

func (w *writer) text(key, s string) {
	w.raw(key)
	w.quote(s)
}

func (w *writer) quote(s string) {
	var err error
	if w.b, err = jsontext.AppendQuote(w.b, s); err != nil && w.err == nil {
		w.err = err
	}
}

func (w *writer) number(key string, n int64) {
	w.raw(key)
	w.b = strconv.AppendInt(append(w.b, '"'), n, 10)
	w.raw(`"`)
}

func (w *writer) flag(key string, v bool) {
	w.raw(key)
	w.b = strconv.AppendBool(w.b, v)
}

func (w *writer) any(key string, v any) {
	b, err := json.Marshal(v, json.Deterministic(true))
	if err != nil && w.err == nil {
		w.err = err
	}
	w.raw(key)
	w.b = append(w.b, b...)
}

func list[T any](w *writer, key string, vs []T, one func(*writer, *T)) {
	w.raw(key)
	w.raw("[")
	for i := range vs {
		if i > 0 {
			w.raw(",")
		}
		one(w, &vs[i])
	}
	w.raw("]")
}

func (w *writer) texts(key string, ss []string) {
	list(w, key, ss, func(w *writer, s *string) { w.quote(*s) })
}

func (w *writer) reason(r *policies.Reason) {
	w.text(`{"rule":`, r.Rule)
	w.text(`,"code":`, r.Code)
	w.text(`,"text":`, r.Text)
	if r.Consent != "" {
		w.text(`,"consent":`, r.Consent)
	}
	w.raw("}")
}

func (w *writer) sentence(s *policies.Sentence) {
	w.text(`,"sentence":{"code":`, s.Code)
	if len(s.Params) > 0 {
		names := make([]string, 0, 4)
		for name := range s.Params {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			if i == 0 {
				w.raw(`,"params":{`)
			} else {
				w.raw(",")
			}
			w.quote(name)
			w.text(":", s.Params[name])
		}
		w.raw("}")
	}
	w.text(`,"text":`, s.Text)
	w.raw("}")
}

func (w *writer) resource(r *policies.ResourceDecision) {
	w.text(`{"type":`, r.Type)
	w.text(`,"id":`, r.ID)
	w.text(`,"decision":`, r.Decision)
	w.text(`,"consentDecision":`, r.ConsentDecision)
	w.texts(`,"consents":`, r.Consents)
	w.texts(`,"rules":`, r.Rules)
	list(w, `,"reasons":`, r.Reasons, (*writer).reason)
	if len(r.Masked) > 0 {
		w.texts(`,"masked":`, r.Masked)
	}
	w.raw("}")
}

func (w *writer) obligation(o *policies.Obligation) {
	p := &o.Parameters
	if len(p.Codes)+len(p.ExceptAnyOfCodes) > 0 {
		w.any("", o)
		return
	}
	w.text(`{"id":{"system":`, o.ID.System)
	w.text(`,"code":`, o.ID.Code)
	w.raw(`},"parameters":{`)
	if p.Before != 0 {
		w.number(`"before":`, int64(p.Before))
	}
	if len(p.Elements) > 0 {
		if p.Before != 0 {
			w.raw(",")
		}
		w.texts(`"elements":`, p.Elements)
	}
	w.raw("}}")
}

func (w *writer) decision(d *policies.Decision) {
	w.text(`{"decision":`, d.Decision)
	w.text(`,"consentDecision":`, d.ConsentDecision)
	list(w, `,"reasons":`, d.Reasons, (*writer).reason)
	w.sentence(&d.Sentence)
	w.texts(`,"consents":`, d.Consents)
	w.texts(`,"rules":`, d.Rules)
	if len(d.Residual) == 0 {
		w.raw(`,"residual":[]`)
	} else {
		w.any(`,"residual":`, d.Residual)
	}
	list(w, `,"obligations":`, d.Obligations, (*writer).obligation)
	list(w, `,"resources":`, d.Resources, (*writer).resource)
	w.text(`,"algorithm":`, string(d.Algorithm))
	w.text(`,"implicit":`, string(d.Implicit))
	w.text(`,"policyDigest":`, d.PolicyDigest)
	w.text(`,"codesDigest":`, d.CodesDigest)
	w.text(`,"inputDigest":`, d.InputDigest)
	w.number(`,"nextBoundary":`, int64(d.NextBoundary))
	w.flag(`,"memo":`, d.Memo)
}

// access appends an answer.
func (w *writer) access(a *api.Access) {
	w.decision(&a.Decision)
	w.raw(`,"position":"`)
	w.b = strconv.AppendUint(w.b, uint64(a.Position), 10)
	w.raw(`"`)
	if u := a.Use; u != nil {
		w.raw(`,"use":{"index":"`)
		w.b = strconv.AppendUint(w.b, uint64(u.Index), 10)
		w.raw(`","useSeq":"`)
		w.b = strconv.AppendUint(w.b, uint64(u.UseSeq), 10)
		w.raw(`","leaf":"`)
		w.b = hex.AppendEncode(w.b, u.Leaf[:])
		w.raw(`"}`)
	}
	if len(a.Data) > 0 {
		w.any(`,"data":`, a.Data)
	}
	w.raw("}")
}

// receipt appends the receipt of a message.
func (w *writer) receipt(r *network.Receipt) {
	w.raw(`{"position":`)
	w.b = strconv.AppendUint(w.b, uint64(r.Position), 10)
	w.raw(`,"commitment":"`)
	w.b = hex.AppendEncode(w.b, r.Commitment[:])
	w.number(`","time":`, int64(r.Time))
	w.raw(`,"leaf":"`)
	w.b = base64.StdEncoding.AppendEncode(w.b, r.Leaf)
	list(w, `","proof":`, r.Proof, func(w *writer, h *consent.Hash) {
		w.b = append(hex.AppendEncode(append(w.b, '"'), h[:]), '"')
	})
	w.raw(`,"checkpoint":"`)
	w.b = base64.StdEncoding.AppendEncode(w.b, r.Checkpoint)
	w.raw(`"}`)
}
