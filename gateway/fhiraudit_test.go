package gateway_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
)

// TestAuditEveryKind does everything that is put on record, and checks that each use is an event that conforms to its profile.
func TestAuditEveryKind(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("kinds") // enrolment
	rosa, bob, city := w.Member(consenttest.RosaInstitute), w.Member(consenttest.BobPractice), w.Member(consenttest.CityHospital)
	_, err := rosa.Access(ctx, w.research(alice)) // denied
	w.must(err)
	ask := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	text := "May we?"
	ask.TextHash = sha256.Sum256([]byte(text))
	_, err = rosa.Ask(ctx, api.ConsentRequest{Subject: w.Pseudonym(alice, consenttest.RosaInstitute), Consent: ask, Text: text}) // request
	w.must(err)
	w.submit(me, alice, alice.Grant(ask))
	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "BTG", 0)))
	_, err = bob.Access(ctx, api.AccessRequest{ // emergency
		Subject: w.Pseudonym(alice, consenttest.BobPractice), Purpose: consent.Coding{Code: "BTG"}, Emergency: "unconscious", Actor: api.Actor{Reference: "Practitioner/bob"},
	})
	w.must(err)
	d, err := me.Deposit(ctx, put(letter)) // deposit
	w.must(err)
	got, err := rosa.Fetch(ctx, documents(w.Pseudonym(alice, consenttest.RosaInstitute))) // permitted, with a document
	w.must(err)
	_, err = me.RemoveDocument(ctx, d.ID) // removal
	w.must(err)
	_, err = city.Search(ctx, api.SubjectQuery{Handle: &alice.Handle}) // read
	w.must(err)
	_, err = me.UsesCSV(ctx) // export
	w.must(err)
	_, err = w.Member(consenttest.AurelAudit).Replay(ctx, api.ReplayRequest{Index: got.Use.Index, Why: "test"}) // replay
	w.must(err)
	helper := consenttest.Persona("helper")
	dg := w.delegation(alice, helper, "proxy", consent.ScopeView)
	w.submit(me, alice, alice.Sign(dg))
	delegated, err := w.delegate(helper, *dg)
	w.must(err)
	w.send(http.MethodGet, api.PathConsents, delegated, nil) // a delegate's read

	kinds := map[string]int{}
	for _, e := range w.verified(me, alice) {
		kind := string(e.Use.Kind) + " " + e.Use.Decision
		if e.Use.Emergency != "" {
			kind += " emergency"
		}
		kinds[kind]++
	}
	want := []string{
		"decision deny", "decision permit", "decision permit emergency", "deposit permit", "enrolment permit", "export permit", "read permit",
		"removal permit", "replay permit", "request permit",
	}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(kinds))); diff != "" {
		t.Error(diff)
	}
	conforming(t, w, w.patient(alice), len(w.verified(me, alice)))
}

// conforming reads a patient's events, some at a time, and checks each against the profile that it names.
func conforming(t *testing.T, w *world, token string, n int) {
	t.Helper()
	raw, err := os.ReadFile("fhir/auditevent/testdata/ihe-balp/profiles.json")
	w.must(err)
	profiles, err := auditevent.ParseProfiles(raw)
	w.must(err)
	seen := map[string]bool{}
	released := false
	for _, search := range []string{"?_count=5", "?_count=3&outcome=0,8"} {
		clear(seen)
		for next := api.PathFHIR4 + "/AuditEvent" + search; next != ""; {
			b := into[bundle](t, w.send(http.MethodGet, next, token, nil), http.StatusOK)
			if b.Total != n {
				t.Errorf("%s: %d in all, want %d", next, b.Total, n)
			}
			for _, e := range b.Entry {
				var ev struct {
					ID   string
					Meta struct{ Profile []string }
				}
				var tree map[string]any
				w.must(json.Unmarshal(e.Resource, &ev))
				w.must(json.Unmarshal(e.Resource, &tree))
				p := profiles[ev.Meta.Profile[0]]
				if wrong := p.Check(tree); p.URL == "" || len(wrong) > 0 || seen[ev.ID] {
					t.Errorf("%s by %s: %q", ev.ID, p.URL, wrong)
				}
				seen[ev.ID] = true
				released = released || strings.Contains(string(e.Resource), "AuthZconsent") && strings.Contains(string(e.Resource), "DocumentReference/")
			}
			at := strings.Index(b.next(), "/fhir/")
			next = ""
			if at >= 0 {
				next = b.next()[at:]
			}
		}
		if len(seen) != n {
			t.Errorf("%s: %d events of %d uses", search, len(seen), n)
		}
	}
	if !released {
		t.Error("no event says which document was released")
	}
	for _, after := range []string{"use-99999", "use-x", "x"} {
		if r := w.send(http.MethodGet, api.PathFHIR4+"/AuditEvent?_after="+after, token, nil); r.StatusCode/100 != 4 {
			t.Errorf("after %s: %d", after, r.StatusCode)
		}
	}
}
