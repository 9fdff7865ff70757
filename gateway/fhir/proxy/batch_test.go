package proxy_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// asked is a batch or transaction of requests "GET Observation/a", each with a resource or without.
func asked(typ string, requests ...string) string {
	for i, r := range requests {
		method, rest, _ := strings.Cut(r, " ")
		url, resource, has := strings.Cut(rest, " ")
		if has {
			resource = `"resource":` + resource + `,`
		}
		requests[i] = `{` + resource + `"request":{"method":"` + method + `","url":"` + url + `"}}`
	}
	return `{"resourceType":"Bundle","type":"` + typ + `","entry":[` + strings.Join(requests, ",") + `]}`
}

// statuses are those of the entries of an answer, and the resources in it.
func (a *answer) statuses() (out []string) {
	for _, e := range a.bundle.Entry {
		s := e.Response.Status
		if e.Resource.ResourceType != "" {
			s += " " + e.Resource.ResourceType + "/" + e.Resource.ID
		}
		out = append(out, s)
	}
	return out
}

// TestBatch wants each entry to be answered as if it had come alone, and what is read by its name, and of
// which the same is wanted, to be one use.
func TestBatch(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	h.answers["Observation/a"] = observation("a", `,"meta":{"versionId":"7"}`)
	h.answers["Observation/b"] = observation("b", "")
	h.answers["Observation/s"] = observation("s", drug)
	h.answers["Observation/a/_history/1"] = observation("a", drug)
	h.answers["Observation"] = searchset(`,"total":3`, observation("x", ""), observation("y", drug), observation("z", ""))
	before := len(f.uses())
	got := f.ask(http.MethodPost, "", asked("batch",
		"GET Observation/a", "GET Observation/b?_elements=status", "GET Observation/s", "GET Observation/nothing", "GET Observation/a/_history/1"))
	want := []string{"200 OK Observation/a", "200 OK Observation/b", "404 Not Found", "404 Not Found", "404 Not Found"}
	if diff := cmp.Diff(want, got.statuses()); diff != "" || got.bundle.Type != "batch-response" || got.bundle.Entry[0].Response.ETag != `W/"7"` {
		t.Errorf("%s %s", diff, got.body)
	}
	if !strings.Contains(got.body, "SUBSETTED") || strings.Count(got.body, `"code":"not-found"`) != 3 {
		t.Errorf("%s", got.body)
	}
	uses := f.uses()[before:] // the last is that of another version of what was asked for
	if len(uses) != 3 || !cmp.Equal(uses[0].Resources, []string{"Observation/a"}) || !cmp.Equal(uses[1].Resources, []string{"Observation/b"}) ||
		uses[1].Decision != proof.Permit || !slices.ContainsFunc(uses[1].Reasons, func(r proof.Reason) bool { return r.Text == "Left out of Observation/b: subject." }) {
		t.Errorf("on record: %+v", uses)
	}

	got = f.ask(http.MethodPost, "", asked("batch",
		"GET Observation/b", "GET Observation", "GET Observation/s", "GET $graphql?query=x", "GET metadata", "GET Observation?_summary=count", "PATCH Observation/a []",
		"PUT Observation/s "+observation("s", ""), "PUT Observation/b "+observation("b", ""), "DELETE Observation/s", "POST Condition {\"resourceType\":\"Condition\",\"subject\":{\"reference\":\"Patient/alice\"}}",
		"GET https://elsewhere.example/Observation/a", "GET Observation/a/_history", "GET Observation?code=1", "POST Observation", "GET Observation/.."))
	want = []string{
		"200 OK Observation/b", "200 OK Bundle/", "404 Not Found", "501 Not Implemented", "501 Not Implemented", "400 Bad Request", "501 Not Implemented",
		"404 Not Found", "200 OK", "404 Not Found", "403 Forbidden", "400 Bad Request", "200 OK Bundle/", "200 OK Bundle/", "400 Bad Request", "501 Not Implemented",
	}
	if diff := cmp.Diff(want, got.statuses()); diff != "" {
		t.Errorf("%s %s", diff, got.body)
	}
	for _, leak := range []string{"724713006", `"total"`, `"y"`, "127.0.0.1:" + strings.Split(h.URL, ":")[2]} {
		if strings.Contains(got.body, leak) {
			t.Errorf("%s is told in %s", leak, got.body)
		}
	}
	f.scope = "system/Condition.rs"
	if got := f.ask(http.MethodPost, "", asked("batch", "GET Observation/a")); !cmp.Equal(got.statuses(), []string{"403 Forbidden"}) {
		t.Errorf("out of scope: %s", got.body)
	}
	if got := f.ask(http.MethodPost, "", asked("batch", strings.Split(strings.Repeat("GET Observation/a,", 101), ",")[:101]...)); got.status != http.StatusBadRequest {
		t.Errorf("too many: %d", got.status)
	}
}

