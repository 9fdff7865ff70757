//go:build unix

package uses

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes a lock that the system gives back when the process ends. Closing the file unlocks.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the path
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("%s is open in another process: %w", path, errors.Join(err, f.Close()))
	}
	return f, nil
}
