package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/wallet/cli"
)

// closing drafts the Close that authorities then sign, one after the other.
func (l *ledger) closing() *cobra.Command {
	c := l.sub("close FILE", "Draft the message that closes the ledger",
		`Write the Close of this ledger to a new file, for its authorities to sign ("ledger sign") and the operator to put on the
ledger ("ledger submit"). A closed ledger takes nothing any more, no revocation either, and its gateways deny everything until
the ledger goes on at another host ("ledger import").`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			g, id, err := node.Record(ctx, p)
			if err != nil {
				return err
			}
			if g.Closed {
				return consent.Errorf(consent.Closed, "the ledger is closed")
			}
			m := consent.Message{Body: &consent.Close{Seq: g.Seq + 1, Salt: newSalt()}}
			if err := draft(args[0], m); err != nil {
				return err
			}
			return show(c, l.json, map[string]any{"ledger": id, "file": args[0], "threshold": g.Threshold},
				fmt.Sprintf("ledger %s: %s waits for %d signatures", id, args[0], g.Threshold))
		})
	c.Args = cobra.ExactArgs(1)
	return c
}

func (l *ledger) export() *cobra.Command {
	verify := false
	c := l.sub("export DIR", "Write the closed ledger to a folder, for another host",
		`Write the closed ledger to DIR, which must be empty or not exist: every leaf, and every message that was not erased.

The messages are NOT sealed there. Whoever has the folder reads what patients signed: keep it on encrypted disks, and destroy
it after the move. Its files are readable by their owner alone.

--verify checks an export instead, and needs nothing but the folder: every byte against the log's signed root, every signature,
and the contract again on every message. That is what an authority does before it signs.`,
		func(ctx context.Context, c *cobra.Command, p node.Paths, args []string) error {
			b := newBar(c)
			info, err := node.ExportLedger(ctx, p, args[0], func(done, total int64) { b.step("export", done, total) })
			b.clear()
			if err != nil {
				return err
			}
			return show(c, l.json, info, exportLines(info)+"\nwarning: the messages in it are not sealed")
		})
	run := c.RunE
	c.RunE = func(c *cobra.Command, args []string) error {
		if !verify {
			return run(c, args)
		}
		e, took, err := openExport(c, args[0])
		if err != nil {
			return err
		}
		return show(c, l.json, e, exportLines(e.ExportInfo),
			fmt.Sprintf("signatures=%d\neverything holds (%d MB in %.1f s)", e.Signatures, e.Bytes/1e6, took.Seconds()))
	}
	c.Args = cobra.ExactArgs(1)
	c.Flags().BoolVar(&verify, "verify", false, "check the export in DIR")
	return c
}

func exportLines(e node.ExportInfo) string {
	return fmt.Sprintf("ledger %s %q\nsize=%d root=%s\nmessages=%d erased=%d", e.Ledger, e.Name, e.Size, e.Root, e.Messages, e.Erased)
}

func openExport(c *cobra.Command, dir string) (*node.Export, time.Duration, error) {
	b := newBar(c)
	began := time.Now()
	e, err := node.OpenExport(c.Context(), dir, func(done, total int64) { b.step("verify", done, total) })
	b.clear()
	return e, time.Since(began), storage(err)
}

// importing is the flags of `volens ledger import`.
type importing struct {
	*ledger

	from, draft, signed, host, profile string
	custodian, key                     string
	signs                              []string
}

