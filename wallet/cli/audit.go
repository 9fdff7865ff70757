package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
)

func auditCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("audit", "For auditors: read the use log, replay decisions, verify the logs",
		`Check the history without trusting who keeps it. Subjects are pseudonyms that only you have. What you read is itself on
record, and the patients see it.`,
		a.auditUses(), a.auditReplay(), a.auditVerify())
	a.memberFlags(c)
	return c
}

func (a *app) auditUses() *cobra.Command {
	var f api.AuditFilter
	var from, until, by, kind, evidence string
	c := &cobra.Command{
		Use: "uses", Short: "List uses, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			span, err := period(from, until)
			if err != nil {
				return err
			}
			f.From, f.Until, f.Requester, f.Kind = span.Start, span.End, consent.MemberID(by), proof.Kind(kind)
			want := f.Limit
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			rows := []api.AuditUse{}
			for {
				f.Limit = min(want-len(rows), 500)
				page, err := m.AuditUses(c.Context(), f)
				if err != nil {
					return err
				}
				rows = append(rows, page.Rows...)
				if f.Before = page.Next; page.Next == 0 || len(rows) >= want {
					break
				}
			}
			if evidence != "" {
				if err := a.saveEvidence(c.Context(), m, rows, evidence); err != nil {
					return err
				}
			}
			return a.show(rows, func(out io.Writer) { showAudit(out, rows) })
		},
	}
	fl := c.Flags()
	fl.StringVar(&from, "from", "", "from this day or instant on")
	fl.StringVar(&until, "until", "", "up to and with this day, or until just before this instant")
	fl.StringVar(&by, "by", "", "only uses by this member")
	fl.StringVar(&f.Purpose, "purpose", "", "only uses for this purpose")
	fl.StringVar(&f.Decision, "decision", "", "permit or deny")
	fl.StringVar(&kind, "kind", "", "decision, read, export or replay")
	fl.BoolVar(&f.Emergency, "emergency", false, "only those that broke the glass")
	fl.StringVar(&evidence, "evidence", "", "also save the list, with both logs, to this file: \"volens verify\" checks it offline")
	fl.IntVar(&f.Limit, "limit", 100, "how many at most")
	return c
}

// saveEvidence saves a list of uses with what proves it.
func (a *app) saveEvidence(ctx context.Context, m *client.Client, rows []api.AuditUse, file string) error {
	l, err := m.Ledger(ctx)
	if err != nil {
		return err
	}
	e, err := SaveEvidence(ctx, m, l, a.Now(), rows)
	if err != nil {
		return err
	}
	return a.output(file, func(out io.Writer) error { return json.NewEncoder(out).Encode(e) })
}

func showAudit(out io.Writer, rows []api.AuditUse) {
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	printf(t, "RECORD\tTIME\tSUBJECT\tKIND\tBY\tPURPOSE\tDECISION\tRULES\n")
	for _, r := range rows {
		purpose := "-"
		if r.Purpose != nil && r.Purpose.Code != "" {
			purpose = r.Purpose.Code
		}
		kind := string(r.Kind)
		if r.Erased {
			kind = "erased"
		}
		printf(t, "%d\t%s\t%s…\t%s\t%s\t%s\t%s\t%s\n", r.Index, time.UnixMilli(int64(r.Time)).UTC().Format(time.RFC3339),
			r.Subject.String()[:12], wallet.Escape(kind), wallet.Escape(string(r.Requester)), wallet.Escape(purpose), r.Decision,
			wallet.Escape(strings.Join(r.Rules, " ")))
	}
	_ = t.Flush() //nolint:errcheck // as printf
}

func (a *app) auditReplay() *cobra.Command {
	var why string
	c := &cobra.Command{
		Use: "replay RECORD", Short: "Make a past decision again, with its own policies and code systems", Args: cobra.ExactArgs(1),
		Long: `Make a past decision again from its sealed input and the policies and code systems of its day. It ends with 4 when the answer
is not the one on record.`,
		RunE: func(c *cobra.Command, args []string) error {
			var q api.ReplayRequest
			if err := q.Index.UnmarshalText([]byte(args[0])); err != nil {
				return Usage("%q is not the number of a record", args[0])
			}
			q.Why = why
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			r, err := m.Replay(c.Context(), q)
			if err != nil {
				return err
			}
			err = a.show(r, func(out io.Writer) {
				printf(out, "record %d: was %s, is %s\n  %s\n", r.Index, r.Was, r.Again.Decision, wallet.Escape(r.Again.Sentence.Text))
			})
			if err == nil && !r.Same {
				err = fmt.Errorf("%w: record %d decides otherwise today: %s", proof.ErrRefused, r.Index, r.Detail)
			}
			return err
		},
	}
	c.Flags().StringVar(&why, "why", "", "why you replay it; goes on record")
	return c
}

func (a *app) auditVerify() *cobra.Command {
	var log, key, origin string
	c := &cobra.Command{
		Use: "verify", Short: "Fetch a whole log and prove that it is what its checkpoint says", Args: cobra.NoArgs,
		Long: `Fetch every entry of a log over its public tiles (C2SP tlog-tiles), hash them again, and compare with the signed
checkpoint. Of the use log, also fold every subject's chain again: the slots match, and the numbers of the uses sum to
the size, so no use is outside every patient's sight; and read the ledger for the log's anchors: a log that is not what
was anchored is a second history. Give --log-key as the ledger's authorities published it; without
it the gateway's own word is taken.`,
		RunE: func(c *cobra.Command, _ []string) error {
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			l, err := m.Ledger(c.Context())
			if err != nil {
				return err
			}
			v := logCheck{client: m, name: log, key: key, origin: l.Origin}
			if log == "uses" {
				v.origin = l.UsesOrigin
			} else if log != "ledger" {
				return Usage("--log is uses or ledger")
			}
			if origin != "" {
				v.origin = origin
			}
			if v.key == "" {
				a.say("warning: the log's key is taken from the gateway that is being checked")
				v.key = map[string]string{"uses": l.UsesKey, "ledger": l.Key}[log]
			}
			if log == "uses" {
				if v, err = v.withAnchors(c.Context(), l.Key, l.Origin); err != nil {
					return err
				}
			}
			r, err := v.run(c.Context())
			if err != nil {
				return err
			}
			return a.show(r, func(out io.Writer) {
				printf(out, "proved: %s holds %d entries, root %s\n", log, r.Size, r.Root)
				if log == "uses" {
					printf(out, "  %d slots in use; every chain is whole and the signed slot root is theirs\n", r.Slots)
					printf(out, "  the ledger's anchors hold, the newest of %d uses\n", r.Anchored)
				}
			})
		},
	}
	f := c.Flags()
	f.StringVar(&log, "log", "uses", "uses or ledger")
	f.StringVar(&key, "log-key", "", "verifier key of the log (C2SP signed-note)")
	f.StringVar(&origin, "origin", "", "origin line of the log's checkpoints (default what the gateway says)")
	return c
}
