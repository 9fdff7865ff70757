package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/cli"
)

var now = time.Date(2026, 9, 20, 10, 0, 0, 0, time.UTC)

// volens runs the commands as the binary does.
func volens(t *testing.T, in string, args ...string) (code int, out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	env := cli.Env{
		In: strings.NewReader(in), Out: &o, Err: &e, Now: func() time.Time { return now }, Rand: consenttest.NewStream("cli"),
	}
	root := &cobra.Command{Use: "volens", Args: cobra.NoArgs, RunE: cli.Choose}
	root.AddCommand(cli.Commands(env)...)
	code = cli.Execute(t.Context(), root, env, args)
	return code, o.String(), e.String()
}

func TestExitCodes(t *testing.T) {
	for _, c := range []struct {
		err  error
		want int
	}{
		{nil, cli.OK},
		{errors.New("anything"), cli.Failure},
		{cli.Usage("typed wrong"), cli.UsageCode},
		{fmt.Errorf("around: %w", cli.Usage("typed wrong")), cli.UsageCode},
		{cli.Denied(), cli.DeniedCode},
		{fmt.Errorf("%w: forked", proof.ErrRefused), cli.ProofCode},
		{wallet.ErrPinned, cli.ProofCode},
		{wallet.ErrFork, cli.ProofCode},
		{wallet.ErrRollback, cli.ProofCode},
		{wallet.ErrReceipt, cli.ProofCode},
		{wallet.ErrRoster, cli.ProofCode},
		{wallet.ErrPassword, cli.SignInCode},
		{consent.Errorf(consent.Unauthorized, "no"), cli.SignInCode},
		{consent.Errorf(api.Unauthenticated, "no"), cli.SignInCode},
		{consent.Errorf(consent.Unavailable, "no"), cli.UnavailableCode},
		{consent.Errorf(consent.Unknown, "no"), cli.UnavailableCode},
		{consent.Errorf(api.RateLimited, "no"), cli.UnavailableCode},
		{consent.Errorf(consent.NotFound, "no"), cli.Failure},
		{wallet.ErrRefused, cli.Failure},
	} {
		if got := cli.ExitCode(c.err); got != c.want {
			t.Errorf("%v ends with %d, want %d", c.err, got, c.want)
		}
	}
	for code := cli.OK; code <= cli.UnavailableCode; code++ {
		if !strings.Contains(cli.ExitCodes, fmt.Sprintf("\n  %d  ", code)) {
			t.Errorf("code %d is not explained", code)
		}
	}
}

// Whatever is typed wrong ends with 2, one line or one problem on standard error, and nothing on standard output.
func TestTypedWrong(t *testing.T) {
	for _, args := range [][]string{
		{},
		{"nonsense"},
		{"wallet"},
		{"wallet", "nonsense"},
		{"consent", "revoke"},
		{"consent", "revoke", "0"},
		{"consent", "revoke", "03"},
		{"consent", "give", "--no"},
		{"access", "ask"},
		{"access", "ask", "--subject", "s"},
		{"audit", "replay", "x"},
		{"uses", "export", "--format", "xml"},
		{"custodian", "open"},
		{"wallet", "enrol"},
		{"wallet", "address"},
		{"wallet", "address", "x"},
		{"wallet", "accept"},
		{"wallet", "recover"},
		{"consent", "delegate"},
		{"wallet", "guardians", "set"},
		{"consent", "delegate-end", "x"},
		{"custodian", "guardian"},
		{"wallet", "enrol", "volens1:AAAA"},
		{"access", "request", "--subject", "s", "--words", "w", "--until", "soon", "--member", "m"},
	} {
		code, out, errs := volens(t, "", args...)
		if code != cli.UsageCode || out != "" || !strings.Contains(errs, "volens: ") {
			t.Errorf("%v: %d %q %q", args, code, out, errs)
		}
		code, out, errs = volens(t, "", append(args, "--json")...)
		last := errs[strings.LastIndex(strings.TrimSpace(errs), "\n")+1:]
		var p api.Problem
		if err := json.Unmarshal([]byte(last), &p); err != nil || code != cli.UsageCode || out != "" || p.Code != "usage" {
			t.Errorf("%v --json: %d %q %q", args, code, out, errs)
		}
	}
}

// member writes a key and returns the flags that use it against a gateway that notes what it is sent.
func member(t *testing.T, answer any) (flags []string, got *map[string]json.RawMessage) {
	t.Helper()
	got = &map[string]json.RawMessage{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathToken {
			_, _ = io.WriteString(w, `{"access_token":"t","expires_in":300}`)
			return
		}
		if err := json.NewDecoder(r.Body).Decode(got); err != nil {
			t.Error(err)
		}
		_ = json.NewEncoder(w).Encode(answer)
	}))
	t.Cleanup(s.Close)
	path := filepath.Join(t.TempDir(), "key")
	if err := cli.WriteKey(path, consenttest.Persona("rosa")); err != nil {
		t.Fatal(err)
	}
	return []string{"--server", s.URL, "--member", "rosa-institute", "--key", path}, got
}