func (l *ledger) imports() *cobra.Command {
	i := &importing{ledger: l}
	c := &cobra.Command{
		Use: "import --from DIR", Short: "Let a closed ledger go on at another host", Args: cobra.NoArgs,
		Long: `Take over the closed ledger that was exported to DIR. The export is verified first, all of it, and nothing is written if
anything is wrong.

--draft writes the message that opens the ledger again, for its authorities to sign; --signed names that file when it is signed.
Authorities whose keys are at hand may sign here with --sign: then --signed may name a file that does not exist yet.

With --data the ledger goes on at an embedded ledger: in empty folders a new node is made; the old node, or a copy of it, goes
on with its keys and use log. With --ledger fabric it goes on on the profile's channel, which must have no ledger, and the node
in --data, which is the old one, becomes a node of the channel. Stopped at any time, the same command goes on where it was.`,
		Example: `  volens ledger import --from export --draft import.json
  volens ledger sign import.json --ledger $LEDGER --sign trust.key
  volens ledger import --from export --signed import.json --data /var/lib/volens --ledger fabric --profile hospital.yaml`,
		RunE: func(c *cobra.Command, _ []string) error { return i.run(c) },
	}
	f := c.Flags()
	f.StringVar(&i.from, "from", "", "folder of the export")
	f.StringVar(&i.draft, "draft", "", "write the message that opens the ledger to this new file, and end")
	f.StringVar(&i.signed, "signed", "", "file with that message, signed")
	f.StringArrayVar(&i.signs, "sign", nil, "file with an authority's key, to sign here; again for each further one")
	f.StringVar(&i.host, "ledger", "embedded", "embedded, or fabric: a channel of several organisations")
	f.StringVar(&i.profile, "profile", "", "with --ledger fabric: the organisation's connection profile")
	f.StringVar(&i.custodian, "custodian", "", "for a new node: the member whose subjects it serves")
	f.StringVar(&i.key, "custodian-key", "", "for a new node: path of that member's key, 64 hex digits")
	return c
}

func (i *importing) run(c *cobra.Command) error {
	if i.from == "" || (i.draft == "") == (i.signed == "") {
		return cli.Usage("--from and one of --draft and --signed are needed")
	}
	profile, err := fabricProfile(i.host, i.profile)
	if err != nil {
		return err
	}
	if i.signed != "" && profile == nil && i.dir == "" {
		return cli.Usage("--data names the folder of the node")
	}
	e, _, err := openExport(c, i.from)
	if err != nil {
		return err
	}
	if i.draft != "" {
		return i.write(c, e)
	}
	m := node.Move{Export: e, Custodian: consent.MemberID(i.custodian)}
	if m.Opening, err = i.opening(e); err != nil {
		return err
	}
	if m.Key, err = i.custodianKey(); err != nil {
		return err
	}
	return i.move(c, m, profile)
}

// move lets the ledger go on where the flags say.
func (i *importing) move(c *cobra.Command, m node.Move, profile *fabric.Profile) (err error) {
	var paths node.Paths
	if i.dir != "" {
		if paths, err = i.paths(); err != nil {
			return err
		}
	}
	b := newBar(c)
	m.Progress = func(done, total int64) { b.step("import", done, total) }
	began := time.Now()
	var r node.Moved
	if profile != nil {
		r, err = m.ImportFabric(c.Context(), paths, *profile)
	} else {
		r, err = m.ImportEmbedded(c.Context(), paths)
	}
	b.clear()
	if err != nil {
		return storage(err)
	}
	took := time.Since(began)
	return show(c, i.json, r, fmt.Sprintf("ledger %s goes on at position %d\n%d leaves in %.1f s (%.0f/s)",
		r.Ledger, r.Position, r.Leaves, took.Seconds(), float64(r.Leaves)/took.Seconds()))
}

func (i *importing) write(c *cobra.Command, e *node.Export) error {
	if err := draft(i.draft, consent.Message{Body: e.Opening(newSalt())}); err != nil {
		return err
	}
	return show(c, i.json, map[string]any{"ledger": e.Ledger, "file": i.draft, "threshold": e.Record.Threshold},
		exportLines(e.ExportInfo), fmt.Sprintf("%s waits for %d signatures", i.draft, e.Record.Threshold))
}

// opening reads the signed message, or has it signed here.
func (i *importing) opening(e *node.Export) (consent.Message, error) {
	m, err := readMessage(i.signed)
	switch {
	case errors.Is(err, fs.ErrNotExist) && len(i.signs) > 0:
		m = consent.Message{Body: e.Opening(newSalt())}
		if err := draft(i.signed, m); err != nil {
			return m, err
		}
	case err != nil:
		return m, err
	case len(i.signs) == 0 || len(m.Sigs) > 0 && signedEnough(e, m):
		return m, nil
	}
	if err := signWith(e.Ledger, &m, i.signs); err != nil {
		return m, err
	}
	return m, rewrite(i.signed, m)
}

func signedEnough(e *node.Export, m consent.Message) bool {
	_, err := e.Check(m)
	return err == nil
}

func (i *importing) custodianKey() (k sig.Key, err error) {
	if (i.custodian == "") != (i.key == "") {
		return k, cli.Usage("--custodian and --custodian-key go together")
	}
	if i.key == "" {
		return k, nil
	}
	return ledgerKey(i.key)
}
