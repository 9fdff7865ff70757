package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
)

func (a *app) walletGuardians() *cobra.Command {
	c := &cobra.Command{
		Use: "guardians", Short: "Name the people who can bring you back when your key is lost", Args: cobra.NoArgs, RunE: Choose,
	}
	c.AddCommand(a.guardiansSet(), a.guardiansNone())
	return c
}

func (a *app) guardiansSet() *cobra.Command {
	var who []string
	var threshold uint64
	var out string
	c := &cobra.Command{
		Use: "set", Short: "Name your guardians", Args: cobra.NoArgs,
		Long: `Name your guardians, in the place of those of before. Tell each your handle; each tells you the address that
"volens wallet address HANDLE" prints. Give a copy of the file that --out writes to every guardian: without it nobody can bring you
back. It is confidential. On the ledger there is a commitment only.`,
		Example: `  volens wallet guardians set --guardian bea.address --guardian 0x5aae… --guardian cem.address --threshold 2 --out guardians.json`,
		RunE: func(c *cobra.Command, _ []string) error {
			g, err := guardians(who, threshold)
			if err != nil {
				return err
			}
			if out == "" {
				return Usage("--out names the file that your guardians keep")
			}
			if err := free(out); err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error { return p.setGuardians(c, g, out) })
		},
	}
	f := c.Flags()
	f.StringArrayVar(&who, "guardian", nil, "address, or file with it; once for each")
	f.Uint64Var(&threshold, "threshold", 0, "how many of them it takes")
	f.StringVar(&out, "out", "", "file to write for the guardians")
	return c
}

func guardians(who []string, threshold uint64) (g consent.Guardians, err error) {
	for _, w := range who {
		k, err := address(w)
		if err != nil {
			return g, err
		}
		if slices.Contains(g.Addresses, k) {
			return g, Usage("guardian %s is named twice", k)
		}
		g.Addresses = append(g.Addresses, k)
	}
	if threshold == 0 || threshold > uint64(len(who)) {
		return g, Usage("--threshold is from 1 to the number of guardians, %d", len(who))
	}
	g.Threshold = consent.Uint64(threshold)
	return g, nil
}

// setGuardians shows who they are, beside the message, which only commits to them.
func (p *person) setGuardians(c *cobra.Command, g consent.Guardians, out string) error {
	if err := p.own(); err != nil {
		return err
	}
	s := p.Subject
	var err error
	if g.Salt, err = p.Wallet.Keys().GuardianSalt(s.Handle, s.Generation); err != nil {
		return err
	}
	p.Confirm = func(fields []wallet.Field) (bool, error) {
		for _, k := range g.Addresses {
			fields = append(fields, wallet.Field{Label: "Guardian with the key", Value: k.String()})
		}
		return p.confirm(append(fields, wallet.Field{Label: "Needed to bring you back", Value: fmt.Sprint(g.Threshold)}))
	}
	m, r, err := p.Put(c.Context(), func(l consent.Link, salt consent.Hash) consent.Body {
		return &consent.GuardiansSet{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, GuardianCommit: consent.GuardianCommitment(g), Salt: salt}
	})
	if err != nil {
		return err
	}
	s.Guardians = &g
	if err := p.Wallet.Save(); err != nil {
		return err
	}
	v, err := p.Wallet.Book().Reminder(s)
	if err != nil {
		return err
	}
	text, err := v.Format()
	if err != nil {
		return err
	}
	if err := writeRecovery(out, wallet.Recovery{Invitation: text, Guardians: g}); err != nil {
		return err
	}
	return p.showSigned(m, r)
}

func (a *app) guardiansNone() *cobra.Command {
	return &cobra.Command{
		Use: "none", Short: "Have no guardians any more", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				p.Subject.Guardians = nil
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.GuardiansSet{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: salt}
				})
			})
		},
	}
}

func writeRecovery(path string, r wallet.Recovery) error {
	b, err := r.Format()
	if err != nil {
		return err
	}
	return writeNew(path, b)
}
