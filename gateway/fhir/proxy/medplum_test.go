package proxy_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/gateway/fhir/proxy"
)

// medplum starts a FHIR server that nobody here wrote, testdata/upstream, with the resources of HL7's examples, and returns its base.
// It is skipped where Node or its packages cannot be had, and says so.
func medplum(t testing.TB, dirs ...string) string {
	t.Helper()
	const dir = "testdata/upstream"
	for _, tool := range []string{"node", "npm"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("%s is missing: install Node 20.19 or later to test against Medplum's router", tool)
		}
	}
	if _, err := os.Stat(dir + "/node_modules/@medplum/fhir-router"); err != nil {
		c := exec.CommandContext(t.Context(), "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts")
		c.Dir = dir
		if out, err := c.CombinedOutput(); err != nil {
			t.Skipf("npm ci in gateway/fhir/proxy/%s: %v\n%s", dir, err, out)
		}
	}
	c := exec.CommandContext(t.Context(), "node", append([]string{"server.mjs"}, dirs...)...)
	c.Dir, c.Stderr = dir, os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Kill()
		_ = c.Wait()
	})
	port, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server does not start: %v", err)
	}
	return "http://127.0.0.1:" + strings.TrimSpace(port) + "/fhir/R4"
}

// put stores a resource on the server itself, past the proxy.
func put(t testing.TB, base, name, resource string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, base+"/"+name, strings.NewReader(resource))
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode >= http.StatusBadRequest {
		t.Fatalf("%s: %s", name, res.Status)
	}
}

