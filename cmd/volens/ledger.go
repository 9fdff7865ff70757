package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/wallet/cli"
)

// ledger is the flags that all of `volens ledger` shares.
type ledger struct {
	place
	json bool
}

func ledgerCommand() *cobra.Command {
	l := &ledger{}
	c := &cobra.Command{
		Use: "ledger", Short: "Look after a ledger: set up, verify, rebuild, back up, erase",
		Long: `Work at the files of a node. But for "status", "keys backup", "genesis" and "sign" the node must not be running: its files are locked.`,
		Args: cobra.NoArgs, RunE: cli.Choose,
	}
	l.flags(c)
	c.PersistentFlags().BoolVar(&l.json, "json", false, "write JSON for programs")
	c.AddCommand(
		l.verify(), l.rebuild(), l.status(), l.backup(), l.restore(), l.keysGroup(), l.erase(), l.tail(), l.genesisGroup(), l.member(),
		l.closing(), l.sign(), l.submit(), l.export(), l.imports(),
	)
	return c
}

// sub makes a command that works at a node.
func (l *ledger) sub(use, short, long string, run func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, args []string) error {
			p, err := l.paths()
			if err != nil {
				return err
			}
			return storage(run(c.Context(), c, p, args))
		},
	}
}

// storage gives what a disk did the exit code that says so: proof for bytes that are not what was written, unavailable for
// files that another process has open.
func storage(err error) error {
	switch {
	case err == nil:
		return nil
	case busy(err):
		return consent.Errorf(consent.Unavailable, "the node is running: %w", err)
	}
	for _, bad := range []error{node.ErrExport, journal.ErrCorrupt, journal.ErrShorter, journal.ErrForeign, journal.ErrMissing, vault.ErrCorrupt} {
		if errors.Is(err, bad) {
			return fmt.Errorf("%w: %w", proof.ErrRefused, err)
		}
	}
	return err
}

func busy(err error) bool { return errors.Is(err, journal.ErrLocked) || errors.Is(err, vault.ErrInUse) }

func (l *ledger) verify() *cobra.Command {
	var o node.VerifyOptions
	c := l.sub("verify", "Check every byte that must not be lost",
		`Read both logs in full: every checksum, every leaf hashed again, the roots against the signed anchors, every subject's chain
of uses and the slot tree, the vault's ring, the keys, the genesis and the archive of policies. The first bad position is
named, and the code is 4. Indexes are not read: they are made anew whenever they are in doubt.

--signatures opens every message that was not erased as well: it must be what its leaf commits to, and its signatures must
hold. --state runs the contract on every message again besides: it must write what the leaf says.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
			b := newBar(c)
			o.Progress = b.step
			began := time.Now()
			r, err := node.Verify(ctx, p, o)
			b.clear()
			if err != nil && !busy(err) {
				err = fmt.Errorf("%w: %w", proof.ErrRefused, err)
			}
			if err != nil {
				return err
			}
			lines := []string{
				fmt.Sprintf("ledger size=%d root=%s", r.Size, r.Root),
				fmt.Sprintf("uses   size=%d root=%s subjects=%d", r.Uses.Size, r.Uses.Root, r.Subjects),
				fmt.Sprintf("vault  epoch=%d keys=%d erased=%d pending=%d", r.Vault.Epoch, r.Vault.Keys, r.Vault.Erased, r.Vault.Pending),
			}
			if s := r.Signatures; s != nil {
				lines = append(lines, fmt.Sprintf("messages=%d signatures=%d erased=%d", s.Messages, s.Signatures, s.Erased))
			}
			if !r.State.IsZero() {
				lines = append(lines, "state="+r.State.String())
			}
			lines = append(lines, fmt.Sprintf("everything holds (%d MB in %.1f s)", r.Bytes/1e6, time.Since(began).Seconds()))
			return show(c, l.json, r, lines...)
		})
	c.Flags().BoolVar(&o.Signatures, "signatures", false, "verify every signature again")
	c.Flags().BoolVar(&o.State, "state", false, "run the contract on every message again")
	return c
}

func (l *ledger) rebuild() *cobra.Command {
	return l.sub("rebuild", "Make every index anew from the segments alone",
		`Drop the indexes and make them anew from the segments. The digests of the state before and after are printed: they are the
same, also after erasures.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
			b := newBar(c)
			r, err := node.Rebuild(ctx, p, b.step)
			b.clear()
			if err != nil {
				return err
			}
			before := r.Before.String()
			if r.Before.IsZero() {
				before = "none"
			}
			if err := show(c, l.json, r, "before "+before, fmt.Sprintf("after  %s (position %d, %d uses)", r.After, r.Position, r.Uses)); err != nil {
				return err
			}
			if !r.Before.IsZero() && r.Before != r.After {
				return fmt.Errorf("%w: the index was not what the segments say; it is now", proof.ErrRefused)
			}
			return nil
		})
}

func (l *ledger) status() *cobra.Command {
	return l.sub("status", "Show what the anchors and the vault say", "Show sizes, roots and pending erasures. No record is read: verify does that.",
		func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
			s, err := node.Look(ctx, p)
			if err != nil {
				return err
			}
			vault := fmt.Sprintf("vault     epoch=%d keys=%d erased=%d pending=%d", s.Vault.Epoch, s.Vault.Keys, s.Vault.Erased, s.Vault.Pending)
			if s.Running {
				vault = "the node is running"
			}
			return show(c, l.json, s,
				fmt.Sprintf("ledger    %s %q", s.Ledger, s.Name),
				fmt.Sprintf("custodian %s", s.Custodian),
				fmt.Sprintf("ledger    size=%d root=%s", s.Position, s.Root),
				fmt.Sprintf("uses      size=%d root=%s", s.Uses, s.UsesRoot),
				vault)
		})
}
