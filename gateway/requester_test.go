package gateway_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
)

// TestNobody checks that who does not exist, who was erased and who is another member's are one to a requester.
func TestNobody(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	carol, carols := w.Enrol("p2")
	names := map[string]string{
		"never there": strings.Repeat("ab", 16), "another member's": w.Pseudonym(alice, consenttest.BobPractice),
		"a handle": alice.Handle.String(), "erased": w.Pseudonym(carol, consenttest.RosaInstitute),
	}
	w.submit(carols, carol, carol.Erase())
	text := "Please?"
	asked := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	asked.TextHash = hash(text)
	token := w.token(consenttest.RosaInstitute, "")
	position, uses := w.Node.Ledger.Position(), w.Node.Uses.Count()
	bodies := map[string]func(name string) any{
		api.PathAccess: func(n string) any { return api.AccessRequest{Subject: n, Purpose: consent.Coding{Code: "HRESCH"}} },
		api.PathFetch:  func(n string) any { return api.AccessRequest{Subject: n, Purpose: consent.Coding{Code: "HRESCH"}} },
		api.PathAsk:    func(n string) any { return api.ConsentRequest{Subject: n, Consent: asked, Text: text} },
		api.PathAccessBatch: func(n string) any {
			return api.Batch{Requests: []api.AccessRequest{{Subject: n, Purpose: consent.Coding{Code: "HRESCH"}}}}
		},
		api.PathEvaluation: func(n string) any { return evaluation(n) },
	}
	for path, body := range bodies {
		var want *reply
		for name, n := range names {
			r := w.post(path, token, body(n))
			r.Header.Del("Date")
			if want == nil {
				want = &r
			}
			if d := cmp.Diff(string(want.body), string(r.body)) + cmp.Diff(want.Header, r.Header); d != "" || want.StatusCode != r.StatusCode {
				t.Errorf("%s: %s differs: %d and %d\n%s", path, name, want.StatusCode, r.StatusCode, d)
			}
		}
	}
	if w.Node.Uses.Count() != uses || w.Node.Ledger.Position() != position {
		t.Error("asking for nobody left a trace")
	}

	// The same for messages and claims.
	stranger := w.patient(alice)
	var want *reply
	for name, h := range map[string]consent.SubjectID{"never there": w.Rand.Handle(), "erased": carol.Handle, "another's": w.mustEnrol("p3")} {
		m := alice.Sign(&consent.RevokeAll{Handle: h, Seq: 2, Prev: w.Rand.Hash(), Salt: w.Rand.Hash()})
		r := w.post(api.PathMessages, stranger, m)
		claim := consenttest.Subject{Handle: h, Seq: 1, Key: alice.Key, KeySalt: w.Rand.Hash(), Code: "WRONG-CODE"}
		c := w.post(api.PathClaims, "", api.Claim{Message: w.Adopt(claim).Claim()})
		r.body = append(r.body, c.body...)
		if want == nil {
			want = &r
		}
		if string(want.body) != string(r.body) || r.StatusCode != http.StatusNotFound || c.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d %s", name, r.StatusCode, r.body)
		}
	}
	_, err := w.Member(consenttest.RosaInstitute).Access(ctx, api.AccessRequest{Subject: "Alice", Purpose: consent.Coding{Code: "HRESCH"}})
	w.wants(err, consent.Malformed)
}

// mustEnrol opens a subject that nobody has claimed.
func (w *world) mustEnrol(id string) consent.SubjectID {
	w.t.Helper()
	e, err := w.Member(consenttest.CityHospital).Enrol(context.Background(), api.Enrolment{LocalID: id})
	w.must(err)
	return e.Handle
}

func evaluation(subject string) map[string]any {
	return map[string]any{
		"subject": map[string]any{"type": "user", "id": "Practitioner/rosa"}, "action": map[string]any{"name": "access"},
		"resource": map[string]any{"type": "patient", "id": subject}, "context": map[string]any{"purpose": "HRESCH"},
	}
}

