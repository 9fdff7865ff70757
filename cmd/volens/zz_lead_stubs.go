package main

import (
	"errors"

	"github.com/spf13/cobra"
)

func stub(name string) *cobra.Command {
	return &cobra.Command{Use: name, Short: "Not yet", RunE: func(*cobra.Command, []string) error { return errors.New("not yet") }}
}

func serveCommand() *cobra.Command  { return stub("serve") }
func ledgerCommand() *cobra.Command { return stub("ledger") }
