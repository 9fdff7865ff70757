// Package web serves the wallet app that is built from this folder. See README.md for the app itself.
//
// The app is embedded as npm run build leaves it, in embedded/dist, which is not under version control: a binary built
// without Node has no app and serves a page that says how to build one. Nothing here is data: every answer is the same for
// everybody, and everything that the app loads comes from here.
package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed all:embedded
var embedded embed.FS

const (
	shell     = "index.html"
	manifest  = "build.json"
	trustList = "trust.json" // configured, and no part of the build
	unbuilt   = "embedded/unbuilt.html"
	forever   = "public, max-age=31536000, immutable" // under a name that holds the file's hash
	noCache   = "no-cache"                            // ask again whether it changed
	smallFile = 512                                   // not worth compressing
)

// policy is the Content-Security-Policy of every file: only what comes from here, no inline code, no frames, no plugins, no
// forms that the browser sends by itself, and script URLs only through the app's own Trusted Types policy, which knows the
// worker and the service worker and no other.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
	"worker-src 'self'", "manifest-src 'self'", "base-uri 'none'", "object-src 'none'", "frame-ancestors 'none'", "form-action 'none'",
	"require-trusted-types-for 'script'", "trusted-types volens",
}, "; ")

// App serves the files of one build. It is an http.Handler and safe for concurrent use.
type App struct {
	files map[string]*file
	hash  string
	hsts  bool
}

type file struct {
	body      []byte
	mediaType string
	etag      string
	cache     string
	zip       sync.Once
	zipped    []byte
}

// Options of an App. The zero value works.
type Options struct {
	TLS   bool   // clients reach it over https: then browsers are told to keep to that
	Trust []byte // JSON: whose health certificates the app believes (wallet/document.TrustList); nil: nobody's
}

// New reads the embedded build. It fails when the build is not whole.
func New(o Options) (*App, error) {
	dist, err := fs.Sub(embedded, "embedded/dist")
	if err != nil {
		return nil, fmt.Errorf("read the app: %w", err)
	}
	if _, err := fs.Stat(dist, shell); err != nil {
		return without(o)
	}
	return From(dist, o)
}

// without is the app of a binary that was built without one: a page that says so.
func without(o Options) (*App, error) {
	b, err := embedded.ReadFile(unbuilt)
	if err != nil {
		return nil, fmt.Errorf("read the app: %w", err)
	}
	return &App{files: map[string]*file{shell: newFile(shell, b)}, hsts: o.TLS}, nil
}

// From makes an app of a build's files.
func From(dist fs.FS, o Options) (*App, error) {
	a := &App{files: map[string]*file{}, hsts: o.TLS}
	defer a.trust(o)
	err := fs.WalkDir(dist, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := fs.ReadFile(dist, name)
		if err == nil {
			a.files[name] = newFile(name, b)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the app: %w", err)
	}
	a.hash = a.overall()
	if m := a.files[manifest]; m == nil || !bytes.Contains(m.body, []byte(`"hash": "`+a.hash+`"`)) {
		return nil, fmt.Errorf("read the app: its files are not those that %s names; build it again", manifest)
	}
	return a, nil
}

// trust serves the configured list under its own name.
func (a *App) trust(o Options) {
	if o.Trust != nil {
		a.files[trustList] = newFile(trustList, o.Trust)
	}
}

// overall is SHA-256 over the lines "<sha256 of the file>  <name>" of every file but build.json, in order of name: what
// npm run build prints and build.json says.
func (a *App) overall() string {
	names := make([]string, 0, len(a.files))
	for name := range a.files {
		if name != manifest {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	h := sha256.New()
	for _, name := range names {
		sum := sha256.Sum256(a.files[name].body)
		fmt.Fprintf(h, "%x  %s\n", sum, name) //nolint:errcheck // a hash never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Hash names the build, "" when there is none.
func (a *App) Hash() string { return a.hash }

func newFile(name string, b []byte) *file {
	sum := sha256.Sum256(b)
	f := &file{body: b, mediaType: mediaType(name), etag: `"` + hex.EncodeToString(sum[:16]) + `"`, cache: noCache}
	if strings.HasPrefix(name, "assets/") {
		f.cache = forever
	}
	return f
}

// mediaType does not look at the machine's tables, which differ.
func mediaType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".json":
		return "application/json"
	case ".webmanifest":
		return "application/manifest+json"
	case ".svg":
		return "image/svg+xml"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// Has reports whether the app answers the request: a file of it, or a page that a person's browser asks for, since the app's
// pages have paths of their own.
func (a *App) Has(r *http.Request) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	return a.find(r) != nil
}

func (a *App) find(r *http.Request) *file {
	name := strings.TrimPrefix(r.URL.Path, "/")
	if f := a.files[name]; f != nil {
		return f
	}
	page := path.Ext(name) == "" && strings.Contains(r.Header.Get("Accept"), "text/html")
	if name == "" || page {
		return a.files[shell]
	}
	return nil
}

// ServeHTTP implements http.Handler.
func (a *App) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f := a.find(r)
	if f == nil {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	a.protect(h)
	h.Set("Cache-Control", f.cache)
	h.Set("Etag", f.etag)
	h.Set("Vary", "Accept-Encoding")
	if r.Header.Get("If-None-Match") == f.etag {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	body := f.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if z := f.compressed(); z != nil {
			body = z
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", f.mediaType)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(http.StatusOK)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) //nolint:errcheck // the client went
	}
}

// protect sets what every answer has.
func (a *App) protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(self), geolocation=(), microphone=(), payment=(), usb=()")
	if a.hsts {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// compressed is the file in gzip, made once; nil when that is no gain.
func (f *file) compressed() []byte {
	f.zip.Do(func() {
		if len(f.body) < smallFile {
			return
		}
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
		if err != nil {
			return
		}
		if _, err = z.Write(f.body); err != nil || z.Close() != nil || b.Len() >= len(f.body) {
			return
		}
		f.zipped = b.Bytes()
	})
	return f.zipped
}
