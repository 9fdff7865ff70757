package launch

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// FabricVersion is the Hyperledger Fabric that network/fabric/tools pins, as Fabric's own commands tell it.
const FabricVersion = "3.1.4"

// ToolsModule is the folder of the module that pins Fabric's commands, in a checkout of Volens.
const ToolsModule = "network/fabric/tools"

// commands are those of Fabric's that a network needs.
func commands() []string { return []string{"configtxgen", "orderer", "osnadmin", "peer"} }

// CacheDir is where Build puts Fabric's commands when nobody says where.
func CacheDir() (string, error) {
	d, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find a folder for Fabric's commands: %w", err)
	}
	return filepath.Join(d, "volens", "fabric-"+FabricVersion), nil
}

// Built reports whether every command is there.
func Built(bin string) bool {
	for _, c := range commands() {
		if st, err := os.Stat(filepath.Join(bin, c)); err != nil || st.Mode()&0o111 == 0 {
			return false
		}
	}
	return true
}

// FindTools looks for the tools module in a folder and those above it.
func FindTools(from string) (string, error) {
	for dir := from; ; dir = filepath.Dir(dir) {
		tools := filepath.Join(dir, filepath.FromSlash(ToolsModule))
		if _, err := os.Stat(filepath.Join(tools, "go.mod")); err == nil {
			return tools, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("there is no %s at %s or above it: run this in a checkout of Volens, or name a folder with Fabric's commands", ToolsModule, from)
		}
	}
}

// Build builds Fabric's commands from the module in tools into bin, and tells progress how far it is. It takes a few
// minutes and half a gigabyte of downloads the first time.
func Build(ctx context.Context, tools, bin string, progress func(step string, done, total int)) error {
	if err := os.MkdirAll(bin, 0o750); err != nil {
		return err
	}
	var packages []string
	for _, c := range commands() {
		packages = append(packages, "github.com/hyperledger/fabric/cmd/"+c)
	}
	modules, total, done := 0, 0, 0
	progress("looking for Fabric's modules", 0, 0)
	fetched := func(string) { modules++; progress("downloading Fabric's modules", modules, 0) }
	found := func(string) { total++ }
	if err := goCommand(ctx, tools, found, fetched, append([]string{"list", "-deps"}, packages...)...); err != nil {
		return err
	}
	progress("building Fabric's commands", 0, total)
	compiled := func(string) { done++; progress("building Fabric's commands", done, total) }
	// Into a folder beside bin first: a build that is cut off must not look like one that is done.
	staging, err := os.MkdirTemp(filepath.Dir(bin), "fabric-build-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(staging) //nolint:errcheck // what is left of it is harmless
	args := append([]string{
		"build", "-v", "-trimpath", "-ldflags", "-s -w -X github.com/hyperledger/fabric/common/metadata.Version=" + FabricVersion, "-o", staging + "/",
	}, packages...)
	if err := goCommand(ctx, tools, func(string) {}, compiled, args...); err != nil {
		return err
	}
	for _, c := range commands() {
		if err := os.Rename(filepath.Join(staging, c), filepath.Join(bin, c)); err != nil {
			return err
		}
	}
	return nil
}

// goCommand runs the go command and gives each line of its output to out and each line of its error output to errs.
func goCommand(ctx context.Context, dir string, out, errs func(string), args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false -mod=readonly", "GOWORK=off")
	var last []string
	stderr := &lines{to: func(line string) {
		errs(line)
		last = append(last, line)
		last = last[max(0, len(last)-20):]
	}}
	cmd.Stdout, cmd.Stderr = &lines{to: out}, stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("go %s in %s: %w\n%s", args[0], dir, err, strings.Join(last, "\n"))
	}
	return nil
}

// lines is a writer that passes whole lines on.
type lines struct {
	to   func(string)
	rest []byte
}

// Write implements io.Writer.
func (l *lines) Write(b []byte) (int, error) {
	l.rest = append(l.rest, b...)
	for {
		line, rest, whole := bytes.Cut(l.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		l.to(string(line))
		l.rest = rest
	}
}
