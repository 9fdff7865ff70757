package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// asked says where in the use log the requests for consent are, in memory only. The requests themselves are records of the
// use log, so they are as durable, as private and as hard to hide as everything else there.
type asked struct {
	mu sync.RWMutex
	of map[consent.SubjectID][]consent.Uint64 // oldest first
	by map[consent.MemberID][]consent.Uint64  // oldest first; those of erased subjects stay and open no more
}

func (a *asked) add(h consent.SubjectID, m consent.MemberID, index consent.Uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.of == nil {
		a.of, a.by = map[consent.SubjectID][]consent.Uint64{}, map[consent.MemberID][]consent.Uint64{}
	}
	a.by[m] = insert(a.by[m], index)
	a.of[h] = insert(a.of[h], index)
}

// insert keeps the order: requests that came at the same time become known in any.
func insert(list []consent.Uint64, index consent.Uint64) []consent.Uint64 {
	at, there := slices.BinarySearch(list, index)
	if there {
		return list
	}
	return slices.Insert(list, at, index)
}

func (a *asked) drop(h consent.SubjectID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.of, h)
}

// ofSubject lists the requests to a subject, newest first.
func (a *asked) ofSubject(h consent.SubjectID) []consent.Uint64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	out := slices.Clone(a.of[h])
	slices.Reverse(out)
	return out
}

// byMember lists at most n requests of a member below an index, 0 for all, newest first.
func (a *asked) byMember(m consent.MemberID, before consent.Uint64, n int) []consent.Uint64 {
	a.mu.RLock()
	defer a.mu.RUnlock()
	list := a.by[m]
	if before > 0 {
		at, _ := slices.BinarySearch(list, before)
		list = list[:at]
	}
	out := slices.Clone(list[max(len(list)-n, 0):])
	slices.Reverse(out)
	return out
}

// openRequest reads a request.
func (g *Gateway) openRequest(index consent.Uint64) (u proof.Use, r api.ConsentRequest, err error) {
	u, input, err := g.cfg.Uses.Open(index)
	if err != nil {
		return u, r, err
	}
	if err := json.Unmarshal(input, &r); err != nil {
		return u, r, consent.Errorf(consent.Internal, "read a consent request: %w", err)
	}
	return u, r, nil
}

// requests lists what the subject is asked for.
func (g *Gateway) requests(c *gin.Context) {
	h, ok := g.view(c, "the requests")
	if !ok {
		return
	}
	held, err := g.cfg.Replica.Consents(h)
	if err != nil {
		refuse(c, err)
		return
	}
	answered := map[consent.Hash]consent.Uint64{}
	for _, k := range held {
		answered[k.Request] = k.Seq
	}
	out := api.Requests{Requests: []api.Asked{}}
	for _, index := range g.asked.ofSubject(h) {
		u, r, err := g.openRequest(index)
		if err != nil {
			refuse(c, err)
			return
		}
		out.Requests = append(out.Requests, api.Asked{
			ID: u.InputHash, Member: u.Requester, Time: u.Time, Consent: r.Consent, Text: r.Text, Answered: answered[u.InputHash],
		})
	}
	answer(c, http.StatusOK, out)
}

// askedFor lists what the member itself asked for. It is no use of a subject's data: it tells the member what it said, and
// the answer that was meant for it.
func (g *Gateway) askedFor(c *gin.Context) {
	var q api.AskedQuery
	if !decode(c, &q) {
		return
	}
	if q.Limit < 0 || q.Limit > uses.MaxPage {
		problem(c, consent.Malformed, "limit is 1 to 1,000; 0 means 100")
		return
	}
	limit := q.Limit
	if limit == 0 {
		limit = uses.DefaultPage
	}
	m := principal(c).Member
	list := g.asked.byMember(m, q.Before, limit)
	out := api.AskedFor{Requests: []api.RequestState{}}
	for _, index := range list {
		s, err := g.stateOf(m, index)
		if consent.CodeOf(err) == consent.Erased {
			continue
		}
		if err != nil {
			refuse(c, err)
			return
		}
		out.Requests = append(out.Requests, s)
	}
	if len(list) == limit {
		out.Next = list[len(list)-1]
	}
	answer(c, http.StatusOK, out)
}

