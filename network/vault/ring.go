package vault

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

const (
	ringMagic   = "volens ring v1\n\x00"
	headerSize  = 80
	frameHeader = 12
	frameTarget = 64 << 10 // payload of a snapshot's frames
	frameMax    = 1 << 20  // payload of any frame
	sectorSize  = 512      // what a disk writes whole or not at all
)

// A header opens a ring file.
type header struct {
	vault   [16]byte
	epoch   uint64
	entries uint64 // records of the snapshot; what follows them is the append log
	check   keyCheck
}

func (h header) bytes() []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, ringMagic...)
	b = append(b, h.vault[:]...)
	b = binary.BigEndian.AppendUint64(b, h.epoch)
	b = binary.BigEndian.AppendUint64(b, h.entries)
	b = append(b, h.check[:]...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

func parseHeader(b []byte) (h header, ok bool) {
	if len(b) != headerSize || !bytes.HasPrefix(b, []byte(ringMagic)) ||
		crc32.Checksum(b[:headerSize-4], castagnoli) != binary.BigEndian.Uint32(b[headerSize-4:]) {
		return header{}, false
	}
	copy(h.vault[:], b[16:])
	h.epoch = binary.BigEndian.Uint64(b[32:])
	h.entries = binary.BigEndian.Uint64(b[40:])
	copy(h.check[:], b[48:])
	return h, true
}

// salt ties every frame to its ring, so that a block of another ring in the same place is not taken for one of this.
func (h header) salt() uint32 { return binary.BigEndian.Uint32(h.bytes()[headerSize-4:]) }

// appendFrame appends a frame that will stand at offset off of the ring with that salt.
func appendFrame(dst []byte, salt uint32, off int64, payload []byte) []byte {
	h := len(dst)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(payload))) //nolint:gosec // at most frameMax
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(payload, castagnoli))
	dst = binary.BigEndian.AppendUint32(dst, frameSum(dst[h:], salt, off))
	return append(dst, payload...)
}

// frameSum covers the frame's ring, its place, its length and, through its checksum, its payload.
func frameSum(head []byte, salt uint32, off int64) uint32 {
	var b [20]byte
	binary.BigEndian.PutUint32(b[:], salt)
	binary.BigEndian.PutUint64(b[4:], uint64(off)) //nolint:gosec // offsets are not negative
	copy(b[12:], head[:8])
	return crc32.Checksum(b[:], castagnoli)
}

// A scanner reads a ring from its start. All that is not exactly what was written is a DamageError, but for one case:
// a last frame of the append log that the disk never got whole, and that therefore nobody was told is durable.
type scanner struct {
	name string
	r    *bufio.Reader
	size int64

	header header
	salt   uint32
	off    int64  // end of the sound part
	seen   uint64 // records so far
	ended  bool   // met the end record of a backup
	buf    []byte
}

func newScanner(name string, r io.Reader, size int64) (*scanner, error) {
	s := &scanner{name: name, r: bufio.NewReaderSize(r, 256<<10), size: size, buf: make([]byte, headerSize, frameHeader+frameTarget)}
	if _, err := io.ReadFull(s.r, s.buf); err != nil {
		return nil, s.shortRead(err, "header is cut short")
	}
	h, ok := parseHeader(s.buf)
	if !ok {
		return nil, s.damage("header does not match its checksum")
	}
	s.header, s.salt, s.off = h, h.salt(), headerSize
	return s, nil
}

func (s *scanner) damage(what string) error {
	return &DamageError{File: s.name, Offset: s.off, What: what}
}

// shortRead tells the end of the file from a disk that cannot be read.
func (s *scanner) shortRead(err error, what string) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return s.damage(what)
	}
	return fmt.Errorf("read %s at byte %d: %w", s.name, s.off, err)
}

// inLog says that the snapshot is behind us.
func (s *scanner) inLog() bool { return s.seen >= s.header.entries }

