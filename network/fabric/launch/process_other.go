//go:build !unix

package launch

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

// Fabric's peers and orderers run on Unix only. Here the package builds, and says so when it is asked to do anything.

const (
	terminate = syscall.SIGTERM
	pause     = syscall.SIGTERM
	resume    = syscall.SIGTERM
)

func detach(*exec.Cmd) {}

func alive(int) bool { return false }

func send(int, os.Signal) error { return errors.ErrUnsupported }