// there is the status that the server itself answers.
func there(t testing.TB, url string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// TestMedplum goes through a patient's story on a real server: nothing flows, she consents, some flows and every answer is one use,
// writes are held to it, she revokes, nothing flows.
func TestMedplum(t *testing.T) {
	upstream := medplum(t, "../../../../../cmd/volens/demodata")
	f := newFront(t, upstream, nil)
	put(t, upstream, "Patient/alice", `{"resourceType":"Patient","id":"alice","gender":"female"}`)
	put(t, upstream, "Observation/a", observation("a", ""))
	put(t, upstream, "Observation/s", observation("s", drug))
	put(t, upstream, "Condition/c", `{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/alice"}}`)

	if got := f.ask(http.MethodGet, "Observation?subject=Patient/alice", ""); got.status != http.StatusOK || len(got.names()) > 0 {
		t.Errorf("without consent: %d %s", got.status, got.body)
	}
	f.grant()
	before := len(f.uses())
	for _, path := range []string{"Observation", "Observation?subject=Patient/alice&_count=50"} { // among those of others
		got := f.ask(http.MethodGet, path, "")
		if diff := cmp.Diff([]string{"Observation/a"}, got.names()); diff != "" || got.bundle.Total != nil {
			t.Errorf("%s: %s %s", path, diff, got.body)
		}
	}
	got := f.ask(http.MethodPost, "Observation/_search", "subject=Patient/alice", "Content-Type: application/x-www-form-urlencoded")
	if diff := cmp.Diff([]string{"Observation/a"}, got.names()); diff != "" {
		t.Errorf("a search by POST: %s", diff)
	}
	if n := len(f.uses()) - before; n != 3 {
		t.Errorf("%d uses for three answers", n)
	}
	absent := f.ask(http.MethodGet, "Observation/nothing", "")
	for _, denied := range []string{"Observation/s", "Condition/c", "Observation/blood-pressure", "Observation/s/_history/1"} {
		got := f.ask(http.MethodGet, denied, "")
		if got.status != absent.status || got.body != absent.body || !cmp.Equal(names(got.header), names(absent.header)) {
			t.Errorf("%s: %d %s %v, not as if absent", denied, got.status, got.body, got.header)
		}
	}
	if got := f.ask(http.MethodGet, "Observation/a/_history", ""); !cmp.Equal([]string{"Observation/a"}, got.names()) {
		t.Errorf("a history: %s", got.body)
	}
	f.writes(upstream)
	f.bundles(upstream)

	m := f.alice.RevokeAll()
	if _, err := f.me.Submit(context.Background(), m); err != nil {
		t.Fatal(err)
	}
	f.alice.Moved(m)
	if got := f.ask(http.MethodGet, "Observation", ""); len(got.names()) > 0 {
		t.Errorf("after the revocation: %s", got.body)
	}
	if got := f.ask(http.MethodGet, "Observation/a", ""); got.status != http.StatusNotFound {
		t.Errorf("after the revocation: %d", got.status)
	}
}

func names(h http.Header) (out []string) {
	for name := range h {
		if name != "Content-Length" && name != "Date" {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// bundles are batches, taken apart here, and transactions, which the server does or not as a whole.
func (f *front) bundles(upstream string) {
	t := f.t
	t.Helper()
	got := f.ask(http.MethodPost, "", asked("batch", "GET Observation/a", "GET Observation/s", "GET Observation?subject=Patient/alice", "POST Observation "+observation("x", "")))
	if diff := cmp.Diff([]string{"200 OK Observation/a", "404 Not Found", "200 OK Bundle/", "201 Created"}, got.statuses()); diff != "" {
		t.Fatalf("a batch: %s %s", diff, got.body)
	}
	id := strings.TrimPrefix(got.bundle.Entry[3].Response.Location, f.base+"/Observation/")
	denied := f.ask(http.MethodPost, "", asked("transaction", "DELETE Observation/"+id, "DELETE Observation/s"))
	if denied.status != http.StatusNotFound || there(t, upstream+"/Observation/"+id) != http.StatusOK {
		t.Errorf("a transaction of which half is denied: %d %s", denied.status, denied.body)
	}
	got = f.ask(http.MethodPost, "", asked("transaction", "DELETE Observation/"+id, "POST Observation "+observation("x", "")))
	if got.status != http.StatusOK || len(got.bundle.Entry) != 2 || there(t, upstream+"/Observation/"+id) == http.StatusOK {
		t.Fatalf("a transaction: %d %s", got.status, got.body)
	}
	at := got.bundle.Entry[1].Response.Location
	if got := f.ask(http.MethodDelete, at, ""); !strings.HasPrefix(at, f.base) || got.status >= http.StatusBadRequest {
		t.Errorf("what was created at %q: %d", at, got.status)
	}
}

// writes are governed by action, and by what is there as well as by what comes.
func (f *front) writes(upstream string) {
	t := f.t
	t.Helper()
	created := f.ask(http.MethodPost, "Observation", observation("x", ""))
	at := created.header.Get("Location")
	if created.status != http.StatusCreated || !strings.HasPrefix(at, f.base+"/Observation/") || created.body != "" {
		t.Fatalf("create: %d %q %s", created.status, at, created.body)
	}
	id := strings.TrimPrefix(at, f.base+"/Observation/")
	if got := f.ask(http.MethodPut, "Observation/"+id, observation(id, `,"note":[{"text":"y"}]`)); got.status != http.StatusOK {
		t.Errorf("update: %d %s", got.status, got.body)
	}
	for name, c := range map[string]struct {
		method, path, body string
		want               int
	}{
		"another's":                 {http.MethodPost, "Observation", observation("x", `,"subject":{"reference":"Patient/f001"}`), http.StatusForbidden},
		"nobody's":                  {http.MethodPost, "Organization", `{"resourceType":"Organization","name":"x"}`, http.StatusForbidden},
		"of a denied type":          {http.MethodPost, "Condition", `{"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`, http.StatusForbidden},
		"of another type":           {http.MethodPost, "Observation", `{"resourceType":"Condition","subject":{"reference":"Patient/alice"}}`, http.StatusBadRequest},
		"no JSON":                   {http.MethodPost, "Observation", `{`, http.StatusBadRequest},
		"a subset":                  {http.MethodPut, "Observation/" + id, observation(id, `,"meta":{"tag":[{"code":"SUBSETTED"}]}`), http.StatusBadRequest},
		"of what is denied":         {http.MethodPut, "Observation/s", observation("s", ""), http.StatusNotFound},
		"hers made another's":       {http.MethodPut, "Observation/" + id, observation(id, `,"subject":{"reference":"Patient/f001"}`), http.StatusNotFound},
		"another's made hers":       {http.MethodPut, "Observation/blood-pressure", observation("blood-pressure", ""), http.StatusNotFound},
		"of what is not there":      {http.MethodPut, "Observation/nothing", observation("nothing", ""), http.StatusNotFound},
		"deletes what is denied":    {http.MethodDelete, "Observation/s", "", http.StatusNotFound},
		"deletes what is another's": {http.MethodDelete, "Observation/blood-pressure", "", http.StatusNotFound},
	} {
		if got := f.ask(c.method, c.path, c.body); got.status != c.want {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
	}
	if got := f.ask(http.MethodDelete, "Observation/"+id, "", proxy.PurposeHeader+": HMARKT"); got.status != http.StatusNotFound {
		t.Errorf("for another purpose: %d", got.status)
	}
	if there(t, upstream+"/Observation/s") != http.StatusOK || there(t, upstream+"/Observation/"+id) != http.StatusOK {
		t.Error("something was deleted that was not permitted")
	}
	if got := f.ask(http.MethodDelete, "Observation/"+id, ""); got.status >= http.StatusBadRequest || there(t, upstream+"/Observation/"+id) == http.StatusOK {
		t.Errorf("delete: %d", got.status)
	}
	uses := f.uses()
	if last := uses[len(uses)-1]; last.Action.Code != "correct" || last.Decision != "permit" || !cmp.Equal(last.Resources, []string{"Observation/" + id}) {
		t.Errorf("on record: %+v", last)
	}
}
