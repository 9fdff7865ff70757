package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/cmd/volens/bench"
	"github.com/volens-ledger/volens/cmd/volens/node"
)

// benchFlags are the flags that all benchmarks share.
type benchFlags struct {
	bench.Shape
	dir, url, profile string
	clients           int
	duration          time.Duration
	json              bool
}

func benchCommand() *cobra.Command {
	f := &benchFlags{}
	c := &cobra.Command{
		Use: "bench", Short: "Measure decisions, consents, verification and start-up on this machine",
		Long: `Each benchmark makes a ledger of the size asked for in a temporary folder, runs a node over it in this process, and drives it
over loopback HTTP from the same process: the figures include the load's own share of the cores. Every decision's use is on
disk before its answer, every consent too.`,
	}
	p := c.PersistentFlags()
	p.IntVar(&f.Subjects, "subjects", 100_000, "subjects on the ledger")
	p.IntVar(&f.Consents, "consents", 10, "consents of each subject")
	p.IntVar(&f.Forms, "forms", 200, "different consent forms that subjects draw from")
	p.IntVar(&f.Members, "members", 10, "members that ask for access")
	p.BoolVar(&f.Unique, "unique", false, "every consent has a shape of its own")
	p.BoolVar(&f.Named, "named", false, "with --unique: each request names what only one consent speaks of, so that nothing remembered answers it")
	p.IntVar(&f.clients, "clients", 64, "connections")
	p.DurationVar(&f.duration, "for", 10*time.Second, "how long to measure")
	p.StringVar(&f.dir, "data", "", "keep the ledger in this folder, or use the one that is there (from \"bench make\")")
	p.StringVar(&f.url, "url", "", "measure a node that serves the folder of --data at this address, instead of one in this process")
	p.StringVar(&f.profile, "cpuprofile", "", "write a CPU profile of each measured part to this file and its name")
	p.BoolVar(&f.json, "json", false, "print one JSON object a line")
	one := func(name, short string, run func(context.Context, bench.Options) ([]bench.Result, error)) *cobra.Command {
		return &cobra.Command{
			Use: name, Short: short, Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, run) },
		}
	}
	c.AddCommand(
		&cobra.Command{
			Use: "make", Short: "Make a ledger in the folder of --data", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error {
				return bench.Make(cmd.Context(), node.Under(f.dir), f.Shape, nil)
			},
		},
		one("decisions", "Decisions over HTTP, each durably on record before its answer", f.decisions),
		one("consents", "Signed consents over HTTP and in process, durable, with receipt; signed before the clock starts", bench.Consents),
		one("mixed", "Decisions while patients give and revoke", bench.Mixed),
		one("verify", "Start-up, and the offline check of a whole ledger", f.verify),
		&cobra.Command{
			Use: "all", Short: "The table of the README", Args: cobra.NoArgs,
			RunE: func(cmd *cobra.Command, _ []string) error { return f.all(cmd) },
		},
	)
	return c
}

func (f *benchFlags) decisions(ctx context.Context, o bench.Options) ([]bench.Result, error) {
	name := "decisions"
	if f.Unique {
		name = "decisions --unique"
	}
	if f.Named {
		name += " --named"
	}
	r, err := bench.Decisions(ctx, name, o)
	return []bench.Result{r}, err
}

func (f *benchFlags) verify(ctx context.Context, o bench.Options) ([]bench.Result, error) {
	first, err := bench.Startup(ctx, o) // builds the indexes
	if err != nil {
		return nil, err
	}
	first.Name = "first start (builds indexes)"
	start, err := bench.Startup(ctx, o)
	if err != nil {
		return nil, err
	}
	v, err := bench.Verify(ctx, o)
	return []bench.Result{first, start, v}, err
}

// run makes the ledger, unless it is there, and runs one benchmark.
func (f *benchFlags) run(cmd *cobra.Command, run func(context.Context, bench.Options) ([]bench.Result, error)) (err error) {
	dir, done, err := f.folder()
	if err != nil {
		return err
	}
	defer done()
	o := bench.Options{Dir: dir, URL: f.url, Shape: f.Shape, Clients: f.clients, For: f.duration, Profile: f.profile}
	if _, _, missing := node.ReadGenesis(node.Under(dir)); missing != nil {
		say(cmd, "making a ledger of %d subjects with %d consents each", f.Subjects, f.Consents)
		if err := bench.Make(cmd.Context(), node.Under(dir), f.Shape, nil); err != nil {
			return err
		}
	}
	rs, err := run(cmd.Context(), o)
	if err != nil {
		return err
	}
	return f.print(cmd.OutOrStdout(), rs)
}

// folder is where the ledger is: the one of --data, else a temporary one.
func (f *benchFlags) folder() (dir string, done func(), err error) {
	if f.dir != "" {
		return f.dir, func() {}, nil
	}
	if dir, err = os.MkdirTemp("", "volens-bench-"); err != nil {
		return "", nil, err
	}
	return dir, func() { _ = os.RemoveAll(dir) }, nil //nolint:errcheck // a temporary folder
}

// all runs the whole table, each row on a ledger of its own.
func (f *benchFlags) all(cmd *cobra.Command) error {
	rows := []struct {
		shape bench.Shape
		run   func(context.Context, bench.Options) ([]bench.Result, error)
	}{
		{bench.Shape{Subjects: 100_000, Consents: 10, Forms: 200, Members: 10}, f.decisions},
		{bench.Shape{Subjects: 100_000, Consents: 10, Members: 10, Unique: true}, f.decisions},
		{bench.Shape{Subjects: 100_000, Consents: 10, Members: 10, Unique: true, Named: true}, f.decisions},
		{bench.Shape{Subjects: 1_000, Consents: 1, Forms: 200, Members: 10}, f.decisions},
		{bench.Shape{Subjects: 1_000_000, Consents: 1, Forms: 200, Members: 10}, f.decisions},
		{bench.Shape{Members: 1}, bench.Consents},
		{bench.Shape{Subjects: 10_000, Consents: 10, Forms: 200, Members: 10}, bench.Mixed},
		{bench.Shape{Subjects: 100_000, Consents: 9, Forms: 200, Members: 10}, f.verify},
	}
	for _, row := range rows {
		g := *f
		g.Shape, g.dir = row.shape, ""
		run := row.run
		if row.shape.Unique {
			run = g.decisions
		}
		if err := g.run(cmd, run); err != nil {
			return err
		}
	}
	return nil
}

func say(cmd *cobra.Command, format string, args ...any) {
	_, _ = fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) //nolint:errcheck // a remark
}

func (f *benchFlags) print(w io.Writer, rs []bench.Result) error {
	if f.json {
		e := json.NewEncoder(w)
		for _, r := range rs {
			if err := e.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, err := fmt.Fprintln(t, "name\tclients\tsubjects\tconsents\trate/s\tp50 ms\tp99 ms\tp99.9 ms\tcpu s\trss MiB\tnote")
	for _, r := range rs {
		if err == nil {
			_, err = fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.0f\t%.2f\t%.2f\t%.2f\t%.1f\t%d\t%s\n", r.Name, r.Clients, r.Subjects, r.Consents, r.Rate,
				r.P50/1000, r.P99/1000, r.P999/1000, r.CPU, r.RSS>>20, r.Note)
		}
	}
	if err != nil {
		return err
	}
	return t.Flush()
}
