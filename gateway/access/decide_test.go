package access_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/access"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/replica"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
)

// scene is a service on a node's parts, past HTTP.
type scene struct {
	*nodetest.World
	t       *testing.T
	service *access.Service
	names   access.Pseudonyms
}

func start(t *testing.T, change func(*node.Config)) *scene {
	t.Helper()
	s := &scene{World: nodetest.Start(t, change), t: t, names: access.NewPseudonyms([32]byte{7})}
	s.open()
	return s
}

func (s *scene) open() {
	n := s.Node
	needs, err := minimise.Default()
	s.must(err)
	s.service = access.New(access.Config{Replica: n.Replica, Engine: n.Engine, Uses: n.Uses, Pseudonyms: s.names, Needs: needs})
}

func (s *scene) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) grant(who *consenttest.Subject, me *client.Client, c consent.Consent) {
	s.t.Helper()
	m := who.Grant(c)
	_, err := me.Submit(context.Background(), m)
	s.must(err)
	who.Moved(m)
}

var rosa = access.Requester{Member: consenttest.RosaInstitute, Roles: []string{"researcher"}, Channel: "rest", Client: "192.0.2.1"}

func (s *scene) request(who *consenttest.Subject) api.AccessRequest {
	s.t.Helper()
	name, err := s.names.Of(rosa.Member, who.Handle)
	s.must(err)
	return api.AccessRequest{Subject: name, Purpose: consent.Coding{Code: "HRESCH"}, RequestID: "r-1"}
}

func (s *scene) decide(req api.AccessRequest) *access.Answer {
	s.t.Helper()
	a, err := s.service.Decide(context.Background(), rosa, req, nil)
	s.must(err)
	a.Done()
	return a
}

// record is the use of an answer as it is on record.
func (s *scene) record(a *access.Answer) proof.Use {
	s.t.Helper()
	u, _, err := s.Node.Uses.Open(a.Use.Index)
	s.must(err)
	return u
}

