package cli

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/wallet"
)

func (a *app) consentRevoke() *cobra.Command {
	return &cobra.Command{
		Use: "revoke NUMBER", Short: "Withdraw one consent", Args: cobra.ExactArgs(1),
		Long: `Withdraw one consent. When the command ends with 0, no request is permitted under it any more.`,
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error {
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.ConsentRevoke{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: n, Salt: salt}
				})
			})
		},
	}
}

func (a *app) consentRevokeAll() *cobra.Command {
	return &cobra.Command{
		Use: "revoke-all", Short: "Withdraw every consent, of every handle unless --handle names one", Args: cobra.NoArgs,
		Long: `Withdraw every consent in one step for each handle. Without --handle it does so for all handles of your own, which may
be at different custodians; a handle that fails does not stop the others.`,
		RunE: func(c *cobra.Command, _ []string) error {
			if a.handle != "" {
				return a.withPerson(c.Context(), func(p *person) error { return a.revokeAll(c.Context(), p) })
			}
			return a.everyHandle(c.Context(), a.revokeAll)
		},
	}
}

func (a *app) revokeAll(ctx context.Context, p *person) error {
	return a.putAndShow(ctx, p, func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.RevokeAll{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: salt}
	})
}

// everyHandle does something for each handle of the person's own in turn and joins the errors.
func (a *app) everyHandle(ctx context.Context, do func(context.Context, *person) error) (err error) {
	w, err := a.openWallet()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	own := slices.DeleteFunc(slices.Clone(w.Book().Subjects), func(s *wallet.Subject) bool { return s.Delegation != nil })
	if len(own) == 0 {
		return errors.New("the wallet has no handle of your own yet")
	}
	for _, s := range own {
		p, one := a.personOf(w, s)
		if one == nil {
			one = p.signIn(ctx)
		}
		if one == nil {
			one = p.learn(ctx)
		}
		if one == nil {
			one = do(ctx, p)
		}
		if one != nil {
			err = errors.Join(err, fmt.Errorf("handle %s: %w", s.Handle, one))
		}
	}
	return err
}

func (a *app) consentConfirm() *cobra.Command {
	return &cobra.Command{
		Use: "confirm NUMBER", Short: "Make a consent your own that your custodian entered", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				k, err := p.consentNumbered(c.Context(), n)
				if err != nil {
					return err
				}
				if k.Kind != "ConsentAttest" {
					return consent.Errorf(consent.WrongState, "consent %d was not entered by your custodian", n)
				}
				p.say("Consent %d says: %s", n, p.summary(k.Consent))
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.ConsentConfirm{
						Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Consent: n, Commitment: k.Commitment, Salt: salt,
					}
				})
			})
		},
	}
}

func (a *app) consentErase() *cobra.Command {
	return &cobra.Command{
		Use: "erase", Short: "Erase what is kept about this handle, for good", Args: cobra.NoArgs,
		Long: `Erase the handle: its consents end, and every record of them and of their uses becomes unreadable for ever, for you too.
Export your uses first. What stays on the ledger says nothing about anybody.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.Erase{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Reason: "request", Salt: salt}
				})
			})
		},
	}
}

func (a *app) consentAttest() *cobra.Command {
	var t terms
	var q subjectFlags
	var document string
	c := &cobra.Command{
		Use: "attest", Short: "For custodians: enter a paper or imported consent", Args: cobra.NoArgs,
		Long: `Enter a consent that the patient did not sign here. The custodian signs for it; it is shown as the custodian's word until
the patient confirms it.`,
		Example: `  volens consent attest --member city-hospital --key city.key --local-id MRN-1 --document scan.pdf --to rosa-institute --purpose HRESCH`,
		RunE: func(c *cobra.Command, _ []string) error {
			query, err := q.query()
			if err != nil {
				return err
			}
			b, err := os.ReadFile(document) //nolint:gosec // the person names it
			if err != nil {
				return Usage("--document is the paper that the consent stands on: %w", err)
			}
			k, err := t.consent(a.Now())
			if err != nil {
				return err
			}
			m, err := a.memberClient()
			if err != nil {
				return err
			}
			made, err := m.Attest(c.Context(), api.Attest{SubjectQuery: query, Consent: k, Evidence: sha256.Sum256(b)})
			if err != nil {
				return err
			}
			return a.show(made, func(out io.Writer) { printf(out, "consent %d is on the ledger: %s\n", made.Seq, made.Commitment) })
		},
	}
	c.Flags().StringVar(&document, "document", "", "file whose SHA-256 goes on record")
	q.flags(c)
	t.flags(c.Flags())
	a.memberFlags(c)
	return c
}
