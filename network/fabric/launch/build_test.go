package launch_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// The module that pins Fabric's commands is found from anywhere in the checkout, and nowhere else.
func TestFindTools(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := launch.FindTools(here)
	if err != nil || !strings.HasSuffix(filepath.ToSlash(tools), launch.ToolsModule) {
		t.Fatalf("%q, %v", tools, err)
	}
	if tools, err := launch.FindTools(t.TempDir()); err == nil {
		t.Fatalf("found %s", tools)
	}
}

// A build that fails says why, and leaves nothing that looks like a build.
func TestBuildFails(t *testing.T) {
	tools, bin := t.TempDir(), filepath.Join(t.TempDir(), "bin")
	if err := os.WriteFile(filepath.Join(tools, "go.mod"), []byte("module x\n\ngo 1.26\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := launch.Build(launchtest.Context(t), tools, bin, func(string, int, int) {})
	if err == nil || !strings.Contains(err.Error(), "hyperledger/fabric") {
		t.Fatalf("%v", err)
	}
	if launch.Built(bin) {
		t.Fatal("a build that failed looks done")
	}
}
