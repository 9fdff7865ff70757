package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/cmd/volens/trial"
	"github.com/volens-ledger/volens/wallet/cli"
)

// debugCommand is for those who test Volens itself: see package trial.
func debugCommand() *cobra.Command {
	c := &cobra.Command{Use: "debug", Short: "Put a node through faults", Hidden: true, Args: cobra.NoArgs, RunE: cli.Choose}
	c.AddCommand(debugWriter(), debugCheck())
	return c
}

func debugWriter() *cobra.Command {
	var cfg trial.Config
	c := &cobra.Command{
		Use: "writer", Short: "Make a node and work at it, with a line for each acknowledgement", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return trial.Write(c.Context(), cfg, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&cfg.Dir, "data", "", "folder for the node")
	f.Int64Var(&cfg.Ops, "n", 0, "operations (default 1000)")
	f.IntVar(&cfg.Clients, "clients", 0, "at a time (default 16)")
	f.Int64Var(&cfg.Segment, "segment", 0, "bytes of a segment (default 64 MiB)")
	f.BoolVar(&cfg.Erase, "erase", false, "erase patients in the end")
	return c
}

func debugCheck() *cobra.Command {
	var dir, acks string
	c := &cobra.Command{
		Use: "check", Short: "Start the node and find everything that was acknowledged", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			var in io.Reader
			if acks != "" {
				f, err := os.Open(acks) //nolint:gosec // the tester names it
				if err != nil {
					return err
				}
				defer func() { _ = f.Close() }() //nolint:errcheck // read only
				in = f
			}
			r, err := trial.Check(c.Context(), trial.Config{Dir: dir}, in)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "size=%d root=%s uses=%d usesroot=%s state=%s acks=%d\n",
				r.Report.Size, r.Report.Root, r.Report.Uses.Size, r.Report.Uses.Root, r.State, r.Acks)
			return err
		},
	}
	f := c.Flags()
	f.StringVar(&dir, "data", "", "folder of the node")
	f.StringVar(&acks, "acks", "", "file with a writer's output")
	return c
}
