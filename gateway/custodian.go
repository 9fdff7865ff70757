package gateway

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"log/slog"
	"net/http"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network"
)

// Custodian is the member whose subjects this gateway serves, with the key that signs for it.
type Custodian struct {
	Member consent.MemberID
	Key    sig.Key
}

const (
	day      = consent.Millis(24 * 3600 * 1000)
	codeDays = 14 // how long an enrolment code is good, when nothing is said
	maxDays  = 366
)

// slots finds free slots of the custodian. Slots are given out in order, so the first free one is found by doubling and
// halving; one that is taken meanwhile is refused by the contract and the next one tried.
type slots struct {
	mu    sync.Mutex
	known bool
	next  consent.Uint64
}

func (s *slots) take(l network.Ledger, m consent.MemberID) (consent.Uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.known {
		n, err := firstFree(func(n consent.Uint64) (bool, error) {
			b, err := l.Get(consent.SlotKey(m, n))
			return b != nil, err
		})
		if err != nil {
			return 0, err
		}
		s.next, s.known = n, true
	}
	s.next++
	return s.next - 1, nil
}

// firstFree returns a number that is not taken, the least one when the taken ones have no gap.
func firstFree(taken func(consent.Uint64) (bool, error)) (consent.Uint64, error) {
	high := consent.Uint64(1)
	for {
		if t, err := taken(high - 1); err != nil {
			return 0, err
		} else if !t {
			break
		}
		high *= 2
	}
	low := high / 2 // everything below low is taken, high-1 is not
	for low < high-1 {
		mid := (low + high - 1) / 2
		if t, err := taken(mid); err != nil {
			return 0, err
		} else if t {
			low = mid + 1
		} else {
			high = mid + 1
		}
	}
	return low, nil
}

// newCode returns a one-time enrolment code: 128 random bits as 26 letters and digits in groups.
func newCode() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) //nolint:errcheck // never fails (crypto/rand)
	s := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:])
	var groups []string
	for len(s) > 5 {
		groups, s = append(groups, s[:5]), s[5:]
	}
	return strings.Join(append(groups, s), "-")
}

func newSalt() (h consent.Hash) {
	_, _ = rand.Read(h[:]) //nolint:errcheck // never fails (crypto/rand)
	return h
}

// custodian admits the custodian of this gateway alone, not those of others.
func (g *Gateway) custodian(c *gin.Context) bool {
	if g.cfg.Custodian == nil || principal(c).Member != g.cfg.Custodian.Member {
		problem(c, consent.NotFound, "this gateway does not serve your subjects: use the one of your own organisation")
		return false
	}
	return true
}

func (g *Gateway) enrol(c *gin.Context) {
	var e api.Enrolment
	if !decode(c, &e) || !g.custodian(c) {
		return
	}
	if e.LocalID == "" || len(e.LocalID) > 128 || e.Days < 0 || e.Days > maxDays {
		problem(c, consent.Malformed, "give a localId of 1 to 128 bytes, and days from 1 to 366 or none")
		return
	}
	if !g.links.reserve(e.LocalID) {
		problem(c, consent.Exists, "this record has a subject already; issue a new code for it")
		return
	}
	defer g.links.release(e.LocalID)
	out, err := g.open(c.Request.Context(), e)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusCreated, out)
}

// open opens a subject: on the ledger first, then the sealed link to the record number in the use log, as the subject's
// first use. A subject without a link, after a crash in between, is of no use to anybody and harms nobody.
func (g *Gateway) open(ctx context.Context, e api.Enrolment) (api.Enrolled, error) {
	var handle consent.SubjectID
	_, _ = rand.Read(handle[:]) //nolint:errcheck // never fails (crypto/rand)
	code := newCode()
	body := &consent.SubjectOpen{
		Handle: handle, Custodian: g.cfg.Custodian.Member, CodeCommit: consent.CodeCommitment(consent.CodeSecret(code)),
		CodeUntil: g.codeUntil(e.Days), Salt: newSalt(),
	}
	var r network.Receipt
	for {
		var err error
		if body.Slot, err = g.slots.take(g.cfg.Ledger, g.cfg.Custodian.Member); err != nil {
			return api.Enrolled{}, err
		}
		r, err = g.signAndSubmit(ctx, body)
		if err == nil {
			break
		}
		if consent.CodeOf(err) != consent.Exists {
			return api.Enrolled{}, err
		}
	}
	u := proof.Use{
		Handle: handle, Time: g.now(), Kind: kindEnrolment, Requester: g.cfg.Custodian.Member,
		Channel: "rest", Decision: proof.Permit, Position: consent.Uint64(r.Position),
		Sentence: proof.Sentence{Code: "enrolment", Text: "Your record was opened for your wallet."},
	}
	if _, err := g.cfg.Uses.Record(ctx, body.Slot, u, []byte(e.LocalID)); err != nil {
		return api.Enrolled{}, err
	}
	g.links.put(handle, e.LocalID)
	return g.enrolled(handle, body.Slot, code, body.CodeUntil, 1, r), nil
}

// codeUntil is when a code that is issued now runs out.
func (g *Gateway) codeUntil(days int) consent.Millis {
	if days == 0 {
		days = codeDays
	}
	return g.now() + consent.Millis(days)*day
}

