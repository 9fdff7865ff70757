package proxy_test

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/gateway/fhir/proxy"
	"github.com/volens-ledger/volens/policies/minimise"
)

const drug = `,"valueCodeableConcept":{"coding":[{"system":"http://snomed.info/sct","code":"724713006"}]}`

// TestWhatFlows sends one resource of every odd kind and wants only those that are Alice's and permitted.
func TestWhatFlows(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	for name, c := range map[string]struct {
		resource string
		flows    bool
	}{
		"hers":                        {observation("a", ""), true},
		"by an absolute reference":    {observation("a", `,"subject":{"reference":"{base}/Patient/alice"}`), true},
		"by a versioned reference":    {observation("a", `,"subject":{"reference":"Patient/alice/_history/2"}`), true},
		"restricted by its mark":      {observation("a", `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}`), false},
		"very restricted":             {observation("a", `,"meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"V"}]}`), false},
		"sensitive by a code":         {observation("a", drug), false},
		"sensitive in a component":    {observation("a", `,"component":[{"code":{"text":"y"}`+drug+`}]`), false},
		"sensitive, escaped":          {observation("a", strings.ReplaceAll(drug, "724713006", `\u0037\u0032\u0034713006`)), false},
		"of a denied type":            {`{"resourceType":"Condition","id":"a","subject":{"reference":"Patient/alice"}}`, false},
		"contains a denied type":      {observation("a", `,"contained":[{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/alice"}}]`), false},
		"contains a sensitive thing":  {observation("a", `,"contained":[{"resourceType":"Medication","id":"m","code":`+drug[len(`,"valueCodeableConcept":`):]+`}]`), false},
		"contains what is restricted": {observation("a", `,"contained":[{"resourceType":"Observation","id":"o","meta":{"security":[{"system":"http://terminology.hl7.org/CodeSystem/v3-Confidentiality","code":"R"}]}}]`), false},
		"contains another's":          {observation("a", `,"contained":[{"resourceType":"Observation","id":"o","subject":{"reference":"Patient/bob"}}]`), false},
		"contains a person":           {observation("a", `,"contained":[{"resourceType":"Patient","id":"p"}]`), false},
		"contains a Bundle":           {observation("a", `,"contained":[{"resourceType":"Bundle","id":"p"}]`), false},
		"contains nonsense":           {observation("a", `,"contained":[1]`), false},
		"contains a medication":       {observation("a", `,"contained":[{"resourceType":"Medication","id":"m"}]`), true},
		"another's":                   {observation("a", `,"subject":{"reference":"Patient/bob"}`), false},
		"of another server":           {observation("a", `,"subject":{"reference":"https://other.example/Patient/alice"}`), false},
		"of a group":                  {observation("a", `,"subject":{"reference":"Group/alice"}`), false},
		"by an identifier":            {observation("a", `,"subject":{"identifier":{"value":"alice"}}`), false},
		"contained subject":           {observation("a", `,"subject":{"reference":"#p"},"contained":[{"resourceType":"Patient","id":"p"}]`), false},
		"nobody's":                    {`{"resourceType":"Observation","id":"a","status":"final"}`, false},
		"of two":                      {`{"resourceType":"Account","id":"a","status":"active","subject":[{"reference":"Patient/alice"},{"reference":"Patient/bob"}]}`, false},
		"hers alone, in a list":       {`{"resourceType":"Account","id":"a","status":"active","subject":[{"reference":"Patient/alice"}]}`, true},
		"mentions another only":       {`{"resourceType":"Provenance","id":"a","target":[{"reference":"Patient/bob"}]}`, false},
		"mentions her only":           {`{"resourceType":"Provenance","id":"a","target":[{"reference":"Patient/alice"}]}`, true},
		"mentions a stranger's":       {`{"resourceType":"Provenance","id":"a","target":[{"reference":"Patient/alice"},{"reference":"urn:uuid:1"}]}`, false},
		"herself":                     {`{"resourceType":"Patient","id":"alice"}`, true},
		"another":                     {`{"resourceType":"Patient","id":"bob"}`, false},
		"an organisation":             {`{"resourceType":"Organization","id":"a"}`, true},
		"a device of another's":       {`{"resourceType":"Device","id":"a","patient":{"reference":"Patient/bob"}}`, false},
		"a Bundle":                    {`{"resourceType":"Bundle","id":"a","type":"document","entry":[{"resource":` + observation("x", "") + `}]}`, false},
		"a Binary":                    {`{"resourceType":"Binary","id":"a"}`, false},
		"Parameters":                  {`{"resourceType":"Parameters","id":"a"}`, false},
		"an outcome":                  {`{"resourceType":"OperationOutcome","id":"a","issue":[{"diagnostics":"3 more"}]}`, false},
		"no type":                     {`{"id":"a"}`, false},
		"a list":                      {`[1]`, false},
		"of no known time":            {observation("a", `,"effectiveDateTime":"yesterday"`), false},
	} {
		t.Run(name, func(t *testing.T) {
			h.answers["Observation"] = searchset("", c.resource)
			got := f.ask(http.MethodGet, "Observation", "")
			if got.status != http.StatusOK || len(got.bundle.Entry) > 0 != c.flows {
				t.Errorf("%d %s", got.status, got.body)
			}
			if c.flows != strings.Contains(got.body, `"entry"`) {
				t.Errorf("entries in %s", got.body)
			}
		})
	}
}

