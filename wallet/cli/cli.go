// Package cli is Volens on the command line for those who are not the operator: patients (wallet, consent, document, uses),
// requesters (access), custodians (custodian) and auditors (audit). Commands gives the cobra commands; the one binary,
// cmd/volens, puts them beside its own.
//
// Every command writes what it found to standard output, for people or with --json for programs, and everything else
// (what is about to be signed, warnings, errors) to standard error. Exit codes are in ExitCodes.
//
// A wallet signs in anew when its last token, which lies beside the wallet file with mode 0600 and is good for 15
// minutes, has ended. A token shows consents and uses; it signs nothing.
package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
)

// Env is what commands have of the world. In, Out, Err, Now and Rand are needed.
type Env struct {
	In           io.Reader
	Out, Err     io.Writer
	Now          func() time.Time
	Rand         io.Reader
	IsTerminal   func() bool                         // a person is at In and Err; nil: no
	ReadPassword func(prompt string) (string, error) // without showing it; nil: not possible
	Getenv       func(string) string                 // nil: an empty environment
	HTTP         *http.Client                        // nil: the client's own
	Version      string
}

func (e Env) terminal() bool { return e.IsTerminal != nil && e.IsTerminal() }

func (e Env) getenv(name string) string {
	if e.Getenv == nil {
		return ""
	}
	return e.Getenv(name)
}

// defaultServer is where `volens serve` and `volens demo` listen.
const defaultServer = "http://localhost:8080"

// app is one command's environment and its common flags.
type app struct {
	Env
	json    bool
	server  string
	wallet  string
	handle  string
	yes     bool
	logKey  string
	details bool

	member, key, keyID string
}

// Commands returns the commands: wallet, consent, document, uses, access, custodian and audit.
func Commands(env Env) []*cobra.Command {
	return []*cobra.Command{
		walletCommand(env), consentCommand(env), documentCommand(env), usesCommand(env), accessCommand(env), custodianCommand(env), auditCommand(env),
	}
}

// group makes a command that only holds others.
func (a *app) group(name, short, long string, sub ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Short: short, Long: long, Args: cobra.NoArgs, RunE: Choose}
	c.PersistentFlags().BoolVar(&a.json, "json", false, "write JSON for programs")
	c.PersistentFlags().StringVar(&a.server, "server", a.getenv("VOLENS_SERVER"), "URL of the gateway (default the handle's own, or "+defaultServer+")")
	c.AddCommand(sub...)
	return c
}

// Choose is the RunE of a command that only holds others: named alone it shows its help and fails with UsageCode.
func Choose(c *cobra.Command, _ []string) error {
	c.SetOut(c.ErrOrStderr())
	_ = c.Help() //nolint:errcheck // the error below is what counts
	return Usage("name one of the commands above")
}

// personFlags are the flags of commands that open a wallet.
func (a *app) personFlags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&a.wallet, "wallet", a.defaultWallet(), "path of the wallet file")
	f.StringVar(&a.handle, "handle", "", "which handle: its 32 hex digits or your label (default the only one)")
	f.BoolVar(&a.yes, "yes", false, "sign without asking")
	f.StringVar(&a.logKey, "log-key", "", "with --server: the key of that gateway's log, as its organisation publishes it")
	f.BoolVar(&a.details, "details", false, "show hashes and salts too before signing")
}

// memberFlags are the flags of commands that act for a member organisation.
func (a *app) memberFlags(c *cobra.Command) {
	f := c.PersistentFlags()
	f.StringVar(&a.member, "member", a.getenv("VOLENS_MEMBER"), "id of the member that asks")
	f.StringVar(&a.key, "key", a.getenv("VOLENS_KEY"), "path of its key: 64 hex digits (ES256K), or PKCS #8 in PEM (ES256, ES384, RS384)")
	f.StringVar(&a.keyID, "key-id", "", "kid of the key in the member's key set (default, for ES256K, the address)")
}

func (a *app) defaultWallet() string {
	if path := a.getenv("VOLENS_WALLET"); path != "" {
		return path
	}
	return filepath.Join(a.getenv("HOME"), ".volens", "wallet")
}

// show writes v as one line of JSON, or what text writes.
func (a *app) show(v any, text func(w io.Writer)) error {
	if !a.json {
		text(a.Out)
		return nil
	}
	e := json.NewEncoder(a.Out)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

// say writes a line to standard error.
func (a *app) say(format string, args ...any) {
	_, _ = fmt.Fprintf(a.Err, format+"\n", args...) //nolint:errcheck // nobody is there to be told
}

// printf writes to w; commands' output goes to a pipe or terminal whose loss shows by itself.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...) //nolint:errcheck // see above
}
