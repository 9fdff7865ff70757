//go:build unix && !linux

package journal

// Datasync is a full sync where fdatasync is not at hand.
func (f osFile) Datasync() error { return f.Sync() }

func (f osFile) allocate(int64) error { return nil }