// TestTransaction wants a transaction to be passed on when every change in it is permitted, and nothing of it otherwise.
func TestTransaction(t *testing.T) {
	var sent string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		switch r.Method + " " + r.URL.Path {
		case "GET /Observation/a":
			_, _ = io.WriteString(w, observation("a", ""))
		case "GET /Observation/b":
			_, _ = io.WriteString(w, observation("b", `,"meta":{"versionId":"2"}`))
		case "GET /Observation/b/_history/1":
			_, _ = io.WriteString(w, observation("b", drug))
		case "GET /Observation/s":
			_, _ = io.WriteString(w, observation("s", drug))
		case "POST /":
			b, _ := io.ReadAll(r.Body)
			sent = string(b)
			_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[
			 {"response":{"status":"201 Created","location":"Observation/new/_history/1","etag":"W/\"1\""},"resource":`+observation("new", drug)+`},{"response":{"status":"200"}}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	f := newFront(t, s.URL, nil)
	f.grant()
	create, update := "POST Observation "+observation("x", ""), "PUT Observation/a "+observation("a", "")
	for name, c := range map[string]struct {
		body string
		want int
	}{
		"of what is denied":     {asked("transaction", create, "PUT Observation/s "+observation("s", "")), http.StatusNotFound},
		"of what is not there":  {asked("transaction", create, "DELETE Observation/none"), http.StatusNotFound},
		"creates a denied type": {asked("transaction", update, `POST Condition {"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`), http.StatusNotFound},
		"another's":             {asked("transaction", update, "POST Observation "+observation("x", `,"subject":{"reference":"Patient/bob"}`)), http.StatusNotFound},
		"of an entry of it":     {asked("transaction", "POST Observation "+observation("x", `,"subject":{"reference":"urn:uuid:1"}`)), http.StatusForbidden},
		"creates a patient":     {asked("transaction", `POST Patient {"resourceType":"Patient"}`), http.StatusForbidden},
		"reads what it changes": {asked("transaction", update, "GET Observation/a"), http.StatusBadRequest},
		"and its versions":      {asked("transaction", update, "GET Observation/a/_history/1"), http.StatusBadRequest},
		"reads what is denied":  {asked("transaction", create, "GET Observation/s"), http.StatusNotFound},
		"reads a denied version": {
			asked("transaction", create, "GET Observation/b/_history/1"), http.StatusNotFound,
		},
		"reads what is not there": {asked("transaction", "GET Observation/a", "GET Observation/none", create), http.StatusNotFound},
		"reads one thing and not another": {
			asked("transaction", "GET Observation/a", "GET Observation/s"), http.StatusNotFound,
		},
		"reads, and creates a denied type": {
			asked("transaction", "GET Observation/a", `POST Condition {"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`), http.StatusNotFound,
		},
		"only creates, a denied type": {
			asked("transaction", create, `POST Condition {"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`), http.StatusForbidden,
		},
		"searches":           {asked("transaction", update, "GET Observation?code=x"), http.StatusNotImplemented},
		"reads a history":    {asked("transaction", update, "GET Observation/b/_history"), http.StatusNotImplemented},
		"reads everything":   {asked("transaction", update, "GET Patient/alice/$everything"), http.StatusNotImplemented},
		"reads by a search":  {asked("transaction", "GET Observation/a?patient.name=x"), http.StatusBadRequest},
		"conditional":        {asked("transaction", "PUT Observation?code=x "+observation("x", "")), http.StatusNotImplemented},
		"refers by a search": {asked("transaction", "POST Observation "+observation("x", `,"encounter":{"reference":"Encounter?status=planned"}`)), http.StatusBadRequest},
		"conditional create": {
			strings.Replace(asked("transaction", create), `"method"`, `"ifNoneExist":"code=x","method"`, 1), http.StatusNotImplemented,
		},
	} {
		got := f.ask(http.MethodPost, "", c.body)
		if got.status != c.want || sent != "" || strings.Contains(got.body, `"resourceType":"Observation"`) {
			t.Errorf("%s: %d %s; sent %q", name, got.status, got.body, sent)
		}
	}
	body := strings.Replace(asked("transaction", create, update), `{"resource"`, `{"fullUrl":"Patient/alice","resource"`, 1)
	got := f.ask(http.MethodPost, "", strings.Replace(body, `"method":"PUT"`, `"ifMatch":"W/\"3\"","method":"PUT"`, 1))
	if diff := cmp.Diff([]string{"201 Created", "200"}, got.statuses()); diff != "" || strings.Contains(got.body, "724713006") ||
		got.bundle.Entry[0].Response.Location != f.base+"/Observation/new/_history/1" {
		t.Errorf("%d %s %s", got.status, diff, got.body)
	}
	if strings.Contains(sent, "fullUrl") || !strings.Contains(sent, `"ifMatch":"W/\"3\""`) || strings.Count(sent, `"resource"`) != 2 {
		t.Errorf("sent %s", sent)
	}
	uses := f.uses()
	collect, correct := uses[len(uses)-1], uses[len(uses)-2]
	if collect.Action.Code != "collect" || correct.Action.Code != "correct" || correct.Decision != proof.Permit {
		t.Errorf("on record: %+v, %+v", correct, collect)
	}
}

// TestTransactionReads wants what a transaction reads to be decided with it, on record before it is made, and to be answered in its
// place beside the changes; one that only reads asks the server for no change.
func TestTransactionReads(t *testing.T) {
	var f *front
	posts, onRecord := 0, 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		switch r.Method + " " + r.URL.Path {
		case "GET /Observation/a":
			_, _ = io.WriteString(w, observation("a", ""))
		case "GET /Observation/b":
			_, _ = io.WriteString(w, observation("b", `,"meta":{"versionId":"2"}`))
		case "POST /":
			posts++
			for _, u := range f.uses() {
				onRecord += len(u.Resources)
			}
			b, _ := io.ReadAll(r.Body)
			if strings.Contains(string(b), "GET") || strings.Contains(string(b), "Observation/b") {
				t.Errorf("sent %s", b)
			}
			_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"transaction-response","entry":[{"response":{"status":"200 OK","etag":"W/\"4\""}}]}`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	f = newFront(t, s.URL, nil)
	f.grant()
	got := f.ask(http.MethodPost, "", asked("transaction", "GET Observation/b", "PUT Observation/a "+observation("a", ""), "GET Observation/b?_elements=status"))
	want := []string{"200 OK Observation/b", "200 OK", "200 OK Observation/b"}
	if diff := cmp.Diff(want, got.statuses()); diff != "" || got.bundle.Type != "transaction-response" || got.bundle.Entry[0].Response.ETag != `W/"2"` ||
		got.bundle.Entry[1].Response.ETag != `W/"4"` || strings.Count(got.body, "SUBSETTED") != 1 {
		t.Errorf("%d %s %s", got.status, diff, got.body)
	}
	if posts != 1 || onRecord != 4 { // what is there and what comes, and b twice, since not the same of it is wanted
		t.Errorf("%d posts, %d resources on record before the first", posts, onRecord)
	}
	got = f.ask(http.MethodPost, "", asked("transaction", "GET Observation/a", "GET Observation/b"))
	if diff := cmp.Diff([]string{"200 OK Observation/a", "200 OK Observation/b"}, got.statuses()); diff != "" || posts != 1 {
		t.Errorf("%d posts, %s %s", posts, diff, got.body)
	}
	uses := f.uses()
	if last := uses[len(uses)-1]; !cmp.Equal(last.Resources, []string{"Observation/a", "Observation/b"}) || last.Action.Code != "access" {
		t.Errorf("on record: %+v", last)
	}
	f.scope = "system/Observation.u"
	if got := f.ask(http.MethodPost, "", asked("transaction", "GET Observation/a")); got.status != http.StatusForbidden {
		t.Errorf("out of scope: %d %s", got.status, got.body)
	}
}

// TestDescribesItself wants what the proxy says of itself to be what it does, and to lead to its tokens.
func TestDescribesItself(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	h.answers["metadata"] = `{"resourceType":"CapabilityStatement","rest":[{"mode":"server","security":{"cors":true},"interaction":[{"code":"transaction"},{"code":"history-system"}],
	 "operation":[{"name":"graphql"}],"resource":[{"type":"Patient","interaction":[{"code":"read"},{"code":"patch"}],"updateCreate":true,
	 "conditionalCreate":true,"searchParam":[{"name":"name"},{"name":"_has"},{"name":"_count"}],"operation":[{"name":"merge"}]}]}],"patchFormat":["application/json-patch+json"],"instantiates":["x"],"url":"{base}/metadata"}`
	got := f.askWith("", http.MethodGet, "metadata", "")
	for _, gone := range []string{"history-system", "graphql", "patch", "merge", "cors", "conditionalCreate", `"_has"`, "instantiates", `"updateCreate":true`, h.URL} {
		if strings.Contains(got.body, gone) {
			t.Errorf("%s is offered in %s", gone, got.body)
		}
	}
	token := f.w.Node.URL() + "/oauth2/token"
	for _, there := range []string{`"batch"`, `"transaction"`, `"everything"`, `"_count"`, `"updateCreate":false`, "reads by name", "Volens-Study", token} {
		if !strings.Contains(got.body, there) {
			t.Errorf("no %s in %s", there, got.body)
		}
	}
	for _, none := range []string{searchset(""), ""} { // a server that takes metadata for a type, and one that has none
		h.answers["metadata"] = none
		if none == "" {
			delete(h.answers, "metadata")
		}
		if got := f.askWith("", http.MethodGet, "metadata", ""); !strings.Contains(got.body, `"fhirVersion":"4.0.1"`) || !strings.Contains(got.body, token) {
			t.Errorf("%d %s", got.status, got.body)
		}
	}
	smart := f.askWith("", http.MethodGet, ".well-known/smart-configuration", "")
	if smart.status != http.StatusOK || !strings.Contains(smart.body, `"token_endpoint":"`+token+`"`) || !strings.Contains(smart.body, "permission-v2") {
		t.Errorf("%d %s", smart.status, smart.body)
	}
}
