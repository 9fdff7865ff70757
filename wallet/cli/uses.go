package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

func usesCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("uses", "Who used your data: list, verify, export, watch",
		`Every decision on your data, permit or deny, and every look at your records is a use. Whatever these commands show was proved
first: each use is in the log that the custodian signed, and none of yours is left out. A release that never went
through Volens is outside any proof.`,
		a.usesList(), a.usesVerify(), a.usesExport(), a.usesReport(), a.usesWatch())
	a.personFlags(c)
	return c
}

// proved opens the wallet, verifies, saves what was verified and hands over.
func (a *app) proved(ctx context.Context, anew bool, run func(p *person, v online.Verified) error) error {
	return a.withPerson(ctx, func(p *person) error {
		v, err := online.Verify(ctx, p.API, p.Wallet.Book(), p.Subject, anew)
		if err != nil {
			return err
		}
		if v.Changed {
			if err := p.Wallet.Save(); err != nil {
				return err
			}
		}
		return run(p, v)
	})
}

func (a *app) usesList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List every use of your data, newest first, all of them proved", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.proved(c.Context(), true, func(p *person, v online.Verified) error {
				list := make([]proof.Use, 0, len(v.Statement.Entries))
				for _, e := range v.Statement.Entries {
					list = append(list, e.Use)
				}
				return a.show(list, func(out io.Writer) {
					for _, u := range list {
						p.showUse(out, u)
					}
					if len(list) == 0 {
						printf(out, "nobody has used your data, as far as Volens decides it\n")
					}
				})
			})
		},
	}
}

func (p *person) showUse(out io.Writer, u proof.Use) {
	when := time.UnixMilli(int64(u.Time)).UTC().Format(time.RFC3339)
	printf(out, "%4d  %s  %-6s %s\n", u.UseSeq, when, strings.ToUpper(u.Decision), p.member(u.Requester))
	printf(out, "      %s\n", wallet.Escape(u.Sentence.Text))
	why, _ := online.Code(u.Purpose)
	if u.Kind == proof.Decision {
		line := "      for: " + wallet.Escape(why)
		if len(u.Consents) > 0 {
			line += fmt.Sprintf("; under consents %v", u.Consents)
		}
		if len(u.Actors) > 0 {
			line += "; by " + wallet.Escape(strings.Join(u.Actors, ", "))
		}
		printf(out, "%s\n", line)
	}
}

// verdict is what `uses verify` prints.
type verdict struct {
	Handle consent.SubjectID `json:"handle"`
	Uses   consent.Uint64    `json:"uses"` // in all
	New    consent.Uint64    `json:"new"`  // since the last verification
	Size   consent.Uint64    `json:"size"` // of the custodian's log
	Root   consent.Hash      `json:"root"`
	Slot   consent.Uint64    `json:"slot"`
	Since  consent.Uint64    `json:"since"`    // size of the log at the last verification
	Head   consent.Hash      `json:"head"`     // leaf hash of the newest use
	Anchor consent.Uint64    `json:"anchored"` // uses that the newest anchor on the ledger covers
	Proved []string          `json:"proved"`
}

func verdictOf(s *wallet.Subject, v online.Verified) verdict {
	o := verdict{
		Handle: s.Handle, Uses: v.Now.UseSeq, New: v.Now.UseSeq - v.Before.UseSeq, Size: v.Now.Size, Root: v.Now.Root,
		Slot: v.Statement.Slot, Since: v.Before.Size, Head: v.Now.Head, Anchor: v.Anchor.Size,
	}
	o.Proved = append(o.Proved, "the log's checkpoint is signed by the key pinned at enrolment")
	if v.Before.Size > 0 {
		o.Proved = append(o.Proved, fmt.Sprintf("the log of %d uses still holds all %d that were there last time", v.Now.Size, v.Before.Size))
	}
	o.Proved = append(o.Proved,
		fmt.Sprintf("each of your %d new uses is in the log, opened and hashed here", o.New),
		fmt.Sprintf("slot %d, yours by the ledger, ends with use %d: none is left out", o.Slot, o.Uses))
	if o.Anchor == 0 {
		return o
	}
	o.Proved = append(o.Proved, fmt.Sprintf("the ledger holds this very log's first %d uses, anchored at %s: up to then everybody is shown the same",
		o.Anchor, time.UnixMilli(int64(v.Anchor.Time)).UTC().Format(time.RFC3339)))
	return o
}