// stateOf says what came of a member's request.
func (g *Gateway) stateOf(m consent.MemberID, index consent.Uint64) (s api.RequestState, err error) {
	u, r, err := g.openRequest(index)
	if err != nil {
		return s, err
	}
	name, err := g.cfg.Pseudonyms.Of(m, u.Handle)
	if err != nil {
		return s, consent.Errorf(consent.Internal, "%w", err)
	}
	held, err := g.cfg.Replica.Consents(u.Handle)
	if err != nil {
		return s, err
	}
	s = api.RequestState{ID: u.InputHash, Index: index, Subject: name, Time: u.Time, Consent: r.Consent, Text: r.Text}
	k := answerTo(held, u.InputHash)
	switch {
	case k == nil && r.Consent.Period.End != 0 && r.Consent.Period.End <= g.now():
		s.State, s.At = api.Expired, r.Consent.Period.End
	case k == nil:
		s.State = api.Waiting
	case k.Kind == kindDecline:
		s.State, s.At = api.Declined, k.Date
	default:
		given, err := g.cfg.Replica.Body(u.Handle, k.Seq)
		if err != nil {
			return s, err
		}
		s.State, s.At = g.given(k, r.Consent, given)
	}
	return s, nil
}

const kindDecline = "ConsentDecline"

// given is the state of a request that led to a consent.
func (g *Gateway) given(k *replica.Held, asked, given consent.Consent) (api.AnswerState, consent.Millis) {
	end := given.Period.End
	switch {
	case k.Status != consent.Live:
		return api.Over, k.Ended
	case end != 0 && end <= g.now():
		return api.Over, end
	case given.TextHash == asked.TextHash:
		return api.Accepted, k.Date
	}
	return api.Narrowed, k.Date
}

// answerTo is the newest of what a request led to: the answer, or what the patient put in its place since.
func answerTo(held []replica.Held, request consent.Hash) (found *replica.Held) {
	for i := range held { // in order of seq
		if k := &held[i]; k.Request == request || found != nil && k.Replaces == found.Seq {
			found = k
		}
	}
	return found
}

// ask puts a consent request before a subject.
func (g *Gateway) ask(c *gin.Context) {
	b, ok := body(c, maxBody)
	if !ok {
		return
	}
	var r api.ConsentRequest
	err := unmarshalAny(b, &r)
	if err == nil {
		err = checkAsked(principal(c).Member, r)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	a, err := g.putRequest(c.Request.Context(), principal(c).Member, r)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, a)
}

// maxAskText bounds the text that a person is asked to agree to, in bytes.
const maxAskText = 20_000

// checkAsked checks a consent request: plain text in lines, whose hash the consent carries, for the asking member alone.
func checkAsked(m consent.MemberID, r api.ConsentRequest) error {
	lines := strings.Split(r.Text, "\n")
	text := r.Text
	if len(text) > maxAskText {
		return consent.Errorf(consent.TooLarge, "the text has at most %d bytes", maxAskText)
	}
	r.Text = ""
	if err := consent.CheckText(&r); err != nil {
		return err
	}
	for _, l := range lines {
		if err := consent.CheckText(&struct{ Line string }{l}); err != nil {
			return err
		}
	}
	if err := r.Consent.Check(); err != nil {
		return err
	}
	if r.Consent.TextHash != sha256.Sum256([]byte(text)) {
		return consent.Errorf(consent.Malformed, "consent.textHash is not the SHA-256 of text")
	}
	for _, p := range r.Consent.Provisions {
		for _, to := range p.Recipients {
			if to.Reference != "Organization/"+string(m) && !strings.HasPrefix(to.Reference, string(m)+":") {
				return consent.Errorf(consent.Unauthorized, "a member asks for itself only")
			}
		}
	}
	if len(r.Consent.Provisions[0].Recipients) == 0 {
		return consent.Errorf(consent.Malformed, "the consent's root rule names the asking member as recipient")
	}
	return nil
}

func (g *Gateway) putRequest(ctx context.Context, m consent.MemberID, r api.ConsentRequest) (api.Asked, error) {
	h, err := g.cfg.Pseudonyms.Handle(m, r.Subject)
	if err != nil {
		return api.Asked{}, err
	}
	head, ok := g.cfg.Replica.Head(h)
	if !ok || head.State == consent.Gone {
		return api.Asked{}, consent.Errorf(consent.NotFound, "there is no such subject")
	}
	input, err := json.Marshal(r)
	if err != nil {
		return api.Asked{}, consent.Errorf(consent.Internal, "%w", err)
	}
	u := proof.Use{
		Handle: h, Time: g.now(), Kind: proof.Request, Requester: m, Channel: "rest",
		Decision: proof.Permit, Position: consent.Uint64(g.cfg.Replica.Position()),
		Sentence: proof.Sentence{Code: "request", Text: "You were asked for a consent."},
	}
	at, err := g.cfg.Uses.Record(ctx, head.Slot, u, input)
	if err != nil {
		return api.Asked{}, err
	}
	g.asked.add(h, m, at.Index)
	return api.Asked{ID: sha256.Sum256(input), Member: m, Time: u.Time, Consent: r.Consent, Text: r.Text}, nil
}