// scan hands every record to visit, in order, and stops at visit's first complaint. When it returns nil, s.off is
// where the next frame goes; anything behind it is a torn write.
func (s *scanner) scan(visit func(record) error) error {
	for s.off < s.size {
		payload, err := s.frame()
		if err != nil {
			return err
		}
		if payload == nil {
			return nil
		}
		if err := s.records(payload, visit); err != nil {
			return err
		}
		s.off += frameHeader + int64(len(payload))
	}
	if !s.inLog() {
		return s.damage(fmt.Sprintf("snapshot ends after %d of %d records", s.seen, s.header.entries))
	}
	return nil
}

func (s *scanner) records(payload []byte, visit func(record) error) error {
	for len(payload) > 0 {
		r, n := cutRecord(payload)
		if n == 0 || s.ended {
			return s.damage("not a record")
		}
		payload = payload[n:]
		if r.kind == kindEnd {
			if s.ended = true; r.seconds != s.off || !s.inLog() {
				return s.damage("end of backup in the wrong place")
			}
			continue
		}
		if err := visit(r); err != nil {
			return s.damage(err.Error())
		}
		s.seen++
	}
	return nil
}

// frame returns the payload of the frame at s.off, nil for a torn last one.
func (s *scanner) frame() ([]byte, error) {
	head := s.take(frameHeader)
	if _, err := io.ReadFull(s.r, head); err != nil {
		return s.torn(err, "frame header is cut short")
	}
	if frameSum(head, s.salt, s.off) != binary.BigEndian.Uint32(head[8:]) {
		return s.unreadable(head)
	}
	length := binary.BigEndian.Uint32(head)
	if length == 0 || length > frameMax {
		return nil, s.damage("frame of an impossible length")
	}
	sum := binary.BigEndian.Uint32(head[4:])
	frame := s.take(frameHeader + int(length))
	if _, err := io.ReadFull(s.r, frame[frameHeader:]); err != nil {
		return s.torn(err, "frame is cut short")
	}
	if crc32.Checksum(frame[frameHeader:], castagnoli) != sum {
		if s.off+int64(len(frame)) == s.size && s.inLog() && hasHole(frame, s.off) {
			return nil, nil
		}
		return nil, s.damage("frame does not match its checksum")
	}
	return frame[frameHeader:], nil
}

// take returns n bytes of the buffer, keeping what stands at its front.
func (s *scanner) take(n int) []byte {
	if n > cap(s.buf) {
		s.buf = append(make([]byte, 0, n), s.buf[:frameHeader]...)
	}
	s.buf = s.buf[:n]
	return s.buf
}

// torn judges a frame that the end of the file cuts off: in the log that is a write that never finished.
func (s *scanner) torn(err error, what string) ([]byte, error) {
	err = s.shortRead(err, what)
	if errors.Is(err, ErrCorrupt) && s.inLog() {
		return nil, nil
	}
	return nil, err
}

// unreadable judges a frame whose header is wrong. It was torn only if it is the last one, as long as a frame at most,
// and holds a sector that the disk never got. A flipped bit makes no such hole.
func (s *scanner) unreadable(head []byte) ([]byte, error) {
	bad := s.damage("frame header does not match its checksum")
	if rest := s.size - s.off; !s.inLog() || rest > frameHeader+frameMax {
		return nil, bad
	}
	rest, err := io.ReadAll(s.r)
	if err != nil {
		return nil, s.shortRead(err, "")
	}
	if hasHole(append(bytes.Clone(head), rest...), s.off) {
		return nil, nil
	}
	return nil, bad
}

// hasHole says whether some sector's share of b, which stands at off, is all zeros. Sixteen zeros in a row do not
// occur in a sound frame; shorter shares do not count.
func hasHole(b []byte, off int64) bool {
	const least = 16
	for len(b) > 0 {
		share := min(len(b), sectorSize-int(off%sectorSize))
		if share >= least && len(bytes.TrimLeft(b[:share], "\x00")) == 0 {
			return true
		}
		b, off = b[share:], off+int64(share)
	}
	return false
}
