package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
)

func accessCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("access", "For requesters: ask for decisions, data and consents",
		`Ask, as a member organisation, for access to a patient's data. Every answer is on record before it is sent, and the patient
sees it. You name a patient by the pseudonym that the custodian gave you.`,
		a.accessAsk(), a.accessFetch(), a.accessBatch(), a.accessRequest(), a.accessToken(), a.accessKey())
	a.memberFlags(c)
	return c
}

// ask are the flags that describe an access request.
type ask struct {
	file, subject, purpose, action, actor, emergency, id string
	summary, passport                                    string
	study                                                []string
	groups, types, resources, categories, elements       []string
}

func (q *ask) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&q.file, "file", "", "the request as JSON, instead of the flags below; - is standard input")
	q.asker(c)
	f.StringVar(&q.action, "action", "access", "what you will do (FHIR consentaction)")
	f.StringArrayVar(&q.types, "type", nil, "FHIR resource type; may be repeated; none means anything")
	f.StringArrayVar(&q.resources, "resource", nil, "resource, Type/id; may be repeated")
	f.StringArrayVar(&q.categories, "category", nil, "only consents of this kind (system|code, or a FHIR scope); may be repeated")
	f.StringSliceVar(&q.elements, "elements", nil, "of each resource only these elements (FHIR _elements), with commas; none means all")
	f.StringVar(&q.summary, "summary", "", "FHIR _summary: true, text or data")
}

// asker are the flags for who asks, about whom and what for.
func (q *ask) asker(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&q.subject, "subject", "", "pseudonym of the patient")
	f.StringVar(&q.purpose, "purpose", "", "purpose of use (v3-ActReason: TREAT, HRESCH, …)")
	f.StringVar(&q.actor, "actor", "", "person for whom you ask, e.g. Practitioner/bob")
	f.StringArrayVar(&q.groups, "group", nil, "group of that person, e.g. Group/ward-3; may be repeated")
	f.StringSliceVar(&q.study, "study", nil, "what your study is and keeps to: terms of DUO (DS, NPU) and diseases (MONDO:0005148), with commas")
	f.StringVar(&q.passport, "passport", "", passportUsage)
	f.StringVar(&q.emergency, "emergency", "", "why the glass is broken, when the purpose is an emergency")
	f.StringVar(&q.id, "request-id", "", "your own reference, kept on record")
}

func (q *ask) request(in io.Reader) (r api.AccessRequest, err error) {
	if q.file != "" {
		b, err := readInput(q.file, in)
		if err != nil {
			return r, err
		}
		if err := strict(b, &r); err != nil {
			return r, Usage("read the request %s: %w", q.file, err)
		}
		return r, nil
	}
	if q.subject == "" || q.purpose == "" {
		return r, Usage("--subject and --purpose say whose data, and what for")
	}
	r = api.AccessRequest{
		Subject: q.subject, Actor: api.Actor{Reference: q.actor, Groups: q.groups},
		Purpose:       consent.Coding{System: policies.SystemPurpose, Code: q.purpose},
		Action:        consent.Coding{System: policies.SystemAction, Code: q.action},
		ResourceTypes: codings(policies.SystemResourceType, q.types), Elements: q.elements, Summary: q.summary, Emergency: q.emergency, RequestID: q.id,
	}
	r.Study = q.study
	if q.passport != "" {
		if r.Passport, err = ReadPassport(q.passport); err != nil {
			return r, err
		}
	}
	for _, k := range q.categories {
		system, c, ok := strings.Cut(k, "|")
		if !ok {
			system, c = policies.SystemScope, k
		}
		r.Categories = append(r.Categories, consent.Coding{System: system, Code: c})
	}
	for _, ref := range q.resources {
		kind, id, ok := strings.Cut(ref, "/")
		if !ok {
			return r, Usage("--resource is Type/id, not %q", ref)
		}
		r.Resources = append(r.Resources, api.Resource{Type: kind, ID: id})
	}
	return r, nil
}

const passportUsage = "file with the researcher's GA4GH passport: its token, or JSON with ga4gh_passport_v1"

// ReadPassport reads a file with a passport: a passport's token, or the visas of a JSON object such as a broker's userinfo answer.
func ReadPassport(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the person names it
	if err != nil {
		return "", Usage("read the passport: %w", err)
	}
	var p struct {
		Visas []string `json:"ga4gh_passport_v1"` //nolint:tagliatelle // GA4GH
	}
	if json.Unmarshal(b, &p) == nil {
		return strings.Join(p.Visas, " "), nil
	}
	return strings.TrimSpace(string(b)), nil
}

// maxInput bounds what is read from a file of requests, in bytes.
const maxInput = 16 << 20

func readInput(path string, in io.Reader) ([]byte, error) {
	if path != "-" {
		b, err := os.ReadFile(path) //nolint:gosec // the person names it
		if err != nil {
			return nil, Usage("read the request: %w", err)
		}
		return b, nil
	}
	b, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err == nil && len(b) > maxInput {
		err = fmt.Errorf("more than %d bytes", maxInput)
	}
	if err != nil {
		return nil, fmt.Errorf("read the request: %w", err)
	}
	return b, nil
}

func (a *app) accessAsk() *cobra.Command {
	var q ask
	c := &cobra.Command{
		Use: "ask", Short: "Ask for a decision", Args: cobra.NoArgs,
		Long: `Ask for a decision. It ends with 0 on permit and 3 on deny. Without --resource the answer has residual rules, which you
apply to each resource.`,
		Example: `  volens access ask --member rosa-institute --key rosa.key --subject PSEUDONYM --purpose HRESCH --type Observation`,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := a.put(c.Context(), &q, (*client.Client).Access)
			if err != nil {
				return err
			}
			return a.decided(d)
		},
	}
	q.flags(c)
	return c
}

