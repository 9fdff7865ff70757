package policies_test

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

func newEngine(t *testing.T, cfg policies.Config) *policies.Engine {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = time.Minute
	}
	e, err := policies.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func decide(t *testing.T, e *policies.Engine, req policies.Request, records ...policies.Record) policies.Decision {
	t.Helper()
	d, err := e.Decide(t.Context(), req, records)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func purposes(codes ...string) []consent.Coding { return codings(policies.SystemPurpose, codes...) }

// grant is Alice's consent that permits for purposes.
func grant(id string, codes ...string) policies.Record {
	root := consent.Provision{Effect: consent.Permit, Purposes: purposes(codes...)}
	return policies.Record{ID: id, Status: policies.Active, Consent: consent.Consent{Provisions: []consent.Provision{root}}}
}

// ask is Bob's request.
func ask(purpose string) policies.Request {
	return policies.Request{
		Actors: []string{"Organization/city-hospital", "city-hospital:Practitioner/bob"}, Roles: codings("", "clinician"),
		Action: consent.Coding{Code: "access"}, Purpose: consent.Coding{Code: purpose}, Now: 1700000000000,
	}
}

func TestDecisionSaysWhy(t *testing.T) {
	e := newEngine(t, policies.Config{})
	d := decide(t, e, ask("ETREAT"), grant("c1", "TREAT"))
	want := policies.Decision{
		Decision: policies.Permit, ConsentDecision: policies.ConsentPermit, Consents: []string{"c1"}, Rules: []string{"c1/provision[0]"},
		Reasons: []policies.Reason{{Rule: "G1", Code: "consent-permits", Text: "A consent allows this.", Consent: "c1"}},
		Sentence: policies.Sentence{
			Code: "permit.consent-permits", Params: map[string]string{"purpose": "Emergency Treatment"},
			Text: "Allowed for Emergency Treatment, because your consent says so.",
		},
		Algorithm: policies.DenyOverrides, Implicit: policies.ImplicitDeny,
		PolicyDigest: d.PolicyDigest, CodesDigest: d.CodesDigest, InputDigest: d.InputDigest,
	}
	if diff := cmp.Diff(want, d); diff != "" {
		t.Error(diff)
	}
	if len(d.PolicyDigest) != 64 || len(d.CodesDigest) != 64 || len(d.InputDigest) != 64 {
		t.Errorf("digests %q %q %q", d.PolicyDigest, d.CodesDigest, d.InputDigest)
	}
}

// TestReasons walks requests and wants the decision, the letters of its reasons and its sentence.
func TestReasons(t *testing.T) {
	deny := grant("d1", "TREAT")
	deny.Consent.Provisions[0].Effect = consent.Deny
	past, used, view := grant("c1", "TREAT"), grant("c1", "TREAT"), grant("c1", "TREAT")
	past.Consent.Period.End = 1600000000000
	used.UsesLeft = new(consent.Uint64)
	view.Consent.AccessMode = "view"
	unfit := grant("c1", "TREAT")
	unfit.Unfit = policies.DataUse
	store := ask("TREAT")
	store.Action.Code = "collect"
	incomplete := ask("TREAT")
	incomplete.Action.Code = ""
	narrow := grant("c1", "TREAT")
	narrow.Consent.Provisions[0].Labels = codings(policies.SystemConfidentiality, "N")
	for name, c := range map[string]struct {
		req      policies.Request
		records  []policies.Record
		decision string
		letters  string
		sentence string
	}{
		"A1 incomplete":   {incomplete, []policies.Record{grant("c1", "TREAT")}, policies.Deny, "A1 G1", "deny.incomplete"},
		"B1":              {ask("TREAT"), []policies.Record{{ID: "c1", Status: "draft", Consent: past.Consent}}, policies.Deny, "B1 H2", "deny.not-active"},
		"B2 ended":        {ask("TREAT"), []policies.Record{past}, policies.Deny, "B2 H2", "deny.outside-period"},
		"D2 BTG":          {ask("BTG"), []policies.Record{grant("c1", "TREAT")}, policies.Deny, "D2 F5 H1", "deny.named-only"},
		"D2 BTG named":    {ask("BTG"), []policies.Record{grant("c1", "BTG")}, policies.Permit, "G1", "permit.consent-permits"},
		"D3 denial":       {ask("BTG"), []policies.Record{deny}, policies.Deny, "G1", "deny.consent-denies"},
		"F5 other use":    {ask("HRESCH"), []policies.Record{grant("c1", "TREAT")}, policies.Deny, "H1", "deny.no-consent-covers"},
		"F6 used up":      {ask("TREAT"), []policies.Record{used}, policies.Deny, "F6 H1", "deny.used-up"},
		"F8 study":        {ask("TREAT"), []policies.Record{unfit}, policies.Deny, "F8 H1", "deny.data-use"},
		"F7 view only":    {store, []policies.Record{view}, policies.Deny, "F7 H1", "deny.view-only"},
		"G1 denial wins":  {ask("TREAT"), []policies.Record{grant("c1", "TREAT"), deny}, policies.Deny, "G1", "deny.consent-denies"},
		"H2 no consent":   {ask("TREAT"), nil, policies.Deny, "H2", "deny.no-consent"},
		"J6 some labels":  {ask("TREAT"), []policies.Record{narrow}, policies.Permit, "G1 J6", "permit.filtered"},
		"D1 other system": {policies.Request{Action: consent.Coding{Code: "access"}, Purpose: consent.Coding{System: "x", Code: "TREAT"}}, []policies.Record{grant("c1", "TREAT")}, policies.Deny, "H1", "deny.no-consent-covers"},
	} {
		t.Run(name, func(t *testing.T) {
			d := decide(t, newEngine(t, policies.Config{}), c.req, c.records...)
			var letters []string
			for _, r := range d.Reasons {
				letters = append(letters, r.Rule)
				if r.Text == "" {
					t.Errorf("%s has no text", r.Code)
				}
			}
			if d.Decision != c.decision || strings.Join(letters, " ") != c.letters || d.Sentence.Code != c.sentence || d.Sentence.Text == "" {
				t.Errorf("%s, %v, %+v", d.Decision, letters, d.Sentence)
			}
		})
	}
}

// TestFaultDenies is A2.
func TestFaultDenies(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	slow := newEngine(t, policies.Config{Timeout: time.Nanosecond})
	for name, run := range map[string]func() (policies.Decision, error){
		"cancelled": func() (policies.Decision, error) {
			return newEngine(t, policies.Config{}).Decide(ctx, ask("TREAT"), []policies.Record{grant("c1", "TREAT")})
		},
		"too slow": func() (policies.Decision, error) {
			many := grant("c1", "TREAT")
			for range 60 {
				many.Consent.Provisions = append(many.Consent.Provisions, consent.Provision{Effect: consent.Permit, Labels: codings("x", "y")})
			}
			return slow.Decide(t.Context(), ask("TREAT"), []policies.Record{many})
		},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := run()
			if err == nil || d.Decision != policies.Deny || d.ConsentDecision != policies.NoConsent || len(d.Reasons) != 1 || d.Reasons[0].Rule != "A2" {
				t.Errorf("%v %+v", err, d)
			}
		})
	}
}

