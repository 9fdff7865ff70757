// Command volens is Volens in one program: the node and its ledger, the wallet, and the tools of requesters, custodians
// and auditors. main wires; each command stands in a file of its own or in wallet/cli.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/volens-ledger/volens/wallet/cli"
)

func main() { os.Exit(run()) }

// run is main with an exit code, for tests too.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	env := environment()
	return cli.Execute(ctx, rootCommand(env), env, os.Args[1:])
}

// environment is the process's own.
func environment() cli.Env {
	return cli.Env{
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now, Rand: rand.Reader, Getenv: os.Getenv, Version: version(),
		IsTerminal:   func() bool { return term.IsTerminal(int(os.Stdin.Fd())) && term.IsTerminal(int(os.Stderr.Fd())) },
		ReadPassword: readPassword,
	}
}

// readPassword reads a password from the terminal without showing it.
func readPassword(prompt string) (string, error) {
	if _, err := fmt.Fprint(os.Stderr, prompt); err != nil {
		return "", err
	}
	b, err := term.ReadPassword(int(os.Stdin.Fd()))
	if _, lineErr := fmt.Fprintln(os.Stderr); err == nil {
		err = lineErr
	}
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	if len(b) == 0 {
		return "", errors.New("no password was typed")
	}
	return string(b), nil
}

func rootCommand(env cli.Env) *cobra.Command {
	root := &cobra.Command{
		Use:   "volens",
		Short: "A patient-controlled consent and data-sharing ledger",
		Long: `Volens keeps patients in charge of their data. A patient signs a consent with a key that only she holds; the ledger keeps it;
every request for her data is decided against it and put on record before the answer; she sees each use, with proof that
none is missing, and withdraws in one step.

Begin with "volens demo", which runs a small world on this machine, or "volens demo --once", which tells its story.`,
		Args: cobra.NoArgs, RunE: cli.Choose,
	}
	root.AddGroup(
		&cobra.Group{ID: "start", Title: "Begin here:"},
		&cobra.Group{ID: "people", Title: "For patients, requesters, custodians and auditors:"},
		&cobra.Group{ID: "operate", Title: "For operators:"},
	)
	add := func(group string, cs ...*cobra.Command) {
		for _, c := range cs {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("start", demoCommand(env))
	add("people", append(cli.Commands(env), cli.Verify(env))...)
	add("operate", serveCommand(), proxyCommand(), ledgerCommand(), networkCommand(), policyCommand(env), benchCommand())
	root.AddCommand(versionCommand(env), exitCodesTopic(), debugCommand())
	return root
}

// exitCodesTopic is `volens help exit-codes`.
func exitCodesTopic() *cobra.Command {
	return &cobra.Command{Use: "exit-codes", Short: "What the exit codes mean", Long: cli.ExitCodes}
}
