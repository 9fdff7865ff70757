package proxy_test

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/gateway/fhir/proxy"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

// TestLyingServer has a server that breaks off, says what is not so, and hides one thing in another. Nothing of Bob's may get out,
// whatever happens, and half an answer must not pass for a whole one.
func TestLyingServer(t *testing.T) {
	bobs := `{"resourceType":"Observation","id":"b","subject":{"reference":"Patient/bob"},"note":[{"text":"of-bob"}]}`
	hers := func(more string) string { return observation("a", `,"subject":{"reference":"Patient/alice"}`+more) }
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	_, _ = io.WriteString(z, searchset("", hers("")))
	_ = z.Close()
	var sent, header string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/fhir+json")
		name, value, _ := strings.Cut(header, ": ")
		switch name {
		case "":
		case "Status":
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusFound)
		default:
			w.Header().Set(name, value)
		}
		_, _ = io.WriteString(w, sent)
	}))
	defer s.Close()
	f := newFront(t, s.URL, nil)
	f.grant()
	const broken, empty, flows = "no whole answer", "nothing", "hers alone"
	for name, c := range map[string]struct {
		body, header string
		want         string
	}{
		"honest":                      {searchset("", hers(""), bobs), "", flows},
		"plain JSON":                  {searchset("", hers("")), "Content-Type: application/json; charset=utf-8", flows},
		"says it is a page":           {searchset("", hers("")), "Content-Type: text/html", broken},
		"says it is XML":              {searchset("", hers("")), "Content-Type: application/fhir+xml", broken},
		"says nothing":                {searchset("", hers("")), "Content-Type: ", broken},
		"compresses unasked":          {zipped.String(), "Content-Encoding: gzip", broken},
		"sends elsewhere":             {searchset("", hers("")), "Status: 302", broken},
		"is XML":                      {`<Bundle/>`, "", broken},
		"ends early":                  {strings.TrimSuffix(searchset("", hers(""), hers("")), `}]}`), "", broken},
		"ends in a text":              {searchset("", hers(""))[:100], "", broken},
		"goes on":                     {searchset("", hers("")) + bobs, "", broken},
		"two Bundles":                 {searchset("", hers("")) + searchset("", bobs), "", broken},
		"entries twice":               {strings.Replace(searchset("", hers("")), `"entry"`, `"entry":[{"resource":`+hers("")+`}],"entry"`, 1), "", broken},
		"a resource twice":            {`{"resourceType":"Bundle","entry":[{"resource":` + hers("") + `,"resource":` + bobs + `}]}`, "", broken},
		"a name twice":                {searchset("", observation("a", `,"subject":{"reference":"Patient/bob"},"note":[{"text":"of-bob"}],"subject":{"reference":"Patient/alice"}`)), "", broken},
		"a name twice, escaped":       {searchset("", observation("a", `,"\u0073ubject":{"reference":"Patient/bob"},"note":[{"text":"of-bob"}],"subject":{"reference":"Patient/alice"}`)), "", broken},
		"no UTF-8":                    {searchset("", hers(`,"note":[{"text":"`+"\xff"+`"}]`)), "", broken},
		"UTF-16":                      {"\xff\xfe{\x00}\x00", "", broken},
		"a resource anywhere":         {searchset("", hers(`,"x":[{"y":`+bobs+`}]`)), "", empty},
		"no Bundle":                   {strings.Replace(searchset("", hers("")), `"Bundle"`, `"Parameters"`, 1), "", broken},
		"a resource for a Bundle":     {bobs, "", broken},
		"entry is an object":          {`{"resourceType":"Bundle","entry":{"resource":` + bobs + `}}`, "", broken},
		"entries are numbers":         {`{"resourceType":"Bundle","entry":[1]}`, "", broken},
		"resource is a text":          {`{"resourceType":"Bundle","entry":[{"resource":"of-bob"}]}`, "", empty},
		"remarks":                     {`{"resourceType":"Bundle","entry":[{"search":{"mode":"outcome"},"resource":{"resourceType":"OperationOutcome","id":"o","issue":[{"diagnostics":"of-bob"}]}}]}`, "", empty},
		"beside the resource":         {`{"resourceType":"Bundle","entry":[{"resource":` + hers("") + `,"note":"of-bob","fullUrl":"http://x/of-bob","search":{"mode":"match","score":1,"extension":[{"url":"of-bob"}]}}]}`, "", flows},
		"beside the entries":          {searchset(`,"meta":{"tag":[{"code":"of-bob"}]},"signature":"of-bob","total":17`, hers("")), "", flows},
		"Bundle in Bundle":            {searchset("", hers(""), searchset("", bobs)), "", flows},
		"Bundle with her id":          {searchset("", `{"resourceType":"Bundle","id":"a","subject":{"reference":"Patient/alice"},"entry":[{"resource":`+bobs+`}]}`), "", empty},
		"contained":                   {searchset("", hers(`,"contained":[`+bobs+`]`)), "", empty},
		"contained in contained":      {searchset("", hers(`,"contained":[{"resourceType":"Medication","id":"m","contained":[`+bobs+`]}]`)), "", empty},
		"contained, no list":          {searchset("", hers(`,"contained":`+bobs)), "", empty},
		"a resource in an extension":  {searchset("", `{"resourceType":"Basic","id":"a","extension":[{"url":"x","valueReference":{"reference":"Patient/bob"}}],"note":"of-bob"}`), "", empty},
		"another's in Parameters":     {searchset("", `{"resourceType":"Parameters","id":"a","parameter":[{"name":"x","resource":`+bobs+`}]}`), "", empty},
		"an id that leads elsewhere":  {searchset("", observation("../Patient/bob", "")), "", empty},
		"no id":                       {searchset("", `{"resourceType":"Observation","subject":{"reference":"Patient/alice"}}`), "", empty},
		"a reference to two":          {searchset("", observation("a", `,"subject":[{"reference":"Patient/alice"},{"reference":"Patient/bob"}],"note":[{"text":"of-bob"}]`)), "", empty},
		"an entry of 17 MiB":          {searchset("", hers(`,"note":[{"text":"`+strings.Repeat("x", 17<<20)+`"}]`)), "", broken},
		"deeper than anything is":     {searchset("", hers(`,"x":`+strings.Repeat("[", 20_000)+strings.Repeat("]", 20_000))), "", broken},
		"a next page that is bob's":   {searchset(`,"link":[{"relation":"next","url":"http://127.0.0.1:1/fhir/Observation/../../secret"}]`, hers("")), "", flows},
		"a next page that is nothing": {searchset(`,"link":[{"relation":"next","url":"::"}]`, hers("")), "", flows},
	} {
		t.Run(name, func(t *testing.T) {
			sent, header = c.body, c.header
			body, whole := f.raw("Observation")
			switch {
			case strings.Contains(body, "of-bob"), strings.Contains(body, "secret"):
				t.Errorf("told: %s", body)
			case c.want == broken && whole:
				t.Errorf("half an answer as a whole one: %.500s", body)
			case c.want != broken && (!whole || strings.Contains(body, `"entry"`) != (c.want == flows)):
				t.Errorf("want %s: %v %.500s", c.want, whole, body)
			}
		})
	}
}

