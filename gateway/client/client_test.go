package client_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
)

// serve runs a gateway made of one handler.
func serve(t *testing.T, h http.HandlerFunc) *client.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := client.New(s.URL, client.Options{Token: client.Bearer("secret")})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func problem(w http.ResponseWriter, code consent.Code, detail string) {
	p := api.ProblemOf(code, detail)
	w.Header().Set("Content-Type", api.ProblemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

func TestAddresses(t *testing.T) {
	for base, good := range map[string]bool{
		"http://localhost:8080": true, "http://127.0.0.1:1/": true, "https://gateway.example": true, "http://[::1]:80": true,
		"http://gateway.example": false, "gateway.example": false, "https://a@gateway.example": false,
		"https://gateway.example/v1": false, "ftp://localhost": false, "": false, "http://localhost.example": false,
	} {
		if _, err := client.New(base, client.Options{}); (err == nil) != good {
			t.Errorf("%q: %v", base, err)
		}
	}
}

// Every code that a gateway can send must arrive as the same code.
func TestCodesCross(t *testing.T) {
	codes := append(consent.Codes(), api.Unauthenticated, api.RateLimited, api.Method, api.MediaType)
	for _, code := range codes {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			problem(w, code, "do this")
		})
		_, err := c.Me(t.Context())
		if got := consent.CodeOf(err); got != code {
			t.Errorf("%s arrived as %s", code, got)
		}
		if got := client.RetryAfter(err); got != 7*time.Second {
			t.Errorf("%s: wait %s", code, got)
		}
		var e *consent.Error
		if !errors.As(err, &e) || code != consent.Internal && e.Msg != "do this" {
			t.Errorf("%s: %v", code, err)
		}
	}
}

func TestAnswersThatAreNoProblems(t *testing.T) {
	for _, c := range []struct {
		status     int
		kind, body string
		want       consent.Code
	}{
		{502, "text/html", "<html>", consent.Unavailable},
		{401, "application/json", `{"error":"invalid_client","error_description":"no"}`, api.Unauthenticated},
		{404, "text/plain", "404 page not found", consent.NotFound},
		{400, api.ProblemType, `{"status":400}`, consent.Malformed},
		{500, api.ProblemType, `not json`, consent.Internal},
		{200, "application/json", `{"handle":`, consent.Malformed},
		{200, "application/json", strings.Repeat(" ", 5<<20), consent.TooLarge},
	} {
		cl := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", c.kind)
			w.WriteHeader(c.status)
			_, _ = io.WriteString(w, c.body)
		})
		if _, err := cl.Me(t.Context()); consent.CodeOf(err) != c.want {
			t.Errorf("%d %.20s: %v, want %s", c.status, c.body, err, c.want)
		}
	}
}

func TestNobodyThere(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	s.Close()
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Ledger(t.Context()); consent.CodeOf(err) != consent.Unavailable {
		t.Errorf("a refused connection is %v", err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Ledger(gone); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call is %v", err)
	}
}

func message(t *testing.T) consent.Message {
	t.Helper()
	w, _ := consenttest.NewWorld("client")
	s, _ := w.Open()
	return s.RevokeAll()
}

// When the outcome is unknown, the receipt is looked up, and only a message that did not land is sent again.
func TestSubmitFindsOut(t *testing.T) {
	m := message(t)
	want := network.Receipt{Position: 4, Commitment: consent.Commitment(m.Body), Leaf: []byte("leaf")}
	for name, c := range map[string]struct {
		first  func(w http.ResponseWriter)
		landed bool
		want   string
	}{
		"unknown, landed": {func(w http.ResponseWriter) { problem(w, consent.Unknown, "ask") }, true, "messages receipts"},
		"unknown, lost":   {func(w http.ResponseWriter) { problem(w, consent.Unknown, "ask") }, false, "messages receipts messages"},
		"cut off, landed": {func(http.ResponseWriter) { panic(http.ErrAbortHandler) }, true, "messages receipts"},
		"refused":         {func(w http.ResponseWriter) { problem(w, consent.Conflict, "no") }, false, "messages"},
	} {
		t.Run(name, func(t *testing.T) {
			var mu sync.Mutex
			var calls []string
			cl := serve(t, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				calls = append(calls, strings.TrimPrefix(r.URL.Path, "/v1/"))
				n := len(calls)
				mu.Unlock()
				switch {
				case n == 1:
					c.first(w)
				case r.URL.Path == api.PathReceipts && !c.landed:
					problem(w, consent.NotFound, "none")
				default:
					_ = json.NewEncoder(w).Encode(want)
				}
			})
			got, err := cl.Submit(t.Context(), m)
			if name == "refused" {
				if consent.CodeOf(err) != consent.Conflict {
					t.Errorf("got %v", err)
				}
			} else if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v: %s", err, diff)
			}
			if got := strings.Join(calls, " "); got != c.want {
				t.Errorf("calls %q, want %q", got, c.want)
			}
		})
	}
}

