package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/volens-ledger/volens/cmd/volens/demo"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/wallet/cli"
)

// fabricProfile reads what --ledger and --profile say; nil for the embedded ledger.
func fabricProfile(ledger, path string) (*fabric.Profile, error) {
	switch {
	case ledger == "embedded" && path == "":
		return nil, nil
	case ledger == "embedded":
		return nil, cli.Usage("--profile goes with --ledger fabric")
	case ledger != "fabric":
		return nil, cli.Usage("--ledger is embedded or fabric")
	case path == "":
		return nil, cli.Usage("--ledger fabric needs --profile")
	}
	p, err := fabric.ReadProfile(path)
	return &p, err
}

// demoFabric is the profile of a demo's world. Each world has a ledger of its own on the network, under a name that its
// folder remembers: a channel keeps what was ever put on it.
func demoFabric(ctx context.Context, cfg *demo.Config, ledger, path string) (*fabric.Profile, error) {
	if ledger != "fabric" {
		return fabricProfile(ledger, path)
	}
	n, err := (&networkFlags{dir: networkOf(path)}).running()
	if err != nil {
		return nil, err
	}
	if path == "" {
		path = n.Profile("hospital")
	}
	p, err := fabricProfile(ledger, path)
	if err != nil {
		return nil, err
	}
	if p.Chaincode, err = demoLedger(ctx, n, cfg.Dir); err != nil {
		return nil, fmt.Errorf("agree on a ledger for the demo: %w", err)
	}
	return p, nil
}

// networkOf is the folder of the network that a profile is of, "" for the usual one.
func networkOf(profile string) string {
	if profile == "" {
		return ""
	}
	return filepath.Dir(filepath.Dir(profile))
}

// demoLedger is the name of the ledger that a world in dir has, a new one for a new world.
func demoLedger(ctx context.Context, n *launch.Network, dir string) (string, error) {
	path := filepath.Join(dir, "chaincode")
	if dir != "" {
		b, err := os.ReadFile(path) //nolint:gosec // the operator names the folder
		if err == nil {
			return strings.TrimSpace(string(b)), nil
		}
		if !errors.Is(err, os.ErrNotExist) {
			return "", err
		}
	}
	var random [6]byte
	_, _ = rand.Read(random[:]) //nolint:errcheck // never fails (crypto/rand)
	name := "demo" + hex.EncodeToString(random[:])
	return name, n.Deploy(ctx, name)
}