// TestRecord checks that the record says of a decision what accounting for disclosures asks for.
func TestRecord(t *testing.T) {
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	s.grant(alice, me, consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	req := s.request(alice)
	req.Actor = api.Actor{Reference: "Practitioner/rosa", Groups: []string{"Group/lab"}}
	label := consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", Code: "N"}
	req.Resources = []policies.Resource{{Type: "Observation", ID: "1", Labels: []consent.Coding{label}}, {Type: "Condition", ID: "2", Labels: []consent.Coding{label}}}
	a := s.decide(req)
	u := s.record(a)
	if a.Decision.Decision != policies.Permit || u.Decision != proof.Permit || u.Requester != rosa.Member || u.Client != rosa.Client || u.Channel != "rest" ||
		u.RequestID != "r-1" || u.Purpose.Code != "HRESCH" || u.Action.Code != "access" || u.Handle != alice.Handle || u.Kind != proof.Decision {
		t.Errorf("%+v", u)
	}
	if fmt.Sprint(u.Actors, u.Resources, u.Labels, u.Consents, u.Roles) != fmt.Sprint(
		[]string{"Practitioner/rosa", "Group/lab"}, []string{"Observation/1", "Condition/2"}, []consent.Coding{label}, []consent.Uint64{3}, []consent.Coding{{Code: "researcher"}}) {
		t.Errorf("%+v", u)
	}
	if u.PolicyDigest.IsZero() || u.CodesDigest.IsZero() || u.Position == 0 || u.Algorithm != string(policies.DenyOverrides) || u.Sentence.Text == "" || len(u.Reasons) == 0 || u.InputHash.IsZero() {
		t.Errorf("%+v", u)
	}
}

// TestFaultsDeny checks that a request that is given up, and an engine that has no time, deny.
func TestFaultsDeny(t *testing.T) {
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	s.grant(alice, me, consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	if a, err := s.service.Decide(gone, rosa, s.request(alice), nil); err == nil {
		defer a.Done()
		if a.Decision.Decision == policies.Permit && !a.Memo {
			t.Errorf("%+v", a)
		}
	}
	slow, err := policies.New(policies.Config{Timeout: 1, MemoEntries: -1})
	s.must(err)
	n := s.Node
	s.service = access.New(access.Config{Replica: n.Replica, Engine: slow, Uses: n.Uses, Pseudonyms: s.names})
	a := s.decide(s.request(alice))
	if u := s.record(a); a.Decision.Decision != policies.Deny || u.Decision != proof.Deny || u.Reasons[0].Code != "fault" || len(a.Obligations) != 0 {
		t.Errorf("%+v as %+v", a, u)
	}
	s.open()
	if a := s.decide(s.request(alice)); a.Decision.Decision != policies.Permit {
		t.Errorf("%+v", a)
	}
}

// TestPermits checks the count of uses under a limited consent, over more uses than one page of the log holds.
func TestPermits(t *testing.T) {
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	limited := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	limited.MaxUses = 1100
	s.grant(alice, me, limited)
	req := s.request(alice)
	other := req
	other.Purpose.Code = "HMARKT"
	var all sync.WaitGroup
	var mu sync.Mutex
	permits := 0
	for worker := range 8 {
		all.Go(func() {
			for i := range 150 {
				r := req
				if i%30 == worker {
					r = other
				}
				a, err := s.service.Decide(context.Background(), rosa, r, nil)
				if err != nil {
					t.Error(err)
					return
				}
				a.Done()
				mu.Lock()
				if a.Decision.Decision == policies.Permit {
					permits++
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	if permits != 1100 {
		t.Fatalf("%d permits of 1100", permits)
	}
	n, err := access.Permits(context.Background(), s.Node.Uses, alice.Handle, alice.Slot)
	if err != nil || n[3] != 1100 || len(n) != 1 {
		t.Errorf("%v, %v", n, err)
	}
	s.Close()
	s.Open()
	s.open()
	if a := s.decide(req); a.Decision.Decision != policies.Deny {
		t.Errorf("after a restart: %+v", a)
	}
	if n, err := access.Permits(context.Background(), s.Node.Uses, s.Rand.Handle(), 4711); err != nil || len(n) != 0 {
		t.Errorf("of nobody: %v, %v", n, err)
	}
}

// TestPart checks a requester that takes what flows: what it gets is on record as a permit, and what it does not get it is
// not told of.
func TestPart(t *testing.T) {
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.Provisions[0].ResourceTypes = []consent.Coding{{System: "http://hl7.org/fhir/resource-types", Code: "Observation"}}
	c.MaxUses = 2
	s.grant(alice, me, c)
	part := rosa
	part.Part = true
	ask := func(kinds ...string) (*access.Answer, proof.Use) {
		t.Helper()
		req := s.request(alice)
		for _, k := range kinds {
			req.Resources = append(req.Resources, policies.Resource{Type: k, ID: "1"})
		}
		a, err := s.service.Decide(context.Background(), part, req, nil)
		s.must(err)
		a.Done()
		return a, s.record(a)
	}
	for range 2 {
		a, u := ask("Condition", "Observation")
		if a.Decision.Decision != policies.Permit || u.Decision != proof.Permit || len(a.Resources) != 1 || u.Resources[0] != "Observation/1" || len(u.Consents) != 1 {
			t.Errorf("%+v on record as %+v", a, u)
		}
	}
	a, u := ask("Condition", "Observation") // the consent is used up
	if a.Decision.Decision != policies.Deny || u.Decision != proof.Deny || len(a.Resources) != 0 || len(u.Resources) != 2 {
		t.Errorf("%+v on record as %+v", a, u)
	}
	c.MaxUses = 0
	s.grant(alice, me, c)
	withheld, u := ask("Condition")
	if u.Decision != proof.Deny || u.Resources[0] != "Condition/1" {
		t.Errorf("on record as %+v", u)
	}
	nothing, u := ask()
	if u.Decision != proof.Deny || withheld.Decision.Decision != policies.Deny || fmt.Sprint(withheld.Decision) != fmt.Sprint(nothing.Decision) {
		t.Errorf("%+v and %+v", withheld.Decision, nothing.Decision)
	}
	// The whole or nothing is what others ask for.
	if a := s.decide(func() api.AccessRequest {
		req := s.request(alice)
		req.Resources = []policies.Resource{{Type: "Condition", ID: "1"}, {Type: "Observation", ID: "1"}}
		return req
	}()); a.Decision.Decision != policies.Deny {
		t.Errorf("%+v", a)
	}
}

// TestResponse checks that an answer of several decisions is one use of a consent, in memory, on record and after a restart.
func TestResponse(t *testing.T) {
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.MaxUses = 2
	s.grant(alice, me, c)
	ask := func(r *access.Response) proof.Use {
		t.Helper()
		who := rosa
		who.Part, who.Response = true, r
		req := s.request(alice)
		req.Resources = []policies.Resource{{Type: "Observation", ID: "1"}}
		a, err := s.service.Decide(context.Background(), who, req, nil)
		s.must(err)
		a.Done()
		u, input, err := s.Node.Uses.Open(a.Use.Index)
		s.must(err)
		if _, detail, err := s.service.Replay(context.Background(), u, input, s.Node.Engine); err != nil && u.Decision == proof.Permit || detail != "" {
			t.Errorf("decided again: %q, %v", detail, err)
		}
		return u
	}
	first, second := new(access.Response), new(access.Response)
	for i, r := range []*access.Response{first, first, second, first, second} {
		u := ask(r)
		last := u.Reasons[len(u.Reasons)-1]
		if goesOn := last.Code == "goes-on" && last.Consent == "3"; u.Decision != proof.Permit || goesOn != (i == 1 || i > 2) {
			t.Errorf("decision %d: %+v", i, u)
		}
	}
	for range 2 {
		if u := ask(new(access.Response)); u.Decision != proof.Deny {
			t.Errorf("a third answer: %+v", u)
		}
		n, err := access.Permits(context.Background(), s.Node.Uses, alice.Handle, alice.Slot)
		if err != nil || n[3] != 2 {
			t.Errorf("counted %v, %v", n, err)
		}
		s.Close()
		s.Open()
		s.open()
	}
}

// TestReplay checks that what was decided can be decided again, and that a record that does not fit is said to.
func TestReplay(t *testing.T) {
	ctx := context.Background()
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	s.grant(alice, me, consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
	a := s.decide(s.request(alice))
	u, input, err := s.Node.Uses.Open(a.Use.Index)
	s.must(err)
	d, detail, err := s.service.Replay(ctx, u, input, s.Node.Engine)
	if err != nil || detail != "" || d.Decision != policies.Permit {
		t.Fatalf("%+v, %q, %v", d, detail, err)
	}
	for want, spoil := range map[string]func(*proof.Use){
		"decision":        func(u *proof.Use) { u.Decision = proof.Deny },
		"consentDecision": func(u *proof.Use) { u.ConsentDecision = policies.ConsentDeny },
		"consents":        func(u *proof.Use) { u.Consents = nil },
		"rules":           func(u *proof.Use) { u.Rules = []string{"1/provision[0]"} },
		"digests":         func(u *proof.Use) { u.PolicyDigest[0]++ },
	} {
		v := u
		spoil(&v)
		if _, detail, err := s.service.Replay(ctx, v, input, s.Node.Engine); err != nil || detail != want {
			t.Errorf("%s: %q, %v", want, detail, err)
		}
	}
	if _, _, err := s.service.Replay(ctx, u, append(input, 0), s.Node.Engine); err == nil {
		t.Error("an input with something after it was read")
	}
	erased := alice.Erase()
	_, err = me.Submit(ctx, erased)
	s.must(err)
	if _, _, err := s.service.Replay(ctx, u, input, s.Node.Engine); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("replay after an erasure: %v", err)
	}
}

// TestMinimised checks that what is left out of each resource is in the answer and on record, and comes out the same when the
// decision is made again; and that what the purpose does not need is withheld.
func TestMinimised(t *testing.T) {
	ctx := context.Background()
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.Provisions = c.Provisions[:1]
	s.grant(alice, me, c)
	part := rosa
	part.Part = true
	req := s.request(alice)
	req.Resources = []policies.Resource{{Type: "Practitioner", ID: "1"}, {Type: "Observation", ID: "1"}, {Type: "Observation", ID: "2"}, {Type: "Device", ID: "1"}}
	req.Present = [][]string{{"name"}, {"note", "valueQuantity"}, {"note", "subject"}, {"type"}}
	a, err := s.service.Decide(ctx, part, req, nil)
	s.must(err)
	a.Done()
	u, input, err := s.Node.Uses.Open(a.Use.Index)
	s.must(err)
	if diff := cmp.Diff([]string{"Observation/1", "Observation/2", "Device/1"}, u.Resources); a.Decision.Decision != policies.Permit || diff != "" {
		t.Fatalf("%+v %s", a.Decision, diff)
	}
	if diff := cmp.Diff([]string{"note"}, a.Resources[0].Masked); diff != "" || a.Resources[2].Masked != nil {
		t.Errorf("%s %+v", diff, a.Resources)
	}
	if !slices.ContainsFunc(u.Reasons, func(r proof.Reason) bool {
		return r.Rule == "M2" && r.Text == "Left out of Observation/1, Observation/2: note."
	}) || fmt.Sprint(u.Obligations) != "[MINEC NOPERSISTP]" {
		t.Errorf("on record as %+v", u)
	}
	d, detail, err := s.service.Replay(ctx, u, input, s.Node.Engine)
	if err != nil || detail != "" || !cmp.Equal(d.Resources, a.Resources) || !cmp.Equal(d.Obligations, a.Obligations) {
		t.Errorf("%+v, %q, %v", d, detail, err)
	}
	u.Reasons = nil
	if _, detail, err := s.service.Replay(ctx, u, input, s.Node.Engine); err != nil || detail != "masked" {
		t.Errorf("%q, %v", detail, err)
	}
	req.Action.Code = "collect" // what is brought is not made smaller
	req.Resources, req.Present = req.Resources[:1], req.Present[:1]
	if a := s.decide(req); len(a.Obligations) > 0 {
		t.Errorf("%+v", a.Obligations)
	}
}

// TestStudy checks that a consent with data use terms, which asks for a visa, permits a study that fits, shown by one, and no
// other; that the record says what was stated, never the passport; and that the decision comes out the same when it is made again.
func TestStudy(t *testing.T) {
	ctx := context.Background()
	s := start(t, nil)
	alice, me := s.Enrol("p1")
	c := consenttest.ResearchConsent(consenttest.RosaInstitute, 0)
	c.Policies = []string{"http://purl.obolibrary.org/obo/DUO_0000006", "http://purl.obolibrary.org/obo/DUO_0000045", policies.SystemVisa + "ResearcherStatus"}
	s.grant(alice, me, c)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	s.must(err)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "1"}}, nil)
	s.must(err)
	jws, err := signer.Sign(fmt.Appendf(nil, `{"iss":"https://b.example","sub":"rosa-secret","iat":1,"exp":%d,"scope":"openid","ga4gh_visa_v1":{"type":"ResearcherStatus","asserted":1,"value":"https://bona.fide","source":"https://uni.example","by":"so"}}`,
		time.Now().Unix()+3600))
	s.must(err)
	visa, err := jws.CompactSerialize()
	s.must(err)
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: &key.PublicKey, KeyID: "1"}}})
	s.must(err)
	rules, err := study.Parse([]byte(`{"issuers":[{"iss":"https://b.example","jwks":` + string(keys) + `,"people":{"rosa-institute":["rosa-secret"]}}],"demands":{"CLINTRCH":[[{"type":"ControlledAccessGrants","by":"const:dac"}]]}}`))
	s.must(err)
	n := s.Node
	s.service = access.New(access.Config{Replica: n.Replica, Engine: n.Engine, Uses: n.Uses, Pseudonyms: s.names, Studies: rules})
	for name, ask := range map[string]struct {
		purpose, passport string
		study             []string
		sentence          string
	}{
		"fits":           {"HRESCH", visa, []string{"DS", "MONDO:0005148", "NPU"}, "permit.consent-permits"},
		"for profit":     {"HRESCH", visa, []string{"HMB"}, "deny.data-use"},
		"no study":       {"HRESCH", visa, nil, "deny.data-use"},
		"kind not named": {"HRESCH", visa, []string{"NPU"}, "deny.data-use-unclear"},
		"no visa":        {"HRESCH", "", []string{"HMB", "NPU"}, "deny.visa"},
		"demanded":       {"CLINTRCH", visa, []string{"HMB", "NPU"}, "visa-demanded"},
	} {
		req := s.request(alice)
		req.Purpose.Code, req.Study, req.Passport = ask.purpose, ask.study, ask.passport
		a := s.decide(req)
		u, input, err := s.Node.Uses.Open(a.Use.Index)
		s.must(err)
		if a.Sentence.Code != ask.sentence || u.Sentence.Code != ask.sentence {
			t.Errorf("%s: %+v", name, a.Decision)
		}
		told := slices.ContainsFunc(u.Reasons, func(r proof.Reason) bool { return r.Code == "visa" && r.Rule == "N2" })
		if told != (ask.passport != "") || bytes.Contains(input, []byte(visa)) || bytes.Contains(input, []byte("rosa-secret")) {
			t.Errorf("%s: on record as %+v", name, u)
		}
		d, detail, err := s.service.Replay(ctx, u, input, s.Node.Engine)
		if name == "demanded" {
			if consent.CodeOf(err) != consent.WrongState {
				t.Errorf("a refusal of the gateway was decided again: %v", err)
			}
			continue
		}
		if err != nil || detail != "" || d.Decision != a.Decision.Decision {
			t.Errorf("%s: %+v, %q, %v", name, d, detail, err)
		}
	}
	trial := consenttest.PurposeConsent(consenttest.RosaInstitute, "CLINTRCH", 0)
	for name, shown := range map[string][]study.Visa{"visa-demanded": nil, "permit.consent-permits": {{Type: "ControlledAccessGrants", By: "dac"}}} {
		who := rosa
		who.Shown = shown
		d, err := s.service.Preview(ctx, alice.Handle, api.Preview{Member: rosa.Member, Purpose: consent.Coding{Code: "CLINTRCH"}, Consent: &trial}, who)
		if err != nil || d.Sentence.Code != name {
			t.Errorf("previewed: %+v, %v, not %s", d.Sentence, err, name)
		}
	}
	req := s.request(alice)
	req.Passport = "not a passport"
	if a, err := s.service.Decide(ctx, rosa, req, nil); consent.CodeOf(err) == "" && a.Decision.Decision == policies.Permit {
		t.Errorf("%+v, %v", a, err)
	}
	req.Study = []string{"cancer"}
	if _, err := s.service.Decide(ctx, rosa, req, nil); consent.CodeOf(err) != consent.Malformed {
		t.Errorf("a term that nobody knows: %v", err)
	}
}