func TestConsentFromFlags(t *testing.T) {
	const (
		purposes = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
		marks    = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
		types    = "http://hl7.org/fhir/resource-types"
	)
	ms := func(text string) consent.Millis {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return consent.Millis(at.UnixMilli())
	}
	to := func(reference string) []consent.Recipient {
		return []consent.Recipient{{
			Role: consent.Coding{System: "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", Code: "IRCP"}, Reference: reference,
		}}
	}
	for name, c := range map[string]struct {
		flags []string
		want  consent.Consent
	}{
		"the member itself": {
			[]string{"--purpose", "HRESCH"},
			consent.Consent{Provisions: []consent.Provision{{Effect: consent.Permit, Recipients: to("Organization/rosa-institute"), Purposes: []consent.Coding{{System: purposes, Code: "HRESCH"}}}}},
		},
		"until a day is with that day": {
			[]string{"--to", "rosa-institute", "--until", "2027-01-31", "--from", "2026-12-01"},
			consent.Consent{
				Period:     consent.Period{Start: ms("2026-12-01T00:00:00Z"), End: ms("2027-02-01T00:00:00Z")},
				Provisions: []consent.Provision{{Effect: consent.Permit, Recipients: to("Organization/rosa-institute")}},
			},
		},
		"until an instant is without it": {
			[]string{"--to", "rosa-institute:Practitioner/rosa", "--until", "2027-01-31T12:00:00+01:00", "--max-uses", "3", "--mode", "view"},
			consent.Consent{
				Period: consent.Period{End: ms("2027-01-31T11:00:00Z")}, MaxUses: 3, AccessMode: "view",
				Provisions: []consent.Provision{{Effect: consent.Permit, Recipients: to("rosa-institute:Practitioner/rosa")}},
			},
		},
		"exceptions": {
			[]string{"--to", "rosa-institute", "--type", "Observation", "--except-type", "Condition", "--except-label", "R", "--except-label", "PSY"},
			consent.Consent{Provisions: []consent.Provision{
				{Effect: consent.Permit, Recipients: to("Organization/rosa-institute"), ResourceTypes: []consent.Coding{{System: types, Code: "Observation"}}},
				{Effect: consent.Deny, ResourceTypes: []consent.Coding{{System: types, Code: "Condition"}}},
				{Effect: consent.Deny, Labels: []consent.Coding{{System: marks, Code: "R"}, {System: "http://terminology.hl7.org/CodeSystem/v3-ActCode", Code: "PSY"}}},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			flags, got := member(t, api.Asked{})
			args := append([]string{"access", "request", "--subject", "p", "--words", "May we?"}, flags...)
			if code, _, errs := volens(t, "", append(args, c.flags...)...); code != cli.OK {
				t.Fatal(errs)
			}
			var sent consent.Consent
			if err := json.Unmarshal((*got)["consent"], &sent); err != nil {
				t.Fatal(err)
			}
			c.want.Kind, c.want.Locale, c.want.RecordedAt = "patient-privacy", "en", consent.Millis(now.UnixMilli())
			c.want.TextHash = sent.TextHash
			if sent.TextHash.IsZero() {
				t.Error("the words are not hashed")
			}
			if diff := cmp.Diff(c.want, sent); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	var permit, deny api.Access
	permit.Decision.Decision, deny.Decision.Decision = "permit", "deny"
	deny.Sentence.Text = "no\x1b[2J"
	ask := []string{"access", "ask", "--subject", "p", "--purpose", "TREAT"}
	flags, got := member(t, permit)
	if code, out, errs := volens(t, "", append(ask, flags...)...); code != cli.OK || !strings.HasPrefix(out, "PERMIT") || errs != "" {
		t.Errorf("%d %q %q", code, out, errs)
	}
	if string((*got)["subject"]) != `"p"` {
		t.Errorf("sent %s", (*got)["subject"])
	}
	flags, _ = member(t, deny)
	code, out, errs := volens(t, "", append(ask, flags...)...)
	if code != cli.DeniedCode || !strings.HasPrefix(out, "DENY") || errs != "" || strings.Contains(out, "\x1b") {
		t.Errorf("%d %q %q", code, out, errs)
	}
	flags, _ = member(t, api.Answers{Answers: []api.Access{permit, deny}})
	for _, in := range []string{"{\"subject\":\"a\"}\n{\"subject\":\"b\"}\n", `[{"subject":"a"},{"subject":"b"}]`} {
		if code, out, _ := volens(t, in, append([]string{"access", "batch"}, flags...)...); code != cli.DeniedCode || !strings.Contains(out, "PERMIT") {
			t.Errorf("%s: %d %q", in, code, out)
		}
	}
	if code, _, errs := volens(t, `{"subjekt":"a"}`, append([]string{"access", "batch"}, flags...)...); code != cli.UsageCode {
		t.Errorf("%d %s", code, errs)
	}
}

func TestKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	k := consenttest.Persona("rosa")
	if err := cli.WriteKey(path, k); err != nil {
		t.Fatal(err)
	}
	if err := cli.WriteKey(path, k); err == nil {
		t.Error("a key was overwritten")
	}
	read, err := cli.ReadKey(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := read.(sig.Key); !ok || got.Address() != k.Address() {
		t.Errorf("read %v", read)
	}
	if _, err := cli.ReadKey(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("no key was read")
	}
}