func TestConfig(t *testing.T) {
	for _, cfg := range []policies.Config{{Algorithm: "first"}, {Implicit: "perhaps"}} {
		if _, err := policies.New(cfg); err == nil {
			t.Errorf("%+v is accepted", cfg)
		}
	}
}

// TestMalformedConsentDenies wants a consent that Check refuses to deny everything rather than to be read as far as it goes.
func TestMalformedConsentDenies(t *testing.T) {
	bad := grant("c1", "TREAT")
	bad.Consent.Provisions = append(bad.Consent.Provisions, consent.Provision{Parent: 7, Effect: consent.Permit})
	d := decide(t, newEngine(t, policies.Config{}), ask("TREAT"), bad, grant("c2", "TREAT"))
	if d.ConsentDecision != policies.ConsentDeny {
		t.Errorf("%+v", d)
	}
}

// answer is a decision without what says how it was come by.
func answer(d policies.Decision) string {
	d.Memo, d.InputDigest = false, ""
	j, err := json.Marshal(d)
	if err != nil {
		return err.Error()
	}
	return string(j)
}

// TestFilterOnlyLeavesOutWhatCannotMatter compares decisions from all consents with those from the relevant ones. Reasons
// may name more consents, the answer may not differ.
func TestFilterOnlyLeavesOutWhatCannotMatter(t *testing.T) {
	s, dropped := seed(t), 0
	for _, a := range []policies.Algorithm{policies.DenyOverrides, policies.MostRecent} {
		e := newEngine(t, policies.Config{Algorithm: a})
		for i := range oracleRuns(t) / 40 {
			c := chance{rand.New(rand.NewPCG(s, uint64(i)))}
			req, records := c.request(), c.records()
			all, err := e.DecideUnfiltered(t.Context(), req, records)
			if err != nil {
				t.Fatal(err)
			}
			var some []policies.Record
			for _, r := range records {
				if policies.Relevant(req, e.Shape(r.Consent)) {
					some = append(some, r)
				}
			}
			dropped += len(records) - len(some)
			got := decide(t, e, req, records...)
			for _, d := range []*policies.Decision{&all, &got} {
				d.Reasons, d.Sentence = nil, policies.Sentence{}
				d.NextBoundary = 0 // what does not matter begins and ends unnoticed
				for j := range d.Resources {
					d.Resources[j].Reasons = nil
				}
			}
			if diff := cmp.Diff(answer(all), answer(got)); diff != "" {
				t.Fatalf("question %d: %s", i, diff)
			}
		}
	}
	if dropped == 0 {
		t.Error("nothing was left out")
	}
}

