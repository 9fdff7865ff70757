package cli

import (
	"context"
	"errors"
	"io"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

func (a *app) walletEnrol() *cobra.Command {
	var v wallet.Invitation
	var prev, seq, label string
	c := &cobra.Command{
		Use: "enrol [INVITATION]", Aliases: []string{"enroll"}, Short: "Register your key for a handle", Args: cobra.MaximumNArgs(1),
		Long: `Register your key for the handle that a custodian opened for you. The invitation (volens1:…, in a QR code or a letter)
names the gateway, the handle, the one-time code and the keys to pin; an invitation without a code, as "volens wallet
backup" writes it, brings a handle back into a restored wallet.

Without an invitation, give --server, --handle, --code and --prev. The ledger is then pinned as the gateway shows it now,
which trusts that gateway once.`,
		Example: `  volens wallet enrol volens1:eyJzZXJ2ZXIi…
  volens wallet enrol --server http://localhost:8080 --handle 00112233445566778899aabbccddeeff --code ABCD-EFGH --prev 5f…`,
		RunE: func(c *cobra.Command, args []string) error {
			var err error
			if len(args) == 1 {
				if v, err = wallet.ParseInvitation(args[0]); err != nil {
					return Usage("%w", err)
				}
				if a.server != "" {
					v.Server = a.server
				}
			} else if err := typed(&v, a.serverOr(""), a.handle, prev, seq); err != nil {
				return err
			}
			return a.enrol(c.Context(), v, label)
		},
	}
	f := c.Flags()
	f.StringVar(&v.Code, "code", "", "the one-time code")
	f.StringVar(&prev, "prev", "", "commitment of the message that opened the handle")
	f.StringVar(&seq, "seq", "1", "number of that message")
	f.StringVar(&label, "label", "", "your own word for the handle (default the custodian's name)")
	return c
}

// typed fills an invitation from flags.
func typed(v *wallet.Invitation, server, handle, prev, seq string) error {
	v.Server = server
	if err := v.Handle.UnmarshalText([]byte(handle)); err != nil {
		return Usage("give an invitation, or --handle: %w", err)
	}
	if v.Code == "" {
		return nil
	}
	if err := v.Prev.UnmarshalText([]byte(prev)); err != nil {
		return Usage("--prev: %w", err)
	}
	if err := v.Seq.UnmarshalText([]byte(seq)); err != nil {
		return Usage("--seq: %w", err)
	}
	return nil
}

// enrolled is what `wallet enrol` prints.
type enrolled struct {
	Handle    consent.SubjectID `json:"handle"`
	Custodian consent.MemberID  `json:"custodian"`
	Ledger    consent.Hash      `json:"ledger"`
	Slot      consent.Uint64    `json:"slot"`
	Position  network.Position  `json:"position"`
	Proved    bool              `json:"proved"`
}

func (a *app) enrol(ctx context.Context, v wallet.Invitation, label string) (err error) {
	w, err := a.openWallet()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	c, err := a.dial(v.Server)
	if err != nil {
		return err
	}
	if v.Ledger.IsZero() {
		a.say("warning: no invitation: the ledger is pinned as %s shows it now", c.URL())
	}
	e, err := online.Enrol(ctx, w, c, v, online.Enrolling{
		Label: label, Confirm: a.confirm, Rand: a.Rand,
	})
	if err != nil {
		return err
	}
	out := enrolled{e.Subject.Handle, e.Subject.Custodian, e.Subject.Ledger, e.Head.Slot, e.Receipt.Position, true}
	return a.show(out, func(o io.Writer) {
		printf(o, "enrolled %s at %s\n  position %d of ledger %s, proved in a checkpoint that the pinned key signed\n",
			out.Handle, wallet.Escape(e.Name), out.Position, out.Ledger)
	})
}
