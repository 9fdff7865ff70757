package vault

import (
	"errors"
	"fmt"
)

var (
	// ErrErased says that the subject's key was dropped: what it sealed can be opened by nobody, and nothing more is
	// sealed for that subject, ever.
	ErrErased = errors.New("subject is erased")
	// ErrUnknown says that the vault never had a key for the subject.
	ErrUnknown = errors.New("no key for this subject")
	// ErrCorrupt says that bytes are not what the vault wrote: a sealed value that does not authenticate under the
	// subject's key and the caller's additional data, or a damaged file (then the error is a [*DamageError]).
	ErrCorrupt = errors.New("corrupt")
	// ErrFenced says that a write to disk failed. Its outcome is unknown, so the vault seals, erases and rotates no
	// more until it is opened again; it still opens sealed values.
	ErrFenced = errors.New("vault is fenced after a failed write")
	// ErrNoEpochKey says that the keeper does not have the epoch key.
	ErrNoEpochKey = errors.New("no epoch key")
	// ErrNoVault says that the folder holds no vault. Only [Init] makes one.
	ErrNoVault = errors.New("no vault in this folder")
	// ErrExists says that Init, Restore or a keeper would overwrite something.
	ErrExists = errors.New("already exists")
	// ErrInUse says that another process has the vault, or its epoch key, open.
	ErrInUse = errors.New("in use by another process")
	// ErrClosed says that the vault was closed.
	ErrClosed = errors.New("vault is closed")
)

// A DamageError names the first bad place of a file. It is an [ErrCorrupt].
type DamageError struct {
	File   string
	Offset int64
	What   string
}

func (e *DamageError) Error() string {
	return fmt.Sprintf("%s is damaged at byte %d: %s", e.File, e.Offset, e.What)
}

// Is makes every DamageError an ErrCorrupt.
func (e *DamageError) Is(target error) bool { return target == ErrCorrupt }
