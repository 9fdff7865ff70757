package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/wallet/cli"
)

func (l *ledger) backup() *cobra.Command {
	c := l.sub("backup DIR", "Copy the ledger to a folder, without any key",
		`Copy both logs, the wrapped keys, the archive of policies and the genesis to DIR, which must be empty or not exist. Every
record is checked on the way. No key is in the copy ("keys backup" has them): without the epoch key it holds nothing
readable. A running node makes backups with "serve --backups" and SIGUSR1.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			info, err := node.Backup(ctx, p, args[0])
			if err != nil {
				return err
			}
			return show(c, l.json, info, backupLine(info))
		})
	c.Args = cobra.ExactArgs(1)
	return c
}

func backupLine(b node.BackupInfo) string {
	return fmt.Sprintf("ledger size=%d root=%s\nuses   size=%d root=%s\nring of epoch %d", b.Size, b.Root, b.Uses, b.UsesRoot, b.Epoch)
}

func (l *ledger) restore() *cobra.Command {
	asOf := uint64(0)
	c := l.sub("restore DIR", "Make a ledger from a backup",
		`Make the data folder from the backup in DIR. The keys must be in place ("keys restore"). The data folder must be empty.
Every record is checked, and erasures that the ledger tells of are applied and completed before anything can be opened.

A backup that is older than the anchors is refused, since it would undo what was acknowledged. If that is what you want,
name its size with --as-of; the old anchors are kept with the extension .before.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			info, err := node.Restore(ctx, args[0], p, node.RestoreOptions{AsOf: consent.Uint64(asOf)})
			if err != nil {
				return err
			}
			return show(c, l.json, info, backupLine(info))
		})
	c.Args = cobra.ExactArgs(1)
	c.Flags().Uint64Var(&asOf, "as-of", 0, "accept a backup that is older than the anchors: its size of the ledger")
	return c
}

func (l *ledger) keysGroup() *cobra.Command {
	c := &cobra.Command{Use: "keys", Short: "Back up and restore the keys", Args: cobra.NoArgs, RunE: cli.Choose}
	c.AddCommand(l.keysBackup(), l.keysRestore(), l.keysNew())
	return c
}

func (l *ledger) keysBackup() *cobra.Command {
	var to []string
	c := l.sub("backup DIR --to age1…", "Seal the keys to recovery keys",
		`Write keys.age (keys of the logs, the pseudonyms and the custodian) and epoch.age (the epoch key in force) to DIR, encrypted
to the authorities' recovery keys; any one of them opens both. Keep epoch.age apart from backups, and not longer than
erasures may stay pending: with a ring of its epoch it undoes every erasure since that epoch began.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			if len(to) == 0 {
				return cli.Usage("--to names a recovery key (age1…)")
			}
			if err := node.BackupKeys(ctx, p, args[0], to...); err != nil {
				return err
			}
			return show(c, l.json, map[string]any{"dir": args[0], "recipients": to}, fmt.Sprintf("sealed to %d recovery keys in %s", len(to), args[0]))
		})
	c.Args = cobra.ExactArgs(1)
	c.Flags().StringArrayVar(&to, "to", nil, "recovery key, age1…; again for each further one")
	return c
}

func (l *ledger) keysRestore() *cobra.Command {
	var identities []string
	c := l.sub("restore DIR --identity FILE", "Open the keys with a recovery key",
		`Write the keys that "keys backup" sealed in DIR to the node's keys folder. A key that is there already must be the same.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			keys, err := readIdentities(identities)
			if err != nil {
				return err
			}
			epoch, err := node.RestoreKeys(ctx, p, args[0], keys...)
			if err != nil {
				return err
			}
			return show(c, l.json, map[string]any{"epoch": epoch}, fmt.Sprintf("restored, with the epoch key of epoch %d", epoch))
		})
	c.Args = cobra.ExactArgs(1)
	c.Flags().StringArrayVar(&identities, "identity", nil, "file with a recovery key, AGE-SECRET-KEY-1…; again for each further one")
	return c
}

// readIdentities reads recovery keys from files as age-keygen writes them.
func readIdentities(files []string) (keys []string, err error) {
	for _, path := range files {
		b, err := os.ReadFile(path) //nolint:gosec // the operator names it
		if err != nil {
			return nil, fmt.Errorf("read a recovery key: %w", err)
		}
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "AGE-SECRET-KEY-") {
				keys = append(keys, line)
			}
		}
	}
	if len(keys) == 0 {
		return nil, cli.Usage("--identity names a file with a recovery key")
	}
	return keys, nil
}

func (l *ledger) erase() *cobra.Command {
	c := &cobra.Command{Use: "erase", Short: "See and complete erasures", Args: cobra.NoArgs, RunE: cli.Choose}
	line := func(s vault.Stats) string {
		return fmt.Sprintf("epoch=%d keys=%d erased=%d pending=%d", s.Epoch, s.Keys, s.Erased, s.Pending)
	}
	c.AddCommand(
		l.sub("status", "Show how many erasures are pending", "Show the vault's figures. A pending erasure can be undone by a copy of the ring and its epoch key.",
			func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
				s, err := node.Look(ctx, p)
				if err != nil {
					return err
				}
				if s.Running {
					return consent.Errorf(consent.Unavailable, "the node is running; it completes erasures by itself, and its metrics count them")
				}
				return show(c, l.json, s.Vault, line(s.Vault))
			}),
		l.sub("rotate", "Complete pending erasures now",
			`Write a new ring under a new epoch key and destroy the old one. After that no copy of the old ring, wherever it was taken,
gives an erased subject's key back.`,
			func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
				b := newBar(c)
				s, err := node.Rotate(ctx, p, func(done, total int64) { b.step("keys", done, total) })
				b.clear()
				if err != nil {
					return err
				}
				return show(c, l.json, s, line(s))
			}),
	)
	return c
}

func (l *ledger) tail() *cobra.Command {
	n := int64(10)
	c := l.sub("tail", "Print the newest leaves as JSON, one a line",
		"Print the newest leaves, oldest first: type, minute, commitment, and the public writes by key. There is nothing personal in a leaf.",
		func(ctx context.Context, c *cobra.Command, p node.Paths, _ []string) error {
			e := json.NewEncoder(c.OutOrStdout())
			e.SetEscapeHTML(false)
			return node.Leaves(ctx, p, n, func(ev network.Event) error {
				keys := make([]string, len(ev.Leaf.Writes))
				for i, w := range ev.Leaf.Writes {
					keys[i] = w.Key
				}
				return e.Encode(struct {
					Position network.Position `json:"position"`
					consent.Event
					Writes []string `json:"writes"`
				}{ev.Position, ev.Event, keys})
			})
		})
	c.Flags().Int64VarP(&n, "lines", "n", n, "how many; -1 for all")
	return c
}
