//go:build unix

package launch

import (
	"os/exec"
	"syscall"
)

// detach gives a process a session of its own, so that it survives the terminal that started it.
func detach(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} }
