package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet/cli"
)

func policyCommand(env cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Decide offline, and run test cases against the policies",
		Long: `The same policies, code systems and code as a gateway's, without a gateway.`,
		Args: cobra.NoArgs, RunE: cli.Choose,
	}
	c.AddCommand(policyDecide(env), policyVectors(env))
	return c
}

// offline are the flags of `policy decide`.
type offline struct {
	consents                          []string
	request, now, algorithm, implicit string
	strict                            bool
}

func policyDecide(env cli.Env) *cobra.Command {
	var o offline
	c := &cobra.Command{
		Use: "decide --consents FILE... --request FILE --now T", Short: "Decide a request from files and print the decision as JSON",
		Long: `Decide a request from files, as the gateway would.

A consent file holds one consent or a list: as "volens consent list --json" prints them, as policies.Record (id, status,
date, consent), or the bare consent, which then is active. Further arguments are consent files too, so a shell's
wildcard works. The request file holds a policies.Request: actors, roles, action, purpose, resources. It ends with 0
whatever the decision is; with --exit-code it ends with 3 on deny.`,
		Example: `  volens policy decide --consents consents/*.json --request request.json --now 2026-06-01T12:00:00Z --algorithm most-recent`,
		RunE: func(c *cobra.Command, args []string) error {
			o.consents = append(o.consents, args...)
			d, err := o.decide(c)
			if err != nil {
				return err
			}
			e := json.NewEncoder(env.Out)
			e.SetEscapeHTML(false)
			if err := e.Encode(d); err != nil {
				return err
			}
			if o.strict && d.Decision != policies.Permit {
				return cli.Denied()
			}
			return nil
		},
	}
	f := c.Flags()
	f.StringArrayVar(&o.consents, "consents", nil, "file of consents; may be repeated")
	f.StringVar(&o.request, "request", "", "file of the request")
	f.StringVar(&o.now, "now", "", "instant of the decision (RFC 3339, or milliseconds since 1970); default the request's own")
	f.StringVar(&o.algorithm, "algorithm", string(policies.DenyOverrides), "deny-overrides or most-recent")
	f.StringVar(&o.implicit, "implicit", string(policies.ImplicitDeny), "deny, basic-normal, all-normal or break-glass-only")
	f.BoolVar(&o.strict, "exit-code", false, "end with 3 when the decision is deny")
	f.Bool("json", true, "the decision is always JSON")
	return c
}

func (o *offline) decide(c *cobra.Command) (policies.Decision, error) {
	if o.request == "" {
		return policies.Decision{}, cli.Usage("--request names the file of the request")
	}
	engine, err := policies.New(policies.Config{
		Algorithm: policies.Algorithm(o.algorithm), Implicit: policies.Implicit(o.implicit), MemoEntries: -1, Timeout: 10 * time.Second,
	})
	if err != nil {
		return policies.Decision{}, cli.Usage("%w", err)
	}
	var req policies.Request
	if err := readJSON(o.request, &req); err != nil {
		return policies.Decision{}, err
	}
	if req.Now, err = nowOr(o.now, req.Now); err != nil {
		return policies.Decision{}, err
	}
	var records []policies.Record
	for _, path := range o.consents {
		some, err := readRecords(path)
		if err != nil {
			return policies.Decision{}, err
		}
		records = append(records, some...)
	}
	return engine.Decide(c.Context(), req, records)
}

func nowOr(text string, own consent.Millis) (consent.Millis, error) {
	if text == "" {
		if own == 0 {
			return 0, cli.Usage("--now says when it is decided")
		}
		return own, nil
	}
	var ms consent.Millis
	if ms.UnmarshalText([]byte(text)) == nil {
		return ms, nil
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return 0, cli.Usage("--now: %q is neither RFC 3339 nor milliseconds", text)
	}
	return consent.Millis(t.UnixMilli()), nil
}

func readJSON(path string, v any) error {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return cli.Usage("%w", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return cli.Usage("read %s: %w", path, err)
	}
	return nil
}

// readRecords reads a file of one consent or a list of them.
func readRecords(path string) ([]policies.Record, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return nil, cli.Usage("%w", err)
	}
	list := []json.RawMessage{b}
	if trimmed := bytes.TrimSpace(b); len(trimmed) > 0 && trimmed[0] == '[' {
		if err := json.Unmarshal(b, &list); err != nil {
			return nil, cli.Usage("read %s: %w", path, err)
		}
	}
	base := strings.TrimSuffix(filepath.Base(path), ".json")
	var out []policies.Record
	for i, raw := range list {
		id := base
		if len(list) > 1 {
			id = fmt.Sprintf("%s[%d]", base, i)
		}
		r, err := readRecord(raw, id)
		if err != nil {
			return nil, cli.Usage("read %s: %w", path, err)
		}
		out = append(out, r)
	}
	return out, nil
}

// readRecord tells the forms apart by their members.
func readRecord(raw []byte, id string) (policies.Record, error) {
	var shape map[string]json.RawMessage
	if err := json.Unmarshal(raw, &shape); err != nil {
		return policies.Record{}, err
	}
	r := policies.Record{ID: id, Status: policies.Active}
	switch {
	case shape["resourceType"] != nil:
		return r, fmt.Errorf("a FHIR resource is not read here")
	case shape["provisions"] != nil:
		if err := strictJSON(raw, &r.Consent); err != nil {
			return r, err
		}
		r.Date = r.Consent.RecordedAt
	case shape["consent"] != nil && shape["seq"] != nil:
		return listed(raw)
	case shape["consent"] != nil:
		if err := strictJSON(raw, &r); err != nil {
			return r, err
		}
	default:
		return r, fmt.Errorf("neither a consent nor a record of one")
	}
	return r, r.Consent.Check()
}

func strictJSON(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func policyVectors(env cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "vectors DIR", Short: "Run a folder of test cases; print the rows that differ and the sum", Args: cobra.ExactArgs(1),
		Long: `Run every set of cases in DIR and below: consents with requesters and decisions (as IHE PCF's), combinations of consents, and
subsumptions of codes. It ends with 1 when a case fails.`,
		RunE: func(c *cobra.Command, args []string) error {
			_, failed, err := policies.RunVectors(c.Context(), args[0], env.Out)
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d cases failed", failed)
			}
			return err
		},
	}
}
