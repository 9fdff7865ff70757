package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

func consentCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("consent", "Your consents: see, give, narrow, decline, withdraw, delegate",
		`Consents are signed with the key in your wallet, after you have seen what you sign. Names of organisations come from records
that the ledger's authorities signed; whoever else speaks of an organisation is not believed.`,
		a.consentList(), a.consentRequests(), a.consentGive(), a.consentNarrow(), a.consentDecline(), a.consentRevoke(),
		a.consentRevokeAll(), a.consentConfirm(), a.consentPreview(), a.consentReceipt(), a.consentAttest(), a.consentImport(), a.consentErase(),
		a.consentDelegate(), a.consentDelegates(), a.consentDelegateEnd())
	a.personFlags(c)
	return c
}

// withPerson opens the wallet and signs in around run.
func (a *app) withPerson(ctx context.Context, run func(p *person) error) (err error) {
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Wallet.Close()) }()
	if err := p.learn(ctx); err != nil {
		return err
	}
	return run(p)
}

func (a *app) consentList() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "list", Short: "List your consents, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				cs, err := p.API.Consents(c.Context())
				if err != nil {
					return err
				}
				if !all {
					live := []api.Consent{}
					for _, k := range cs.Consents {
						if k.Status == consent.Live {
							live = append(live, k)
						}
					}
					cs.Consents = live
				}
				return a.show(cs.Consents, func(out io.Writer) { p.listConsents(out, cs.Consents) })
			})
		},
	}
	c.Flags().BoolVar(&all, "all", false, "list ended ones too")
	return c
}

func (p *person) listConsents(out io.Writer, list []api.Consent) {
	if len(list) == 0 {
		printf(out, "no consents in force\n")
		return
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	printf(t, "NUMBER\tSTATUS\tBY\tGIVEN\tUSES\tWHAT\n")
	for _, k := range list {
		by := p.patient()
		if !k.Signed {
			by = "custodian"
		}
		uses := "-"
		if k.Consent.MaxUses > 0 {
			uses = fmt.Sprintf("%d of %d", k.Uses, k.Consent.MaxUses)
		}
		printf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", k.Seq, k.Status, by, day(k.Date), uses, p.summary(k.Consent))
	}
	_ = t.Flush() //nolint:errcheck // as printf
}

// summary says in a line what a consent's root rule says.
func (p *person) summary(c consent.Consent) string {
	root := c.Provisions[0]
	var who []string
	for _, r := range root.Recipients {
		id, isMember := strings.CutPrefix(r.Reference, "Organization/")
		if isMember {
			who = append(who, p.member(consent.MemberID(id)))
		} else {
			who = append(who, `"`+wallet.Escape(r.Reference)+`"`)
		}
	}
	if len(who) == 0 {
		who = []string{"anyone"}
	}
	var why []string
	for _, u := range root.Purposes {
		w, _ := online.Code(u)
		why = append(why, wallet.Escape(w))
	}
	if len(why) == 0 {
		why = []string{"any purpose"}
	}
	s := fmt.Sprintf("%s %s for %s", root.Effect, strings.Join(who, ", "), strings.Join(why, ", "))
	if n := len(c.Provisions) - 1; n > 0 {
		s += fmt.Sprintf(", with %d more rules", n)
	}
	if c.Period.End != 0 {
		s += ", until " + instant(c.Period.End)
	}
	return s
}

func day(t consent.Millis) string { return time.UnixMilli(int64(t)).UTC().Format(time.DateOnly) }

func instant(t consent.Millis) string { return time.UnixMilli(int64(t)).UTC().Format(time.RFC3339) }

func (a *app) consentRequests() *cobra.Command {
	return &cobra.Command{
		Use: "requests", Short: "List what you are asked for, newest first", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				rs, err := p.API.Requests(c.Context())
				if err != nil {
					return err
				}
				return a.show(rs.Requests, func(out io.Writer) {
					for _, r := range rs.Requests {
						state := "waits"
						if r.Answered != 0 {
							state = fmt.Sprintf("answered by %d", r.Answered)
						}
						printf(out, "%s  %s, %s, %s\n  asks: %s\n  %s\n", r.ID, p.member(r.Member), day(r.Time), state,
							p.summary(r.Consent), wallet.Escape(r.Text))
					}
					if len(rs.Requests) == 0 {
						printf(out, "nobody asks for anything\n")
					}
				})
			})
		},
	}
}

func (a *app) consentPreview() *cobra.Command {
	var r terms
	var to, purpose, action, actor string
	var without []string
	c := &cobra.Command{
		Use: "preview", Short: "See what your consents let through for somebody, now or after a change", Args: cobra.NoArgs,
		Long: `Ask the gateway's own policies what they would say if a member asked: with the consents in force, without those that
--without names, or with one more as the flags of "consent give" describe it. Nothing is signed or changed.`,
		Example: `  volens consent preview --by rosa-institute --for HRESCH
  volens consent preview --by rosa-institute --for HRESCH --without 3`,
		RunE: func(c *cobra.Command, _ []string) error {
			if to == "" || purpose == "" {
				return Usage("--by and --for say who would ask, and for what purpose")
			}
			return a.withPerson(c.Context(), func(p *person) error {
				q := api.Preview{
					Member: consent.MemberID(to), Actor: api.Actor{Reference: actor},
					Purpose: consent.Coding{System: policies.SystemPurpose, Code: purpose},
					Action:  consent.Coding{System: policies.SystemAction, Code: action},
				}
				var err error
				if q.Revoke, err = numbers(without); err != nil {
					return err
				}
				if r.given() {
					k, err := r.consent(p.Now())
					if err != nil {
						return err
					}
					q.Consent = &k
				}
				d, err := p.API.Preview(c.Context(), q)
				if err != nil {
					return err
				}
				return a.show(d, func(out io.Writer) { showDecision(out, d) })
			})
		},
	}
	f := c.Flags()
	f.StringVar(&to, "by", "", "member that would ask")
	f.StringVar(&purpose, "for", "", "purpose it would give (v3-ActReason)")
	f.StringVar(&action, "do", "access", "what it would do (FHIR consentaction)")
	f.StringVar(&actor, "actor", "", "person for whom it would ask, e.g. Practitioner/bob")
	f.StringArrayVar(&without, "without", nil, "number of a consent to leave out; may be repeated")
	r.flags(f)
	return c
}

// numbers reads consents' numbers.
func numbers(texts []string) ([]consent.Uint64, error) {
	var ns []consent.Uint64
	for _, t := range texts {
		n, err := number(t)
		if err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, nil
}

func number(text string) (consent.Uint64, error) {
	var n consent.Uint64
	if err := n.UnmarshalText([]byte(text)); err != nil || n == 0 {
		return 0, Usage("%q is not the number of a consent", text)
	}
	return n, nil
}
