package gateway_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
)

// asker asks a subject for consents as Rosa's institute.
type asker struct {
	*world
	subject string
}

func (a asker) ask(text string, end consent.Millis) api.Asked {
	a.t.Helper()
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, end)
	c.TextHash = hash(text)
	asked, err := a.Member(consenttest.RosaInstitute).Ask(context.Background(), api.ConsentRequest{Subject: a.subject, Consent: c, Text: text})
	a.must(err)
	return asked
}

// yes answers a request with a consent: the one asked for, or another that the patient chose.
func yes(w *world, s *consenttest.Subject, asked api.Asked, text string, replaces consent.Uint64) consent.Message {
	l, c := s.Link(), asked.Consent
	if text != "" {
		c.TextHash = hash(text)
	}
	g := &consent.ConsentGrant{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: asked.ID, Replaces: replaces, Consent: c, Salt: w.Rand.Hash()}
	if replaces != 0 {
		g.Request = consent.Hash{}
	}
	return s.Sign(g)
}

// TestAskedFor checks what a member is told of its own requests: how each was answered, after a restart too, and nothing of
// others'.
func TestAskedFor(t *testing.T) {
	ctx := context.Background()
	clock := newClock()
	w := start(t, func(c *node.Config) { c.Now = clock.now })
	alice, me := w.Enrol("MRN-4711")
	a := asker{w, w.Pseudonym(alice, consenttest.RosaInstitute)}
	soon := w.Now + hour
	yesTo, lessOf, noTo := a.ask("yes", 0), a.ask("less", 0), a.ask("no", 0)
	withdrawn, changed, brief := a.ask("withdrawn", 0), a.ask("changed", 0), a.ask("brief", soon)
	late, waiting := a.ask("late", soon), a.ask("waiting", 0)
	w.submit(me, alice, yes(w, alice, yesTo, "", 0))
	w.submit(me, alice, yes(w, alice, lessOf, "only a little", 0))
	l := alice.Link()
	w.submit(me, alice, alice.Sign(&consent.ConsentDecline{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Request: noTo.ID, Consent: noTo.Consent, Salt: w.Rand.Hash()}))
	seq := alice.Seq + 1
	w.submit(me, alice, yes(w, alice, withdrawn, "", 0))
	w.submit(me, alice, alice.Revoke(seq))
	seq = alice.Seq + 1
	w.submit(me, alice, yes(w, alice, changed, "", 0))
	w.submit(me, alice, yes(w, alice, changed, "changed since", seq))
	w.submit(me, alice, yes(w, alice, brief, "", 0))

	states := func() map[consent.Hash]api.AnswerState {
		t.Helper()
		page, err := w.memberAt(consenttest.RosaInstitute, clock).AskedFor(ctx, api.AskedQuery{})
		w.must(err)
		got := map[consent.Hash]api.AnswerState{}
		for i, r := range page.Requests {
			if r.Subject != a.subject || (r.At == 0) != (r.State == api.Waiting) || i > 0 && r.Index >= page.Requests[i-1].Index {
				t.Errorf("request %d: %+v", i, r)
			}
			got[r.ID] = r.State
		}
		b, err := json.Marshal(page)
		w.must(err)
		for _, secret := range []string{alice.Handle.String(), "MRN-4711", "only a little"} {
			if strings.Contains(string(b), secret) {
				t.Errorf("the member is told %s", secret)
			}
		}
		return got
	}
	want := map[consent.Hash]api.AnswerState{
		yesTo.ID: api.Accepted, lessOf.ID: api.Narrowed, noTo.ID: api.Declined, withdrawn.ID: api.Over, changed.ID: api.Narrowed,
		brief.ID: api.Accepted, late.ID: api.Waiting, waiting.ID: api.Waiting,
	}
	count := w.Node.Uses.Count()
	if d := cmp.Diff(want, states()); d != "" {
		t.Error(d)
	}
	if w.Node.Uses.Count() != count {
		t.Error("reading its own questions is no use of a subject's data")
	}
	w.Close()
	w.Open()
	clock.set(time.UnixMilli(int64(soon)).Add(time.Minute)) //nolint:gosec // this century
	want[brief.ID], want[late.ID] = api.Over, api.Expired
	if d := cmp.Diff(want, states()); d != "" {
		t.Errorf("after a restart, an hour later: %s", d)
	}
	others, err := w.memberAt(consenttest.BobPractice, clock).AskedFor(ctx, api.AskedQuery{})
	if err != nil || len(others.Requests) != 0 || others.Next != 0 {
		t.Errorf("another member is told %+v, %v", others, err)
	}
}

// TestAskedForPages checks that pages hold each request once, and that those of erased subjects are gone.
func TestAskedForPages(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	carol, _ := w.Enrol("p2")
	hers := asker{w, w.Pseudonym(alice, consenttest.RosaInstitute)}
	others := asker{w, w.Pseudonym(carol, consenttest.RosaInstitute)}
	for _, text := range []string{"a", "b", "c"} {
		hers.ask(text, 0)
		others.ask(text, 0)
	}
	read := func(limit int) (texts string) {
		t.Helper()
		for q := (api.AskedQuery{Limit: limit}); ; {
			page, err := w.Member(consenttest.RosaInstitute).AskedFor(ctx, q)
			w.must(err)
			for _, r := range page.Requests {
				texts += r.Text
			}
			if q.Before = page.Next; page.Next == 0 {
				return texts
			}
		}
	}
	for limit := range 8 {
		if got := read(limit); got != "ccbbaa" {
			t.Errorf("pages of %d: %s", limit, got)
		}
	}
	for _, limit := range []int{-1, 1001} {
		_, err := w.Member(consenttest.RosaInstitute).AskedFor(ctx, api.AskedQuery{Limit: limit})
		w.wants(err, consent.Malformed)
	}
	w.submit(me, alice, alice.Erase())
	for limit := range 4 {
		if got := read(limit); got != "cba" {
			t.Errorf("pages of %d after an erasure: %s", limit, got)
		}
	}
}