// TestOtherReads has ways to read that are not the plain one: each is held to consent, or refused.
func TestOtherReads(t *testing.T) {
	h := newHostile(t)
	f := newFront(t, h.URL+"/fhir", nil)
	f.grant()
	h.answers["Observation/a"], h.answers["Observation/s"] = observation("a", `,"meta":{"versionId":"1"}`), observation("s", drug)
	h.answers["Binary/a"] = `{"resourceType":"Binary","id":"a","contentType":"text/plain","securityContext":{"reference":"Patient/alice"},"data":"b2YtYm9i"}`
	h.answers["Bundle/a"] = `{"resourceType":"Bundle","id":"a","type":"document","entry":[{"resource":` + observation("x", "") + `}]}`
	h.answers["Condition/a"] = observation("a", "") // another type than was asked for
	h.answers["Observation/b"] = observation("a", "")
	all := searchset("", observation("a", ""), observation("s", drug), `{"resourceType":"Binary","id":"a"}`, `{"resourceType":"Patient","id":"bob"}`)
	for _, path := range []string{
		"Observation?_include%3Aiterate=Observation%3Ahas-member", "Observation?_revinclude=%2A", "Patient/alice/Observation?status=final",
		"Patient/alice/$everything?_since=2020", "Observation?code%3Ain=x", "Observation?_id=a%2Cs", "Patient/bob/Observation",
	} {
		h.answers[path] = all
	}
	for _, c := range []struct {
		method, path, header string
		want                 int
	}{
		{http.MethodHead, "Observation/a", "", http.StatusOK},
		{http.MethodHead, "Observation/s", "", http.StatusNotFound},
		{http.MethodHead, "Observation/none", "", http.StatusNotFound},
		{http.MethodGet, "Observation/a?_format=xml", "Accept: application/fhir+xml", http.StatusOK},
		{http.MethodGet, "Observation/a", `If-None-Match: W/"1"`, http.StatusOK},
		{http.MethodGet, "Observation/s", `If-None-Match: W/"1"`, http.StatusNotFound},
		{http.MethodGet, "Observation/a", "Accept-Encoding: gzip", http.StatusOK},
		{http.MethodGet, "Observation/a", "Range: bytes=0-10", http.StatusOK},
		{http.MethodGet, "Binary/a", "", http.StatusNotFound},
		{http.MethodGet, "Binary/a", "Accept: text/plain", http.StatusNotFound},
		{http.MethodGet, "Bundle/a", "", http.StatusNotFound},
		{http.MethodGet, "Condition/a", "", http.StatusBadGateway},
		{http.MethodGet, "Observation/b", "", http.StatusBadGateway},
		{http.MethodGet, "Patient/alice/*", "", http.StatusNotImplemented},
		{http.MethodGet, "Patient/alice/_history/1/x", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/a/$meta", "", http.StatusNotImplemented},
		{http.MethodGet, "Observation/_search?code=x", "", http.StatusNotImplemented},
		{http.MethodTrace, "Observation/a", "", http.StatusNotImplemented},
	} {
		if got := f.ask(c.method, c.path, "", cmp.Or(c.header, "Accept: */*")); got.status != c.want || got.header.Get("Content-Encoding") != "" {
			t.Errorf("%s %s %s: %d %s", c.method, c.path, c.header, got.status, got.body)
		}
	}
	uses := f.uses()
	if uses[0].Decision != proof.Permit || uses[1].Decision != proof.Deny {
		t.Errorf("what HEAD asked for is on record as %+v", uses[:2])
	}
	for path, body := range h.answers {
		if body != all {
			continue
		}
		if got := f.ask(http.MethodGet, path, ""); !slices.Equal(got.names(), []string{"Observation/a"}) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

// raw asks and returns what came, and whether it is a whole answer of 200.
func (f *front) raw(path string) (body string, whole bool) {
	f.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, f.base+"/"+path, http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+f.token())
	req.Header.Set(proxy.PurposeHeader, "TREAT")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Sprint(err), false
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return string(b), err == nil && res.StatusCode == http.StatusOK
}