// TestTotalsAndLinks wants neither to tell of what does not flow.
func TestTotalsAndLinks(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	hidden := observation("h", `,"subject":{"reference":"Patient/bob"}`)
	next := func(n string) string {
		return `,"total":1700170017,"link":[{"relation":"self","url":"{base}/Observation?_offset=0"},{"relation":"last","url":"{base}/Observation?_offset=9900990099"},{"relation":"next","url":"https://elsewhere.example/fhir/Observation?page=` + n + `"}]`
	}
	h.answers["Observation"] = searchset(next("2"), observation("a", ""), hidden)
	h.answers["Observation?page=2"] = searchset(next("3"), hidden)
	h.answers["Observation?page=3"] = searchset(next("4"), hidden, observation("b", ""))
	h.answers["Observation?page=4"] = searchset("", hidden)
	before := len(f.uses())
	first := f.ask(http.MethodGet, "Observation", "")
	if diff := cmp.Diff([]string{"Observation/a"}, first.names()); diff != "" || first.bundle.Total != nil || len(first.bundle.Link) != 2 {
		t.Fatalf("%s %s", diff, first.body)
	}
	if n := len(f.uses()) - before; n != 1 {
		t.Errorf("%d uses for one answer", n)
	}
	// Long numbers: a short one may be in a port or in a sealed link by chance.
	for _, leak := range []string{"offset", "page=2", "9900990099", "1700170017", "elsewhere", strings.TrimPrefix(h.URL, "http://")} {
		if strings.Contains(first.body, leak) {
			t.Errorf("%q is told in %s", leak, first.body)
		}
	}
	if first.header.Get("X-Total-Count") != "" || first.header.Get("Server") != "" {
		t.Errorf("headers %v", first.header)
	}
	second := f.ask(http.MethodGet, first.link("next"), "")
	if diff := cmp.Diff([]string{"Observation/b"}, second.names()); diff != "" || second.link("next") != "" {
		t.Errorf("%s %s", diff, second.body)
	}
	if got := f.ask(http.MethodGet, first.link("next"), "", proxy.PurposeHeader+": HRESCH"); got.status != http.StatusGone {
		t.Errorf("a page for another purpose: %d", got.status)
	}
	if got := f.ask(http.MethodGet, first.link("next")+"x", ""); got.status != http.StatusGone {
		t.Errorf("a changed link: %d", got.status)
	}
	h.answers["Observation"] = searchset(next("2"), hidden)
	if got := f.ask(http.MethodGet, "Observation", ""); !cmp.Equal([]string{"Observation/b"}, got.names()) {
		t.Errorf("a page of which nothing flows is told of: %s", got.body)
	}
}

