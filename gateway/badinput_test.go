package gateway_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
)

// bodies are a body for every route that takes one.
func bodies(t *testing.T, w *world, s *consenttest.Subject) map[string]*value {
	t.Helper()
	message, err := json.Marshal(s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.must(err)
	evaluation := `{"subject":{"type":"user","id":"Practitioner/bob","properties":{"groups":["Group/x"]}},"action":{"name":"access"},
		"resource":{"type":"patient","id":"00000000000000000000000000000000","properties":{"resourceTypes":["Observation"]}},
		"context":{"purpose":"TREAT","emergency":"e","requestId":"r"}`
	out := map[string]*value{
		api.PathMessages: parsed(string(message)), api.PathClaims: parsed(`{"message":` + string(message) + `}`),
		api.PathEvaluation: parsed(evaluation + "}"), api.PathEvaluations: parsed(evaluation + `,"evaluations":[` + evaluation + `}],"options":{"evaluations_semantic":"execute_all"}}`),
	}
	for _, row := range api.Routes() {
		if row.Request != nil && out[row.Path] == nil {
			out[row.Path] = sample(reflect.TypeOf(row.Request))
		}
	}
	for _, row := range api.Routes() {
		bodiless := []string{api.PathAnchorNow, api.PathChallenge, api.PathLogout, api.PathToken}
		if row.Method == http.MethodPost && out[row.Path] == nil && !slices.Contains(bodiless, row.Path) && !strings.HasPrefix(row.Path, "/fhir/") {
			t.Fatalf("%s is not tried", row.Path)
		}
	}
	return out
}

// whole are bodies that no route takes.
func whole(good string) map[string]string {
	return map[string]string{
		"empty": "", "blank": " \n", "null": "null", "list": "[]", "number": "7", "text": `"x"`, "not JSON": "<x>", "open": "{", "comment": "{/**/}",
		"byte order mark": "\ufeff" + good, "UTF-16": "\xff\xfe{\x00}\x00", "trailing": good + "x", "two": good + good, "trailing zero": good + "\x00",
		"deep": strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33), "deep list": strings.Repeat("[", 100_000), "single quotes": "{'a':1}",
		"NaN": "NaN", "too large": `{"` + strings.Repeat("x", 1<<20) + `":1}`,
	}
}

func TestBadInput(t *testing.T) {
	w := start(t, nil)
	tokens := everyRole(w)
	alice, _ := w.Enrol("bad-input")
	position, uses := w.Node.Ledger.Position(), w.Node.Uses.Count()
	for path, body := range bodies(t, w, alice) {
		token := ""
		if roles := roleOf(path); roles != api.Anyone {
			token = tokens[roles]
		}
		n := 0
		check := func(how string, r reply) {
			n++
			refusedBody(t, path+": "+how, r)
		}
		spoil(body, func(how, text string) {
			check(how+" "+cutTo(text, 200), w.direct(path, token, strings.NewReader(text)))
		})
		for how, text := range whole(body.String()) {
			check(how, w.direct(path, token, strings.NewReader(text)))
			check(how+", chunked", w.direct(path, token, io.MultiReader(strings.NewReader(text))))
		}
		for _, kind := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json-seq", "json", "application/json;;", "multipart/form-data"} {
			check("as "+kind, w.direct(path, token, strings.NewReader(body.String()), "Content-Type", kind))
		}
		if n < 20 {
			t.Errorf("%s: %d bodies", path, n)
		}
	}
	if p, u := w.Node.Ledger.Position(), w.Node.Uses.Count(); p != position || u != uses {
		t.Errorf("bad input changed the ledger (%d to %d) or the use log (%d to %d)", position, p, uses, u)
	}
}

// roleOf is a role that may use a POST route.
func roleOf(path string) api.Role {
	for _, row := range api.Routes() {
		if row.Path == path && row.Method == http.MethodPost {
			if row.Roles[0] == api.SignedIn {
				return api.Patient
			}
			return row.Roles[0]
		}
	}
	return ""
}

// direct posts past the network: it is faster, and bodies that the server gives up reading can be sent whole.
func (w *world) direct(path, token string, body io.Reader, header ...string) reply {
	w.t.Helper()
	req := httptest.NewRequest(http.MethodPost, path, body)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+token)
	if token == "" {
		req.Header.Del("Authorization")
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.Node.Gateway.ServeHTTP(rec, req)
	r := reply{rec.Result(), rec.Body.Bytes()}
	r.Request = req
	return r
}

// refusedBody checks that an answer is a problem that says what to do and repeats nothing.
func refusedBody(t *testing.T, how string, r reply) {
	t.Helper()
	if r.StatusCode/100 != 4 {
		t.Errorf("%s: %d %s", how, r.StatusCode, r.body)
		return
	}
	p := r.problem(t)
	if p.Detail == "" {
		t.Errorf("%s: %s says not what to do", how, r.body)
	}
	if strings.Contains(string(r.body), canary) {
		t.Errorf("%s: the answer repeats the body: %s", how, r.body)
	}
}

func cutTo(s string, n int) string { return s[:min(len(s), n)] }

// TestAbsentIsNull checks that a member that is null counts as one that is not there.
func TestAbsentIsNull(t *testing.T) {
	w := start(t, nil)
	token := w.token(consenttest.RosaInstitute, "")
	subject := strings.Repeat("0", 32)
	for _, body := range []string{
		`{"subject":null,"actor":{},"purpose":{"system":"","code":"HRESCH"},"action":{"system":"","code":""}}`,
		`{"subject":"` + subject + `","actor":{},"purpose":null,"action":{"system":"","code":""}}`,
		`{"subject":"` + subject + `","purpose":{"system":"","code":null}}`,
	} {
		if r := w.direct(api.PathAccess, token, strings.NewReader(body)); r.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %d %s", body, r.StatusCode, r.body)
		}
	}
}
