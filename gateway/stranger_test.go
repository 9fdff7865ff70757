package gateway_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
)

const malloryLab consent.MemberID = "mallory-lab"

// everyRole signs somebody in for every role of the route table, each with that role alone.
func everyRole(w *world) map[api.Role]string {
	w.t.Helper()
	ctx := context.Background()
	alice, me := w.Enrol("p1")
	helper := consenttest.Persona("helper")
	d := w.delegation(alice, helper, "proxy", consent.ScopeView, consent.ScopeGrant, consent.ScopeRevoke)
	w.submit(me, alice, alice.Sign(d))
	delegated, err := w.delegate(helper, *d)
	w.must(err)
	trust, err := w.Client().SignIn(ctx, w.prove(consenttest.Persona("trust")))
	w.must(err)
	return map[api.Role]string{
		api.Patient: w.patient(alice), api.Delegate: delegated, api.Authority: trust.AccessToken,
		api.Clinician: w.token(consenttest.BobPractice, ""), api.Researcher: w.token(consenttest.RosaInstitute, ""),
		api.Custodian: w.token(consenttest.CityHospital, "custodian"), api.Auditor: w.token(consenttest.AurelAudit, ""),
	}
}

// suspended is the token of a member that was suspended after it got it.
func suspended(w *world) string {
	w.t.Helper()
	w.together(&consent.MemberAdmit{
		Member: malloryLab, Name: "Mallory Lab", Roles: []consent.Role{consent.Custodian, consent.Clinician, consent.Researcher, consent.Auditor},
		Keys: []consent.Address{consenttest.Persona(string(malloryLab)).Address()}, Salt: w.Rand.Hash(),
	})
	token := w.token(malloryLab, "")
	m, ok := w.Node.Replica.Member(malloryLab)
	if !ok {
		w.t.Fatal("the member is not there")
	}
	w.together(&consent.MemberSuspend{Member: malloryLab, Seq: m.Seq + 1, Suspended: true, Salt: w.Rand.Hash()})
	return token
}

// path fills gin's parameters in.
func path(row api.Route) string {
	return strings.NewReplacer(":log", "uses", "*tile", "0/000.p/1").Replace(row.Path)
}

// attempt uses a route with a body that says nothing.
func attempt(w *world, row api.Route, token string) reply {
	w.t.Helper()
	if row.Method == http.MethodGet {
		return w.send(row.Method, path(row), token, nil)
	}
	return w.send(row.Method, path(row), token, []byte("{}"))
}

func TestStranger(t *testing.T) {
	w := start(t, nil)
	gone := suspended(w)
	tokens := everyRole(w)
	garbage := map[string]string{"nothing": "", "garbage": "garbage", "another": strings.Repeat("A", 43), "suspended member": gone}
	for _, row := range rows(t, w) {
		open := slices.Contains(row.Roles, api.Anyone)
		for name, token := range garbage {
			r := attempt(w, row, token)
			headers(t, r)
			if open != (r.StatusCode != http.StatusUnauthorized && r.StatusCode != http.StatusForbidden) {
				t.Errorf("%s %s by %s: %d %s", row.Method, row.Path, name, r.StatusCode, r.body)
			}
			if !open {
				if p := r.problem(t); p.Code != api.Unauthenticated || p.Detail == "" || r.Header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s by %s: %+v %v", row.Method, row.Path, name, p, r.Header)
				}
			}
		}
		for role, token := range tokens {
			listed := open || slices.Contains(row.Roles, role) || slices.Contains(row.Roles, api.SignedIn)
			if row.Path == api.PathLogout && listed {
				continue // it would end the token of the next rows; sessions are tested elsewhere
			}
			r := attempt(w, row, token)
			if listed != (r.StatusCode != http.StatusForbidden && r.StatusCode != http.StatusUnauthorized) || r.StatusCode >= 500 {
				t.Errorf("%s %s by %s: %d %s", row.Method, row.Path, role, r.StatusCode, r.body)
			}
			if !listed && r.problem(t).Code != consent.Unauthorized {
				t.Errorf("%s %s by %s: %s", row.Method, row.Path, role, r.body)
			}
		}
	}
}

