package proxy_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/fhir/proxy"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/label"
	"github.com/volens-ledger/volens/policies/minimise"
)

// front is a node in front of a FHIR server, with Alice, who is Patient/alice there.
type front struct {
	t     testing.TB
	w     *nodetest.World
	base  string
	alice *consenttest.Subject
	me    *client.Client
	scope string
}

// otherwiseNormal labels as the default rules do, and takes the rest for normal: this server's data was looked at.
func otherwiseNormal(t testing.TB) *label.Labeller {
	t.Helper()
	table, err := label.ParseTable([]byte(`{
	 "rules": [{"labels": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "SUD"}], "codes": ["http://snomed.info/sct#724713006"]}],
	 "confidentialityRules": [{"labels": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}],
	  "codes": ["http://terminology.hl7.org/CodeSystem/v3-ActCode#SUD"]}],
	 "otherwise": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	return label.New(table)
}

func newFront(t testing.TB, upstream string, needs *minimise.Table) *front {
	t.Helper()
	return newFrontWith(t, upstream, func(c *node.Config) { c.Needs = needs })
}

func newFrontWith(t testing.TB, upstream string, change func(*node.Config)) *front {
	t.Helper()
	w := nodetest.Start(t, change)
	base, err := w.Node.Front(context.Background(), "127.0.0.1:0", proxy.Config{Upstream: upstream, Labels: otherwiseNormal(t)})
	if err != nil {
		t.Fatal(err)
	}
	f := &front{t: t, w: w, base: base, scope: "system/*.cruds"}
	f.alice, f.me = w.Enrol("alice")
	return f
}

// consents is what Alice permits Rosa: treatment, research and emergencies, to see and to change, nothing that is restricted, no
// conditions.
func consents() consent.Consent {
	c := consenttest.PurposeConsent(consenttest.RosaInstitute, "TREAT", 0)
	c.Provisions[0].Purposes = consenttest.Purposes("TREAT", "HRESCH", "BTG")
	c.Provisions = append(c.Provisions,
		consent.Provision{Effect: consent.Deny, Labels: []consent.Coding{{System: policies.SystemConfidentiality, Code: "R"}}},
		consent.Provision{Effect: consent.Deny, ResourceTypes: []consent.Coding{{System: policies.SystemResourceType, Code: "Condition"}}},
	)
	return c
}

func (f *front) grant() {
	f.t.Helper()
	m := f.alice.Grant(consents())
	if _, err := f.me.Submit(context.Background(), m); err != nil {
		f.t.Fatal(err)
	}
	f.alice.Moved(m)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	bundle bundle
}

type bundle struct {
	ResourceType string
	Type         string
	Total        *int
	Link         []struct{ Relation, URL string }
	Entry        []struct {
		FullURL  string
		Response struct{ Status, ETag, Location string }
		Resource struct {
			ResourceType, ID string
			Meta             struct{ Tag, Security []consent.Coding }
		}
	}
}

// names are the resources of a Bundle, sorted.
func (a *answer) names() []string {
	names := []string{}
	for _, e := range a.bundle.Entry {
		names = append(names, e.Resource.ResourceType+"/"+e.Resource.ID)
	}
	slices.Sort(names)
	return names
}

func (a *answer) link(relation string) string {
	for _, l := range a.bundle.Link {
		if l.Relation == relation {
			return l.URL
		}
	}
	return ""
}

// ask asks as Rosa. Headers are "name: value"; a purpose comes with every request.
func (f *front) ask(method, path, body string, headers ...string) answer {
	f.t.Helper()
	token, err := f.w.Client().Token(context.Background(), client.Credentials{
		Member: consenttest.RosaInstitute, Key: consenttest.Persona(string(consenttest.RosaInstitute)), Scope: f.scope,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return f.askWith(token.AccessToken, method, path, body, headers...)
}

func (f *front) askWith(token, method, path, body string, headers ...string) answer {
	f.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = f.base + "/" + path
	}
	req, err := http.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set(proxy.PurposeHeader, "TREAT")
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Set(name, value)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	a := answer{status: res.StatusCode, header: res.Header, body: string(b)}
	if strings.Contains(a.body, `"resourceType":"Bundle"`) {
		if err := json.Unmarshal(b, &a.bundle); err != nil {
			f.t.Fatalf("%v in %s", err, b)
		}
	}
	return a
}

// uses are the decisions of Alice's chain, oldest first.
func (f *front) uses() []proof.Use {
	f.t.Helper()
	page, err := f.me.UsesPage(context.Background(), api.UsesQuery{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	var out []proof.Use
	for _, u := range page.Entries {
		if u.Use.Kind == proof.Decision {
			out = append(out, u.Use)
		}
	}
	slices.Reverse(out)
	return out
}

// hostile is a FHIR server whose answers the test writes.
type hostile struct {
	*httptest.Server
	answers map[string]string // by path and query below /fhir; {base} is its address
	asked   []*http.Request
}

func newHostile(t testing.TB) *hostile {
	t.Helper()
	h := &hostile{answers: map[string]string{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.asked = append(h.asked, r)
		body, ok := h.answers[strings.TrimPrefix(r.URL.RequestURI(), "/fhir/")]
		w.Header().Set("Content-Type", "application/fhir+json")
		w.Header().Set("X-Total-Count", "42")
		w.Header().Set("Server", "hostile")
		if !ok || r.Header.Get("If-None-Match") != "" {
			w.WriteHeader(http.StatusNotFound)
		}
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "{base}", h.URL+"/fhir"))
	}))
	t.Cleanup(h.Close)
	return h
}

func observation(id, more string) string {
	if !strings.Contains(more, `"subject"`) {
		more += `,"subject":{"reference":"Patient/alice"}`
	}
	return `{"resourceType":"Observation","id":"` + id + `","status":"final","code":{"text":"x"}` + more + `}`
}

func searchset(more string, resources ...string) string {
	for i, r := range resources {
		resources[i] = `{"resource":` + r + `}`
	}
	return `{"resourceType":"Bundle","type":"searchset","entry":[` + strings.Join(resources, ",") + `]` + more + `}`
}
