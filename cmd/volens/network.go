package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/wallet/cli"
)

// networkFlags say which network of this machine is meant.
type networkFlags struct {
	dir, bin, chaincode, tools string
	orderers                   string
	port                       int
}

func networkCommand() *cobra.Command {
	var f networkFlags
	c := &cobra.Command{
		Use:   "network",
		Short: "A Hyperledger Fabric network on this machine: start, stop, look",
		Long: `Three organisations that do not trust each other (a patients' trust, a hospital, a regulator) with a peer each, three
orderers, TLS everywhere: Hyperledger Fabric's own programs as plain processes, without containers. "volens network up"
builds them the first time, which takes some minutes. The README of the network folder says how to do it on several hosts.`,
		Args: cobra.NoArgs, RunE: cli.Choose,
	}
	c.PersistentFlags().StringVar(&f.dir, "dir", "", "folder of the network (default ~/.local/state/volens/network)")
	c.AddCommand(networkUp(&f), networkDown(&f), networkStatus(&f), networkRenew(&f), networkLogs(&f), networkBuild(&f))
	return c
}

// open is the network that the flags name; progress may be nil.
func (f *networkFlags) open(progress func(string)) (*launch.Network, error) {
	dir, err := f.dir, error(nil)
	if dir == "" {
		if dir, err = launch.DefaultDir(); err != nil {
			return nil, err
		}
	}
	return launch.Open(launch.Config{Dir: dir, Bin: f.bin, Chaincode: f.chaincode, Port: f.port, Progress: progress})
}

// running is open for commands that need a network to be there.
func (f *networkFlags) running() (*launch.Network, error) {
	n, err := f.open(nil)
	if err == nil && !n.Exists() {
		err = fmt.Errorf("there is no network in %s; \"volens network up\" makes one", n.Dir())
	}
	return n, err
}

// notBFT is why a network's orderers are not SmartBFT's.
const notBFT = "fabric-sdk-go sends a transaction to one orderer, and SmartBFT's orderers let most of them wait for 5 s"

func networkUp(f *networkFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "up", Short: "Make the network, or start what of it does not run", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.orderers != "raft" {
				return cli.Usage("--orderers %s is not offered, raft is: %s", f.orderers, notBFT)
			}
			if err := f.remembered(); err != nil {
				return err
			}
			if err := f.program(); err != nil {
				return err
			}
			if err := f.commands(c); err != nil {
				return err
			}
			began := time.Now()
			n, err := f.open(func(step string) {
				_, _ = fmt.Fprintf(c.ErrOrStderr(), "%6.1f s  %s\n", time.Since(began).Seconds(), step) //nolint:errcheck // progress
			})
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(c.Context(), 5*time.Minute)
			defer cancel()
			if err := n.Up(ctx); err != nil {
				return err
			}
			return show(c, false, nil, fmt.Sprintf("The network is up after %.1f s. Connection profiles:", time.Since(began).Seconds()),
				"  "+n.Profile("Trust"), "  "+n.Profile("Hospital"), "  "+n.Profile("Regulator"))
		},
	}
	c.Flags().IntVar(&f.port, "port", launch.DefaultPort, "first of the network's 21 ports; 0 takes free ones")
	c.Flags().StringVar(&f.orderers, "orderers", "raft", "how blocks are agreed on; bft is not for the SDK that gateways use")
	f.buildFlags(c)
	c.Flags().StringVar(&f.chaincode, "chaincode", "", "the program volens-chaincode (default: the one beside this program)")
	return c
}

func (f *networkFlags) buildFlags(c *cobra.Command) {
	c.Flags().StringVar(&f.bin, "bin", "", "folder with Fabric's commands (default: they are built into the user's cache)")
	c.Flags().StringVar(&f.tools, "tools", "", "folder of the module that pins Fabric's commands (default: "+launch.ToolsModule+" of the checkout around the working folder)")
}

func networkBuild(f *networkFlags) *cobra.Command {
	c := &cobra.Command{
		Use: "build", Short: "Build Fabric's commands unless they are, and print their folder", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := f.commands(c); err != nil {
				return err
			}
			return show(c, false, nil, f.bin)
		},
	}
	f.buildFlags(c)
	return c
}

// remembered takes programs from the network that is there, where no flag names others and they are not where they usually are.
func (f *networkFlags) remembered() error {
	n, err := f.open(nil)
	if err != nil || !n.Exists() {
		return err
	}
	bin, chaincode := n.Programs()
	if self, err := os.Executable(); f.chaincode == "" && (err != nil || !isProgram(filepath.Join(filepath.Dir(self), contract))) {
		f.chaincode = chaincode
	}
	if cache, err := launch.CacheDir(); f.bin == "" && (err != nil || !launch.Built(cache)) {
		f.bin = bin
	}
	return nil
}

// contract is the name of the chaincode program, which is beside this one.
const contract = "volens-chaincode"