// rows are the rows of the route table, after checking that gin serves exactly these.
func rows(t *testing.T, w *world) []api.Route {
	t.Helper()
	table, served := api.Routes(), w.Node.Gateway.Engine().Routes()
	served = slices.DeleteFunc(served, func(r gin.RouteInfo) bool { // HEAD is GET for those rows that anyone may read
		return r.Method == http.MethodHead && slices.ContainsFunc(table, func(row api.Route) bool {
			return row.Method == http.MethodGet && row.Path == r.Path && slices.Contains(row.Roles, api.Anyone)
		})
	})
	if len(table) != len(served) {
		t.Fatalf("%d rows, %d routes", len(table), len(served))
	}
	for _, r := range served {
		i := slices.IndexFunc(table, func(row api.Route) bool { return row.Method == r.Method && row.Path == r.Path })
		if i < 0 {
			t.Fatalf("%s %s is served and not in the table", r.Method, r.Path)
		}
		if len(table[i].Roles) == 0 || table[i].Summary == "" {
			t.Fatalf("%s %s says not who may use it, or what it is", r.Method, r.Path)
		}
	}
	return table
}

// headers checks what every answer of the interface bears.
func headers(t *testing.T, r reply) {
	t.Helper()
	for name, want := range map[string]string{
		"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Cross-Origin-Resource-Policy": "same-origin",
		"Access-Control-Allow-Origin": "", "Server": "",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %s is %q, want %q", r.Request.URL.Path, name, got, want)
		}
	}
}

func TestNothingElse(t *testing.T) {
	w := start(t, nil)
	for _, path := range []string{"/v1", "/v1/me/", "/V1/me", "/v1/ledger/", "//v1/ledger", "/v1/../v1/ledgers", "/debug/pprof/", "/metrics", "/v1/audit", "/.git/config"} {
		r := w.send(http.MethodGet, path, "", nil)
		headers(t, r)
		if r.problem(t).Code != consent.NotFound {
			t.Errorf("%s: %d", path, r.StatusCode)
		}
	}
	for _, row := range api.Routes() {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodPatch, http.MethodOptions, http.MethodTrace} {
			if offered(method, path(row)) {
				continue
			}
			r := w.send(method, path(row), "", nil)
			headers(t, r)
			allow := strings.Split(r.Header.Get("Allow"), ", ")
			wrong := slices.DeleteFunc(slices.Clone(allow), func(m string) bool { return m == http.MethodHead || offered(m, path(row)) })
			if p := r.problem(t); p.Code != api.Method || r.StatusCode != http.StatusMethodNotAllowed || len(wrong) > 0 || !slices.Contains(allow, row.Method) {
				t.Errorf("%s %s: %d, Allow %q", method, row.Path, r.StatusCode, allow)
			}
		}
	}
}

// offered reports whether the table has a row for a method and a path. A part that begins with : stands for anything.
func offered(method, path string) bool {
	have := strings.Split(path, "/")
	return slices.ContainsFunc(api.Routes(), func(row api.Route) bool {
		want := strings.Split(row.Path, "/")
		if row.Method != method || len(want) > len(have) || len(want) < len(have) && want[len(want)-1] != "*tile" {
			return false
		}
		for i, part := range want {
			if part != have[i] && !strings.HasPrefix(part, ":") && part != "*tile" {
				return false
			}
		}
		return true
	})
}

// TestOpenAPI checks that the document names every row with its roles.
func TestOpenAPI(t *testing.T) {
	w := start(t, nil)
	r := w.send(http.MethodGet, "/openapi.json", "", nil)
	var doc struct {
		OpenAPI string `json:"openapi"`
		Paths   map[string]map[string]struct {
			Roles    []string `json:"x-roles"` //nolint:tagliatelle // OpenAPI's extension
			Security []any    `json:"security"`
		} `json:"paths"`
	}
	decode(t, r, &doc)
	n := 0
	for _, methods := range doc.Paths {
		n += len(methods)
		for _, op := range methods {
			if (op.Security == nil) != slices.Contains(op.Roles, string(api.Anyone)) {
				t.Errorf("roles %v with security %v", op.Roles, op.Security)
			}
		}
	}
	if doc.OpenAPI != "3.1.0" || n != len(api.Routes()) {
		t.Errorf("OpenAPI %s with %d operations, want %d", doc.OpenAPI, n, len(api.Routes()))
	}
}
