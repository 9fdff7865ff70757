package journal

import (
	"errors"
	"fmt"
)

// Refusals. Compare with errors.Is: the returned errors say more.
var (
	// ErrMissing means that there is no journal here: no anchor, or no data folder. Only Init makes one.
	ErrMissing = errors.New("journal is missing")
	// ErrExists means that Init or Restore found something where the new journal should go.
	ErrExists = errors.New("journal exists already")
	// ErrForeign means that the segments or the anchor belong to another ledger or another key.
	ErrForeign = errors.New("journal belongs to another ledger")
	// ErrShorter means that the folder holds fewer records than the anchor has promised: a rollback or a lost tail.
	ErrShorter = errors.New("journal is shorter than its anchor")
	// ErrLocked means that another process has the journal open.
	ErrLocked = errors.New("journal is open in another process")
	// ErrFull means that the record was refused for want of disk space. Nothing was written.
	ErrFull = errors.New("journal disk is full")
	// ErrFenced means that a write or sync went wrong earlier. The outcome of the record is unknown until the journal is
	// reopened, and nothing will be acknowledged until then.
	ErrFenced = errors.New("journal is fenced")
	// ErrNotFound means that no durable record, tile or tree of that number exists.
	ErrNotFound = errors.New("no such record")
	// ErrTooLarge means that the leaf or the attachment is over its limit, or that the record does not fit a segment.
	ErrTooLarge = errors.New("record is too large")
	// ErrClosed means that the Log was closed.
	ErrClosed = errors.New("journal is closed")
	// ErrCorrupt is what every CorruptError is.
	ErrCorrupt = errors.New("journal is corrupt")
)

// CorruptError names the first bad position that was met.
type CorruptError struct {
	Index  int64  // record number; for a header or footer the first record it speaks of; -1 when no record can be named
	File   string // the segment file's name, or the anchor's path
	Offset int64  // byte offset in File
	Reason string
	Cause  error // a more specific sentinel such as ErrShorter, or nil
}

// Error implements error.
func (e *CorruptError) Error() string {
	return fmt.Sprintf("%v: record %d, file %s, byte %d: %s", ErrCorrupt, e.Index, e.File, e.Offset, e.Reason)
}

// Unwrap lets errors.Is find ErrCorrupt and the cause.
func (e *CorruptError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.Cause}
}
