package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/wallet/cli"
)

// ledgerKey reads a key that signs ledger messages: 64 hex digits.
func ledgerKey(path string) (sig.Key, error) {
	k, err := cli.ReadKey(path)
	if err != nil {
		return sig.Key{}, err
	}
	key, ok := k.(sig.Key)
	if !ok {
		return sig.Key{}, fmt.Errorf("the key %s is not one that signs ledger messages: 64 hex digits", path)
	}
	return key, nil
}

func newSalt() (h consent.Hash) {
	_, _ = rand.Read(h[:]) //nolint:errcheck // never fails (crypto/rand)
	return h
}

func (l *ledger) keysNew() *cobra.Command {
	return &cobra.Command{
		Use: "new FILE", Short: "Make a key of an authority or a member", Args: cobra.ExactArgs(1),
		Long: "Make a key that signs ledger messages, write it to a new file of mode 0600, and print its address.",
		RunE: func(c *cobra.Command, args []string) error {
			k, err := sig.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if err := cli.WriteKey(args[0], k); err != nil {
				return err
			}
			return show(c, l.json, map[string]string{"file": args[0], "address": k.Address().String()}, k.Address().String())
		},
	}
}

func (l *ledger) genesisGroup() *cobra.Command {
	c := &cobra.Command{Use: "genesis", Short: "Make the genesis of a ledger", Args: cobra.NoArgs, RunE: cli.Choose}
	c.AddCommand(l.genesisNew())
	return c
}

func (l *ledger) genesisNew() *cobra.Command {
	var (
		name        string
		threshold   int
		delay       time.Duration
		authorities []string
	)
	c := &cobra.Command{
		Use: "new FILE --name NAME --authority NAME=KEYFILE…", Short: "Make a signed genesis for serve --init", Args: cobra.ExactArgs(1),
		Long: `Write a new ledger's genesis to FILE, signed with the authorities' keys. As many authorities as --threshold says must
sign everything that admits, changes or suspends members.`,
		Example: `  volens ledger keys new trust.key
  volens ledger keys new regulator.key
  volens ledger genesis new genesis.json --name "Our ledger" --authority "Patients' Trust=trust.key" --authority "Regulator=regulator.key"`,
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" || len(authorities) == 0 {
				return cli.Usage("--name and --authority are needed")
			}
			if threshold == 0 {
				threshold = len(authorities)
			}
			g := &consent.Init{Name: name, Threshold: consent.Uint64(threshold), RecoveryDelay: consent.Millis(delay.Milliseconds()), Salt: newSalt()} //nolint:gosec // checked by Verify
			var keys []sig.Key
			for _, a := range authorities {
				title, path, ok := strings.Cut(a, "=")
				if !ok {
					return cli.Usage("--authority is NAME=KEYFILE")
				}
				k, err := ledgerKey(path)
				if err != nil {
					return err
				}
				keys = append(keys, k)
				g.Authorities = append(g.Authorities, consent.Authority{Name: title, Address: k.Address()})
			}
			m := consent.Message{Body: g}
			id := consent.LedgerID(g)
			if err := m.Sign(id, keys...); err != nil {
				return err
			}
			if err := writeMessage(args[0], id, m); err != nil {
				return err
			}
			return show(c, l.json, map[string]string{"ledger": id.String(), "file": args[0]}, "ledger "+id.String())
		},
	}
	f := c.Flags()
	f.StringVar(&name, "name", "", "what people call the ledger")
	f.IntVar(&threshold, "threshold", 0, "how many authorities must sign (default all)")
	f.DurationVar(&delay, "recovery-delay", 72*time.Hour, "how long the old key can veto a recovery")
	f.StringArrayVar(&authorities, "authority", nil, "NAME=KEYFILE; again for each further one")
	return c
}

// writeMessage verifies a message and writes it as JSON to a new file.
func writeMessage(path string, id consent.Hash, m consent.Message) error {
	if _, err := consent.Verify(id, m); err != nil {
		return err
	}
	b, err := json.MarshalIndent(m, "", " ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names it
	if err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("write the message: %w", err)
	}
	return f.Close()
}

