package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/study"
	"github.com/volens-ledger/volens/policies/vectors"
	"github.com/volens-ledger/volens/wallet/cli"
)

func policyCommand(env cli.Env) *cobra.Command {
	c := &cobra.Command{
		Use: "policy", Short: "Decide offline, and run test cases against the policies",
		Long: `The same policies, code systems and code as a gateway's, without a gateway.`,
		Args: cobra.NoArgs, RunE: cli.Choose,
	}
	c.AddCommand(policyDecide(env), policyDUO(env), policyPurposes(env), policyVectors(env))
	return c
}

// offline are the flags of `policy decide`.
type offline struct {
	consents                          []string
	request, now, algorithm, implicit string
	strict, whole                     bool
	research, passport                string
	study                             []string
	notes                             io.Writer
}

// tell says what of a FHIR Consent was not mapped.
func (o *offline) tell(path string, d fhir.Document) {
	for _, i := range d.Issues {
		if i.Severity != fhir.Information {
			_, _ = fmt.Fprintf(o.notes, "%s: %s: %s: %s\n", path, i.Severity, strings.Join(i.Expression, ", "), i.Text) //nolint:errcheck // notes only
		}
	}
}

func policyDecide(env cli.Env) *cobra.Command {
	o := offline{notes: env.Err}
	c := &cobra.Command{
		Use: "decide --consents FILE... --request FILE --now T", Short: "Decide a request from files and print the decision as JSON",
		Long: `Decide a request from files, as the gateway would.

A consent file holds one consent or a list: a FHIR Consent (R4 or R5) or a Bundle of them as they are, as "volens consent
list --json" prints them, as a record (id, status, date, consent), as the bare consent, which then is active, or in the
normalised form of the test cases. What of a FHIR Consent has no place in a decision is told on standard error; with
--strict it is refused. Further arguments are
consent files too, so a shell's wildcard works. The request file holds actors, roles, action, purpose and resources;
resources may be FHIR's as they are. It ends with 0 whatever the decision is; with --exit-code it ends with 3 on deny.`,
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
	f.StringVar(&o.now, "now", "", "instant of the decision (FHIR dateTime, or milliseconds since 1970); default the request's own")
	f.StringVar(&o.algorithm, "algorithm", string(policies.DenyOverrides), "deny-overrides or most-recent")
	f.StringVar(&o.implicit, "implicit", string(policies.ImplicitDeny), "deny, basic-normal, all-normal or break-glass-only")
	f.StringSliceVar(&o.study, "study", nil, "what the study is and keeps to: terms of DUO (DS, NPU) and diseases (MONDO:0005148), with commas")
	f.StringVar(&o.passport, "passport", "", "file with the GA4GH passport of a researcher of the organisation among the request's actors")
	f.StringVar(&o.research, "research", "", "file of issuers whose visas are believed, and diseases, as \"volens serve --research\" takes it")
	f.BoolVar(&o.strict, "exit-code", false, "end with 3 when the decision is deny")
	f.BoolVar(&o.whole, "strict", false, "refuse a FHIR Consent of which anything but words for people is not mapped")
	f.Bool("json", true, "the decision is always JSON")
	return c
}

func (o *offline) decide(c *cobra.Command) (policies.Decision, error) {
	if o.request == "" {
		return policies.Decision{}, cli.Usage("--request names the file of the request")
	}
	in := policies.OfflineInput{Now: instant(o.now), Study: o.judge, Config: policies.Config{
		Algorithm: policies.Algorithm(o.algorithm), Implicit: policies.Implicit(o.implicit), MemoEntries: -1,
	}}
	if _, err := policies.New(in.Config); err != nil {
		return policies.Decision{}, cli.Usage("%w", err)
	}
	var err error
	if in.Request, err = os.ReadFile(o.request); err != nil {
		return policies.Decision{}, cli.Usage("%w", err)
	}
	var own struct{ Now consent.Millis }
	if err := json.Unmarshal(in.Request, &own); err != nil {
		return policies.Decision{}, cli.Usage("read %s: %w", o.request, err)
	}
	if in.Now == "" && own.Now == 0 {
		return policies.Decision{}, cli.Usage("--now says when it is decided")
	}
	for _, path := range o.consents {
		b, err := readRecords(path, fhir.Importer(fhir.ReadOptions{Strict: o.whole}, func(d fhir.Document) { o.tell(path, d) }))
		if err != nil {
			return policies.Decision{}, cli.Usage("read %s: %w", path, err)
		}
		in.Consents = append(in.Consents, b)
	}
	d, err := policies.DecideOffline(c.Context(), in)
	if err != nil {
		return d, cli.Usage("%w", err)
	}
	return d, nil
}

// judge says of each consent whether it permits the study.
func (o *offline) judge(q policies.Request, rs []policies.Record) error {
	rules, err := studyRules(o.research)
	if err != nil {
		return err
	}
	pass := ""
	if o.passport != "" {
		if pass, err = cli.ReadPassport(o.passport); err != nil {
			return err
		}
	}
	said, err := rules.Read(study.Stated{Member: member(q), Terms: o.study, Passport: pass}, q.Now)
	if err != nil {
		return err
	}
	for i := range rs {
		rs[i].Unfit = said.Unfit(q.Purpose, policies.DataUses(rs[i].Consent))
	}
	return nil
}

// member is the organisation that a request names among its actors: whose researcher a passport is of.
func member(q policies.Request) consent.MemberID {
	for _, a := range q.Actors {
		if id, is := strings.CutPrefix(a, "Organization/"); is {
			return consent.MemberID(id)
		}
	}
	return ""
}

// instant turns milliseconds since 1970 into RFC 3339, and leaves any other text to those who read it.
func instant(text string) string {
	var ms consent.Millis
	if ms.UnmarshalText([]byte(text)) != nil {
		return text
	}
	return time.UnixMilli(int64(ms)).UTC().Format("2006-01-02T15:04:05.000Z")
}

// readRecords reads a file of consents and names those that have no id by the file, so that the decision can speak of
// them.
func readRecords(path string, fhirToo policies.Importer) ([]byte, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return nil, err
	}
	rs, err := policies.ReadConsents(b, listed, fhirToo)
	if err != nil {
		return nil, err
	}
	base := strings.TrimSuffix(filepath.Base(path), ".json")
	for i := range rs {
		switch {
		case rs[i].ID != "":
		case len(rs) > 1:
			rs[i].ID = fmt.Sprintf("%s[%d]", base, i)
		default:
			rs[i].ID = base
		}
		if rs[i].Date == 0 {
			rs[i].Date = rs[i].Consent.RecordedAt
		}
	}
	return json.Marshal(rs)
}

func policyVectors(env cli.Env) *cobra.Command {
	return &cobra.Command{
		Use: "vectors DIR", Short: "Run a folder of test cases; print the rows that differ and the sum", Args: cobra.ExactArgs(1),
		Long: `Run every set of cases in DIR and below. A set is known by the shape of its files, not by its name: consents with requesters and
decisions (as IHE PCF's), combinations of consents, subsumptions of codes, SMART scopes, labels, subsets of resources, data use (DUO,
DUOS), GA4GH passports, FHIR Consents with their reading. It ends with 1 when a case fails.`,
		RunE: func(c *cobra.Command, args []string) error {
			_, failed, err := vectors.Run(c.Context(), args[0], env.Out, vectorSets()...)
			if err == nil && failed > 0 {
				err = fmt.Errorf("%d cases failed", failed)
			}
			return err
		},
	}
}
