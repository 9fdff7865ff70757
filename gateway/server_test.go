package gateway_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/api"
)

// TestServerLimits checks that every limit of the server is set: net/http has none by itself.
func TestServerLimits(t *testing.T) {
	s := gateway.Server(http.NotFoundHandler(), nil)
	for name, got := range map[string]struct{ got, most time.Duration }{
		"read header": {s.ReadHeaderTimeout, 5 * time.Second}, "read": {s.ReadTimeout, 10 * time.Second},
		"write": {s.WriteTimeout, 30 * time.Second}, "idle": {s.IdleTimeout, 2 * time.Minute},
	} {
		if got.got <= 0 || got.got > got.most {
			t.Errorf("%s timeout %v", name, got.got)
		}
	}
	if s.MaxHeaderBytes <= 0 || s.MaxHeaderBytes > 32<<10 {
		t.Errorf("%d header bytes", s.MaxHeaderBytes)
	}
}

// TestHead checks that what anyone may read can be asked for by HEAD, and nothing else.
func TestHead(t *testing.T) {
	w := start(t, nil)
	for path, want := range map[string]int{"/healthz": 200, "/openapi.json": 200, api.PathLedger: 200, api.PathMe: 405, api.PathAccess: 405} {
		if r := w.send(http.MethodHead, path, "", nil); r.StatusCode != want || len(r.body) != 0 {
			t.Errorf("%s: %d, %d bytes", path, r.StatusCode, len(r.body))
		}
	}
}

// raw opens a connection, writes text and returns all that comes back.
func raw(t *testing.T, address string, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("the connection is still open: %v", err)
	}
	return string(b)
}

func TestSlowAndHuge(t *testing.T) {
	w := start(t, nil)
	server := httptest.NewUnstartedServer(nil)
	server.Config = gateway.Server(w.Node.Gateway, nil)
	server.Config.ReadHeaderTimeout, server.Config.ReadTimeout = 50*time.Millisecond, 100*time.Millisecond
	server.Start()
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	head := "POST " + api.PathSignIn + " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n"
	raw(t, address, head) // never finishes its header: closed, with or without a word
	if got := raw(t, address, head+"Connection: close\r\n\r\n{\"message\":"); !strings.Contains(got, " 400 ") || !strings.Contains(got, api.ProblemType) {
		t.Errorf("a slow body: %s", got)
	}
	if got := raw(t, address, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Large: "+strings.Repeat("x", 64<<10)+"\r\n\r\n"); !strings.Contains(got, " 431 ") {
		t.Errorf("a huge header: %s", cutTo(got, 200))
	}
	if got := raw(t, address, strings.Replace(head, "1000", "9999999", 1)+"Connection: close\r\n\r\n"); !strings.Contains(got, " 413 ") {
		t.Errorf("a huge body that was announced: %s", cutTo(got, 200))
	}
	if r := w.send(http.MethodGet, "/healthz", "", nil); r.StatusCode != http.StatusOK {
		t.Errorf("the process is not alive: %d", r.StatusCode)
	}
}

// TestConnections checks that a node takes no more connections than it was told to.
func TestConnections(t *testing.T) {
	w := start(t, func(c *node.Config) { c.Connections = 2 })
	http.DefaultClient.CloseIdleConnections()
	address := strings.TrimPrefix(w.Node.URL(), "http://")
	ask := func() net.Conn {
		c, err := net.Dial("tcp", address)
		w.must(err)
		_, err = io.WriteString(c, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
		w.must(err)
		return c
	}
	answered := func(c net.Conn) bool {
		w.must(c.SetReadDeadline(time.Now().Add(300 * time.Millisecond)))
		n, _ := c.Read(make([]byte, 1))
		return n == 1
	}
	a, b := ask(), ask()
	if c := ask(); answered(c) {
		t.Error("a third connection was served")
	} else {
		w.must(a.Close())
		w.must(b.Close())
		w.must(c.SetReadDeadline(time.Now().Add(time.Minute)))
		if _, err := c.Read(make([]byte, 1)); err != nil {
			t.Errorf("the third was not served after the others had gone: %v", err)
		}
		w.must(c.Close())
	}
}

// TestPanic checks that a handler that panics is a problem, in the log without what the request held, and nothing more; and
// that half an answer does not pass for a whole one.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	w := start(t, func(c *node.Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	w.Node.Gateway.Handle("/panic", func(func(string)) { panic(canary) })
	w.Node.Gateway.Handle("/half", func(write func(string)) {
		write("half")
		panic(fmt.Errorf("%s", canary))
	})
	r := w.send(http.MethodGet, "/panic?"+canary, "", nil)
	headers(t, r)
	if p := r.problem(t); p.Code != consent.Internal || p.Detail != "" || strings.Contains(string(r.body), canary) {
		t.Errorf("%s", r.body)
	}
	res, err := http.Get(w.Node.URL() + "/half")
	if err == nil {
		_, err = io.ReadAll(res.Body)
		w.must(res.Body.Close())
	}
	if err == nil {
		t.Error("half an answer passes for a whole one")
	}
	if r := w.send(http.MethodGet, "/healthz", "", nil); r.StatusCode != http.StatusOK {
		t.Errorf("the process is not alive: %d", r.StatusCode)
	}
	w.Close()
	if text := log.String(); !strings.Contains(text, "a handler panicked") || strings.Contains(text, canary) {
		t.Errorf("the log says %s", text)
	}
}
