package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/gateway/fhir/proxy"
	"github.com/volens-ledger/volens/policies/label"
)

// fronting is the flags of `volens proxy`, beside those of `volens serve`.
type fronting struct {
	listen, base, upstream, authorization, labels string
}

func proxyCommand() *cobra.Command {
	c, s := newServe()
	f := &fronting{}
	c.Use, c.Short = "proxy --upstream URL", "Run a node in front of a FHIR server: only what patients permit gets through"
	c.Long = `Run a node as "volens serve" does, with the same flags, and a second listener that is a FHIR server to its clients: it passes
requests on to --upstream and lets through what the patient's consents permit. Patient/<id> there is the subject that was opened
here for the local record <id> ("volens custodian open --local-id <id>").

A client sends a token of this node's token endpoint with SMART scopes, and the header Volens-Purpose. gateway/fhir/proxy/README.md
says what is passed on and what is refused.`
	c.Example = `  volens proxy --data /var/lib/volens --upstream http://localhost:8103/fhir/R4
  volens proxy --data /var/lib/volens --upstream https://fhir.example/R4 --upstream-authorization token.txt --purposes needs.json`
	fs := c.Flags()
	fs.StringVar(&f.upstream, "upstream", "", "base URL of the FHIR server")
	fs.StringVar(&f.listen, "fhir-listen", "127.0.0.1:8090", "address of the FHIR listener")
	fs.StringVar(&f.base, "fhir-base", "", "its base URL as clients see it (default http://ADDRESS, localhost for a loopback address)")
	fs.StringVar(&f.authorization, "upstream-authorization", "", "file with the Authorization header for the FHIR server, e.g. Bearer ...")
	fs.StringVar(&f.labels, "labels", "", "file of labelling rules (default those in policies/label/rules)")
	if err := c.MarkFlagRequired("upstream"); err != nil {
		panic(err) // the flag is defined above
	}
	s.started = func(ctx context.Context, n *node.Node) error { return f.start(ctx, n, s.cfg.Log) }
	return c
}

// start begins to listen, when the node is ready.
func (f *fronting) start(ctx context.Context, n *node.Node, log *slog.Logger) error {
	cfg, err := f.config()
	if err != nil {
		return err
	}
	if cfg.Base, err = originOf(f.listen, f.base); err != nil {
		return err
	}
	base, err := n.Front(ctx, f.listen, cfg)
	if err == nil {
		log.InfoContext(ctx, "in front of a FHIR server", slog.String("base", base), slog.String("upstream", f.upstream))
	}
	return err
}

func (f *fronting) config() (proxy.Config, error) {
	cfg := proxy.Config{Upstream: f.upstream}
	if f.authorization != "" {
		b, err := os.ReadFile(f.authorization)
		if err != nil {
			return cfg, fmt.Errorf("read the FHIR server's authorization: %w", err)
		}
		cfg.Authorization = strings.TrimSpace(string(b))
	}
	if f.labels != "" {
		b, err := os.ReadFile(f.labels)
		if err != nil {
			return cfg, fmt.Errorf("read the labelling rules: %w", err)
		}
		table, err := label.ParseTable(b)
		if err != nil {
			return cfg, err
		}
		cfg.Labels = label.New(table)
	}
	return cfg, nil
}