// TestBatch checks that answers come in order, that a subject who is not there spoils nothing, and that a request that is
// not in form leaves no trace of the others.
func TestBatch(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	rosa, yes := w.Member(consenttest.RosaInstitute), w.research(alice)
	nobody, no, malformed := yes, yes, yes
	nobody.Subject, no.Purpose, malformed.Actor.Reference = strings.Repeat("0", 32), consent.Coding{Code: "HMARKT"}, "Organization/city-hospital"
	got, err := rosa.Batch(ctx, []api.AccessRequest{no, nobody, yes, yes})
	w.must(err)
	for i, want := range []string{policies.Deny, policies.Deny, policies.Permit, policies.Permit} {
		if got[i].Decision.Decision != want || (got[i].Use == nil) != (i == 1) {
			t.Errorf("answer %d: %+v", i, got[i])
		}
	}
	if got[2].Use.UseSeq+1 != got[3].Use.UseSeq {
		t.Errorf("uses %d and %d", got[2].Use.UseSeq, got[3].Use.UseSeq)
	}
	count := w.Node.Uses.Count()
	for name, rs := range map[string][]api.AccessRequest{"none": {}, "one malformed": {yes, malformed}, "too many": make([]api.AccessRequest, 101)} {
		if _, err := rosa.Batch(ctx, rs); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if w.Node.Uses.Count() != count {
		t.Error("a batch that was refused left a trace")
	}
}

func TestAuthZEN(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(types(consenttest.ResearchConsent(consenttest.RosaInstitute, 0), "Observation")))
	rosa, name := w.Member(consenttest.RosaInstitute), w.Pseudonym(alice, consenttest.RosaInstitute)
	type answer struct {
		Decision bool       `json:"decision"`
		Context  api.Access `json:"context"`
	}
	ask := func(body any) (one answer, many []answer) {
		t.Helper()
		b, err := json.Marshal(body)
		w.must(err)
		var raw json.RawMessage
		for range faults { // see faults
			raw, err = rosa.Evaluations(ctx, b)
			w.must(err)
			if !strings.Contains(string(raw), `"code":"fault"`) {
				break
			}
		}
		var out struct {
			answer
			Evaluations []answer `json:"evaluations"`
		}
		w.must(json.Unmarshal(raw, &out))
		return out.answer, out.Evaluations
	}
	patient := func(kinds ...string) map[string]any {
		return map[string]any{"type": "patient", "id": name, "properties": map[string]any{"resourceTypes": kinds}}
	}
	e := evaluation(name)
	if one, many := ask(e); !one.Decision || many != nil || one.Context.Use == nil {
		t.Errorf("without evaluations: %+v %+v", one, many)
	}
	e["evaluations"] = []any{
		map[string]any{},
		map[string]any{"resource": patient("Condition")},
		map[string]any{"resource": patient("Observation")},
		map[string]any{"context": map[string]any{"purpose": "HMARKT"}},
		map[string]any{"resource": map[string]any{"type": "patient", "id": strings.Repeat("0", 32)}},
	}
	_, many := ask(e)
	var got []bool
	for _, a := range many {
		got = append(got, a.Decision)
	}
	if d := cmp.Diff([]bool{true, false, true, false, false}, got); d != "" {
		t.Error(d)
	}
	for id, want := range map[string]string{"trace-1.x": "trace-1.x", "Alice Liddell": "", strings.Repeat("x", 65): ""} {
		b, err := json.Marshal(evaluation(name))
		w.must(err)
		r := w.send(http.MethodPost, api.PathEvaluation, w.token(consenttest.RosaInstitute, ""), b, "X-Request-ID", id)
		if got := r.Header.Get("X-Request-ID"); got != want || r.StatusCode != http.StatusOK || w.uses(alice, me)[0].RequestID != want {
			t.Errorf("request id %q comes back as %q", id, got)
		}
	}
	e["evaluations"] = []any{map[string]any{"context": map[string]any{"purpose": "HMARKT"}}}
	ask(e)
	us := w.uses(alice, me)
	if us[0].Channel != "authzen" || us[0].Decision != proof.Deny || us[0].Purpose.Code != "HMARKT" {
		t.Errorf("on record: %+v", us[0])
	}
	for name, bad := range map[string]string{
		"no purpose":       `{"subject":{"type":"user","id":"Practitioner/r"},"action":{"name":"access"},"resource":{"type":"patient","id":"` + name + `"}}`,
		"no subject":       `{"action":{"name":"access"},"resource":{"type":"patient","id":"` + name + `"},"context":{"purpose":"HRESCH"}}`,
		"another semantic": `{"evaluations":[],"options":{"evaluations_semantic":"deny_on_first_deny"}}`,
		"not a patient":    `{"subject":{"type":"user","id":"Practitioner/r"},"action":{"name":"access"},"resource":{"type":"record","id":"1"},"context":{"purpose":"HRESCH"}}`,
	} {
		if _, err := rosa.Evaluations(ctx, json.RawMessage(bad)); consent.CodeOf(err) != consent.Malformed {
			t.Errorf("%s: %v", name, err)
		}
	}
	var where map[string]string
	decode(t, w.send(http.MethodGet, "/.well-known/authzen-configuration", "", nil), &where)
	if where["access_evaluations_endpoint"] != w.Node.URL()+api.PathEvaluations {
		t.Errorf("%v", where)
	}
}

