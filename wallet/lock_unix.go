//go:build unix

package wallet

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lockFile takes the lock beside the wallet, which the kernel drops when the process ends, however it ends. The lock has
// its own file because saving replaces the wallet's.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the wallet's own path
	if err != nil {
		return nil, fmt.Errorf("lock the wallet: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		err = errors.Join(err, f.Close())
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, ErrLocked
		}
		return nil, fmt.Errorf("lock the wallet: %w", err)
	}
	return f, nil
}

// syncFolder makes a rename durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir) //nolint:gosec // the folder of the wallet's own path
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
