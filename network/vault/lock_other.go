//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package vault

import "os"

// lockFile only holds the file open here: this system has no lock that goes with the process. Take care to start one.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) //nolint:gosec // the operator names the path
}
