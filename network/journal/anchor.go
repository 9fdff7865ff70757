package journal

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// The anchor is one file of two slots, written in turn. A commit costs one pwrite and one fdatasync: no rename, no
// folder sync, no metadata, because the file never changes its size. A write that is torn by a power cut spoils only the
// slot being written; the other still holds the commit before, and the records of the torn one are above it, where
// Open keeps a whole tail. A slot is text, so `cat` shows the signed note.
const (
	slotSize     = 4096
	anchorPrefix = "volens-anchor 1"
	anchorLine   = len(anchorPrefix) + 1 + 20 + 1 + 4 + 1 + 8 + 1
	maxNote      = slotSize - anchorLine
)

var errSlot = errors.New("not an anchor slot")

// anchor is the open anchor file.
type anchor struct {
	f   file
	seq uint64 // of the newest slot
	buf [slotSize]byte
}

// slotLine is a slot's first line: sequence number, length of the note, and checksum over both and the note.
func slotLine(seq uint64, msg []byte) string {
	s := fmt.Sprintf("%s %020d %04d", anchorPrefix, seq, len(msg))
	c := crc32.Update(crc32.Checksum([]byte(s), castagnoli), castagnoli, msg)
	return fmt.Sprintf("%s %08x\n", s, c)
}

// parseSlot returns a slot's sequence number and note.
func parseSlot(b []byte) (uint64, []byte, error) {
	if len(b) != slotSize {
		return 0, nil, errSlot
	}
	var seq uint64
	var n int
	if _, err := fmt.Sscanf(string(b[len(anchorPrefix):anchorLine]), "%d %d", &seq, &n); err != nil || n < 0 || n > maxNote {
		return 0, nil, errSlot
	}
	msg := b[anchorLine : anchorLine+n]
	if string(b[:anchorLine]) != slotLine(seq, msg) || strings.Trim(string(b[anchorLine+n:]), "\x00") != "" {
		return 0, nil, errSlot
	}
	return seq, msg, nil
}

// newest reads both slots and returns the later sound one.
func (a *anchor) newest(path string) ([]byte, error) {
	var best []byte
	for i := range int64(2) {
		b := make([]byte, slotSize)
		if _, err := a.f.ReadAt(b, i*slotSize); err != nil {
			continue // a short file: the slot is not there, and the other decides
		}
		seq, msg, err := parseSlot(b)
		if err == nil && seq%2 == uint64(i) && (best == nil || seq > a.seq) { //nolint:gosec // 0 or 1
			a.seq, best = seq, msg
		}
	}
	if best == nil {
		return nil, &CorruptError{Index: -1, File: path, Reason: "neither anchor slot is sound"}
	}
	return best, nil
}

// write puts msg in the older slot and syncs it.
func (a *anchor) write(msg []byte) error {
	if len(msg) > maxNote {
		return fmt.Errorf("checkpoint of %d bytes does not fit the anchor: %w", len(msg), ErrTooLarge)
	}
	seq := a.seq + 1
	clear(a.buf[:])
	copy(a.buf[copy(a.buf[:], slotLine(seq, msg)):], msg)
	if _, err := a.f.WriteAt(a.buf[:], int64(seq%2)*slotSize); err != nil { //nolint:gosec // 0 or 1
		return fmt.Errorf("write anchor: %w", err)
	}
	if err := a.f.Datasync(); err != nil {
		return fmt.Errorf("sync anchor: %w", err)
	}
	a.seq = seq
	return nil
}

// createAnchor makes the anchor file with its first note, whole or not at all.
func createAnchor(d disk, path string, msg []byte) (err error) {
	tmp := path + ".new"
	f, err := d.Open(tmp, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return fmt.Errorf("create anchor: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := f.Reserve(2 * slotSize); err != nil {
		return fmt.Errorf("reserve anchor: %w", err)
	}
	if err := (&anchor{f: f}).write(msg); err != nil {
		return err
	}
	if err := d.Rename(tmp, path); err != nil {
		return fmt.Errorf("create anchor: %w", err)
	}
	return d.SyncDir(filepath.Dir(path))
}

// ReadAnchor returns the newest checkpoint that the anchor holds, signature and origin checked, whether or not the journal
// is open. It says nothing of the records. It needs no Signer.
func ReadAnchor(cfg Config) (Checkpoint, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return Checkpoint{}, err
	}
	a, cp, err := openAnchor(cfg, os.O_RDONLY)
	if err != nil {
		return Checkpoint{}, err
	}
	return cp, a.f.Close()
}

// openAnchor opens the anchor and returns its checkpoint, signature and origin checked. Without a file it is ErrMissing.
func openAnchor(cfg Config, flag int) (*anchor, Checkpoint, error) {
	f, err := cfg.disk.Open(cfg.AnchorPath, flag)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, Checkpoint{}, fmt.Errorf("open anchor %s: %w", cfg.AnchorPath, ErrMissing)
	}
	if err != nil {
		return nil, Checkpoint{}, fmt.Errorf("open anchor: %w", err)
	}
	a := &anchor{f: f}
	msg, err := a.newest(cfg.AnchorPath)
	if err == nil {
		var cp Checkpoint
		if cp, err = OpenCheckpoint(msg, cfg.Origin, cfg.Verifier); err == nil {
			return a, cp, nil
		}
	}
	return nil, Checkpoint{}, errors.Join(fmt.Errorf("read anchor %s: %w", cfg.AnchorPath, err), f.Close())
}
