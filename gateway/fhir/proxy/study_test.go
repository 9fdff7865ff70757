package proxy_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/fhir/proxy"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/passport/passporttest"
	"github.com/volens-ledger/volens/policies/study"
)

// lines is a log that can be read while it is written.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// researched is a front whose custodian believes a broker: Rosa is its subject rosa, and Bob's practice has a researcher there, too.
func researched(t *testing.T) (*front, *passporttest.Broker, *lines) {
	t.Helper()
	b := passporttest.New(t, "https://broker.example")
	b.From, b.Until = time.Now().Unix()-60, time.Now().Unix()+3600
	raw, err := json.Marshal(map[string]any{"issuers": []any{
		b.Known(map[string][]string{"rosa-institute": {"rosa"}, "bob-practice": {"bob"}}, map[string][]string{"rosa-institute": {"rosa-app"}}),
	}})
	if err != nil {
		t.Fatal(err)
	}
	rules, err := study.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	h := newHostile(t)
	h.answers["Observation/1"], h.answers["Observation"] = observation("1", ""), searchset("", observation("1", ""))
	log := &lines{}
	f := newFrontWith(t, h.URL+"/fhir", func(c *node.Config) { c.Studies, c.Log = rules, slog.New(slog.NewTextHandler(log, nil)) })
	k := consents()
	k.Policies = []string{"http://purl.obolibrary.org/obo/DUO_0000006", "http://purl.obolibrary.org/obo/DUO_0000045", policies.SystemVisa + "ResearcherStatus"}
	m := f.alice.Grant(k)
	if _, err := f.me.Submit(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	return f, b, log
}

// sent is one question in the words of one of the ways to ask.
type sent struct {
	method, url, contentType, body string
	header                         map[string]string
}

// ways are the ways to ask for the same: an observation of Alice for research, with a study and a passport. The proxy's requests have
// no place for a passport, its tokens stand for one.
func (f *front) ways(terms []string, pass string) map[string]sent {
	pseudonym := f.w.Pseudonym(f.alice, consenttest.RosaInstitute)
	encoded := func(v any) string {
		b, err := json.Marshal(v)
		if err != nil {
			f.t.Fatal(err)
		}
		return string(b)
	}
	normal := policies.Resource{Type: "Observation", ID: "1", Labels: []consent.Coding{{System: policies.SystemConfidentiality, Code: "N"}}}
	parameters := []any{
		map[string]any{"name": "patient", "valueReference": map[string]string{"reference": "Patient/" + pseudonym}},
		map[string]any{"name": "purpose", "valueCode": "HRESCH"},
		map[string]any{"name": "resource", "resource": json.RawMessage(observation("1", `,"meta":{"security":[{"system":"`+policies.SystemConfidentiality+`","code":"N"}]}`))},
	}
	for _, t := range terms {
		parameters = append(parameters, map[string]any{"name": "study", "valueCode": t})
	}
	azContext := map[string]any{"purpose": "HRESCH", "study": terms}
	if pass != "" {
		parameters = append(parameters, map[string]any{"name": "passport", "valueString": pass})
		azContext["passport"] = pass
	}
	evaluation := map[string]any{
		"subject": map[string]any{"type": "user", "id": "Practitioner/rosa"}, "action": map[string]any{"name": "access"},
		"resource": map[string]any{"type": "patient", "id": pseudonym, "properties": map[string]any{"resources": []policies.Resource{normal}}},
		"context":  azContext,
	}
	node := f.w.Node.URL()
	out := map[string]sent{
		"rest": {http.MethodPost, node + api.PathAccess, "application/json", encoded(api.AccessRequest{
			Subject: pseudonym, Purpose: consent.Coding{Code: "HRESCH"}, Resources: []policies.Resource{normal}, Study: terms, Passport: pass,
		}), nil},
		"authzen": {http.MethodPost, node + api.PathEvaluation, "application/json", encoded(evaluation), nil},
		"decide": {
			http.MethodPost, node + api.PathFHIR4 + "/Consent/$decide", "application/fhir+json",
			encoded(map[string]any{"resourceType": "Parameters", "parameter": parameters}), nil,
		},
	}
	if pass == "" {
		header := map[string]string{proxy.PurposeHeader: "HRESCH", proxy.StudyHeader: strings.Join(terms, ", ")}
		out["proxy, one"] = sent{http.MethodGet, f.base + "/Observation/1", "", "", header}
		out["proxy, many"] = sent{http.MethodGet, f.base + "/Observation", "", "", header}
	}
	return out
}

// permitted asks, and reports whether the answer lets the observation through.
func (f *front) permitted(token string, s sent) (yes bool, status int) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), s.method, s.url, strings.NewReader(s.body))
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if s.contentType != "" {
		req.Header.Set("Content-Type", s.contentType)
	}
	for name, v := range s.header {
		req.Header.Set(name, v)
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
	body := string(b)
	yes = strings.Contains(body, `"decision":"permit"`) || strings.Contains(body, `"decision":true`) ||
		strings.Contains(body, `{"name":"decision","valueCode":"permit"}`) || strings.Contains(body, `"resourceType":"Observation"`)
	return yes, res.StatusCode
}