// FuzzInput checks that the sealed input of a use has one form: what can be read is what would be written.
func FuzzInput(f *testing.F) {
	left := consent.Uint64(3)
	f.Add(access.Encode(policies.Request{Actors: []string{"Organization/a"}, Now: 7}, []replica.InForce{{Seq: 3, Date: 5, Attested: true, UsesLeft: &left}, {Seq: 4}}, minimise.Terms{}, study.Claims{}))
	f.Add(access.Encode(policies.Request{}, nil, minimise.Terms{}, study.Claims{}))
	f.Add(access.Encode(policies.Request{}, nil, minimise.Terms{
		Version: minimise.R4, Elements: []string{"code"}, Needs: []minimise.Need{{Type: "Goal", None: true}}, Present: [][]string{{"note"}, nil},
	}, study.Claims{Terms: []string{"DUO:0000042"}, Diseases: []study.Disease{{Name: "MONDO:1"}}, Visas: []study.Visa{{Type: "ResearcherStatus", Expires: 7}}}))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := access.Recode(b)
		if err == nil && !bytes.Equal(again, b) {
			t.Fatalf("%x is written as %x", b, again)
		}
		if err != nil && consent.CodeOf(err) != consent.Malformed {
			t.Fatalf("%v", err)
		}
	})
}
