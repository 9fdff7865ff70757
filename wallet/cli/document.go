package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/document"
)

func (a *app) walletDocument() *cobra.Command {
	c := &cobra.Command{
		Use: "document", Short: "Certificates that you carry: HCERT and SMART Health Cards", Args: cobra.NoArgs, RunE: Choose,
		Long: `Read and check signed health documents: EU and WHO certificates (the text in the QR code, HC1:...) and SMART Health Cards
(shc:/..., a JWS or a .smart-health-card file). Everything happens on this machine, against the keys in the files that
--trust names: did:web documents of WHO's trust network, certificates in PEM, or {"iss": URL, "jwks": ..., "crls": [...]} of a
health card issuer. Nobody learns that you looked.`,
	}
	c.AddCommand(
		a.readDocuments("verify", "Check documents; exit code 4 when one does not hold", true),
		a.readDocuments("show", "Show what documents say, and whether that can be believed", false),
	)
	return c
}

func (a *app) readDocuments(name, short string, strict bool) *cobra.Command {
	var trusted []string
	var at string
	c := &cobra.Command{
		Use: name + " FILE...", Short: short, Args: cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			now := a.Now()
			if at != "" {
				var err error
				if now, err = time.Parse(time.RFC3339, at); err != nil {
					return Usage("--now is a time like 2026-11-22T10:00:00Z")
				}
			}
			trust, err := trustIn(trusted)
			if err != nil {
				return err
			}
			ds, err := readDocuments(files, trust, now)
			if err != nil {
				return err
			}
			if err := a.show(ds, func(out io.Writer) { showDocuments(out, ds) }); err != nil {
				return err
			}
			for i := range ds {
				if strict && !ds[i].Valid() {
					return &exitError{code: ProofCode, quiet: true, err: errors.New("a document does not hold")}
				}
			}
			return nil
		},
	}
	c.Flags().StringArrayVar(&trusted, "trust", nil, "a file with trusted keys (repeat for several)")
	c.Flags().StringVar(&at, "now", "", "judge as of this time (RFC 3339; default: now)")
	return c
}

func trustIn(files []string) (*document.Trust, error) {
	var t document.Trust
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		if _, err := t.Add(b); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
	}
	return &t, nil
}

func readDocuments(files []string, t *document.Trust, now time.Time) ([]document.Document, error) {
	var out []document.Document
	for _, f := range files {
		b, err := os.ReadFile(f) //nolint:gosec // the user names it
		if err != nil {
			return nil, err
		}
		ds, err := document.Read(strings.TrimSuffix(string(b), "\n"), t, now)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		out = append(out, ds...)
	}
	return out, nil
}

// showDocuments says first what can be believed, then what each document says.
func showDocuments(out io.Writer, ds []document.Document) {
	for i := range ds {
		d := &ds[i]
		if i > 0 {
			printf(out, "\n")
		}
		if d.Valid() {
			printf(out, "VALID. Signed by %s, key %s.\n", wallet.Escape(d.Issuer), wallet.Escape(d.Key))
		} else {
			printf(out, "NOT VALID. Do not believe what follows:\n")
			for _, p := range d.Problems {
				printf(out, "  - %s (%s)\n", wallet.Escape(p.Text), p.Code)
			}
		}
		printf(out, "%s, born %s\n", wallet.Escape(strings.TrimSpace(d.Person.Given+" "+d.Person.Family)), wallet.Escape(d.Person.Born))
		printf(out, "issued %s%s\n", d.Issued.Format(time.DateOnly), until(d.Expires))
		for _, f := range d.Facts {
			printf(out, "  %s\n", wallet.Escape(strings.Join(strings.Fields(strings.Join([]string{f.Kind, f.Date, f.Code, f.Text}, " ")), " ")))
		}
	}
}

func until(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return ", until " + t.Format(time.DateOnly)
}
