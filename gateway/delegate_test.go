package gateway_test

import (
	"context"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

// as is the client of a token.
func (w *world) as(token string) *client.Client { return w.Client().As(client.Bearer(token)) }

// TestProxy checks what a patient's proxy may do, that her looks are on record, and that her end is an end.
func TestProxy(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	viewer, giver := consenttest.Persona("viewer"), consenttest.Persona("giver")
	see := w.delegation(alice, viewer, "proxy", consent.ScopeView)
	w.submit(me, alice, alice.Sign(see))
	give := w.delegation(alice, giver, "proxy", consent.ScopeGrant, consent.ScopeRevoke)
	w.submit(me, alice, alice.Sign(give))
	token, err := w.delegate(viewer, *see)
	w.must(err)
	a := w.as(token)
	_, err = a.Consents(ctx)
	w.must(err)
	_, err = a.UsesCSV(ctx)
	w.must(err)
	us := w.uses(alice, me)
	if us[0].Kind != proof.Export || us[1].Kind != proof.Read || us[2].Kind != proof.Read {
		t.Fatalf("the delegate's looks: %+v", us[:3])
	}
	for _, u := range us[:3] {
		if u.Delegation != "3" || u.Sentence.Text == "" || u.Sentence.Code == "" {
			t.Errorf("a look that says not whose it is: %+v", u)
		}
	}

	token, err = w.delegate(giver, *give)
	w.must(err)
	b := w.as(token)
	for name, look := range map[string]func() error{
		"consents": func() error { _, err := b.Consents(ctx); return err },
		"requests": func() error { _, err := b.Requests(ctx); return err },
		"uses":     func() error { _, err := b.Uses(ctx, api.UsesQuery{}); return err },
		"export":   func() error { _, err := b.UsesJSON(ctx); return err },
		"notices":  func() error { return b.Notices(ctx, func(api.Notice) error { return errStop }) },
		"preview": func() error {
			_, err := b.Preview(ctx, api.Preview{Member: consenttest.RosaInstitute, Purpose: consent.Coding{Code: "HRESCH"}})
			return err
		},
	} {
		if consent.CodeOf(look()) != consent.Unauthorized {
			t.Errorf("%s without the scope to see: %v", name, look())
		}
	}
	for who, c := range map[consent.Uint64]*client.Client{see.Seq: a, give.Seq: b} { // each sees her own delegation, and the place of the next message
		m, err := c.Me(ctx)
		if err != nil || len(m.Delegations) != 1 || m.Delegations[0].Seq != who || m.Seq+1 != alice.Link().Seq || m.Prev != alice.Link().Prev {
			t.Errorf("%d: %+v, %v", who, m, err)
		}
	}
	grant := func(end consent.Millis) consent.Message {
		l := alice.Link()
		return w.SignOpen(&consent.ConsentGrant{
			Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, end), Salt: w.Rand.Hash(),
		}, consent.Openings{Delegation: give}, giver)
	}
	_, err = b.Submit(ctx, grant(0))
	w.wants(err, consent.Unauthorized) // it would outlive the delegation
	w.submit(b, alice, grant(give.Ends()))
	w.decides(w.Member(consenttest.RosaInstitute), w.research(alice), policies.Permit)
	bob, _ := w.Enrol("p2")
	_, err = b.Submit(ctx, bob.RevokeAll())
	w.wants(err, consent.NotFound)

	l := alice.Link()
	w.submit(me, alice, alice.Sign(&consent.DelegateEnd{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegation: give.Seq, Salt: w.Rand.Hash()}))
	_, err = b.Session(ctx)
	w.wants(err, api.Unauthenticated)
	st, err := me.Me(ctx)
	if err != nil || len(st.Delegations) != 2 || st.Delegations[0].Status != consent.Live || st.Delegations[1].Status != consent.Ended {
		t.Fatalf("%+v, %v", st, err)
	}
}

// TestGuardian checks the guardian of a child: she acts until the child comes of age, and not an instant longer.
func TestGuardian(t *testing.T) {
	ctx := context.Background()
	clock := newClock()
	w := start(t, func(c *node.Config) { c.Now = clock.now })
	hospital := w.Member(consenttest.CityHospital)
	e, err := hospital.Enrol(ctx, api.Enrolment{LocalID: "child"})
	w.must(err)
	child := w.Adopt(consenttest.Subject{Handle: e.Handle, Code: e.Code, Slot: e.Slot, Seq: e.Seq, Prev: e.Prev, KeySalt: w.Rand.Hash()})
	mother := consenttest.Persona("mother")
	d := w.delegation(child, mother, "guardian", consent.ScopeView, consent.ScopeGrant, consent.ScopeRevoke)
	d.Majority = w.Now + 2*hour
	w.submit(hospital, child, w.Sign(d, consenttest.Persona(string(consenttest.CityHospital))))
	token, err := w.delegate(mother, *d)
	w.must(err)
	l := child.Link()
	w.submit(w.as(token), child, w.SignOpen(&consent.ConsentGrant{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: consenttest.ResearchConsent(consenttest.RosaInstitute, d.Majority), Salt: w.Rand.Hash(),
	}, consent.Openings{Delegation: d}, mother))
	ask := w.research(child)
	w.decides(w.memberAt(consenttest.RosaInstitute, clock), ask, policies.Permit)

	clock.set(time.UnixMilli(int64(d.Majority)).Add(-time.Minute))
	if token, err = w.delegate(mother, *d); err != nil {
		t.Fatalf("a minute before the majority: %v", err)
	}
	_, err = w.as(token).Me(ctx)
	w.must(err)
	clock.set(time.UnixMilli(int64(d.Majority)))
	_, err = w.as(token).Me(ctx)
	w.wants(err, api.Unauthenticated)
	_, err = w.delegate(mother, *d)
	w.wants(err, consent.Unauthorized)
	w.decides(w.memberAt(consenttest.RosaInstitute, clock), ask, policies.Deny)

	forged := *d
	forged.Majority += hour
	_, err = w.delegate(mother, forged)
	w.wants(err, consent.Unauthorized)
}
