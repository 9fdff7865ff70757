package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/wallet"
)

func walletCommand(env Env) *cobra.Command {
	a := &app{Env: env}
	c := a.group("wallet", "Your keys: make, restore, enrol, replace, back up",
		`A wallet is one encrypted file that holds your recovery phrase and what you have verified. Nobody else has a key of
yours: who loses both the file and the phrase cannot get them back from anybody.`,
		a.walletCreate(), a.walletRestore(), a.walletShow(), a.walletEnrol(), a.walletBackup(), a.walletPassword(),
		a.walletAddress(), a.walletAccept(), a.walletRotate(), a.walletGuardians(), a.walletRecover(), a.walletDocument())
	a.personFlags(c)
	return c
}

// newPassword takes a new password from the environment or, twice, from the person.
func (a *app) newPassword(variable string) (string, error) {
	if p := a.getenv(variable); p != "" {
		a.say("warning: the password comes from %s, which other programs of yours can read", variable)
		return p, nil
	}
	if !a.terminal() || a.ReadPassword == nil {
		return "", Usage("there is no terminal to ask for the password; scripts set %s", variable)
	}
	p, err := a.ReadPassword("New password (at least 8 characters, better 15): ")
	if err != nil {
		return "", err
	}
	again, err := a.ReadPassword("The same again: ")
	if err == nil && again != p {
		err = errors.New("the two passwords are not the same")
	}
	return p, err
}

func (a *app) walletCreate() *cobra.Command {
	var logN int
	c := &cobra.Command{
		Use: "create", Short: "Make a new wallet and show its recovery phrase", Args: cobra.NoArgs,
		Long: `Make a new wallet. The 24 words are shown once, on standard output: write them down on paper. With them, and the list of
your handles that "volens wallet backup" writes, everything comes back.`,
		RunE: func(*cobra.Command, []string) (err error) {
			if err := a.free(); err != nil {
				return err
			}
			p, err := a.newPassword("VOLENS_PASSWORD")
			if err != nil {
				return err
			}
			w, err := wallet.Create(a.wallet, p, wallet.Options{Rand: a.Rand, LogN: logN})
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			words, err := w.Phrase()
			if err != nil {
				return err
			}
			return a.show(map[string]string{"wallet": a.wallet, "phrase": words}, func(out io.Writer) {
				a.say("Write these 24 words down. They are your keys; nobody can give them back to you.")
				printf(out, "%s\n", numbered(words))
				a.say("The wallet is %s.", a.wallet)
			})
		},
	}
	c.Flags().IntVar(&logN, "scrypt-log-n", 0, "cost of the password, 17 to 20 (default 18)")
	return c
}