func TestNotices(t *testing.T) {
	stream := ": hello\n\nevent: use\ndata: {\"kind\":\"use\",\"seq\":\"3\"}\n\nid: 4\r\ndata: {\"kind\":\"ledger\",\r\ndata: \"seq\":\"9\"}\r\n\r\n"
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, stream)
	})
	var got []api.Notice
	err := c.Notices(t.Context(), func(n api.Notice) error { got = append(got, n); return nil })
	if diff := cmp.Diff([]api.Notice{{Kind: "use", Seq: 3}, {Kind: "ledger", Seq: 9}}, got); diff != "" {
		t.Error(diff)
	}
	if consent.CodeOf(err) != consent.Unavailable {
		t.Errorf("the end of the stream is %v", err)
	}
	stop := errors.New("enough")
	if err := c.Notices(t.Context(), func(api.Notice) error { return stop }); !errors.Is(err, stop) {
		t.Errorf("the caller's end is %v", err)
	}
}

// Every row of the route table has its method here, with the row's HTTP method, and sends the token.
func TestRoutes(t *testing.T) {
	var got []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Method+" "+r.URL.Path)
		if r.Header.Get("Authorization") != "Bearer secret" && r.URL.Path != api.PathToken {
			t.Errorf("%s: no token", r.URL.Path)
		}
		body, _ := io.ReadAll(r.Body)
		if r.Method == http.MethodPost && len(body) > 0 && r.URL.Path != api.PathToken && !json.Valid(body) {
			t.Errorf("%s: body %.40q", r.URL.Path, body)
		}
		_, _ = io.WriteString(w, "null")
	})
	ctx, m := t.Context(), message(t)
	key := consenttest.Persona("rosa")
	for _, err := range []error{
		second(c.Ready(ctx)), second(c.Ledger(ctx)), second(c.Purposes(ctx)), second(c.Members(ctx)), second(c.Challenge(ctx)),
		second(c.SignIn(ctx, api.SignIn{})), second(c.Token(ctx, client.Credentials{Member: "rosa", Key: key})),
		second(c.Session(ctx)), c.Logout(ctx), second(c.Claim(ctx, m)), second(c.Submit(ctx, m)),
		second(c.Receipt(ctx, consent.Hash{})), second(c.Me(ctx)), second(c.Consents(ctx)), second(c.Requests(ctx)),
		second(c.Preview(ctx, api.Preview{})), second(c.Uses(ctx, api.UsesQuery{})), second(c.UsesCSV(ctx)),
		second(c.UsesJSON(ctx)), second(c.Access(ctx, api.AccessRequest{})), second(c.Batch(ctx, nil)),
		second(c.Fetch(ctx, api.AccessRequest{})), second(c.Ask(ctx, api.ConsentRequest{})),
		second(c.AskedFor(ctx, api.AskedQuery{})), second(c.LedgerCheckpoint(ctx, 0)), second(c.Anchor(ctx, 1, 1)), second(c.AnchorNow(ctx)),
		second(c.Documents(ctx)), second(c.Deposit(ctx, api.Deposit{})), second(c.Document(ctx, consent.Hash{})),
		second(c.RemoveDocument(ctx, consent.Hash{})), second(c.Evidence(ctx, 3)),
		second(c.Evaluation(ctx, json.RawMessage("{}"))), second(c.Evaluations(ctx, json.RawMessage("{}"))),
		second(c.Enrol(ctx, api.Enrolment{})), second(c.Search(ctx, api.SubjectQuery{})),
		second(c.Code(ctx, api.SubjectQuery{})), second(c.Pseudonym(ctx, api.PseudonymQuery{})),
		second(c.Attest(ctx, api.Attest{})), second(c.Erase(ctx, api.EraseSubject{})),
		second(c.AuditUses(ctx, api.AuditFilter{})), second(c.Replay(ctx, api.ReplayRequest{})),
		second(c.Checkpoint(ctx, "uses")), second(c.Tile(ctx, "uses", "0/000")),
		second(c.Bundle(ctx, api.PathFHIR4, []byte(`{}`))), second(c.Bundle(ctx, api.PathFHIR5, []byte(`{}`))),
	} {
		if err != nil {
			t.Error(err)
		}
	}
	if err := c.Notices(ctx, nil); consent.CodeOf(err) != consent.Unavailable {
		t.Error(err)
	}
	have := strings.Join(got, "\n") + "\n"
	for _, r := range api.Routes() {
		path := strings.NewReplacer(":log", "uses", "*tile", "0/000").Replace(r.Path)
		switch path {
		case "/healthz", "/openapi.json", "/.well-known/authzen-configuration", "/.well-known/smart-configuration", api.PathMetadata: // for machines and browsers
			continue
		}
		if strings.HasPrefix(path, "/fhir/") && path != api.PathFHIR4 && path != api.PathFHIR5 { // for clients of FHIR
			continue
		}
		if !strings.Contains(have, r.Method+" "+path+"\n") {
			t.Errorf("nothing here calls %s %s", r.Method, path)
		}
	}
}

func second[T any](_ T, err error) error { return err }