func (g *Gateway) enrolled(h consent.SubjectID, slot consent.Uint64, code string, until consent.Millis, seq consent.Uint64, r network.Receipt) api.Enrolled {
	return api.Enrolled{
		Handle: h, Slot: slot, Code: code, CodeUntil: until, Ledger: g.cfg.Ledger.ID(), Genesis: consent.Commitment(g.cfg.Genesis.Body),
		UsesKey: g.cfg.Info.UsesKey, Key: g.cfg.Info.Key, Seq: seq, Prev: r.Commitment, Receipt: r,
	}
}

// signAndSubmit signs a body with the custodian's key.
func (g *Gateway) signAndSubmit(ctx context.Context, b consent.Body) (network.Receipt, error) {
	m := consent.Message{Body: b}
	if err := m.Sign(g.cfg.Ledger.ID(), g.cfg.Custodian.Key); err != nil {
		return network.Receipt{}, consent.Errorf(consent.Internal, "%w", err)
	}
	return g.submit(ctx, m)
}

func (g *Gateway) recode(c *gin.Context) {
	var q api.SubjectQuery
	if !decode(c, &q) || !g.custodian(c) {
		return
	}
	h, head, ok := g.find(c, q)
	if !ok {
		return
	}
	code, until := newCode(), g.codeUntil(0)
	r, err := g.signAndSubmit(c.Request.Context(), &consent.SubjectCode{
		Handle: h, Seq: head.Seq + 1, Prev: head.Prev, CodeCommit: consent.CodeCommitment(consent.CodeSecret(code)),
		CodeUntil: until, Salt: newSalt(),
	})
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, g.enrolled(h, head.Slot, code, until, head.Seq+1, r))
}

// find finds a subject of this custodian; the look is put on record.
func (g *Gateway) find(c *gin.Context, q api.SubjectQuery) (consent.SubjectID, consent.Head, bool) {
	var h consent.SubjectID
	found := false
	switch {
	case q.Handle != nil && q.LocalID == "":
		h, found = *q.Handle, true
	case q.Handle == nil && q.LocalID != "":
		h, found = g.links.handle(q.LocalID)
	default:
		problem(c, consent.Malformed, "give a record number or a handle")
		return h, consent.Head{}, false
	}
	head, ok := g.cfg.Replica.Head(h)
	if !found || !ok || head.Custodian != g.cfg.Custodian.Member {
		problem(c, consent.NotFound, "there is no such subject")
		return h, head, false
	}
	if head.State == consent.Gone {
		problem(c, consent.Erased, "the subject was erased")
		return h, head, false
	}
	look := proof.Use{Kind: proof.Read, Requester: principal(c).Member, Sentence: say("looked-up", "Your custodian looked up where your handle stands.")}
	if err := g.recordRead(c, h, look); err != nil {
		refuse(c, err)
		return h, head, false
	}
	return h, head, true
}

func (g *Gateway) search(c *gin.Context) {
	var q api.SubjectQuery
	if !decode(c, &q) || !g.custodian(c) {
		return
	}
	h, head, ok := g.find(c, q)
	if !ok {
		return
	}
	id, _ := g.links.localID(h)
	answer(c, http.StatusOK, api.Subject{Handle: h, LocalID: id, State: head.State, Slot: head.Slot, Seq: head.Seq, Prev: head.Prev})
}

func (g *Gateway) pseudonym(c *gin.Context) {
	var q api.PseudonymQuery
	if !decode(c, &q) || !g.custodian(c) {
		return
	}
	if _, ok := g.cfg.Replica.Member(q.Member); !ok {
		problem(c, consent.NotFound, "there is no such member")
		return
	}
	h, _, ok := g.find(c, q.SubjectQuery)
	if !ok {
		return
	}
	p, err := g.cfg.Pseudonyms.Of(q.Member, h)
	if err != nil {
		refuse(c, err)
		return
	}
	answer(c, http.StatusOK, api.Pseudonym{Pseudonym: p})
}

func (g *Gateway) attest(c *gin.Context) {
	var a api.Attest
	if !decode(c, &a) || !g.custodian(c) {
		return
	}
	h, head, ok := g.find(c, a.SubjectQuery)
	if !ok {
		return
	}
	_, err := g.signAndSubmit(c.Request.Context(), &consent.ConsentAttest{
		Handle: h, Seq: head.Seq + 1, Prev: head.Prev, Evidence: a.Evidence, Consent: a.Consent, Salt: newSalt(),
	})
	var list []api.Consent
	if err == nil {
		list, err = g.consentsOf(c.Request.Context(), h)
	}
	if err != nil {
		refuse(c, err)
		return
	}
	for _, k := range list { // others may have come since
		if k.Seq == head.Seq+1 {
			answer(c, http.StatusCreated, k)
		}
	}
}

func (g *Gateway) erase(c *gin.Context) {
	var e api.EraseSubject
	if !decode(c, &e) || !g.custodian(c) {
		return
	}
	h, head, ok := g.find(c, e.SubjectQuery)
	if !ok {
		return
	}
	ctx := c.Request.Context()
	_, err := g.signAndSubmit(ctx, &consent.Erase{Handle: h, Seq: head.Seq + 1, Prev: head.Prev, Reason: e.Reason, Salt: newSalt()})
	if err != nil {
		refuse(c, err)
		return
	}
	if err := g.cfg.Vault.Rotate(context.WithoutCancel(ctx)); err != nil { // it is tried again; until then Pending says so
		g.cfg.Log.Error("complete an erasure", slog.String("error", err.Error()))
	}
	answer(c, http.StatusOK, api.Erasure{Pending: g.cfg.Vault.Pending()})
}
