package cli

import (
	"github.com/spf13/cobra"
)

func (a *app) walletRotate() *cobra.Command {
	return &cobra.Command{
		Use: "rotate", Short: "Replace the key of a handle by the next one of your phrase", Args: cobra.NoArgs,
		Long: `Replace the key of a handle. The old key signs and then the new one; the old one is worth nothing from then on, a recovery that
is under way ends, and every session ends. The new key comes from the same recovery phrase: do this when a key may have been
seen. When the phrase itself may have been seen, the custodian has to open a new handle for another wallet.`,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				m, r, err := p.Rotate(c.Context())
				if err != nil {
					return err
				}
				return a.showSigned(m, r)
			})
		},
	}
}