// TestLimitedUses wants an answer of any size to be one use of a consent that limits them.
func TestLimitedUses(t *testing.T) {
	f := newFront(t, many(t).URL, nil)
	c := consents()
	c.MaxUses = 2
	m := f.alice.Grant(c)
	if _, err := f.me.Submit(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	f.alice.Moved(m)
	for _, n := range []int{600, 300, 0} {
		got := f.ask(http.MethodGet, "Observation?_count="+strconv.Itoa(max(n, 1)), "")
		if got.status != http.StatusOK || len(got.bundle.Entry) != n {
			t.Errorf("%d of %d resources", len(got.bundle.Entry), n)
		}
	}
}

// TestNeverPassedOn wants what cannot be enforced to be refused before the server hears of it.
func TestNeverPassedOn(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	for _, c := range []struct {
		method, path, body string
		want               int
	}{
		{http.MethodPost, "", `{"resourceType":"Bundle","type":"collection"}`, http.StatusBadRequest},
		{http.MethodPost, "", `{"resourceType":"Bundle","type":"batch","type":"transaction"}`, http.StatusBadRequest},
		{http.MethodPost, "", `[]`, http.StatusBadRequest},
		{http.MethodPost, "?_format=json", `{"resourceType":"Bundle","type":"batch"}`, http.StatusNotImplemented},
		{http.MethodPut, "Observation/a?code=x", `{}`, http.StatusNotImplemented},
		{http.MethodGet, "Observation/..%2f..", "", http.StatusNotImplemented},
		{http.MethodPost, "Observation", observation("a", `,"encounter":{"reference":"Encounter?identifier=x"}`), http.StatusBadRequest},
		{http.MethodPost, "Observation", `{"resourceType":"Observation","resourceType":"Observation"}`, http.StatusBadRequest},
		{http.MethodPost, "$graphql", `{}`, http.StatusNotImplemented},
		{http.MethodGet, "$graphql?query=x", "", http.StatusNotImplemented},
		{http.MethodGet, "Patient/alice/$graphql", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/$lastn", "", http.StatusNotImplemented},
		{http.MethodPost, "Patient/alice/$everything", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/$stats", "", http.StatusNotImplemented},
		{http.MethodGet, "$export", "", http.StatusNotImplemented},
		{http.MethodGet, "_history", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/_history", "", http.StatusNotImplemented},
		{http.MethodGet, "?_type=Observation", "", http.StatusNotImplemented},
		{http.MethodPatch, "Observation/a", `[]`, http.StatusNotImplemented},
		{http.MethodPut, "Observation?code=x", `{}`, http.StatusNotImplemented},
		{http.MethodDelete, "Observation?code=x", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/a/b/c", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/..%2FPatient", "", http.StatusNotImplemented},
		{http.MethodOptions, "Observation", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation?_summary=count", "", http.StatusBadRequest},
		{http.MethodGet, "Patient?_has:Observation:patient:code=x", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?subject:Patient.name=x", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?_filter=x", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?_content=x", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?_offset=3", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?_query=x", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?_contained=true", "", http.StatusBadRequest},
		{http.MethodGet, "Observation?code=%zz", "", http.StatusBadRequest},
		{http.MethodPost, "Observation/_search", "a=b", http.StatusBadRequest},
	} {
		got := f.ask(c.method, c.path, c.body)
		if got.status != c.want || !strings.Contains(got.body, "OperationOutcome") {
			t.Errorf("%s %s: %d %s", c.method, c.path, got.status, got.body)
		}
	}
	if len(h.asked) > 0 {
		t.Errorf("the server was asked %d times", len(h.asked))
	}
}

// TestConditionsAreNotPassedOn: a 304 would tell that a denied resource is as it was.
func TestConditionsAreNotPassedOn(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	h.answers["Observation/a"] = observation("a", `,"meta":{"versionId":"7"}`)
	h.answers["Observation?status=final"] = searchset("", observation("a", ""), observation("b", drug))
	got := f.ask(http.MethodGet, "Observation/a", "", `If-None-Match: W/"7"`, "If-Modified-Since: Mon, 02 Jan 2030 15:04:05 GMT")
	if got.status != http.StatusOK || got.header.Get("Etag") != `W/"7"` {
		t.Errorf("%d %v", got.status, got.header)
	}
	got = f.ask(http.MethodGet, "Observation?status=final&_elements=status&_format=xml&_total=accurate", "", "Accept: application/fhir+xml")
	if diff := cmp.Diff([]string{"Observation/a"}, got.names()); diff != "" || got.bundle.Entry[0].Resource.Meta.Tag[0] != minimise.Subsetted {
		t.Errorf("%s %s", diff, got.body)
	}
	last := h.asked[len(h.asked)-1]
	if last.URL.RawQuery != "status=final" || last.Header.Get("Accept") != "application/fhir+json" || last.Header.Get("Authorization") != "" {
		t.Errorf("the server was asked %s with %v", last.URL, last.Header)
	}
}

// TestHistory wants earlier versions to stay back when the present one does, and deletions not to be told.
func TestHistory(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	h.answers["Observation/a/_history"] = `{"resourceType":"Bundle","type":"history","total":3,"entry":[
	 {"resource":` + observation("a", "") + `,"request":{"method":"PUT","url":"Observation/a"},"response":{"status":"200"}},
	 {"request":{"method":"DELETE","url":"Observation/a"},"response":{"status":"204"}},
	 {"resource":` + observation("other", "") + `}]}`
	h.answers["Observation/a/_history/1"] = observation("a", "")
	h.answers["Observation/a"] = observation("a", "")
	got := f.ask(http.MethodGet, "Observation/a/_history", "")
	if diff := cmp.Diff([]string{"Observation/a"}, got.names()); diff != "" || got.bundle.Type != "history" || strings.Contains(got.body, "DELETE") {
		t.Errorf("%s %s", diff, got.body)
	}
	if got := f.ask(http.MethodGet, "Observation/a/_history/1", ""); got.status != http.StatusOK {
		t.Errorf("a version: %d", got.status)
	}
	h.answers["Observation/a"] = observation("a", drug)
	if got := f.ask(http.MethodGet, "Observation/a/_history", ""); len(got.bundle.Entry) > 0 {
		t.Errorf("an earlier version of what is restricted now: %s", got.body)
	}
	if got := f.ask(http.MethodGet, "Observation/a/_history/1", ""); got.status != http.StatusNotFound {
		t.Errorf("an earlier version of what is restricted now: %d", got.status)
	}
	delete(h.answers, "Observation/a")
	if got := f.ask(http.MethodGet, "Observation/a/_history/1", ""); got.status != http.StatusNotFound {
		t.Errorf("an earlier version of what is gone: %d", got.status)
	}
}

// TestCompartments has $everything, a compartment, includes and reverse includes: each entry counts by itself.
func TestCompartments(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	all := searchset("", `{"resourceType":"Patient","id":"alice"}`, observation("a", ""), observation("s", drug), observation("b", `,"subject":{"reference":"Patient/bob"}`),
		`{"resourceType":"Patient","id":"bob"}`, `{"resourceType":"Practitioner","id":"p"}`)
	for _, path := range []string{
		"Patient/alice/$everything", "Patient/alice/Observation", "Observation?_include=Observation%3Asubject", "Patient?_revinclude=Observation%3Asubject",
	} {
		h.answers[path] = all
		got := f.ask(http.MethodGet, path, "")
		if diff := cmp.Diff([]string{"Observation/a", "Patient/alice", "Practitioner/p"}, got.names()); diff != "" {
			t.Errorf("%s: %s %s", path, diff, got.body)
		}
	}
}

// TestPurposes wants what a purpose does not need to stay back, and not to be searchable.
func TestPurposes(t *testing.T) {
	needs, err := minimise.Default()
	if err != nil {
		t.Fatal(err)
	}
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", needs)
	f.grant()
	h.answers["Patient/alice"] = `{"resourceType":"Patient","id":"alice","gender":"female","name":[{"text":"Alice"}]}`
	h.answers["Practitioner/p"] = `{"resourceType":"Practitioner","id":"p"}`
	got := f.ask(http.MethodGet, "Patient/alice", "", proxy.PurposeHeader+": HRESCH")
	if got.status != http.StatusOK || strings.Contains(got.body, "Alice") || !strings.Contains(got.body, "SUBSETTED") || !strings.Contains(got.body, "female") {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := f.ask(http.MethodGet, "Patient/alice", ""); !strings.Contains(got.body, "Alice") {
		t.Errorf("treatment needs all: %s", got.body)
	}
	if got := f.ask(http.MethodGet, "Patient?name=Alice", "", proxy.PurposeHeader+": HRESCH"); got.status != http.StatusBadRequest {
		t.Errorf("a search for what is not needed: %d", got.status)
	}
	if got := f.ask(http.MethodGet, "Practitioner/p", "", proxy.PurposeHeader+": HRESCH"); got.status != http.StatusNotFound {
		t.Errorf("a type that is not needed: %d", got.status)
	}
}

// TestWhoAsks has tokens, scopes, purposes and emergencies.
func TestWhoAsks(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	h.answers["Observation/a"] = observation("a", "")
	h.answers["Observation"] = searchset("", observation("a", ""), observation("b", `,"category":[{"coding":[{"system":"s","code":"lab"}]}]`), `{"resourceType":"Patient","id":"alice"}`)
	if got := f.askWith("nonsense", http.MethodGet, "Observation", ""); got.status != http.StatusUnauthorized || got.header.Get("Www-Authenticate") == "" {
		t.Errorf("a stranger: %d", got.status)
	}
	session, err := f.w.SignIn(f.alice).Session(context.Background())
	if err != nil || session.Handle == nil {
		t.Fatal(err)
	}
	for scope, want := range map[string][]string{
		"":                                       nil,
		"system/Observation.r":                   nil,
		"system/Observation.rs":                  {"Observation/a", "Observation/b"},
		"system/*.read":                          {"Observation/a", "Observation/b", "Patient/alice"},
		"system/Observation.rs?category=s%7Clab": {"Observation/b"},
		"system/Observation.rs?method=x":         {},
	} {
		f.scope = scope
		got := f.ask(http.MethodGet, "Observation", "")
		if want == nil && got.status != http.StatusForbidden || want != nil && !cmp.Equal(want, got.names()) {
			t.Errorf("scope %q: %d %s", scope, got.status, got.body)
		}
	}
	f.scope = "system/*.cruds"
	for purpose, want := range map[string]int{
		"": http.StatusBadRequest, "HMARKT": http.StatusNotFound, "ETREAT": http.StatusOK, "BTG": http.StatusBadRequest,
	} {
		if got := f.ask(http.MethodGet, "Observation/a", "", proxy.PurposeHeader+": "+purpose); got.status != want {
			t.Errorf("purpose %q: %d %s", purpose, got.status, got.body)
		}
	}
	got := f.ask(http.MethodGet, "Observation/a", "", proxy.PurposeHeader+": BTG", proxy.EmergencyHeader+": unconscious", proxy.ActorHeader+": Practitioner/rosa")
	uses := f.uses()
	last := uses[len(uses)-1]
	if got.status != http.StatusOK || last.Emergency != "unconscious" || last.Purpose.Code != "BTG" || last.Channel != "fhir" || !cmp.Equal(last.Actors, []string{"Practitioner/rosa"}) {
		t.Errorf("%d %+v", got.status, last)
	}
}