// put puts a request to the gateway, for a decision alone or with the data.
func (a *app) put(ctx context.Context, q *ask, call func(*client.Client, context.Context, api.AccessRequest) (api.Access, error)) (d api.Access, err error) {
	r, err := q.request(a.In)
	if err != nil {
		return d, err
	}
	m, err := a.memberClient()
	if err != nil {
		return d, err
	}
	return call(m, ctx, r)
}

// decided shows a decision and ends as it says.
func (a *app) decided(d api.Access) error {
	if err := a.show(d, func(out io.Writer) { showDecision(out, d) }); err != nil {
		return err
	}
	if d.Decision.Decision != policies.Permit {
		return Denied()
	}
	return nil
}

func showDecision(out io.Writer, d api.Access) {
	printf(out, "%s  %s\n", strings.ToUpper(d.Decision.Decision), wallet.Escape(d.Sentence.Text))
	for _, r := range d.Reasons {
		printf(out, "  %s %s\n", wallet.Escape(r.Rule), wallet.Escape(r.Text))
	}
	if len(d.Consents) > 0 {
		printf(out, "  consents %s, rules %s\n", wallet.Escape(strings.Join(d.Consents, ", ")), wallet.Escape(strings.Join(d.Rules, ", ")))
	}
	for _, o := range d.Obligations {
		printf(out, "  obligation %s %s\n", wallet.Escape(o.ID.Code), wallet.Escape(strings.Join(o.Parameters.Elements, ", ")))
	}
	for _, r := range d.Resources {
		if len(r.Masked) > 0 {
			printf(out, "  %s without %s\n", wallet.Escape(r.Type+"/"+r.ID), wallet.Escape(strings.Join(r.Masked, ", ")))
		}
	}
	if n := len(d.Residual); n > 0 {
		printf(out, "  %d residual rules; --json shows them\n", n)
	}
	if d.Use != nil {
		printf(out, "  on record as use %d of the patient, record %d, decided at ledger position %d\n", d.Use.UseSeq, d.Use.Index, d.Position)
	}
}

func (a *app) accessFetch() *cobra.Command {
	var q ask
	var dir string
	c := &cobra.Command{
		Use: "fetch", Short: "Ask for a decision and for the data that it lets through", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := a.put(c.Context(), &q, (*client.Client).Fetch)
			if err != nil {
				return err
			}
			if dir != "" {
				if err := writeResources(dir, d.Data); err != nil {
					return err
				}
				d.Data = nil
			} else if !a.json {
				for _, one := range d.Data {
					printf(a.Out, "%s\n", one)
				}
				d.Data = nil
				return a.decidedOn(a.Err, d)
			}
			return a.decided(d)
		},
	}
	c.Flags().StringVar(&dir, "out", "", "folder to write the resources to, a file each (default standard output)")
	q.flags(c)
	return c
}

// decidedOn shows the decision beside data that has standard output for itself.
func (a *app) decidedOn(w io.Writer, d api.Access) error {
	b := *a
	b.Out = w
	return b.decided(d)
}

// writeResources writes each resource as Type-id.json. Names come from the data: only letters, digits, "-" and "." pass.
func writeResources(dir string, data []json.RawMessage) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("write resources: %w", err)
	}
	for i, raw := range data {
		var r struct {
			Type string `json:"resourceType"`
			ID   string `json:"id"`
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return consent.Errorf(consent.Malformed, "read resource %d: %w", i, err)
		}
		name := fileName(r.Type) + "-" + fileName(r.ID) + ".json"
		if err := os.WriteFile(filepath.Join(dir, name), raw, 0o600); err != nil {
			return fmt.Errorf("write resources: %w", err)
		}
	}
	return nil
}

func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' {
			return r
		}
		return '_'
	}, s)
}

func (a *app) accessRequest() *cobra.Command {
	var t terms
	var subject, text string
	c := &cobra.Command{
		Use: "request", Short: "Ask a patient for a consent", Args: cobra.NoArgs,
		Example: `  volens access request --member rosa-institute --key rosa.key --subject PSEUDONYM --purpose HRESCH --words "May we …?"`,
		RunE: func(c *cobra.Command, _ []string) error {
			if subject == "" || text == "" {
				return Usage("--subject and --words say whom you ask, and in what words")
			}
			if len(t.to) == 0 && t.file == "" {
				t.to = []string{a.member}
			}
			k, err := t.consent(a.Now())
			if err != nil {
				return err
			}
			k.TextHash = hashOf(text)
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			r, err := m.Ask(c.Context(), api.ConsentRequest{Subject: subject, Consent: k, Text: text})
			if err != nil {
				return err
			}
			return a.show(r, func(out io.Writer) { printf(out, "asked: request %s\n", r.ID) })
		},
	}
	c.Flags().StringVar(&subject, "subject", "", "pseudonym of the patient")
	c.Flags().StringVar(&text, "words", "", "the exact text that the person is asked to agree to, in one line")
	t.flags(c.Flags())
	return c
}

func (a *app) accessKey() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "key", Short: "Make a key for a member; the authorities admit its address", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if out == "" {
				return Usage("--out names the file to write")
			}
			k, err := sig.GenerateKey(a.Rand)
			if err != nil {
				return err
			}
			if err := WriteKey(out, k); err != nil {
				return err
			}
			return a.show(map[string]string{"file": out, "address": k.Address().String()}, func(w io.Writer) {
				printf(w, "%s\n", k.Address())
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write the key to, with mode 0600")
	return c
}