func TestMemberKeepsItsToken(t *testing.T) {
	fetched := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathToken {
			fetched++
			_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":300}`, fetched)
			return
		}
		_, _ = fmt.Fprintf(w, `{"member":%q}`, r.Header.Get("Authorization"))
	})
	now := time.Unix(1_800_000_000, 0)
	m := c.Member(client.Credentials{Member: "rosa", Key: consenttest.Persona("rosa"), Now: func() time.Time { return now }})
	for i, want := range []consent.MemberID{"Bearer t1", "Bearer t1", "Bearer t2"} {
		s, err := m.Session(t.Context())
		if err != nil || s.Member != want {
			t.Errorf("call %d: %s, %v; want %s", i, s.Member, err, want)
		}
		now = now.Add(130 * time.Second)
	}
}

// Tokens end with the gateway's process: a member gets a new one, once, and a person is told.
// TestKnownAs: a server that goes by another name says so in the error, and gets no assertion for that name whatever it says.
func TestKnownAs(t *testing.T) {
	for name, c := range map[string]struct {
		metadata string
		told     string
	}{
		"another name":      {`{"issuer":"http://localhost:8080"}`, "say --server http://localhost:8080"},
		"the same":          {`{"issuer":"{self}"}`, ""},
		"none":              {`{}`, ""},
		"not a name":        {`{"issuer":"http://x.example/\u001b[2J"}`, ""},
		"a path":            {`{"issuer":"http://x.example/y"}`, ""},
		"somebody":          {`{"issuer":"http://me@x.example"}`, ""},
		"another scheme":    {`{"issuer":"javascript://x"}`, ""},
		"no metadata":       {`nonsense`, ""},
		"too much metadata": {`{"issuer":"http://localhost:8080","x":"` + strings.Repeat("x", 70_000) + `"}`, ""},
	} {
		var self string
		var sent []string
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			if r.URL.Path == api.PathMetadata {
				_, _ = io.WriteString(w, strings.ReplaceAll(c.metadata, "{self}", self))
				return
			}
			_ = r.ParseForm()
			_, claims, _ := strings.Cut(r.Form.Get("client_assertion"), ".")
			claims, _, _ = strings.Cut(claims, ".")
			b, _ := base64.RawURLEncoding.DecodeString(claims)
			sent = append(sent, string(b))
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client","error_description":"aud is not right"}`)
		})
		self = s.URL()
		_, err := s.Token(context.Background(), client.Credentials{Member: "rosa-institute", Key: consenttest.Persona("rosa")})
		if consent.CodeOf(err) != api.Unauthenticated || !strings.Contains(err.Error(), c.told) || strings.Contains(err.Error(), "--server") != (c.told != "") {
			t.Errorf("%s: %v", name, err)
		}
		if len(sent) != 1 || !strings.Contains(sent[0], `"aud":"`+self+api.PathToken+`"`) {
			t.Errorf("%s: sent %q", name, sent)
		}
	}
}

func TestForgottenToken(t *testing.T) {
	fetched, asked := 0, 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathToken {
			fetched++
			_, _ = fmt.Fprintf(w, `{"access_token":"t%d","token_type":"Bearer","expires_in":300}`, fetched)
			return
		}
		if asked++; r.Header.Get("Authorization") == "Bearer t2" {
			_, _ = io.WriteString(w, "{}")
			return
		}
		problem(w, api.Unauthenticated, "sign in")
	})
	m := c.Member(client.Credentials{Member: "rosa", Key: consenttest.Persona("rosa")})
	if _, err := m.Session(t.Context()); err != nil || fetched != 2 || asked != 2 {
		t.Errorf("%v after %d tokens and %d requests", err, fetched, asked)
	}
	if _, err := c.Session(t.Context()); consent.CodeOf(err) != api.Unauthenticated || asked != 3 {
		t.Errorf("%v after %d requests", err, asked)
	}
}

// A gateway must not get a signature for another place.
func TestPersonRefusesAnotherPlace(t *testing.T) {
	for _, uri := range []string{"http://evil.example/auth/sign-in", "https://{host}/auth/sign-in"} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != api.PathChallenge {
				t.Errorf("%s was called", r.URL.Path)
			}
			_ = json.NewEncoder(w).Encode(api.Challenge{
				Nonce: "abcdefgh12345678", Domain: r.Host, URI: strings.ReplaceAll(uri, "{host}", r.Host), ChainID: consent.ChainID,
				IssuedAt: "2026-09-20T10:00:00Z", ExpiresAt: "2026-09-20T10:05:00Z",
			})
		})
		if _, err := c.Person(t.Context(), consenttest.Persona("bob")); consent.CodeOf(err) != consent.Unauthorized {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func FuzzNotices(f *testing.F) {
	f.Add([]byte("data: {\"kind\":\"use\",\"seq\":\"3\"}\n\n"))
	f.Add([]byte("data\n\ndata:\r\n\r\n:\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := client.New("http://localhost", client.Options{HTTP: &http.Client{Transport: answer(b)}})
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Notices(t.Context(), func(api.Notice) error { return nil }); err == nil {
			t.Error("a stream ended without an error")
		}
	})
}

type answer []byte

func (a answer) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(bytes.NewReader(a)), Header: http.Header{}, Request: r}, nil
}
