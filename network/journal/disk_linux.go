package journal

import "golang.org/x/sys/unix"

// Datasync is fdatasync(2).
func (f osFile) Datasync() error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); err != unix.EINTR { //nolint:errorlint,gosec // a bare errno; a descriptor fits
			return err
		}
	}
}

func (f osFile) allocate(size int64) error {
	err := unix.Fallocate(int(f.Fd()), 0, 0, size) //nolint:gosec // a descriptor fits
	if err == unix.EOPNOTSUPP {                    //nolint:errorlint // a bare errno
		return nil
	}
	return err
}