// TestEmergency checks that breaking the glass needs a consent that says so and a reason, and stands out on the record.
func TestEmergency(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "BTG", 0)))
	bob := w.Member(consenttest.BobPractice)
	req := api.AccessRequest{
		Subject: w.Pseudonym(alice, consenttest.BobPractice), Purpose: consent.Coding{Code: "BTG"}, Actor: api.Actor{Reference: "Practitioner/bob"},
	}
	_, err := bob.Access(ctx, req)
	w.wants(err, consent.Malformed)
	req.Emergency = "unconscious after a fall"
	a := w.decides(bob, req, policies.Permit)
	us := w.uses(alice, me)
	if us[0].Emergency != req.Emergency || us[0].UseSeq != a.Use.UseSeq || us[0].Actors[0] != "Practitioner/bob" || us[0].Requester != consenttest.BobPractice {
		t.Fatalf("%+v", us[0])
	}
	page, err := w.Member(consenttest.AurelAudit).AuditUses(ctx, api.AuditFilter{Emergency: true})
	if err != nil || len(page.Rows) != 1 || !page.Rows[0].Emergency || page.Rows[0].Index != a.Use.Index {
		t.Fatalf("%+v, %v", page, err)
	}
}

// TestConfigured checks the implicit policies and the algorithms as a node is set up with them.
func TestConfigured(t *testing.T) {
	treat := func(w *world, s *consenttest.Subject, purpose string) api.AccessRequest {
		return api.AccessRequest{Subject: w.Pseudonym(s, consenttest.BobPractice), Purpose: consent.Coding{Code: purpose}, Emergency: "a fall"}
	}
	for implicit, want := range map[policies.Implicit][3]string{
		policies.ImplicitDeny:           {policies.Deny, policies.Deny, policies.Deny},
		policies.ImplicitBasicNormal:    {policies.Permit, policies.Deny, policies.Deny},
		policies.ImplicitAllNormal:      {policies.Permit, policies.Permit, policies.Deny},
		policies.ImplicitBreakGlassOnly: {policies.Deny, policies.Deny, policies.Permit},
	} {
		t.Run(string(implicit), func(t *testing.T) {
			t.Parallel()
			w := start(t, func(c *node.Config) { c.Implicit = implicit })
			alice, me := w.Enrol("p1")
			bob := w.Member(consenttest.BobPractice)
			for i, purpose := range []string{"TREAT", "HOPERAT", "BTG"} {
				a := w.decides(bob, treat(w, alice, purpose), want[i])
				if a.Implicit != implicit || a.ConsentDecision != policies.NoConsent {
					t.Errorf("%s: %+v", purpose, a)
				}
			}
			w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
			for _, purpose := range []string{"TREAT", "HOPERAT", "BTG"} { // with a consent there is nothing implicit any more
				w.decides(bob, treat(w, alice, purpose), policies.Deny)
			}
			info, err := w.Client().Ledger(context.Background())
			if err != nil || info.Implicit != implicit || info.Algorithm != policies.DenyOverrides {
				t.Errorf("%+v, %v", info, err)
			}
		})
	}
	for algorithm, want := range map[policies.Algorithm]string{policies.DenyOverrides: policies.Deny, policies.MostRecent: policies.Permit} {
		t.Run(string(algorithm), func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			w := start(t, func(c *node.Config) { c.Algorithm, c.Now = algorithm, clock.now })
			alice, me := w.Enrol("p1")
			no := consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)
			no.Provisions[0].Effect = consent.Deny
			w.submit(me, alice, alice.Grant(no))
			w.decides(w.memberAt(consenttest.BobPractice, clock), treat(w, alice, "TREAT"), policies.Deny)
			w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)))
			if a := w.decides(w.memberAt(consenttest.BobPractice, clock), treat(w, alice, "TREAT"), want); a.Algorithm != algorithm {
				t.Errorf("%+v", a)
			}
		})
	}
}

