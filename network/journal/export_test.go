package journal

import (
	"slices"
)

// Commits is the number of anchors written since the journal was made.
func Commits(l *Log) uint64 {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	return l.anchor.seq
}

// Disk, File and the parsers, for the tests outside.
type (
	Disk = disk
	File = file
)

// OnDisk gives cfg another disk.
func OnDisk(cfg Config, d Disk) Config {
	cfg.disk = d
	return cfg
}

// OSDisk is the real one.
func OSDisk() Disk { return osDisk{} }

func AppendRecord(b []byte, i int64, r Record) []byte { return appendRecord(b, i, r, payloadSum(r)) }

func ParseRecord(b []byte, i int64) (Record, int64, error) { return parseRecord(b, i) }

func ParseHeader(b []byte, origin string) (int64, error) { return parseHeader(b, origin) }

func FormatHeader(origin string, first int64) []byte { return formatHeader(origin, first) }

// ReformatFooter parses b as the file end of a segment and formats what it read.
func ReformatFooter(b []byte) ([]byte, error) {
	f, err := parseTrailer(b, int64(len(b)))
	if err != nil {
		return nil, err
	}
	if f, err = parseFooter(b[f.end:], f); err != nil {
		return nil, err
	}
	return append(slices.Clone(b[:f.end]), formatFooter(f)...), nil
}

func SampleFooter(body int) []byte {
	f := footer{first: 5, count: 2, end: int64(body), offsets: []uint32{64, 80}}
	for range 7 {
		f.tree.graft(0, f.tree.root(), nil)
	}
	return append(make([]byte, body), formatFooter(f)...)
}

// ReformatSlot parses an anchor slot and formats what it read.
func ReformatSlot(b []byte) ([]byte, error) {
	seq, msg, err := parseSlot(b)
	if err != nil {
		return nil, err
	}
	out := make([]byte, slotSize)
	copy(out[copy(out, slotLine(seq, msg)):], msg)
	return out, nil
}

func FormatSlot(seq uint64, msg []byte) []byte {
	out := make([]byte, slotSize)
	copy(out[copy(out, slotLine(seq, msg)):], msg)
	return out
}

func CheckpointText(c Checkpoint, origin string) (string, error) {
	return checkpointText(origin, c.Size, c.Root, c.Extension)
}

func ParseCheckpointText(s, origin string) (Checkpoint, error) { return parseCheckpointText(s, origin) }
