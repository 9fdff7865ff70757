package gateway_test

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
)

// stream is an open stream of notices.
type stream struct {
	t     *testing.T
	lines chan string // closed when the stream ends
	stop  func()
}

// listen opens a stream at base. It returns when the gateway is listening.
func listen(t *testing.T, base, token string) *stream {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	t.Cleanup(stop)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+api.PathNotices, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil || res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v, %v", res, err)
	}
	s := &stream{t, make(chan string, 100), stop}
	go func() {
		defer close(s.lines)
		defer func() { _ = res.Body.Close() }()
		in := bufio.NewScanner(res.Body)
		for in.Scan() {
			if strings.HasPrefix(in.Text(), "data:") || strings.HasPrefix(in.Text(), ": volens") {
				s.lines <- in.Text()
			}
		}
	}()
	if hello := s.next(); hello != ": volens" {
		t.Fatalf("%q", hello)
	}
	return s
}

// next is the next line, "" at the end of the stream.
func (s *stream) next() string {
	s.t.Helper()
	select {
	case line := <-s.lines:
		return line
	case <-time.After(time.Minute):
		s.t.Fatal("nothing came")
		return ""
	}
}

// TestNotices checks that a listener is told of uses and messages, of its own subject alone, and without what they hold.
func TestNotices(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	bob, his := w.Enrol("p2")
	token := w.patient(alice)
	s := listen(t, w.Node.URL(), token)
	w.submit(his, bob, bob.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	if got := s.next(); got != `data: {"kind":"ledger","seq":"3"}` {
		t.Errorf("%q", got)
	}
	ask := w.research(alice)
	if got := s.next(); got != `data: {"kind":"use","seq":"2"}` { // the hospital looked her up
		t.Errorf("%q", got)
	}
	w.decides(w.Member(consenttest.RosaInstitute), ask, policies.Permit)
	if got := s.next(); got != `data: {"kind":"use","seq":"3"}` {
		t.Errorf("%q", got)
	}

	// After a logout not one word more.
	if r := w.send(http.MethodPost, api.PathLogout, token, nil); r.StatusCode != http.StatusOK {
		t.Fatal(r.StatusCode)
	}
	w.decides(w.Member(consenttest.RosaInstitute), ask, policies.Permit)
	if got := s.next(); got != "" {
		t.Errorf("after logout: %q", got)
	}
	// Nor after an erasure.
	s = listen(t, w.Node.URL(), w.patient(alice))
	w.submit(me, alice, alice.Erase())
	if got := s.next(); got != "" {
		t.Errorf("after erasure: %q", got)
	}
}

func TestStreamLimit(t *testing.T) {
	w := start(t, nil)
	alice, _ := w.Enrol("p1")
	token := w.patient(alice)
	var open []*stream
	for range 8 {
		open = append(open, listen(t, w.Node.URL(), token))
	}
	r := w.send(http.MethodGet, api.PathNotices, token, nil)
	if r.problem(t).Code != api.RateLimited {
		t.Errorf("a ninth stream: %d", r.StatusCode)
	}
	open[0].stop()
	for range 1000 { // the place becomes free as soon as the gateway has seen the client go
		if r = w.send(http.MethodGet, api.PathNotices, token, nil); r.StatusCode == http.StatusOK {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("still %d", r.StatusCode)
}

// TestStreamLife checks that the server's timeouts end no stream, and that shutting down does.
func TestStreamLife(t *testing.T) {
	w := start(t, nil)
	alice, me := w.Enrol("p1")
	server := httptest.NewUnstartedServer(nil)
	server.Config = gateway.Server(w.Node.Gateway, nil)
	server.Config.ReadTimeout, server.Config.WriteTimeout = 50*time.Millisecond, 50*time.Millisecond
	server.Start()
	s := listen(t, server.URL, w.patient(alice))
	time.Sleep(200 * time.Millisecond) // longer than both
	w.submit(me, alice, alice.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)))
	if got := s.next(); got != `data: {"kind":"ledger","seq":"3"}` {
		t.Errorf("%q", got)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := server.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutdown waited for a stream: %v", err)
	}
	if got := s.next(); got != "" {
		t.Errorf("after shutdown: %q", got)
	}
}
