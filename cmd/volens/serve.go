package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/policies"
	"github.com/volens-ledger/volens/policies/minimise"
	"github.com/volens-ledger/volens/policies/study"
	"github.com/volens-ledger/volens/wallet/cli"
)

// serving is the flags of `volens serve`.
type serving struct {
	place
	cfg                     node.Config
	algorithm, implicit     string
	needs, fhir, studies    string
	genesis, custodian, key string
	ledger, profile         string
	backups, logForm        string
	trust                   []string
	started                 func(context.Context, *node.Node) error // nil: there is nothing more to start
}

func serveCommand() *cobra.Command {
	c, _ := newServe()
	return c
}

// newServe is the command and its flags, for commands that serve and more.
func newServe() (*cobra.Command, *serving) {
	s := &serving{}
	c := &cobra.Command{
		Use: "serve", Short: "Run a node: a ledger and its gateway",
		Long: `Run a node until it is interrupted. It logs to standard error, as text on a terminal and as JSON elsewhere, and nothing
personal.

A node is made once, with --init and a signed genesis ("volens ledger genesis new" makes one); after that --init is
refused, and a folder without a node is never turned into one. Keep --anchors and --keys on other volumes than --data.

It ends with 0 when it is asked to stop (SIGINT, SIGTERM), and with another code when storage fails: then nothing was
acknowledged since, and a new start finds out what the disk has. With --backups, SIGUSR1 makes a backup in a new folder
there while the node goes on serving.`,
		Example: `  volens serve --data /var/lib/volens --init genesis.json --custodian city-hospital --custodian-key hospital.key
  volens serve --data /var/lib/volens --anchors /mnt/anchors --keys /mnt/keys --origin https://consent.example
  volens serve --data /var/lib/volens --ledger fabric --profile hospital.yaml`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return s.run(c) },
	}
	s.flags(c)
	f := c.Flags()
	f.StringVar(&s.cfg.Listen, "listen", defaultListen, "address to listen on")
	f.StringVar(&s.cfg.Origin, "origin", "", "scheme://host[:port] as clients see it (default http://LISTEN, localhost for a loopback address)")
	f.StringVar(&s.cfg.Debug, "debug", "", "loopback address for metrics and profiles, e.g. 127.0.0.1:9090 (default none)")
	f.StringVar(&s.algorithm, "algorithm", "", "how several consents combine: deny-overrides or most-recent (default deny-overrides)")
	f.StringVar(&s.implicit, "implicit", "", "policy for subjects without any consent (default deny)")
	f.StringVar(&s.needs, "purposes", "", "file of what purposes need of records (default policies/minimise/purposes.json)")
	f.StringVar(&s.studies, "research", "", researchUsage)
	f.StringVar(&s.fhir, "fhir-version", string(minimise.R4), "release of the custodian's records: R4 or R5")
	f.Int64Var(&s.cfg.FreeReserve, "free", 0, "bytes of disk kept free for revocations; -1 for none (default 1 GiB)")
	f.StringVar(&s.cfg.Jurisdiction, "jurisdiction", "", "ISO 3166 code of the law under which the custodian keeps its records; receipts name it")
	f.StringArrayVar(&s.trust, "trust", nil, trustUsage)
	f.StringVar(&s.genesis, "init", "", "make the node first, with the signed genesis in this file")
	f.StringVar(&s.custodian, "custodian", "", "with --init: the member whose subjects the node serves")
	f.StringVar(&s.key, "custodian-key", "", "with --init: path of that member's key, 64 hex digits")
	f.StringVar(&s.ledger, "ledger", "embedded", "embedded, or fabric: a channel of several organisations, of which the node keeps a copy")
	f.StringVar(&s.profile, "profile", "", "with --ledger fabric: the organisation's connection profile")
	f.DurationVar(&s.cfg.MaxStale, "max-stale", 0, "age of what is known of the ledger after which everything is denied (default 2s, on Fabric 5s)")
	f.DurationVar(&s.cfg.AnchorEvery, "anchor-every", 0, "how often the use log is anchored on the ledger if it has grown (default 1m); volens custodian anchor does it at once")
	f.StringVar(&s.backups, "backups", "", "folder for the backups that SIGUSR1 makes")
	f.StringVar(&s.logForm, "log", "", "text or json (default text on a terminal, else json)")
	return c, s
}

// defaultListen is where clients look for a node unless they are told: --server has localhost and its port.
const defaultListen = "127.0.0.1:8080"

// originOf is under which name a node is known that listens there: what --origin says, or localhost for a loopback address, since
// clients sign what they think they speak to.
func originOf(listen, origin string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", cli.Usage("the address to listen on: %w", err)
	}
	if ip := net.ParseIP(host); origin == "" && ip != nil && ip.IsLoopback() && port != "0" {
		return "http://localhost:" + port, nil
	}
	return origin, nil
}

// files reads what other flags name: whom the app believes, and the channel's profile.
func (s *serving) files() (err error) {
	if s.cfg.Trust, err = trustList(s.trust); err == nil {
		s.cfg.Fabric, err = fabricProfile(s.ledger, s.profile)
	}
	return err
}