// TestPairwise checks that what two members see of one patient has nothing in common.
func TestPairwise(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("MRN-4711")
	w.Store["MRN-4711"] = []json.RawMessage{json.RawMessage(`{"resourceType":"Observation","id":"bp","status":"final"}`)}
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "TREAT", 0)))
	seen := map[consent.MemberID]string{}
	for member, purpose := range map[consent.MemberID]string{consenttest.RosaInstitute: "HRESCH", consenttest.BobPractice: "TREAT"} {
		name := w.Pseudonym(alice, member)
		a, err := w.Member(member).Fetch(ctx, api.AccessRequest{Subject: name, Purpose: consent.Coding{Code: purpose}})
		w.must(err)
		if a.Decision.Decision != policies.Permit || len(a.Data) != 1 {
			t.Fatalf("%+v", a)
		}
		b, err := json.Marshal(a)
		w.must(err)
		seen[member] = name + string(b)
		for _, secret := range []string{alice.Handle.String(), "MRN-4711", fmt.Sprintf("%x", alice.Key.Address())} {
			if strings.Contains(seen[member], secret) {
				t.Errorf("%s sees %s", member, secret)
			}
		}
		if again := w.Pseudonym(alice, member); again != name {
			t.Errorf("the pseudonym changed from %s to %s", name, again)
		}
	}
	for _, id := range ids(seen[consenttest.RosaInstitute]) {
		if strings.Contains(seen[consenttest.BobPractice], id) && !shared(w, id) {
			t.Errorf("both see %s", id)
		}
	}
}

// ids are the long hex texts in a text.
func ids(text string) []string {
	var out []string
	for _, f := range strings.FieldsFunc(text, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef", r) }) {
		if len(f) >= 16 {
			out = append(out, f)
		}
	}
	return out
}

// shared says of an id that it names the gateway's policies and no person.
func shared(w *world, id string) bool {
	p, c := w.Node.Engine.Digests()
	return id == consent.Hash(p).String() || id == consent.Hash(c).String()
}

// TestFetch checks that what is withheld is not in the answer.
func TestFetch(t *testing.T) {
	ctx := context.Background()
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	secret := `{"resourceType":"Condition","id":"secret","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}}`
	w.Store["p1"] = []json.RawMessage{json.RawMessage(`{"resourceType":"Observation","id":"bp"}`), json.RawMessage(secret)}
	w.submit(me, alice, alice.Grant(types(consenttest.ResearchConsent(consenttest.RosaInstitute, 0), "Observation")))
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	a, err := rosa.Fetch(ctx, ask)
	w.must(err)
	b, err := json.Marshal(a)
	w.must(err)
	if len(a.Data) != 1 || len(a.Resources) != 1 || strings.Contains(string(b), "secret") || strings.Contains(string(b), "Condition") {
		t.Fatalf("%s", b)
	}
	us := w.uses(alice, me)
	if d := cmp.Diff([]string{"Observation/bp"}, us[0].Resources); d != "" || us[0].Decision != proof.Permit {
		t.Errorf("on record: %+v", us[0])
	}
	if n := len(us[0].Reasons); n == 0 || us[0].Reasons[n-1].Code != "withheld" || reason(a.Decision, "withheld") {
		t.Errorf("that something was withheld is for the record alone: %+v, %+v", us[0].Reasons, a.Reasons)
	}
	re, err := w.Member(consenttest.AurelAudit).Replay(ctx, api.ReplayRequest{Index: a.Use.Index})
	if err != nil || !re.Same {
		t.Errorf("replay %+v, %v", re, err)
	}
	ask.Resources = []policies.Resource{{Type: "Condition", ID: "secret"}}
	withheld, err := rosa.Fetch(ctx, ask)
	w.must(err)
	if us := w.uses(alice, me); us[0].Decision != proof.Deny || us[0].Resources[0] != "Condition/secret" || us[0].Labels[0].Code != "R" {
		t.Errorf("what was withheld is on record as %+v", us[0])
	}
	ask.Resources[0].ID = "none"
	none, err := rosa.Fetch(ctx, ask)
	w.must(err)
	withheld.Use, none.Use, withheld.InputDigest, none.InputDigest, withheld.Memo, none.Memo = nil, nil, "", "", false, false
	if d := cmp.Diff(withheld, none); d != "" || len(none.Data) != 0 {
		t.Errorf("what is withheld and what is not there differ: %s", d)
	}
}

