package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet/cli"
)

// sign adds authorities' signatures to a message in a file.
func (l *ledger) sign() *cobra.Command {
	var (
		id    string
		signs []string
	)
	c := &cobra.Command{
		Use: "sign FILE --ledger ID --sign KEYFILE…", Short: "Sign a message in a file as an authority", Args: cobra.ExactArgs(1),
		Long: `Show what a message says and add signatures to it. The file goes from one authority to the next; none needs the ledger's
files for it, and no key leaves its owner.`,
		RunE: func(c *cobra.Command, args []string) error {
			var ledger consent.Hash
			if err := ledger.UnmarshalText([]byte(id)); err != nil || len(signs) == 0 {
				return cli.Usage("--ledger is the ledger's id, 64 hex digits, and --sign a file with a key")
			}
			m, err := readMessage(args[0])
			if err != nil {
				return err
			}
			if err := signWith(ledger, &m, signs); err != nil {
				return err
			}
			body, err := json.Marshal(m.Body)
			if err != nil {
				return err
			}
			if err := rewrite(args[0], m); err != nil {
				return err
			}
			return show(c, l.json, map[string]any{"type": consent.TypeOf(m.Body), "body": m.Body, "signatures": len(m.Sigs)},
				fmt.Sprintf("%s %s\n%d signatures", consent.TypeOf(m.Body), body, len(m.Sigs)))
		},
	}
	c.Flags().StringVar(&id, "ledger", "", "the ledger's id, which the signature is for")
	c.Flags().StringArrayVar(&signs, "sign", nil, "file with an authority's key; again for each further one")
	return c
}

// signWith signs with keys in files and verifies what came of it.
func signWith(ledger consent.Hash, m *consent.Message, files []string) error {
	for _, path := range files {
		k, err := ledgerKey(path)
		if err == nil {
			err = m.Sign(ledger, k)
		}
		if err != nil {
			return err
		}
	}
	_, err := consent.Verify(ledger, *m)
	return err
}

// submit puts a message from a file on the ledger.
func (l *ledger) submit() *cobra.Command {
	var server, as string
	c := &cobra.Command{
		Use: "submit FILE", Short: "Put a signed message on the ledger", Args: cobra.ExactArgs(1),
		Long: `Put a message that authorities signed on the ledger: of the node in --data, which must not be running, or through the gateway
of a running one, --server, where the authority whose key is --as signs in. On a channel only the second will do.`,
		Example: `  volens ledger submit close.json --data /var/lib/volens
  volens ledger submit admit.json --server https://consent.example --as trust.key`,
		RunE: func(c *cobra.Command, args []string) error {
			m, err := readMessage(args[0])
			if err != nil {
				return err
			}
			var r network.Receipt
			if server != "" {
				r, err = submitTo(c.Context(), server, as, m)
			} else {
				r, err = l.submitHere(c.Context(), m)
			}
			if err != nil {
				return storage(err)
			}
			return show(c, l.json, r, fmt.Sprintf("%s at position %d", consent.TypeOf(m.Body), r.Position))
		},
	}
	c.Flags().StringVar(&server, "server", "", "URL of a running node's gateway")
	c.Flags().StringVar(&as, "as", "", "with --server: file with the key of the authority that signs in there")
	return c
}

func (l *ledger) submitHere(ctx context.Context, m consent.Message) (network.Receipt, error) {
	p, err := l.paths()
	if err != nil {
		return network.Receipt{}, err
	}
	return node.Submit(ctx, p, m)
}

func submitTo(ctx context.Context, server, as string, m consent.Message) (r network.Receipt, err error) {
	if as == "" {
		return r, cli.Usage("--as is the file with the key of the authority that signs in")
	}
	k, err := ledgerKey(as)
	if err != nil {
		return r, err
	}
	c, err := client.New(server, client.Options{Agent: "volens/" + version()})
	if err != nil {
		return r, err
	}
	if c, err = c.Person(ctx, k); err != nil {
		return r, err
	}
	return c.Submit(ctx, m)
}

// readMessage reads a message's JSON from a file.
func readMessage(path string) (m consent.Message, err error) {
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err == nil {
		err = json.Unmarshal(b, &m)
	}
	if err != nil {
		return m, fmt.Errorf("read the message %s: %w", path, err)
	}
	return m, nil
}

// draft writes a message that nobody signed yet to a new file.
func draft(path string, m consent.Message) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(fmt.Errorf("write %s: %w", path, fs.ErrExist), err)
	}
	return rewrite(path, m)
}

// rewrite writes a message to a file, whole or not at all.
func rewrite(path string, m consent.Message) error {
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	tmp := path + ".new"
	if err := os.WriteFile(tmp, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	return os.Rename(tmp, path)
}
