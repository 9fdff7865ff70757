package journal

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checkpoint is a signed statement of what the journal holds: a C2SP tlog-checkpoint.
type Checkpoint struct {
	Size      int64     // records
	Root      tlog.Hash // RFC 6962 tree hash of the first Size leaves
	Note      []byte    // the signed note: origin, size, root, extension lines, signature. Read only.
	Extension []string  // lines after the root. Read only.
}

var errNotCheckpoint = errors.New("not a checkpoint")

// checkpointText is the part of the note that is signed.
func checkpointText(origin string, size int64, root tlog.Hash, extension []string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
	for _, line := range extension {
		if line == "" || strings.Contains(line, "\n") {
			return "", fmt.Errorf("extension line %q: %w", line, errNotCheckpoint)
		}
		b.WriteString(line)
		b.WriteByte('\n')
	}
	return b.String(), nil
}

// parseCheckpointText is the strict inverse of checkpointText.
func parseCheckpointText(text, origin string) (Checkpoint, error) {
	body, ok := strings.CutSuffix(text, "\n")
	lines := strings.Split(body, "\n")
	if !ok || len(lines) < 3 {
		return Checkpoint{}, errNotCheckpoint
	}
	if lines[0] != origin {
		return Checkpoint{}, fmt.Errorf("checkpoint of %q, want %q: %w", lines[0], origin, ErrForeign)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Checkpoint{}, fmt.Errorf("size %q: %w", lines[1], errNotCheckpoint)
	}
	root, err := base64.StdEncoding.Strict().DecodeString(lines[2])
	if err != nil || len(root) != tlog.HashSize {
		return Checkpoint{}, fmt.Errorf("root %q: %w", lines[2], errNotCheckpoint)
	}
	cp := Checkpoint{Size: size, Root: tlog.Hash(root)}
	for _, line := range lines[3:] {
		if line == "" {
			return Checkpoint{}, fmt.Errorf("empty extension line: %w", errNotCheckpoint)
		}
		cp.Extension = append(cp.Extension, line)
	}
	return cp, nil
}

// signCheckpoint signs what the journal holds.
func signCheckpoint(cfg Config, size int64, root tlog.Hash, extension []string) (Checkpoint, error) {
	text, err := checkpointText(cfg.Origin, size, root, extension)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("format checkpoint: %w", err)
	}
	msg, err := note.Sign(&note.Note{Text: text}, cfg.Signer)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("sign checkpoint: %w", err)
	}
	return Checkpoint{Size: size, Root: root, Note: msg, Extension: extension}, nil
}

// OpenCheckpoint checks a signed checkpoint of origin by v and returns its content. Another origin or another key is
// ErrForeign. It is what a reader of the journal uses before trusting a root.
func OpenCheckpoint(msg []byte, origin string, v note.Verifier) (Checkpoint, error) {
	n, err := note.Open(msg, note.VerifierList(v))
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w: %w", ErrForeign, err)
	}
	cp, err := parseCheckpointText(n.Text, origin)
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	cp.Note = append([]byte(nil), msg...)
	return cp, nil
}
