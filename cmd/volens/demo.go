package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/cmd/volens/demo"
	"github.com/volens-ledger/volens/wallet/cli"
)

func demoCommand(env cli.Env) *cobra.Command {
	var once, asJSON bool
	var ledger, profile, studies string
	var trust []string
	cfg := demo.Config{Version: env.Version}
	c := &cobra.Command{
		Use: "demo", Short: "Run a small world on this machine, or tell its story with --once",
		Long: `Run a gateway on the embedded ledger with members, a patient and real FHIR examples, and say who can sign in and how. It keeps
its folder, so the world is the same next time.

With --once it makes a fresh world in a temporary folder, walks through everything over the real HTTP API (enrol, sign,
request, permit, see the use, verify the proof offline, revoke, request, deny, replay, verify the ledger, erase, verify
again), prints each step with its evidence, and ends with 0 if every step came out as it must.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			var err error
			if cfg.Trust, err = trustList(trust); err != nil {
				return err
			}
			if cfg.Studies, err = studyRules(studies); err != nil {
				return err
			}
			if cfg.Fabric, err = demoFabric(c.Context(), &cfg, ledger, profile); err != nil {
				return err
			}
			if once {
				return demoOnce(c.Context(), env, cfg, asJSON)
			}
			return demoServe(c.Context(), env, cfg, asJSON)
		},
	}
	f := c.Flags()
	f.BoolVar(&once, "once", false, "tell the whole story and end")
	f.BoolVar(&asJSON, "json", false, "write JSON for programs: one object a step, or one that says who can sign in")
	f.StringVar(&cfg.Dir, "dir", "", "folder of the world (default .volens-demo; with --once a temporary one)")
	f.StringVar(&ledger, "ledger", "embedded", "embedded, or fabric: a ledger of its own on the network that \"volens network up\" brought up")
	f.StringVar(&profile, "profile", "", "with --ledger fabric: City Hospital's connection profile (default: that of the network)")
	f.StringVar(&cfg.Listen, "listen", "", "address to listen on (default 127.0.0.1:8080; with --once a free port)")
	f.StringVar(&cfg.Origin, "origin", "", "scheme://host[:port] as clients see it (default http://localhost and the port)")
	f.StringArrayVar(&trust, "trust", nil, trustUsage)
	f.StringVar(&studies, "research", "", researchUsage)
	f.DurationVar(&cfg.RecoveryDelay, "recovery-delay", 72*time.Hour, "how long an old key can stop a recovery, in a new world")
	f.StringVar(&cfg.Debug, "debug", "", "loopback address for metrics and profiles (default none)")
	return c
}

// demoOnce tells the story in a fresh world, which it removes unless its folder was named.
func demoOnce(ctx context.Context, env cli.Env, cfg demo.Config, asJSON bool) (err error) {
	if cfg.Dir == "" {
		dir, err := os.MkdirTemp("", "volens-demo-")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }() //nolint:errcheck // a temporary folder
		cfg.Dir = filepath.Join(dir, "world")
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	w, err := demo.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close(context.WithoutCancel(ctx))) }()
	if !w.Made {
		return cli.Usage("%s holds a world already; the story needs a fresh one", cfg.Dir)
	}
	e := json.NewEncoder(env.Out)
	e.SetEscapeHTML(false)
	if err := w.Story(ctx, func(s demo.Step) error {
		if asJSON {
			return e.Encode(s)
		}
		return s.Print(env.Out)
	}); err != nil {
		return err
	}
	if !asJSON {
		_, err = fmt.Fprintln(env.Out, "Every step came out as it must.")
	}
	return err
}

// demoServe runs the world until it is interrupted.
func demoServe(ctx context.Context, env cli.Env, cfg demo.Config, asJSON bool) (err error) {
	if cfg.Dir == "" {
		cfg.Dir = ".volens-demo"
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return err
	}
	if cfg.Listen == "" {
		cfg.Listen = defaultListen
	}
	if cfg.Origin, err = originOf(cfg.Listen, cfg.Origin); err != nil {
		return err
	}
	w, err := demo.Open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.Close(context.WithoutCancel(ctx))) }()
	people, err := w.Settle(ctx)
	if err != nil {
		return err
	}
	if asJSON {
		err = json.NewEncoder(env.Out).Encode(people)
	} else if err = people.Print(env.Out); err == nil {
		_, err = fmt.Fprintln(env.Err, "\nIt goes on until you press Ctrl-C, and keeps everything in "+cfg.Dir+".")
	}
	if err != nil {
		return err
	}
	return w.Node.Wait(ctx)
}
