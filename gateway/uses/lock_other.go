//go:build !unix

package uses

import "os"

// lockFile has no lock to take here: Badger and the journal have their own.
func lockFile(path string) (*os.File, error) { return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) }