func (l *ledger) member() *cobra.Command {
	c := &cobra.Command{Use: "member", Short: "Admit members", Args: cobra.NoArgs, RunE: cli.Choose}
	c.AddCommand(l.memberAdmit())
	return c
}

// admission is the flags of `volens ledger member admit`.
type admission struct {
	*ledger

	name, jwks, url, draft string
	roles, keys, signs     []string
}

func (l *ledger) memberAdmit() *cobra.Command {
	a := &admission{ledger: l}
	c := &cobra.Command{
		Use: "admit ID --name NAME --role ROLE… --key KEY…", Short: "Admit a member, signed by the authorities", Args: cobra.ExactArgs(1),
		Long: `Admit a member organisation. --key is its address (0x…) or a file with its key; --role is custodian, clinician, researcher or
auditor. Enough authorities sign with --sign, and the node in --data must not be running.

For a node that runs, and on a channel, --draft writes the message to a new file, for the authorities to sign ("ledger sign")
and one of them to put on the ledger ("ledger submit --server").`,
		RunE: func(c *cobra.Command, args []string) error {
			m, err := a.message(consent.MemberID(args[0]))
			if err != nil {
				return err
			}
			if a.draft != "" {
				return draft(a.draft, m)
			}
			return storage(a.submit(c, args[0], m))
		},
	}
	f := c.Flags()
	f.StringVar(&a.name, "name", "", "what people call the member")
	f.StringVar(&a.url, "url", "", "where its system is")
	f.StringVar(&a.jwks, "jwks", "", "file with its JSON Web Key Set, for private_key_jwt")
	f.StringArrayVar(&a.roles, "role", nil, "custodian, clinician, researcher or auditor; again for each further one")
	f.StringArrayVar(&a.keys, "key", nil, "its address, or a file with its key; again for each further one")
	f.StringArrayVar(&a.signs, "sign", nil, "file with an authority's key; again for each further one")
	f.StringVar(&a.draft, "draft", "", "write the message, which nobody signed yet, to this new file, and end")
	return c
}

// message is the admission, which nobody signed yet.
func (a *admission) message(id consent.MemberID) (consent.Message, error) {
	m := &consent.MemberAdmit{Member: id, Name: a.name, URL: a.url, Salt: newSalt()}
	for _, r := range a.roles {
		m.Roles = append(m.Roles, consent.Role(r))
	}
	var err error
	if m.Keys, err = addresses(a.keys); err != nil || a.jwks == "" {
		return consent.Message{Body: m}, err
	}
	b, err := os.ReadFile(a.jwks)
	if err != nil {
		return consent.Message{Body: m}, fmt.Errorf("read the key set: %w", err)
	}
	m.JWKS = strings.TrimSpace(string(b))
	return consent.Message{Body: m}, nil
}

// submit signs an admission and puts it on the ledger of a node that is not running.
func (a *admission) submit(c *cobra.Command, member string, m consent.Message) error {
	p, err := a.paths()
	if err != nil {
		return err
	}
	_, id, err := node.ReadGenesis(p)
	if err != nil {
		return err
	}
	if err := signWith(id, &m, a.signs); err != nil {
		return err
	}
	r, err := node.Submit(c.Context(), p, m)
	if err != nil {
		return err
	}
	return show(c, a.json, r, fmt.Sprintf("admitted %s at position %d", member, r.Position))
}

// addresses reads addresses, or takes them from key files.
func addresses(list []string) (out []consent.Address, err error) {
	for _, s := range list {
		if strings.HasPrefix(s, "0x") {
			a, err := sig.ParseAddress(s)
			if err != nil {
				return nil, cli.Usage("--key: %w", err)
			}
			out = append(out, a)
			continue
		}
		k, err := ledgerKey(s)
		if err != nil {
			return nil, err
		}
		out = append(out, k.Address())
	}
	return out, nil
}