func (s *serving) run(c *cobra.Command) error {
	harden()
	limitMemory()
	paths, err := s.paths()
	if err != nil {
		return err
	}
	s.cfg.Paths, s.cfg.Version = paths, version()
	if s.cfg.Origin, err = originOf(s.cfg.Listen, s.cfg.Origin); err != nil {
		return err
	}
	s.cfg.Algorithm, s.cfg.Implicit = policies.Algorithm(s.algorithm), policies.Implicit(s.implicit)
	if err := s.tables(); err != nil {
		return err
	}
	if s.cfg.Log, err = s.logger(c); err != nil {
		return err
	}
	if err := s.files(); err != nil {
		return err
	}
	if err := s.init(c.Context(), paths); err != nil {
		return err
	}
	b := newBar(c)
	s.cfg.Progress = b.step
	began := time.Now()
	n, err := node.Start(c.Context(), s.cfg)
	b.clear()
	if err != nil {
		if errors.Is(err, context.Canceled) && c.Context().Err() != nil { // it was asked to stop before it was ready
			return nil //nolint:nilerr // a stop that was asked for
		}
		return storage(err)
	}
	s.cfg.Log.Info("ready", slog.String("url", n.URL()), slog.Uint64("position", uint64(n.Ledger.Position())),
		slog.Int64("uses", n.Uses.Count()), slog.String("version", s.cfg.Version), slog.Duration("took", time.Since(began)))
	if s.started != nil {
		err = s.started(c.Context(), n)
	}
	if err == nil {
		err = s.wait(c.Context(), n)
	}
	s.cfg.Log.Info("stopping")
	return storage(errors.Join(err, n.Close(context.WithoutCancel(c.Context()))))
}

// tables reads the custodian's own tables.
func (s *serving) tables() (err error) {
	if s.cfg.Needs, s.cfg.FHIR, err = minimal(s.needs, s.fhir); err != nil {
		return err
	}
	s.cfg.Studies, err = studyRules(s.studies)
	return err
}

// minimal reads what decisions are minimised by.
func minimal(path, release string) (table *minimise.Table, v minimise.Version, err error) {
	v = minimise.Version(strings.ToUpper(release))
	if v != minimise.R4 && v != minimise.R5 {
		return nil, v, cli.Usage("--fhir-version is R4 or R5")
	}
	if path == "" {
		table, err = minimise.Default()
		return table, v, err
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, v, fmt.Errorf("read what purposes need: %w", err)
	}
	table, err = minimise.ParseTable(b)
	return table, v, err
}

const researchUsage = "file of issuers whose GA4GH visas are believed and of whom, visas that purposes demand, and diseases (default none)"

// studyRules reads what is believed and demanded of studies.
func studyRules(path string) (*study.Rules, error) {
	if path == "" {
		return nil, nil //nolint:nilnil // no rules
	}
	b, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read the rules of studies: %w", err)
	}
	return study.Parse(b)
}

// wait serves until the context ends or the node cannot go on, and makes backups when it is told to.
func (s *serving) wait(ctx context.Context, n *node.Node) error {
	if s.backups != "" {
		told := make(chan os.Signal, 1)
		signal.Notify(told, syscall.SIGUSR1)
		defer signal.Stop(told)
		go func() {
			for {
				select {
				case <-told:
					s.backup(ctx, n)
				case <-ctx.Done():
					return
				}
			}
		}()
	}
	return n.Wait(ctx)
}

func (s *serving) backup(ctx context.Context, n *node.Node) {
	dir := filepath.Join(s.backups, time.Now().UTC().Format("20060102T150405Z"))
	info, err := n.Backup(ctx, dir)
	if err != nil {
		s.cfg.Log.ErrorContext(ctx, "backup", slog.String("error", err.Error()))
		return
	}
	s.cfg.Log.InfoContext(ctx, "backup", slog.String("dir", dir), slog.Uint64("size", uint64(info.Size)), slog.Uint64("uses", uint64(info.Uses)))
}

func (s *serving) logger(c *cobra.Command) (*slog.Logger, error) {
	form := s.logForm
	if form == "" {
		form = "json"
		if newBar(c).out != nil {
			form = "text"
		}
	}
	switch form {
	case "text":
		return slog.New(slog.NewTextHandler(c.ErrOrStderr(), nil)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(c.ErrOrStderr(), nil)), nil
	}
	return nil, cli.Usage("--log is text or json")
}

// init makes the node when --init asks for it, and only then.
func (s *serving) init(ctx context.Context, p node.Paths) error {
	if s.genesis == "" {
		if s.custodian != "" || s.key != "" {
			return cli.Usage("--custodian and --custodian-key go with --init")
		}
		if _, _, err := node.ReadGenesis(p); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("there is no node in %s; --init makes one", p.Data)
		}
		return nil
	}
	b, err := os.ReadFile(s.genesis)
	if err != nil {
		return fmt.Errorf("read the genesis: %w", err)
	}
	var m consent.Message
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("read the genesis: %w", err)
	}
	var key sig.Key
	if (s.custodian == "") != (s.key == "") {
		return cli.Usage("--custodian and --custodian-key go together")
	}
	if s.key != "" {
		if key, err = ledgerKey(s.key); err != nil {
			return err
		}
	}
	if s.cfg.Fabric != nil {
		return node.InitFabric(ctx, p, m, consent.MemberID(s.custodian), key)
	}
	return node.Init(ctx, p, m, consent.MemberID(s.custodian), key)
}

// limitMemory asks the garbage collector to keep the process within three quarters of the machine, unless GOMEMLIMIT says
// something else.
func limitMemory() {
	if total := totalMemory(); os.Getenv("GOMEMLIMIT") == "" && total > 0 {
		debug.SetMemoryLimit(total / 4 * 3)
	}
}
