package web_test

import (
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/volens-ledger/volens/wallet/web"
)

// build is a build's files with the build.json that goes with them.
func build(files map[string]string) fstest.MapFS {
	fsys, names := fstest.MapFS{}, []string{}
	for name, body := range files {
		fsys[name] = &fstest.MapFile{Data: []byte(body)}
		names = append(names, name)
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256([]byte(files[name])), name)
	}
	fsys["build.json"] = &fstest.MapFile{Data: fmt.Appendf(nil, "{\n \"hash\": \"%x\"\n}\n", h.Sum(nil))}
	return fsys
}

func small() fstest.MapFS {
	return build(map[string]string{
		"index.html": "<!doctype html>shell", "sw.js": "worker()", "assets/index-abc.js": strings.Repeat("code();", 1000), "icon.svg": "<svg/>",
	})
}

func app(t *testing.T, o web.Options) *web.App {
	t.Helper()
	a, err := web.From(small(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func ask(t *testing.T, a *web.App, method, path string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	if !a.Has(r) {
		w.WriteHeader(http.StatusNotFound)
		return w.Result()
	}
	a.ServeHTTP(w, r)
	return w.Result()
}

func TestServe(t *testing.T) {
	const page, forever = "text/html,application/xhtml+xml", "public, max-age=31536000, immutable"
	tests := []struct {
		name, method, path, accept string
		status                     int
		mediaType, cache           string
	}{
		{"the shell", "GET", "/", "*/*", 200, "text/html; charset=utf-8", "no-cache"},
		{"a page", "GET", "/requests/one", page, 200, "text/html; charset=utf-8", "no-cache"},
		{"a page for a program", "GET", "/requests/one", "application/json", 404, "", ""},
		{"a script", "GET", "/assets/index-abc.js", "*/*", 200, "text/javascript; charset=utf-8", forever},
		{"only its head", "HEAD", "/assets/index-abc.js", "*/*", 200, "text/javascript; charset=utf-8", forever},
		{"the service worker", "GET", "/sw.js", "*/*", 200, "text/javascript; charset=utf-8", "no-cache"},
		{"what is not there", "GET", "/assets/index-def.js", page, 404, "", ""},
		{"above the folder", "GET", "/../web.go", "*/*", 404, "", ""},
		{"a post", "POST", "/", page, 404, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ask(t, app(t, web.Options{}), tt.method, tt.path, "Accept", tt.accept)
			if r.StatusCode != tt.status || r.Header.Get("Content-Type") != tt.mediaType || r.Header.Get("Cache-Control") != tt.cache {
				t.Errorf("%d %q %q", r.StatusCode, r.Header.Get("Content-Type"), r.Header.Get("Cache-Control"))
			}
		})
	}
}

func TestProtect(t *testing.T) {
	for _, tls := range []bool{false, true} {
		h := ask(t, app(t, web.Options{TLS: tls}), "GET", "/").Header
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "style-src 'self'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'",
			"require-trusted-types-for 'script'", "trusted-types volens",
		} {
			if !slices.Contains(strings.Split(h.Get("Content-Security-Policy"), "; "), want) {
				t.Errorf("the policy lacks %s", want)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
			t.Error("the policy allows something unsafe")
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers: %v", h)
		}
		if got := h.Get("Strict-Transport-Security") != ""; got != tls {
			t.Errorf("HSTS %v over TLS %v", got, tls)
		}
	}
}

func TestCompress(t *testing.T) {
	a := app(t, web.Options{})
	r := ask(t, a, "GET", "/assets/index-abc.js", "Accept-Encoding", "gzip, br")
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil || string(b) != strings.Repeat("code();", 1000) {
		t.Fatalf("%d bytes, %v", len(b), err)
	}
	if r := ask(t, a, "GET", "/sw.js", "Accept-Encoding", "gzip"); r.Header.Get("Content-Encoding") != "" {
		t.Error("what is small is not compressed")
	}
}

func TestUnchanged(t *testing.T) {
	a := app(t, web.Options{})
	tag := ask(t, a, "GET", "/").Header.Get("Etag")
	if r := ask(t, a, "GET", "/", "If-None-Match", tag); r.StatusCode != http.StatusNotModified || tag == "" {
		t.Errorf("%d for %s", r.StatusCode, tag)
	}
}

// TestDamaged changes one byte of each file: the app is refused, because its hash would be a lie.
func TestDamaged(t *testing.T) {
	for name := range small() {
		files := small()
		data := slices.Clone(files[name].Data)
		i := strings.Index(string(data), `": "`) + len(`": "`) // in build.json the hash itself
		data[i] ^= 1
		files[name] = &fstest.MapFile{Data: data}
		if _, err := web.From(files, web.Options{}); err == nil {
			t.Errorf("%s was changed", name)
		}
	}
	if _, err := web.From(fstest.MapFS{}, web.Options{}); err == nil {
		t.Error("nothing is an app")
	}
}

// TestEmbedded holds with an app in this binary and without one.
func TestEmbedded(t *testing.T) {
	a, err := web.New(web.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r := ask(t, a, "GET", "/")
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK {
		t.Fatal(r.StatusCode, err)
	}
	if says := strings.Contains(string(b), "make run"); says != (a.Hash() == "") {
		t.Errorf("the page says how to build the app: %v, the build's hash is %q", says, a.Hash())
	}
}

// TestTrustList checks that a configured trust list is served and is no part of the build.
func TestTrustList(t *testing.T) {
	with, without := app(t, web.Options{Trust: []byte(`{"keys":[]}`)}), app(t, web.Options{})
	r := ask(t, with, http.MethodGet, "/trust.json")
	b, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode != http.StatusOK || string(b) != `{"keys":[]}` || r.Header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %s %v, %v", r.StatusCode, b, r.Header, err)
	}
	if with.Hash() != without.Hash() {
		t.Error("the list changes the build's hash")
	}
	if r := ask(t, without, http.MethodGet, "/trust.json"); r.StatusCode != http.StatusNotFound {
		t.Errorf("a list that nobody configured: %d", r.StatusCode)
	}
}