// program finds the chaincode program.
func (f *networkFlags) program() error {
	if f.chaincode == "" {
		self, err := os.Executable()
		if err != nil {
			return fmt.Errorf("find volens-chaincode: %w", err)
		}
		f.chaincode = filepath.Join(filepath.Dir(self), contract)
	}
	abs, err := filepath.Abs(f.chaincode)
	if err != nil {
		return err
	}
	if f.chaincode = abs; !isProgram(abs) {
		return fmt.Errorf("there is no program %s: build it with \"make build\", or name it with --chaincode", abs)
	}
	return nil
}

// commands finds Fabric's commands, and builds them unless they are there.
func (f *networkFlags) commands(c *cobra.Command) (err error) {
	if f.bin == "" {
		if f.bin, err = launch.CacheDir(); err != nil {
			return err
		}
	} else if f.bin, err = filepath.Abs(f.bin); err != nil {
		return err
	}
	if launch.Built(f.bin) {
		return nil
	}
	return f.build(c)
}

func isProgram(path string) bool {
	st, err := os.Stat(path)
	return err == nil && st.Mode().IsRegular() && st.Mode()&0o111 != 0
}

func (f *networkFlags) build(c *cobra.Command) error {
	tools := f.tools
	if tools == "" {
		here, err := os.Getwd()
		if err != nil {
			return err
		}
		if tools, err = launch.FindTools(here); err != nil {
			return err
		}
	}
	out, began, said, last := c.ErrOrStderr(), time.Now(), time.Time{}, ""
	err := launch.Build(c.Context(), tools, f.bin, func(step string, done, total int) {
		if now := time.Now(); step != last || now.Sub(said) >= 2*time.Second {
			said, last = now, step
			_, _ = fmt.Fprintf(out, "%6.1f s  %s%s\n", now.Sub(began).Seconds(), step, share(done, total)) //nolint:errcheck // progress
		}
	})
	if err != nil {
		return fmt.Errorf("build Fabric's commands: %w", err)
	}
	return nil
}

func share(done, total int) string {
	switch {
	case done == 0:
		return ""
	case total == 0:
		return fmt.Sprintf(": %d", done)
	}
	return fmt.Sprintf(": %d of %d packages", done, total)
}

func networkDown(f *networkFlags) *cobra.Command {
	var remove bool
	c := &cobra.Command{
		Use: "down", Short: "Stop every process of the network; its data stays unless --remove", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.running()
			if err != nil {
				return err
			}
			if remove {
				return n.Remove(c.Context())
			}
			return n.Down(c.Context())
		},
	}
	c.Flags().BoolVar(&remove, "remove", false, "remove keys, certificates and ledger too")
	return c
}

// errNotUp is what status ends with when something does not run, so that scripts can ask.
var errNotUp = errors.New("the network is not up")

func networkStatus(f *networkFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use: "status", Short: "What runs, where, and how much memory it takes", Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			n, err := f.running()
			if err != nil {
				return err
			}
			ps := n.Status(c.Context())
			if err := show(c, asJSON, ps, statusTable(ps)); err != nil {
				return err
			}
			for _, p := range ps {
				if !p.Serves {
					return errNotUp
				}
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return c
}

func statusTable(ps []launch.Process) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) } //nolint:errcheck // into memory
	row("NAME\tADDRESS\tPROCESS\tSTATE\tMEMORY\n")
	for _, p := range ps {
		state := "down"
		switch {
		case p.Serves:
			state = "serves"
		case p.PID != 0:
			state = "runs, does not serve"
		}
		row("%s\t%s\t%d\t%s\t%d MiB\n", p.Name, p.Address, p.PID, state, p.Memory>>20)
	}
	_ = w.Flush() //nolint:errcheck // into memory
	return strings.TrimSuffix(b.String(), "\n")
}

func networkRenew(f *networkFlags) *cobra.Command {
	return &cobra.Command{
		Use: "renew ORGANISATION", Short: "New keys and certificates for an organisation's peer and users", Args: cobra.ExactArgs(1),
		Long: `Issue new keys and certificates for an organisation's peer, administrator and gateway, by the authorities that it has, and
restart the peer. Gateways take theirs at their next start. Certificates are valid for two years.`,
		RunE: func(c *cobra.Command, names []string) error {
			n, err := f.running()
			if err != nil {
				return err
			}
			return n.Renew(c.Context(), names[0])
		},
	}
}

func networkLogs(f *networkFlags) *cobra.Command {
	return &cobra.Command{
		Use: "logs [NAME...]", Short: "Print the logs of the network's processes",
		RunE: func(c *cobra.Command, names []string) error {
			n, err := f.running()
			if err != nil {
				return err
			}
			if len(names) == 0 {
				names = n.Names()
			}
			for _, name := range names {
				if err := printLog(c.OutOrStdout(), n, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

func printLog(out io.Writer, n *launch.Network, name string) error {
	path, err := n.Log(name)
	if err != nil {
		return cli.Usage("%s", err.Error())
	}
	if _, err := fmt.Fprintf(out, "== %s (%s)\n", name, path); err != nil {
		return err
	}
	log, err := os.Open(path) //nolint:gosec // a log of the network, found by its name
	if errors.Is(err, os.ErrNotExist) {
		return nil // never started
	}
	if err != nil {
		return err
	}
	defer log.Close() //nolint:errcheck // only read
	_, err = io.Copy(out, log)
	return err
}
