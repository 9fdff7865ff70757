package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/policies"
)

const hour = consent.Millis(3_600_000)

// world is a running node with what these tests need of it.
type world struct {
	*nodetest.World
	t testing.TB
}

func start(t testing.TB, change func(*node.Config)) *world {
	t.Helper()
	return &world{nodetest.Start(t, change), t}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// wants checks the code of a refusal.
func (w *world) wants(err error, code consent.Code) {
	w.t.Helper()
	if consent.CodeOf(err) != code || err == nil {
		w.t.Fatalf("got %v (%s), want %s", err, consent.CodeOf(err), code)
	}
}

// submit puts a subject's message on the ledger and moves the subject on.
func (w *world) submit(c *client.Client, s *consenttest.Subject, m consent.Message) {
	w.t.Helper()
	_, err := c.Submit(context.Background(), m)
	w.must(err)
	s.Moved(m)
}

// authority is the client of one of the founding authorities.
func (w *world) authority() *client.Client {
	w.t.Helper()
	c, err := w.Client().Person(context.Background(), consenttest.Persona("trust"))
	w.must(err)
	return c
}

// together signs a body by both authorities and submits it.
func (w *world) together(b consent.Body) {
	w.t.Helper()
	_, err := w.authority().Submit(context.Background(), w.Sign(b, consenttest.Persona("trust"), consenttest.Persona("regulator")))
	w.must(err)
}

// token is a bearer token of a member's system, for these roles.
func (w *world) token(m consent.MemberID, scope string) string {
	w.t.Helper()
	t, err := w.Client().Token(context.Background(), client.Credentials{Member: m, Key: consenttest.Persona(string(m)), Scope: scope})
	w.must(err)
	return t.AccessToken
}

// prove signs a fresh challenge with a key.
func (w *world) prove(key sig.Key) api.SignIn {
	w.t.Helper()
	ch, err := w.Client().Challenge(context.Background())
	w.must(err)
	return sign(w, ch, key)
}

// sign signs a challenge with a key.
func sign(w *world, ch api.Challenge, key sig.Key) api.SignIn {
	w.t.Helper()
	m, err := client.Message(ch, key.Address())
	w.must(err)
	text, err := m.Format()
	w.must(err)
	s, err := key.Sign(sig.PersonalHash(text))
	w.must(err)
	return api.SignIn{Message: text, Signature: s.String()}
}

// patient is a subject's bearer token.
func (w *world) patient(s *consenttest.Subject) string {
	w.t.Helper()
	in := w.prove(s.Key)
	in.Handle, in.KeySalt = &s.Handle, &s.KeySalt
	session, err := w.Client().SignIn(context.Background(), in)
	w.must(err)
	return session.AccessToken
}

// delegate signs a delegate in, by the key that a delegation names.
func (w *world) delegate(key sig.Key, d consent.Delegate) (string, error) {
	w.t.Helper()
	in := w.prove(key)
	in.Delegation = &d
	session, err := w.Client().SignIn(context.Background(), in)
	return session.AccessToken, err
}

// delegation is a delegation by the subject to a key, in force now.
func (w *world) delegation(s *consenttest.Subject, to sig.Key, kind string, scope ...string) *consent.Delegate {
	l := s.Link()
	return &consent.Delegate{
		Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegate: to.Address(), Kind: kind, Scope: scope,
		Period: consent.Period{Start: w.Now - hour, End: w.Now + 24*hour}, Salt: w.Rand.Hash(),
	}
}

// reply is an HTTP answer, read whole.
type reply struct {
	*http.Response
	body []byte
}

func (r reply) problem(t testing.TB) api.Problem {
	t.Helper()
	var p api.Problem
	if r.Header.Get("Content-Type") == "application/fhir+json" {
		return r.outcome(t)
	}
	if r.Header.Get("Content-Type") != api.ProblemType {
		t.Fatalf("%s %s: status %d with %q: %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.Header.Get("Content-Type"), r.body)
	}
	if err := json.Unmarshal(r.body, &p); err != nil || p.Status != r.StatusCode || p.Code == "" || p.Title == "" || p.Type == "" {
		t.Fatalf("not a problem: %s (%v)", r.body, err)
	}
	return p
}

// outcome reads a problem that was said as an OperationOutcome.
func (r reply) outcome(t testing.TB) api.Problem {
	t.Helper()
	var o struct {
		ResourceType string
		Issue        []struct {
			Severity, Code, Diagnostics string
			Details                     struct{ Coding []consent.Coding }
		}
	}
	if err := json.Unmarshal(r.body, &o); err != nil || o.ResourceType != "OperationOutcome" || len(o.Issue) == 0 || o.Issue[0].Code == "" {
		t.Fatalf("not an OperationOutcome: %s (%v)", r.body, err)
	}
	p := api.Problem{Detail: o.Issue[0].Diagnostics, Status: r.StatusCode}
	if ks := o.Issue[0].Details.Coding; len(ks) > 0 {
		p.Code = consent.Code(ks[0].Code)
	}
	return p
}

// send sends a request as it is; header pairs may replace the JSON content type and the bearer token.
func (w *world) send(method, path, token string, body []byte, header ...string) reply {
	w.t.Helper()
	var in io.Reader
	if body != nil {
		in = bytes.NewReader(body)
	}
	req, err := http.NewRequest(method, w.Node.URL()+path, in)
	w.must(err)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if method == http.MethodPost || method == http.MethodPut {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
		} else {
			req.Header.Set(header[i], header[i+1])
		}
	}
	return w.do(req)
}

func (w *world) do(req *http.Request) reply {
	w.t.Helper()
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer func() { w.must(res.Body.Close()) }()
	if res.Header.Get("Content-Type") == "text/event-stream" {
		return reply{Response: res}
	}
	b, err := io.ReadAll(res.Body)
	w.must(err)
	return reply{res, b}
}

func (w *world) post(path, token string, v any) reply {
	w.t.Helper()
	b, err := json.Marshal(v)
	w.must(err)
	return w.send(http.MethodPost, path, token, b)
}

// uses are all uses on record for a subject, newest first, checked as its wallet does.
func (w *world) uses(s *consenttest.Subject, me *client.Client) []proof.Use {
	w.t.Helper()
	st, err := me.Statement(context.Background(), proof.Seen{})
	w.must(err)
	out := make([]proof.Use, len(st.Entries))
	for i, e := range st.Entries {
		out[i] = e.Use
	}
	return out
}

// research is Rosa's request for a subject's data.
func (w *world) research(s *consenttest.Subject) api.AccessRequest {
	w.t.Helper()
	return api.AccessRequest{
		Subject: w.Pseudonym(s, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/rosa"},
	}
}

// faults is how often a question is put again that was denied because there was no time to decide it, which happens when
// the machine is busy.
const faults = 50

// decides asks and checks the decision.
func (w *world) decides(c *client.Client, req api.AccessRequest, want string) api.Access {
	w.t.Helper()
	var a api.Access
	for range faults {
		var err error
		a, err = c.Access(context.Background(), req)
		w.must(err)
		if !reason(a.Decision, "fault") {
			break
		}
	}
	if a.Decision.Decision != want || a.Use == nil {
		w.t.Fatalf("%s, want %s: %+v", a.Decision.Decision, want, a.Decision)
	}
	if (want == policies.Deny) != (len(a.Obligations) == 0 && a.Decision.Decision == policies.Deny) {
		w.t.Fatalf("a denial with obligations: %+v", a)
	}
	return a
}

// reason reports whether a reason with this code is among those of a decision.
func reason(d policies.Decision, code string) bool {
	for _, r := range d.Reasons {
		if r.Code == code {
			return true
		}
	}
	return false
}

var errStop = errors.New("stop")

func decode(t testing.TB, r reply, v any) {
	t.Helper()
	if r.StatusCode/100 != 2 {
		t.Fatalf("%s %s: %d %s", r.Request.Method, r.Request.URL.Path, r.StatusCode, r.body)
	}
	if err := json.Unmarshal(r.body, v); err != nil {
		t.Fatalf("%s: %v", r.body, err)
	}
}

// clock is a clock that tests move.
type clock struct{ offset atomic.Int64 }

func newClock() *clock { return &clock{} }

func (c *clock) now() time.Time { return time.Now().Add(time.Duration(c.offset.Load())) }

func (c *clock) set(t time.Time) { c.offset.Store(int64(time.Until(t))) }

// memberAt is Member for a node with a moved clock.
func (w *world) memberAt(id consent.MemberID, c *clock) *client.Client {
	w.t.Helper()
	return w.Client().Member(client.Credentials{Member: id, Key: consenttest.Persona(string(id)), Now: c.now})
}

func hash(text string) consent.Hash { return sha256.Sum256([]byte(text)) }
