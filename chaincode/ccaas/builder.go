package ccaas

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// PackageType is the type of a chaincode package that only says where the chaincode's server is.
const PackageType = "ccaas"

// connection is the file in which it says so.
const connection = "connection.json"

// isBuilderStep reports whether a program was called by one of the names that a peer calls its external builder.
func isBuilderStep(name string) bool {
	return slices.Contains([]string{"detect", "build", "release"}, name)
}

// BuilderStep is one step of Fabric's external builder for chaincode that already runs: detect recognises the package by
// its type, build and release pass the server's address on. With no run step the peer connects to that address.
func BuilderStep(step string, args []string) error {
	need := map[string]int{"detect": 2, "build": 3, "release": 2}[step]
	if len(args) != need || need == 0 {
		return fmt.Errorf("%s takes %d folders", step, need)
	}
	switch step {
	case "detect":
		return detect(args[1])
	case "build":
		return pass(filepath.Join(args[0], connection), filepath.Join(args[2], connection))
	}
	return pass(filepath.Join(args[0], connection), filepath.Join(args[1], "chaincode", "server", connection))
}

func detect(folder string) error {
	b, err := os.ReadFile(filepath.Join(folder, "metadata.json")) //nolint:gosec // the peer names the folder
	if err != nil {
		return err
	}
	var m struct{ Type string }
	if err := json.Unmarshal(b, &m); err != nil {
		return fmt.Errorf("read metadata.json: %w", err)
	}
	if m.Type != PackageType {
		return errors.New("not a package of a chaincode service")
	}
	return nil
}

func pass(from, to string) error {
	b, err := os.ReadFile(from) //nolint:gosec // the peer names the folder
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o750); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}
