package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
)

// recorder keeps the request line and the headers of every exchange: what proxies and browsers write down.
type recorder struct {
	mu   sync.Mutex
	text strings.Builder
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text.WriteString(req.Method + " " + req.URL.String() + "\n")
	if err == nil {
		_ = res.Header.Write(&r.text)
	}
	return res, err
}

type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// TestNothingPersonal runs a story of canaries and looks for them in the log, the metrics, the URLs and the headers.
func TestNothingPersonal(t *testing.T) {
	ctx := context.Background()
	log, seen := &locked{}, &recorder{}
	w := start(t, func(c *node.Config) {
		c.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	})
	id, reason := "MRN-"+canary, "found unconscious "+canary
	w.Store[id] = []json.RawMessage{json.RawMessage(`{"resourceType":"Observation","id":"` + canary + `"}`), json.RawMessage(`{"resourceType":"` + canary)}
	alice, _ := w.Enrol(id)
	observed := func(c *client.Client, err error) *client.Client {
		w.must(err)
		return c
	}
	connect := func() *client.Client {
		return observed(client.New(w.Node.URL(), client.Options{HTTP: &http.Client{Transport: seen}}))
	}
	member := func(m consent.MemberID) *client.Client {
		return connect().Member(client.Credentials{Member: m, Key: consenttest.Persona(string(m))})
	}
	me := connect().As(client.Bearer(w.patient(alice)))
	w.submit(me, alice, alice.Grant(consenttest.PurposeConsent(consenttest.BobPractice, "BTG", 0)))
	req := api.AccessRequest{
		Subject: w.Pseudonym(alice, consenttest.BobPractice), Purpose: consent.Coding{Code: "BTG"}, Emergency: reason, RequestID: canary,
		Actor: api.Actor{Reference: "Practitioner/" + canary}, Resources: []policies.Resource{{Type: "Observation", ID: canary}},
	}
	bob, hospital, aurel := member(consenttest.BobPractice), member(consenttest.CityHospital), member(consenttest.AurelAudit)
	for name, call := range map[string]func() error{
		"access": func() error { _, err := bob.Access(ctx, req); return err },
		"batch":  func() error { _, err := bob.Batch(ctx, []api.AccessRequest{req}); return err },
		"search": func() error { _, err := hospital.Search(ctx, api.SubjectQuery{LocalID: id}); return err },
		"uses":   func() error { _, err := me.Uses(ctx, api.UsesQuery{}); return err },
		"csv":    func() error { _, err := me.UsesCSV(ctx); return err },
		"me":     func() error { _, err := me.Me(ctx); return err },
		"audit":  func() error { _, err := aurel.AuditUses(ctx, api.AuditFilter{}); return err },
		"preview": func() error {
			_, err := me.Preview(ctx, api.Preview{Member: consenttest.BobPractice, Purpose: req.Purpose})
			return err
		},
	} {
		if err := call(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What goes wrong is where data usually ends up in logs.
	_, err := bob.Fetch(ctx, req) // a record that cannot be read
	w.wants(err, consent.Internal)
	if strings.Contains(err.Error(), canary) {
		t.Errorf("an error tells of the record: %v", err)
	}
	_, err = hospital.Enrol(ctx, api.Enrolment{LocalID: id})
	w.wants(err, consent.Exists)
	w.Node.Gateway.Handle("/panic", func(func(string)) { panic(canary) })
	w.send(http.MethodGet, "/panic", "", nil)
	w.send(http.MethodGet, "/v1/nothing/"+canary, canary, nil)
	_, err = hospital.Erase(ctx, api.EraseSubject{SubjectQuery: api.SubjectQuery{LocalID: id}, Reason: "request"})
	w.must(err)

	debug := httptest.NewServer(w.Node.Gateway.Debug())
	defer debug.Close()
	res, err := http.Get(debug.URL + "/metrics")
	w.must(err)
	metrics, err := io.ReadAll(res.Body)
	w.must(err)
	w.must(res.Body.Close())
	if !strings.Contains(string(metrics), "volens_decisions_total") {
		t.Errorf("no metrics: %s", metrics)
	}
	w.Close()
	secrets := []string{canary, alice.Handle.String(), req.Subject, alice.Key.Address().String(), "unconscious", alice.Code}
	for where, text := range map[string]string{"log": log.b.String(), "metrics": string(metrics), "URLs and headers": seen.text.String()} {
		for _, s := range secrets {
			if strings.Contains(strings.ToLower(text), strings.ToLower(s)) {
				t.Errorf("%s is in the %s", s, where)
			}
		}
	}
	if !strings.Contains(log.b.String(), "a handler panicked") {
		t.Error("the log was not looked at")
	}
}