// TestFetchMinimised: what flows is what was asked for, the purpose needs and the patient granted, and says that it is not whole.
func TestFetchMinimised(t *testing.T) {
	ctx := context.Background()
	w := start(t, func(c *node.Config) {
		table, err := minimise.ParseTable([]byte(`{"purposes": {"HRESCH": {"Observation": ["value", "device"], "Goal": ["*"]}}}`))
		if err != nil {
			t.Fatal(err)
		}
		c.Needs = table
	})
	alice, me := w.Enrol("p1")
	w.Store["p1"] = []json.RawMessage{
		json.RawMessage(`{"resourceType":"Observation","id":"hr","status":"final","code":{},"valueInteger":61,"device":{"reference":"Device/1"},"note":[{"text":"private"}]}`),
		json.RawMessage(`{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"walk"},"subject":{"reference":"Patient/1"},"note":[]}`),
		json.RawMessage(`{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/1"}}`),
	}
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	rosa, ask := w.Member(consenttest.RosaInstitute), w.research(alice)
	fetch := func() (out []string) {
		t.Helper()
		a, err := rosa.Fetch(ctx, ask)
		w.must(err)
		for _, b := range a.Data {
			out = append(out, string(b))
		}
		re, err := w.Member(consenttest.AurelAudit).Replay(ctx, api.ReplayRequest{Index: a.Use.Index})
		if err != nil || !re.Same {
			t.Errorf("replay %+v, %v", re, err)
		}
		return out
	}
	subsetted := `"meta":{"tag":[{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}]}`
	if d := cmp.Diff([]string{
		`{"code":{},"device":{"reference":"Device/1"},"id":"hr",` + subsetted + `,"resourceType":"Observation","status":"final","valueInteger":61}`,
		`{"resourceType":"Goal","id":"g","lifecycleStatus":"active","description":{"text":"walk"},"subject":{"reference":"Patient/1"},"note":[]}`,
	}, fetch()); d != "" {
		t.Error(d)
	}
	us := w.uses(alice, me) // the newest is the replay
	if d := cmp.Diff([]string{"MINEC", "NOPERSISTP"}, us[1].Obligations); d != "" || !slices.ContainsFunc(us[1].Reasons, func(r proof.Reason) bool {
		return r.Text == "Left out of Observation/hr: note."
	}) {
		t.Errorf("%s, on record as %+v", d, us[1])
	}
	ask.Elements = []string{"value", "note"}
	if d := cmp.Diff([]string{
		`{"code":{},"id":"hr",` + subsetted + `,"resourceType":"Observation","status":"final","valueInteger":61}`,
		`{"description":{"text":"walk"},"id":"g","lifecycleStatus":"active",` + subsetted + `,"note":[],"resourceType":"Goal","subject":{"reference":"Patient/1"}}`,
	}, fetch()); d != "" {
		t.Error(d)
	}
	ask.Summary = "count"
	if _, err := rosa.Fetch(ctx, ask); consent.CodeOf(err) != consent.Malformed {
		t.Errorf("a summary that counts: %v", err)
	}
}
