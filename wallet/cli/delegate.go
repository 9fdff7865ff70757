package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/wallet"
)

// powers are the flags that describe a delegation.
type powers struct {
	to, until, majority, kind, out string
	scope                          []string
}

func (w *powers) flags(c *cobra.Command) {
	f := c.Flags()
	f.StringVar(&w.to, "to", "", "the delegate's address, or a file with it, as \"volens wallet address\" prints it")
	f.StringSliceVar(&w.scope, "scope", nil, "what she may do, with commas: grant, revoke, view. Without view she cannot see what is there")
	f.StringVar(&w.until, "until", "", "up to and with this day, or until just before this instant")
	f.StringVar(&w.majority, "majority", "", "day or instant at which the patient comes of age, if that is earlier")
	f.StringVar(&w.out, "out", "", "file to write the delegation to, for the delegate alone: it is confidential")
}

// delegation makes the message that the flags describe, without its place in the chain.
func (w *powers) delegation() (d consent.Delegate, err error) {
	if w.to == "" || len(w.scope) == 0 {
		return d, Usage("--to and --scope say who, and what for")
	}
	if d.Delegate, err = address(w.to); err != nil {
		return d, err
	}
	for _, s := range w.scope {
		if !slices.Contains([]string{consent.ScopeGrant, consent.ScopeRevoke, consent.ScopeView}, s) {
			return d, Usage("--scope is grant, revoke or view, not %q", s)
		}
	}
	if w.kind != "proxy" && w.kind != "guardian" {
		return d, Usage("--kind is proxy or guardian")
	}
	d.Kind, d.Scope = w.kind, w.scope
	if d.Period, err = period("", w.until); err != nil {
		return d, err
	}
	if d.Majority, err = moment(w.majority, false); err != nil {
		return d, err
	}
	if d.Ends() == 0 {
		return d, Usage("--until or --majority says when it ends")
	}
	return d, free(w.out)
}

// address reads an address, or the file that `volens wallet address` wrote.
func address(text string) (a consent.Address, err error) {
	if a.UnmarshalText([]byte(text)) == nil {
		return a, nil
	}
	if strings.HasPrefix(text, "0x") {
		return a, Usage("%q is no address: 0x and 40 lower-case hex digits", text)
	}
	b, err := os.ReadFile(text) //nolint:gosec // the person names it
	if err != nil {
		return a, Usage("neither an address nor a file: %w", err)
	}
	var k addressed
	if json.Unmarshal(b, &k) == nil && !k.Address.IsZero() {
		return k.Address, nil
	}
	if err := a.UnmarshalText([]byte(strings.TrimSpace(string(b)))); err != nil {
		return a, Usage("%s holds no address", text)
	}
	return a, nil
}

// free refuses a path that is taken, before anything is signed.
func free(path string) error {
	if path == "" {
		return nil
	}
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("there is a file at %s already", path)
	}
	return nil
}

// writeNew writes a new file that only its owner can read.
func writeNew(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the person names it
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}

// own refuses what only the patient herself may do.
func (p *person) own() error {
	if p.Subject.Delegation != nil {
		return consent.Errorf(consent.Unauthorized, "you act for this handle as a delegate; only the patient can do this")
	}
	return nil
}

func (a *app) consentDelegate() *cobra.Command {
	var w powers
	c := &cobra.Command{
		Use: "delegate", Short: "Let somebody act for you, for a time", Args: cobra.NoArgs,
		Long: `Let somebody act for you. Tell her your handle ("volens wallet show"); she tells you the address that
"volens wallet address HANDLE" prints. The file that --out writes is for her alone: with "volens wallet accept FILE" she can begin.
Whatever she does is on record as done by a delegate. It ends at --until or --majority, or when you end it.`,
		Example: `  volens consent delegate --to 0x5aae… --scope view,revoke --until 2027-12-31 --out for-bea.json`,
		RunE: func(c *cobra.Command, _ []string) error {
			d, err := w.delegation()
			if err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error {
				if err := p.own(); err != nil {
					return err
				}
				m, r, err := p.Put(c.Context(), func(l consent.Link, salt consent.Hash) consent.Body {
					d.Handle, d.Seq, d.Prev, d.Salt = l.Handle, l.Seq, l.Prev, salt
					return &d
				})
				if err != nil {
					return err
				}
				v, err := p.Wallet.Book().Reminder(p.Subject)
				if err != nil {
					return err
				}
				if err := w.write(v, d, r); err != nil {
					return err
				}
				return a.showSigned(m, r)
			})
		},
	}
	w.flags(c)
	c.Flags().StringVar(&w.kind, "kind", "proxy", "proxy or guardian")
	return c
}