func (a *app) usesVerify() *cobra.Command {
	var anew bool
	c := &cobra.Command{
		Use: "verify", Short: "Prove that the list of uses is true and complete", Args: cobra.NoArgs,
		Long: `Check the uses since the last verification against the state that the wallet keeps, and keep the new state. It ends with 4
when anything does not hold: then keep the wallet file, it is the evidence, and ask whom you trust.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.proved(c.Context(), anew, func(p *person, v online.Verified) error {
				o := verdictOf(p.Subject, v)
				return a.show(o, func(out io.Writer) {
					printf(out, "proved: %d uses, %d of them new\n", o.Uses, o.New)
					for _, line := range o.Proved {
						printf(out, "  %s\n", line)
					}
				})
			})
		},
	}
	c.Flags().BoolVar(&anew, "all", false, "check every use again, not only new ones")
	return c
}

func (a *app) usesExport() *cobra.Command {
	var format, path string
	c := &cobra.Command{
		Use: "export", Short: "Write all uses as CSV, as JSON with every proof, or as FHIR AuditEvents", Args: cobra.NoArgs,
		Long: `Write all uses, proved first: csv for a spreadsheet, json with every proof, fhir as a Bundle of FHIR R4 AuditEvents (IHE BALP),
ndjson as one AuditEvent a line.`,
		RunE: func(c *cobra.Command, _ []string) error {
			write, ok := map[string]exporter{
				"csv": func(_ context.Context, _ *person, _ proof.Statement, entries iter.Seq[proof.Entry], w io.Writer) error {
					return proof.WriteCSV(w, entries)
				},
				"json": func(_ context.Context, _ *person, s proof.Statement, entries iter.Seq[proof.Entry], w io.Writer) error {
					return proof.WriteJSON(w, s, entries)
				},
				"fhir": events(auditevent.WriteBundle), "ndjson": events(auditevent.WriteNDJSON),
			}[format]
			if !ok {
				return Usage("--format is csv, json, fhir or ndjson")
			}
			return a.withPerson(c.Context(), func(p *person) error {
				return a.output(path, func(out io.Writer) error { return p.export(c.Context(), out, write) })
			})
		},
	}
	c.Flags().StringVar(&format, "format", "csv", "csv, json, fhir or ndjson")
	c.Flags().StringVar(&path, "out", "", "file to write (default standard output)")
	return c
}

// exporter writes uses in one of the formats.
type exporter func(context.Context, *person, proof.Statement, iter.Seq[proof.Entry], io.Writer) error

// export writes every use as it is proved, so that no more than a page of them is in memory. When the last proof fails, what was
// written is true and not all: the error says so.
func (p *person) export(ctx context.Context, out io.Writer, write exporter) error {
	next, stop := iter.Pull2(p.pages(ctx))
	defer stop()
	first, err, ok := next()
	if err != nil || !ok {
		return err
	}
	var failed error
	err = write(ctx, p, first, func(yield func(proof.Entry) bool) {
		for page := first; ok && failed == nil; page, failed, ok = next() {
			for _, e := range page.Entries {
				if !yield(e) {
					return
				}
			}
		}
	}, out)
	if failed != nil {
		return fmt.Errorf("what was written is proved, and is not all: %w", failed)
	}
	return err
}

// pages are the pages of the statement, each proved. The error comes last.
func (p *person) pages(ctx context.Context) iter.Seq2[proof.Statement, error] {
	return func(yield func(proof.Statement, error) bool) {
		v, err := online.VerifyEach(ctx, p.API, p.Wallet.Book(), p.Subject, true, func(page proof.Statement) error {
			if !yield(page, nil) {
				return errEnough
			}
			return nil
		})
		if err == nil && v.Changed {
			err = p.Wallet.Save()
		}
		if err != nil && !errors.Is(err, errEnough) {
			yield(proof.Statement{}, err)
		}
	}
}

// events writes uses as AuditEvents. The consents in them are named as the gateway's FHIR interface names them.
func events(write func(io.Writer, iter.Seq[proof.Entry], auditevent.Origin) error) exporter {
	return func(ctx context.Context, p *person, _ proof.Statement, entries iter.Seq[proof.Entry], w io.Writer) error {
		list, err := p.API.Consents(ctx)
		if err != nil {
			return err
		}
		ids := map[consent.Uint64]string{}
		for _, k := range list.Consents {
			ids[k.Seq] = k.Commitment.String()
		}
		me, err := p.API.Me(ctx)
		if err != nil {
			return err
		}
		return write(w, entries, auditevent.Origin{
			Server: p.API.URL() + api.PathFHIR4, Custodian: me.Custodian, Patient: "Patient/" + p.Subject.Handle.String(),
			Consent: func(seq consent.Uint64) string { return ids[seq] },
		})
	}
}

func (a *app) usesWatch() *cobra.Command {
	var count int
	c := &cobra.Command{
		Use: "watch", Short: "Show uses as they happen, each proved", Args: cobra.NoArgs,
		Long: `Follow the gateway's notices. Each one makes the wallet fetch and prove what is new, so nothing is shown on a notice's word.
With --json there is one object a line. It goes on until it is interrupted, or --count uses were shown.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				err := p.watch(c.Context(), count)
				return errors.Join(err, p.Wallet.Save())
			})
		},
	}
	c.Flags().IntVar(&count, "count", 0, "end after this many uses")
	return c
}

// errEnough ends a watch.
var errEnough = errors.New("enough")

// showNew shows the uses since the last verification, oldest first. It ends with errEnough when count are shown.
func (p *person) showNew(ctx context.Context, shown *int, count int) error {
	v, err := online.Verify(ctx, p.API, p.Wallet.Book(), p.Subject, false)
	if err != nil {
		return err
	}
	for i := len(v.Statement.Entries) - 1; i >= 0; i-- {
		u := v.Statement.Entries[i].Use
		if err := p.show(u, func(out io.Writer) { p.showUse(out, u) }); err != nil {
			return err
		}
		if *shown++; *shown == count {
			return errEnough
		}
	}
	return nil
}

// watch verifies at once and after every notice, and follows again when the stream ends.
func (p *person) watch(ctx context.Context, count int) error {
	shown := 0
	look := func(api.Notice) error { return p.showNew(ctx, &shown, count) }
	for {
		err := look(api.Notice{})
		if err == nil {
			err = p.API.Notices(ctx, look)
		}
		switch code := consent.CodeOf(err); {
		case errors.Is(err, errEnough), errors.Is(err, context.Canceled):
			return nil
		case code != consent.Unavailable && code != api.Unauthenticated:
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
		if err := p.signIn(ctx); err != nil && consent.CodeOf(err) != consent.Unavailable {
			return err
		}
	}
}
