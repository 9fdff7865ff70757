package cli

import (
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

// addressed is what `wallet address` prints.
type addressed struct {
	Handle  consent.SubjectID `json:"handle"`
	Address consent.Address   `json:"address"`
}

func (a *app) walletAddress() *cobra.Command {
	return &cobra.Command{
		Use: "address HANDLE", Short: "Print the address of your key for somebody else's handle; needs no gateway", Args: cobra.ExactArgs(1),
		Long: `Print the address of the key with which this wallet acts for somebody else's handle, as a delegate or as one who can bring
her back. Give it to her, or to her child's custodian. Every handle has another one, so nothing joins them.`,
		RunE: func(_ *cobra.Command, args []string) (err error) {
			h, err := consent.ParseSubjectID(args[0])
			if err != nil {
				return Usage("a handle is 32 hex digits: %w", err)
			}
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			if s, known := w.Book().Subject(h); known && s.Delegation == nil {
				return Usage("this handle is your own")
			}
			k, err := w.Keys().Key(h, 0)
			if err != nil {
				return err
			}
			return a.show(addressed{h, k.Address()}, func(out io.Writer) { printf(out, "%s\n", k.Address()) })
		},
	}
}

// accepted is what `wallet accept` prints.
type accepted struct {
	Handle    consent.SubjectID `json:"handle"`
	Label     string            `json:"label"`
	Custodian consent.MemberID  `json:"custodian"`
	Seq       consent.Uint64    `json:"delegation"`
	Kind      string            `json:"kind"`
	Scope     []string          `json:"scope"`
	Ends      consent.Millis    `json:"ends"`
	Proved    bool              `json:"proved"`
}

func (a *app) walletAccept() *cobra.Command {
	var label string
	c := &cobra.Command{
		Use: "accept FILE", Short: "Take a delegation, to act for somebody else", Args: cobra.ExactArgs(1),
		Long: `Take the file that "volens consent delegate --out" or "volens custodian guardian --out" wrote. The delegation is proved against
the ledger that the file pins. Then "volens consent" and "volens uses" work for that handle as far as the delegation goes:
name it with --handle when you have handles of your own. Keep the file: the recovery phrase alone does not bring it back.`,
		Example: `  volens wallet accept from-alice.json --label Alice
  volens consent list --handle Alice`,
		RunE: func(c *cobra.Command, args []string) (err error) {
			b, err := readInput(args[0], a.In)
			if err != nil {
				return err
			}
			d, v, err := wallet.ParseDelegation(b)
			if err != nil {
				return Usage("read %s: %w", args[0], err)
			}
			if a.server != "" {
				v.Server = a.server
			}
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			g, err := a.dial(v.Server)
			if err != nil {
				return err
			}
			v.Server = g.URL()
			s, err := online.Accept(c.Context(), w, g, d, v, label)
			if err != nil {
				return err
			}
			k := s.Delegation
			out := accepted{s.Handle, s.Label, s.Custodian, k.Seq, k.Kind, k.Scope, k.Ends(), true}
			return a.show(out, func(o io.Writer) {
				printf(o, "you act for %s as a %s, until %s\n  delegation %d is proved in a checkpoint that the pinned key signed\n",
					out.Handle, wallet.Escape(out.Kind), instant(out.Ends), out.Seq)
			})
		},
	}
	c.Flags().StringVar(&label, "label", "", "your own word for the person")
	return c
}