// write writes the delegate's file, when one was asked for.
func (w *powers) write(v wallet.Invitation, d consent.Delegate, r network.Receipt) error {
	if w.out == "" {
		return nil
	}
	text, err := v.Format()
	if err != nil {
		return err
	}
	b, err := wallet.Delegation{Invitation: text, Delegate: d, Receipt: r}.Format()
	if err != nil {
		return err
	}
	return writeNew(w.out, b)
}

// delegated is a delegation as `consent delegates` prints it: without what opens it.
type delegated struct {
	Seq      consent.Uint64      `json:"seq"`
	Status   consent.EntryStatus `json:"status"`
	Kind     string              `json:"kind"`
	Delegate consent.Address     `json:"delegate"`
	Scope    []string            `json:"scope"`
	Ends     consent.Millis      `json:"ends"`
	InForce  bool                `json:"inForce"`
}

func (a *app) consentDelegates() *cobra.Command {
	return &cobra.Command{
		Use: "delegates", Short: "List who may act for you, or might", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.withPerson(c.Context(), func(p *person) error {
				me, err := p.API.Me(c.Context())
				if err != nil {
					return err
				}
				list := []delegated{}
				for _, d := range me.Delegations {
					ends := d.Ends()
					list = append(list, delegated{
						d.Seq, d.Status, d.Kind, d.Delegate.Delegate, d.Scope, ends,
						d.Status == consent.Live && consent.Millis(p.Now().UnixMilli()) < ends,
					})
				}
				return a.show(list, func(out io.Writer) { showDelegated(out, list) })
			})
		},
	}
}

func showDelegated(out io.Writer, list []delegated) {
	if len(list) == 0 {
		printf(out, "nobody acts for you\n")
		return
	}
	t := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	printf(t, "NUMBER\tSTATUS\tKIND\tMAY\tUNTIL\tKEY\n")
	for _, d := range list {
		status := string(d.Status)
		if d.Status == consent.Live && !d.InForce {
			status = "over"
		}
		printf(t, "%d\t%s\t%s\t%s\t%s\t%s\n", d.Seq, status, wallet.Escape(d.Kind), wallet.Escape(strings.Join(d.Scope, ",")), instant(d.Ends), d.Delegate)
	}
	_ = t.Flush() //nolint:errcheck // as printf
}

func (a *app) consentDelegateEnd() *cobra.Command {
	return &cobra.Command{
		Use: "delegate-end NUMBER", Short: "End a delegation before its time", Args: cobra.ExactArgs(1),
		Long: `End a delegation: yours to somebody or, as a delegate, the one that you act under. Consents that she gave stay until their
own end; withdraw those that you do not want.`,
		RunE: func(c *cobra.Command, args []string) error {
			n, err := number(args[0])
			if err != nil {
				return err
			}
			return a.withPerson(c.Context(), func(p *person) error {
				if d := p.Subject.Delegation; d != nil && d.Seq != n {
					return consent.Errorf(consent.Unauthorized, "you act under delegation %d and can end no other", d.Seq)
				}
				return a.putAndShow(c.Context(), p, func(l consent.Link, salt consent.Hash) consent.Body {
					return &consent.DelegateEnd{Handle: l.Handle, Seq: l.Seq, Prev: l.Prev, Delegation: n, Salt: salt}
				})
			})
		},
	}
}