func (f *front) tokenOf(member consent.MemberID, pass string) (string, error) {
	t, err := f.w.Client().Token(context.Background(), client.Credentials{
		Member: member, Key: consenttest.Persona(string(member)), Scope: "system/*.rs", Passport: pass,
	})
	return t.AccessToken, err
}

// TestStudies: every way to ask takes a study and a passport, and decides the same by them.
func TestStudies(t *testing.T) {
	f, b, log := researched(t)
	fits, visa := []string{"DS", "MONDO:0005148", "NPU"}, b.Visa("rosa", "ResearcherStatus", "https://bona.fide", nil)
	given := b.Passport("rosa", "rosa-app", visa)
	for name, c := range map[string]struct {
		study       []string
		inToken     string
		inRequest   string
		want, fails bool
	}{
		"fits, shown by the token":        {fits, visa, "", true, false},
		"fits, shown by a passport":       {fits, given, "", true, false},
		"fits, shown in the request":      {fits, "", visa, true, false},
		"not kept to":                     {[]string{"HMB"}, visa, "", false, false},
		"no study":                        {nil, visa, "", false, false},
		"no passport":                     {fits, "", "", false, false},
		"another's visa":                  {fits, "", b.Visa("ron", "ResearcherStatus", "https://bona.fide", nil), false, false},
		"another member's visa":           {fits, "", b.Visa("bob", "ResearcherStatus", "https://bona.fide", nil), false, false},
		"an expired visa":                 {fits, "", b.Visa("rosa", "ResearcherStatus", "https://bona.fide", map[string]any{"exp": b.From + 1}), false, false},
		"a passport for somebody else":    {fits, "", b.Passport("rosa", "mallory-app", visa), false, true},
		"no passport at all":              {fits, "", "passport", false, false},
		"two passports":                   {fits, visa, visa, false, true},
		"a term that nobody knows":        {[]string{"cancer"}, visa, "", false, true},
		"too many terms":                  {slicesOf("GRU", 65), visa, "", false, true},
		"a passport that is not readable": {fits, "", strings.Repeat("x", 9000), false, true},
	} {
		token, err := f.tokenOf(consenttest.RosaInstitute, c.inToken)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for way, s := range f.ways(c.study, c.inRequest) {
			got, status := f.permitted(token, s)
			refused := status == http.StatusBadRequest || status == http.StatusRequestEntityTooLarge
			if got != c.want || refused != c.fails {
				t.Errorf("%s, %s: permitted %v, status %d", name, way, got, status)
			}
		}
	}
	for _, u := range f.uses() {
		told := false
		for _, r := range u.Reasons {
			told = told || r.Code == "visa"
		}
		if u.Decision == policies.Permit && (!told || u.Kind != proof.Decision) {
			t.Errorf("a permit does not say what was shown: %+v", u)
		}
	}
	if strings.Contains(log.String(), visa) || strings.Contains(log.String(), "eyJ") {
		t.Error("a visa is in the log")
	}
}

// TestExchange: tokens stand for passports that count, and for no others.
func TestExchange(t *testing.T) {
	f, b, _ := researched(t)
	visa := func(sub string, change map[string]any) string { return b.Visa(sub, "ResearcherStatus", "v", change) }
	for name, c := range map[string]struct {
		member consent.MemberID
		pass   string
		ok     bool
	}{
		"hers":              {consenttest.RosaInstitute, visa("rosa", nil), true},
		"stolen":            {consenttest.BobPractice, visa("rosa", nil), false},
		"expired":           {consenttest.RosaInstitute, visa("rosa", map[string]any{"exp": b.From + 1}), false},
		"about to expire":   {consenttest.RosaInstitute, visa("rosa", map[string]any{"exp": time.Now().Unix() + 1}), false},
		"forged":            {consenttest.RosaInstitute, passporttest.New(t, b.Issuer).Visa("rosa", "ResearcherStatus", "v", map[string]any{"exp": b.Until, "iat": b.From}), false},
		"no passport":       {consenttest.RosaInstitute, "x.y.z", false},
		"a stolen passport": {consenttest.BobPractice, b.Passport("rosa", "rosa-app", visa("rosa", nil)), false},
	} {
		token, err := f.tokenOf(c.member, c.pass)
		if (err == nil) != c.ok || (token != "") != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "rosa") || strings.Contains(err.Error(), "broker.example")) {
			t.Errorf("%s: the answer repeats the passport: %v", name, err)
		}
	}
	ending, err := f.w.Client().Token(context.Background(), client.Credentials{
		Member: consenttest.RosaInstitute, Key: consenttest.Persona("rosa-institute"), Passport: visa("rosa", map[string]any{"exp": time.Now().Unix() + 30}),
	})
	if err != nil || ending.ExpiresIn > 29 || ending.ExpiresIn < 1 {
		t.Errorf("a token for half a minute lives %d s: %v", ending.ExpiresIn, err)
	}
}

func slicesOf(s string, n int) []string { return strings.Fields(strings.Repeat(s+" ", n)) }