// TestMemoChangesNothing asks each question at several instants, by several names, of an engine that remembers and of one
// that does not, and wants the same answers; between boundaries the answer must not change.
func TestMemoChangesNothing(t *testing.T) {
	s, hits := seed(t), 0
	memo, fresh := newEngine(t, policies.Config{}), newEngine(t, policies.Config{MemoEntries: -1})
	for i := range oracleRuns(t) / 100 {
		c := chance{rand.New(rand.NewPCG(s, uint64(i)))}
		req, records := c.request(), c.records()
		for range 4 {
			req.Now = consent.Millis(c.IntN(60))
			req.Actors = append(req.Actors, "Practitioner/nobody-names-me")
			got, want := decide(t, memo, req, records...), decide(t, fresh, req, records...)
			if got.Memo {
				hits++
			}
			if diff := cmp.Diff(answer(want), answer(got)); diff != "" {
				t.Fatalf("question %d: %s", i, diff)
			}
			if req.Now+1 >= got.NextBoundary {
				continue
			}
			req.Now = got.NextBoundary - 1
			if later := decide(t, fresh, req, records...); answer(later) != answer(got) {
				t.Fatalf("question %d: the answer changes before %d: %s", i, got.NextBoundary, cmp.Diff(answer(got), answer(later)))
			}
		}
	}
	if hits == 0 {
		t.Error("nothing was remembered")
	}
}

// TestMemoIsBounded asks more than there is room for, at once from several sides.
func TestMemoIsBounded(t *testing.T) {
	e := newEngine(t, policies.Config{MemoEntries: 16})
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range 60 {
				record := grant("c1", "TREAT")
				record.Consent.Provisions[0].Labels = codings("x", strings.Repeat("k", i+1))
				d, err := e.Decide(t.Context(), ask("TREAT"), []policies.Record{record})
				if err != nil || d.Decision != policies.Permit {
					t.Errorf("worker %d: %v %+v", w, err, d)
				}
			}
		})
	}
	wg.Wait()
	if d := decide(t, e, ask("TREAT"), grant("c1", "TREAT")); d.Memo {
		t.Error("a question that was never asked is remembered")
	}
}

// TestShapesAreShared wants consents that say the same to have one shape, whatever else they hold.
func TestShapesAreShared(t *testing.T) {
	e := newEngine(t, policies.Config{})
	a, b := grant("a", "TREAT").Consent, grant("b", "TREAT").Consent
	b.TextHash[0], b.Locale, b.RecordedAt, b.Grantors = 1, "ro", 7, []string{"Patient/alice"}
	x, y := e.Shape(a), e.Shape(b)
	if x != y || e.Shape(grant("c", "HRESCH").Consent) == x {
		t.Error("shapes are not shared by what consents say")
	}
}

// TestArchive wants an archive to decide as its engine did, to be the same each time, and to be refused when it is not whole.
func TestArchive(t *testing.T) {
	e := newEngine(t, policies.Config{})
	file, digest, err := e.Archive()
	if err != nil {
		t.Fatal(err)
	}
	if _, again, err := e.Archive(); err != nil || again != digest {
		t.Errorf("the second archive differs: %v", err)
	}
	old, err := policies.FromArchive(file, policies.Config{Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(answer(decide(t, e, ask("TREAT"), grant("c1", "TREAT"))), answer(decide(t, old, ask("TREAT"), grant("c1", "TREAT")))); diff != "" {
		t.Error(diff)
	}
	for name, bad := range map[string]string{
		"cut":           string(file[:1000]),
		"empty":         "",
		"other format":  strings.Replace(string(file), `{"format":1}`, `{"format":2}`, 1),
		"other policy":  strings.Replace(string(file), "package volens.decision", "package volens.decisive", 1),
		"forbidden":     strings.Replace(string(file), "package volens.purpose\n", "package volens.purpose\nx:=opa.runtime()", 1),
		"foreign files": strings.Replace(string(file), "data.json", "data.exe.", 1),
	} {
		if bad == string(file) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if e, err := policies.FromArchive([]byte(bad), policies.Config{}); err == nil {
			if d, err := e.Decide(t.Context(), ask("TREAT"), []policies.Record{grant("c1", "TREAT")}); err == nil {
				t.Errorf("%s: decides %s", name, d.Decision)
			}
		}
	}
}
