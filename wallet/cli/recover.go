package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/online"
)

func (a *app) walletRecover() *cobra.Command {
	c := &cobra.Command{
		Use: "recover", Short: "Bring a handle back whose key is lost, with its guardians", Args: cobra.NoArgs, RunE: Choose,
		Long: `Bring a handle back. In order:

  prepare   in your new wallet, from the file that your guardians keep
  sign      each guardian in her own wallet, after she has spoken to you
  begin     in your new wallet, with the files that the guardians signed
  finish    in your new wallet, when the ledger's delay is over

Until then "veto" stops it with the old key, which is how you stop somebody else's attempt.`,
	}
	c.AddCommand(a.recoverPrepare(), a.recoverSign(), a.recoverBegin(), a.recoverFinish(), a.recoverVeto())
	return c
}

// recovering opens the wallet and reads a recovery file around run.
func (a *app) recovering(
	file string, run func(w *wallet.Wallet, g *client.Client, r wallet.Recovery, v wallet.Invitation) error,
) (err error) {
	r, v, err := a.readRecovery(file)
	if err != nil {
		return err
	}
	g, err := a.dial(a.serverOr(v.Server))
	if err != nil {
		return err
	}
	w, err := a.openWallet()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	return run(w, g, r, v)
}

func (a *app) readRecovery(file string) (wallet.Recovery, wallet.Invitation, error) {
	b, err := readInput(file, a.In)
	if err != nil {
		return wallet.Recovery{}, wallet.Invitation{}, err
	}
	r, v, err := wallet.ParseRecovery(b)
	if err != nil {
		return r, v, Usage("read %s: %w", file, err)
	}
	return r, v, nil
}

// placed are the flags that say where the handle's chain stands, when the file does not know.
type placed struct{ seq, prev string }

func (q *placed) flags(c *cobra.Command) {
	c.Flags().StringVar(&q.seq, "seq", "", "number of the handle's newest message, which the custodian can tell (default as the file says)")
	c.Flags().StringVar(&q.prev, "prev", "", "its commitment")
}

func (q *placed) after(l consent.Link) (consent.Link, error) {
	if (q.seq == "") != (q.prev == "") {
		return l, Usage("--seq and --prev go together")
	}
	if q.seq == "" {
		return l, nil
	}
	if err := l.Seq.UnmarshalText([]byte(q.seq)); err != nil {
		return l, Usage("--seq: %w", err)
	}
	l.Seq++
	if err := l.Prev.UnmarshalText([]byte(q.prev)); err != nil {
		return l, Usage("--prev: %w", err)
	}
	return l, nil
}