func numbered(words string) string {
	var b strings.Builder
	for i, w := range strings.Fields(words) {
		fmt.Fprintf(&b, "%2d %-10s", i+1, w)
		if i%4 == 3 {
			b.WriteByte('\n')
		}
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// free makes the wallet's folder and refuses a path that is taken.
func (a *app) free() error {
	if _, err := os.Lstat(a.wallet); err == nil {
		return fmt.Errorf("%w: %s", wallet.ErrExists, a.wallet)
	}
	if err := os.MkdirAll(filepath.Dir(a.wallet), 0o700); err != nil {
		return fmt.Errorf("make the wallet's folder: %w", err)
	}
	return nil
}

func (a *app) walletRestore() *cobra.Command {
	var logN int
	c := &cobra.Command{
		Use: "restore", Short: "Make a wallet from a recovery phrase", Args: cobra.NoArgs,
		Long: `Make a wallet from the words of an older one, which are read from standard input. Then give it its handles again:
"volens wallet enrol" takes the lines that "volens wallet backup" wrote.`,
		RunE: func(*cobra.Command, []string) error {
			if err := a.free(); err != nil {
				return err
			}
			phrase, err := a.line("Recovery phrase: ")
			if err != nil {
				return err
			}
			p, err := a.newPassword("VOLENS_PASSWORD")
			if err != nil {
				return err
			}
			w, err := wallet.Restore(a.wallet, phrase, p, wallet.Options{LogN: logN})
			if err != nil {
				return err
			}
			if err := w.Close(); err != nil {
				return err
			}
			return a.show(map[string]string{"wallet": a.wallet}, func(out io.Writer) { printf(out, "restored %s\n", a.wallet) })
		},
	}
	c.Flags().IntVar(&logN, "scrypt-log-n", 0, "cost of the password, 17 to 20 (default 18)")
	return c
}

// shown is a handle as `wallet show` prints it.
type shown struct {
	Handle    consent.SubjectID `json:"handle"`
	Label     string            `json:"label"`
	Custodian consent.MemberID  `json:"custodian"`
	Gateway   string            `json:"gateway"`
	Ledger    consent.Hash      `json:"ledger"`
	Address   consent.Address   `json:"address"`
	Path      string            `json:"path"`
	Seq       consent.Uint64    `json:"seq"`
	Uses      consent.Uint64    `json:"verifiedUses"`
	Records   int               `json:"records"`
	ActFor    bool              `json:"actFor"` // somebody else's handle
}

func (a *app) walletShow() *cobra.Command {
	return &cobra.Command{
		Use: "show", Short: "List the handles of the wallet; needs no gateway", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) (err error) {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			list := []shown{}
			for _, s := range w.Book().Subjects {
				key, err := w.Key(s.Handle)
				if err != nil {
					return err
				}
				list = append(list, shown{
					s.Handle, s.Label, s.Custodian, s.Gateway, s.Ledger, key.Address(), wallet.Path(s.Handle, s.Generation), s.Seq,
					s.LastUse.Seq, len(s.Records), s.Delegation != nil,
				})
			}
			return a.show(list, func(out io.Writer) { showHandles(out, list) })
		},
	}
}

func showHandles(out io.Writer, list []shown) {
	if len(list) == 0 {
		printf(out, "no handles yet\n")
	}
	for _, s := range list {
		printf(out, "%s  %s\n  at %s, %s\n  ledger %s\n  key %s, message %d, %d uses verified\n",
			s.Handle, wallet.Escape(s.Label), wallet.Escape(string(s.Custodian)), wallet.Escape(s.Gateway), s.Ledger, s.Address, s.Seq, s.Uses)
		if s.ActFor {
			printf(out, "  somebody else's: you act as a delegate\n")
		}
	}
}

func (a *app) walletBackup() *cobra.Command {
	return &cobra.Command{
		Use: "backup", Short: "Print what, beside the recovery phrase, brings the wallet back", Args: cobra.NoArgs,
		Long: `Print one line for each handle. A line holds no secret: it names the handle, its gateway, and the keys to pin. After
"volens wallet restore", give each line to "volens wallet enrol".`,
		RunE: func(*cobra.Command, []string) (err error) {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			lines := []string{}
			for _, s := range w.Book().Subjects {
				if s.Delegation != nil {
					a.say("handle %s is not yours: keep the file of its delegation, for \"volens wallet accept\"", s.Handle)
					continue
				}
				v, err := w.Book().Reminder(s)
				if err != nil {
					return err
				}
				line, err := v.Format()
				if err != nil {
					return err
				}
				lines = append(lines, line)
			}
			return a.show(lines, func(out io.Writer) {
				for _, l := range lines {
					printf(out, "%s\n", l)
				}
			})
		},
	}
}

func (a *app) walletPassword() *cobra.Command {
	return &cobra.Command{
		Use: "password", Short: "Change the password", Args: cobra.NoArgs,
		Long: `Change the password of the wallet file. Scripts set VOLENS_PASSWORD to the old one and VOLENS_NEW_PASSWORD to the new.`,
		RunE: func(*cobra.Command, []string) (err error) {
			w, err := a.openWallet()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, w.Close()) }()
			p, err := a.newPassword("VOLENS_NEW_PASSWORD")
			if err != nil {
				return err
			}
			if err := w.SetPassword(p); err != nil {
				return err
			}
			if err := w.Save(); err != nil {
				return err
			}
			return a.show(map[string]string{"wallet": a.wallet}, func(out io.Writer) { printf(out, "changed\n") })
		},
	}
}
