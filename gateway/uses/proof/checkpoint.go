package proof

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// ErrRefused is what every failed check is. The message says which claim does not hold.
var ErrRefused = errors.New("proof refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %w", ErrRefused, fmt.Errorf(format, args...))
}

// Log is what a checker knows of a use log beforehand: its name and its key, pinned at enrolment.
type Log struct {
	Origin   string
	Verifier note.Verifier
}

// Checkpoint is what a use log has signed.
type Checkpoint struct {
	Size      int64 // uses
	Root      consent.Hash
	Slots     int64 // size of the slot tree
	SlotsRoot consent.Hash
}

const slotsWord = "slots "

// SlotsLine formats the extension line of a checkpoint.
func SlotsLine(size int64, root consent.Hash) string {
	return slotsWord + strconv.FormatInt(size, 10) + " " + base64.StdEncoding.EncodeToString(root[:])
}

// Open checks a signed checkpoint's origin and signature and returns what it says. It must have one line of slots and no
// other extension.
func (l Log) Open(msg []byte) (Checkpoint, error) {
	n, err := note.Open(msg, note.VerifierList(l.Verifier))
	if err != nil {
		return Checkpoint{}, refuse("checkpoint: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 5 || lines[4] != "" {
		return Checkpoint{}, refuse("checkpoint: not origin, size, root and slots")
	}
	if lines[0] != l.Origin {
		return Checkpoint{}, refuse("checkpoint of %q, want %q", lines[0], l.Origin)
	}
	var cp Checkpoint
	if cp.Size, cp.Root, err = parseTree(lines[1], lines[2]); err != nil {
		return Checkpoint{}, err
	}
	cp.Slots, cp.SlotsRoot, err = ParseSlotsLine(lines[3])
	return cp, err
}

// ParseSlotsLine is the strict inverse of SlotsLine.
func ParseSlotsLine(line string) (size int64, root consent.Hash, err error) {
	rest, ok := strings.CutPrefix(line, slotsWord)
	first, second, found := strings.Cut(rest, " ")
	if !ok || !found {
		return 0, root, refuse("checkpoint: %q is not a line of slots", line)
	}
	size, root, err = parseTree(first, second)
	if err == nil && size > MaxSlots {
		err = refuse("checkpoint: %d slots", size)
	}
	return size, root, err
}

func parseTree(size, root string) (int64, consent.Hash, error) {
	n, err := strconv.ParseInt(size, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != size {
		return 0, consent.Hash{}, refuse("checkpoint: size %q", size)
	}
	b, err := base64.StdEncoding.Strict().DecodeString(root)
	if err != nil || len(b) != tlog.HashSize || base64.StdEncoding.EncodeToString(b) != root {
		return 0, consent.Hash{}, refuse("checkpoint: root %q", root)
	}
	return n, consent.Hash(b), nil
}