func (a *app) recoverPrepare() *cobra.Command {
	var q placed
	var out string
	c := &cobra.Command{
		Use: "prepare FILE", Short: "Name your new key, for your guardians to sign", Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			if out == "" {
				return Usage("--out names the file for your guardians to sign")
			}
			return a.recovering(args[0], func(w *wallet.Wallet, _ *client.Client, r wallet.Recovery, v wallet.Invitation) error {
				l, err := q.after(consent.Link{Handle: v.Handle, Seq: v.Seq + 1, Prev: v.Prev})
				if err != nil {
					return err
				}
				var generation uint32
				if s, known := w.Book().Subject(v.Handle); known {
					generation = s.Generation + 1
				}
				r.Begin, r.Signatures = &consent.RecoveryBegin{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev}, nil
				if r.Begin.KeyCommit, err = w.Keys().Commitment(v.Handle, generation); err != nil {
					return err
				}
				if _, err := io.ReadFull(a.Rand, r.Begin.Salt[:]); err != nil {
					return fmt.Errorf("draw a salt: %w", err)
				}
				return a.wroteRecovery(out, r)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&out, "out", "", "file to write")
	return c
}

func (a *app) wroteRecovery(out string, r wallet.Recovery) error {
	if err := writeRecovery(out, r); err != nil {
		return err
	}
	return a.show(map[string]any{"file": out, "threshold": r.Guardians.Threshold}, func(w io.Writer) {
		printf(w, "wrote %s; %d of %d guardians are needed\n", out, r.Guardians.Threshold, len(r.Guardians.Addresses))
	})
}

func (a *app) recoverSign() *cobra.Command {
	var out string
	c := &cobra.Command{
		Use: "sign FILE", Short: "For guardians: sign that somebody gets a new key", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if out == "" {
				return Usage("--out names the file to give back")
			}
			return a.recovering(args[0], func(w *wallet.Wallet, g *client.Client, r wallet.Recovery, v wallet.Invitation) error {
				names, err := online.Meet(c.Context(), w, g, v)
				if err != nil {
					return err
				}
				signature, err := w.SignRecovery(c.Context(), v.Ledger, r, names, a.confirm)
				if err != nil {
					return err
				}
				r.Signatures = []consent.Signature{signature}
				return a.wroteRecovery(out, r)
			})
		},
	}
	c.Flags().StringVar(&out, "out", "", "file to write")
	return c
}

func (a *app) recoverBegin() *cobra.Command {
	return &cobra.Command{
		Use: "begin SIGNED…", Short: "Begin the recovery with the files that the guardians signed", Args: cobra.MinimumNArgs(1),
		Long: `Begin the recovery. When it is refused as not going together, the handle's chain may have moved on: ask the custodian where it
stands and prepare again with --seq and --prev.`,
		RunE: func(c *cobra.Command, args []string) error {
			return a.recovering(args[0], func(w *wallet.Wallet, g *client.Client, r wallet.Recovery, v wallet.Invitation) error {
				if r.Begin == nil {
					return Usage("%s: nobody has prepared it", args[0])
				}
				for _, file := range args[1:] {
					o, _, err := a.readRecovery(file)
					if err != nil {
						return err
					}
					if err := r.Merge(o); err != nil {
						return Usage("read %s: %w", file, err)
					}
				}
				m, claimed, head, err := online.BeginRecovery(c.Context(), w, g, r, v)
				if err != nil {
					return err
				}
				a.say("it can be finished from %s on, unless the old key stops it", instant(head.Deadline))
				return a.showSigned(m, claimed.Receipt)
			})
		},
	}
}

func (a *app) recoverFinish() *cobra.Command {
	var q placed
	var label string
	c := &cobra.Command{
		Use: "finish FILE", Short: "Register your new key, when the delay is over", Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.recovering(args[0], func(w *wallet.Wallet, g *client.Client, r wallet.Recovery, v wallet.Invitation) error {
				if r.Begin == nil {
					return Usage("%s: nobody has prepared it", args[0])
				}
				l, err := q.after(consent.Link{Handle: v.Handle, Seq: r.Begin.Seq + 1, Prev: consent.Commitment(r.Begin)})
				if err != nil {
					return err
				}
				return a.finished(c.Context(), w, g, r, v, l, label)
			})
		},
	}
	q.flags(c)
	c.Flags().StringVar(&label, "label", "", "your own word for the handle (default the custodian's name)")
	return c
}

func (a *app) finished(
	ctx context.Context, w *wallet.Wallet, g *client.Client, r wallet.Recovery, v wallet.Invitation, l consent.Link, label string,
) error {
	e, err := online.FinishRecovery(ctx, w, g, r, v, l, online.Enrolling{Label: label, Confirm: a.confirm, Rand: a.Rand})
	if err != nil {
		return err
	}
	out := enrolled{e.Subject.Handle, e.Subject.Custodian, e.Subject.Ledger, e.Head.Slot, e.Receipt.Position, true}
	return a.show(out, func(o io.Writer) {
		printf(o, "%s is yours again, at %s\n  position %d, proved in a checkpoint that the pinned key signed\n",
			out.Handle, wallet.Escape(e.Name), out.Position)
	})
}

func (a *app) recoverVeto() *cobra.Command {
	return &cobra.Command{
		Use: "veto", Short: "Stop a recovery: you still have your key", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.RecoveryVeto{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Salt: salt}
				})
			})
		},
	}
}
