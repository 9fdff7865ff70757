package gateway_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/gateway/api"
)

// TestApp checks that people get pages beside the routes, never in the place of one, and that data keeps its own headers.
func TestApp(t *testing.T) {
	w := start(t, nil)
	tests := []struct {
		path, accept string
		status       int
		mediaType    string
	}{
		{"/", "*/*", 200, "text/html; charset=utf-8"},
		{"/requests/today", "text/html", 200, "text/html; charset=utf-8"},
		{"/requests/today", "application/json", 404, api.ProblemType},
		{"/v1/nothing", "text/html", 404, api.ProblemType},
		{"/tlog", "text/html", 404, api.ProblemType},
		{api.PathLedger, "text/html", 200, "application/json"},
	}
	for _, tt := range tests {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.Node.URL()+tt.path, http.NoBody)
		w.must(err)
		r.Header.Set("Accept", tt.accept)
		got, err := http.DefaultClient.Do(r)
		w.must(err)
		w.must(got.Body.Close())
		if got.StatusCode != tt.status || got.Header.Get("Content-Type") != tt.mediaType {
			t.Errorf("%s for %s: %d %s", tt.path, tt.accept, got.StatusCode, got.Header.Get("Content-Type"))
		}
		page := strings.HasPrefix(tt.mediaType, "text/html")
		if types := strings.Contains(got.Header.Get("Content-Security-Policy"), "trusted-types volens"); types != page {
			t.Errorf("%s: the policy is %q", tt.path, got.Header.Get("Content-Security-Policy"))
		}
		if kept := got.Header.Get("Cache-Control") != "no-store"; kept != page {
			t.Errorf("%s: %s", tt.path, got.Header.Get("Cache-Control"))
		}
	}
}
