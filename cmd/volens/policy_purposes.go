package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/wallet"
	"github.com/volens-ledger/volens/wallet/cli"
)

// policyPurposes shows by which table decisions are minimised.
func policyPurposes(env cli.Env) *cobra.Command {
	var path, server string
	var asJSON bool
	c := &cobra.Command{
		Use: "purposes [PURPOSE]", Short: "Show what purposes of use need of records, at most", Args: cobra.MaximumNArgs(1),
		Long: `Print the table by which answers are cut to what their purpose needs: of each purpose (v3-ActReason) the resource types and of each the
elements. With PURPOSE, what holds for that one: its own entry, or that of the nearest purpose above it. A purpose with neither needs
nothing, so nothing flows for it, whatever a patient permits.

It is the table that comes with volens; --purposes names a custodian's own file, --server asks a node for the one that it decides by.
"volens serve --purposes FILE" takes what --json prints, edited.`,
		Example: `  volens policy purposes HMARKT
  volens policy purposes --json > purposes.json
  volens policy purposes CLINTRCH --server http://localhost:8080`,
		RunE: func(c *cobra.Command, args []string) error {
			if path != "" && server != "" {
				return cli.Usage("--purposes and --server are two places; name one")
			}
			table, _, err := minimal(path, string(minimise.R4))
			if server != "" {
				table, err = purposesOf(c, server)
			}
			if err != nil {
				return err
			}
			if len(args) == 1 {
				if !policies.Subsumes(policies.SystemPurpose, "PurposeOfUse", args[0]) {
					return cli.Usage("%q is no purpose of use (v3-ActReason: TREAT, HRESCH, …)", args[0])
				}
				return showPurpose(env.Out, table, args[0], asJSON)
			}
			return showPurposes(env.Out, table, asJSON)
		},
	}
	f := c.Flags()
	f.StringVar(&path, "purposes", "", "a custodian's file (default policies/minimise/purposes.json)")
	f.StringVar(&server, "server", "", "URL of the node to ask")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func purposesOf(c *cobra.Command, server string) (*minimise.Table, error) {
	cl, err := client.New(server, client.Options{})
	if err != nil {
		return nil, cli.Usage("%w", err)
	}
	t, err := cl.Purposes(c.Context())
	return &t, err
}

func showPurposes(out io.Writer, t *minimise.Table, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(t)
	}
	for _, p := range slices.Sorted(maps.Keys(t.Purposes)) {
		if err := showEntry(out, p, t.Purposes[p]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, "any other: as the nearest purpose above it; nothing where there is none")
	return err
}

func showPurpose(out io.Writer, t *minimise.Table, purpose string, asJSON bool) error {
	of, types := t.Entry(purpose)
	if asJSON {
		return json.NewEncoder(out).Encode(map[string]any{"purpose": purpose, "of": of, "types": types})
	}
	head := purpose
	switch of {
	case "":
		head += " (not in the table)"
	case purpose:
	default:
		head += " (as " + of + ")"
	}
	return showEntry(out, head, types)
}

// showEntry shows what is needed, a type a line. What a server says is shown as it can be without harm.
func showEntry(out io.Writer, head string, types map[string][]string) error {
	if len(types) == 0 {
		_, err := fmt.Fprintf(out, "%s: nothing\n", wallet.Escape(head))
		return err
	}
	if _, err := fmt.Fprintf(out, "%s:\n", wallet.Escape(head)); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		elements, typ := strings.Join(types[name], ", "), name
		if slices.Contains(types[name], "*") {
			elements = "all of it"
		}
		if name == "*" {
			typ = "any other type"
		}
		if _, err := fmt.Fprintf(out, "  %s: %s\n", wallet.Escape(typ), wallet.Escape(elements)); err != nil {
			return err
		}
	}
	return nil
}
