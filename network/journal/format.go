package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

const (
	// MaxLeaf is the longest leaf in bytes: C2SP tlog-tiles prefixes an entry with a 16-bit length.
	MaxLeaf = 1<<16 - 1
	// MaxAttachment is the longest attachment in bytes.
	MaxAttachment = 16 << 20

	headerSize   = 64
	recordHeader = 12
	trailerSize  = 8 + 8 + 8 + 4 + 8
	footerMark   = 0xFFFFFFFF // stands where a record's length would, so a scan knows that the records end here
	formatV1     = 1
)

const (
	headerMagic = "volens-j"
	footerMagic = "volens-f"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Reasons a parser gives. They become CorruptError.Reason, or the sign of a torn tail.
var (
	errEnd       = errors.New("the records end here")
	errFooter    = errors.New("a footer starts here")
	errCut       = errors.New("the record runs past the end")
	errLength    = errors.New("impossible length")
	errChecksum  = errors.New("checksum differs")
	errBadHeader = errors.New("not a segment header")
	errBadFooter = errors.New("not a segment footer")
)

// recordSize is the number of bytes rec takes in a segment.
func recordSize(rec Record) int64 {
	return recordHeader + int64(len(rec.Leaf)) + int64(len(rec.Attachment))
}

// payloadSum is the part of a record's checksum that does not depend on its index: it is computed before the index is
// assigned, outside the queue's lock.
func payloadSum(rec Record) uint32 {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(rec.Leaf))) //nolint:gosec // bounded by MaxLeaf
	c := crc32.Update(0, castagnoli, n[:])
	c = crc32.Update(c, castagnoli, rec.Leaf)
	return crc32.Update(c, castagnoli, rec.Attachment)
}

// recordSum completes payloadSum with the record's place, so that a whole record in the wrong place is not valid.
func recordSum(payload uint32, index int64, length uint32) uint32 {
	var b [12]byte
	binary.BigEndian.PutUint64(b[:], uint64(index)) //nolint:gosec // indexes are not negative
	binary.BigEndian.PutUint32(b[8:], length)
	return crc32.Update(payload, castagnoli, b[:])
}

// appendRecord encodes rec as record number index; payload is its payloadSum.
func appendRecord(buf []byte, index int64, rec Record, payload uint32) []byte {
	length := uint32(4 + len(rec.Leaf) + len(rec.Attachment)) //nolint:gosec // bounded by MaxLeaf and MaxAttachment
	buf = binary.BigEndian.AppendUint32(buf, length)
	buf = binary.BigEndian.AppendUint32(buf, recordSum(payload, index, length))
	buf = binary.BigEndian.AppendUint32(buf, uint32(len(rec.Leaf))) //nolint:gosec // bounded by MaxLeaf
	buf = append(buf, rec.Leaf...)
	return append(buf, rec.Attachment...)
}

// frameSize reads how many bytes the record at the start of b takes, trusting its length field only within its limits.
func frameSize(b []byte) (int64, error) {
	if len(b) < 4 {
		return 0, errCut
	}
	n := binary.BigEndian.Uint32(b)
	switch {
	case n == 0:
		return 0, errEnd
	case n == footerMark:
		return 0, errFooter
	case n < 4 || n > 4+MaxLeaf+MaxAttachment:
		return 0, errLength
	}
	return 8 + int64(n), nil
}

// parseRecord decodes the record at the start of b, which must be record number index. The record aliases b.
func parseRecord(b []byte, index int64) (Record, int64, error) {
	size, err := frameSize(b)
	if err != nil {
		return Record{}, 0, err
	}
	if size > int64(len(b)) {
		return Record{}, 0, errCut
	}
	b = b[:size:size]
	payload := crc32.Update(0, castagnoli, b[8:])
	if recordSum(payload, index, binary.BigEndian.Uint32(b)) != binary.BigEndian.Uint32(b[4:]) {
		return Record{}, 0, errChecksum
	}
	leaf := int64(binary.BigEndian.Uint32(b[8:]))
	if leaf > MaxLeaf || leaf > size-recordHeader {
		return Record{}, 0, errLength
	}
	cut := recordHeader + leaf
	return Record{Leaf: b[recordHeader:cut:cut], Attachment: b[cut:]}, size, nil
}

// formatHeader makes a segment's first 64 bytes.
func formatHeader(origin string, first int64) []byte {
	b := make([]byte, 0, headerSize)
	b = append(b, headerMagic...)
	b = binary.BigEndian.AppendUint32(b, formatV1)
	b = binary.BigEndian.AppendUint64(b, uint64(first)) //nolint:gosec // indexes are not negative
	id := sha256.Sum256([]byte(origin))
	b = append(b, id[:]...)
	b = append(b, make([]byte, headerSize-4-len(b))...)
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
}

// parseHeader returns the first record's number. It answers ErrForeign for a sound header of another origin.
func parseHeader(b []byte, origin string) (int64, error) {
	if len(b) < headerSize || crc32.Checksum(b[:headerSize-4], castagnoli) != binary.BigEndian.Uint32(b[headerSize-4:]) {
		return 0, errBadHeader
	}
	first := int64(binary.BigEndian.Uint64(b[12:])) //nolint:gosec // a negative one is refused below
	if first < 0 || !bytes.Equal(b[:12], formatHeader(origin, first)[:12]) {
		return 0, errBadHeader
	}
	if !bytes.Equal(b[:headerSize], formatHeader(origin, first)) {
		return 0, ErrForeign
	}
	return first, nil
}

// footer is what a sealed segment says about itself.
type footer struct {
	first, count int64
	end          int64 // byte offset where the records end and the footer starts
	offsets      []uint32
	tree         frontier // of the whole journal through this segment's last record
}

// footerSize is the length of the footer of a segment that starts with record first and holds count records.
func footerSize(first, count int64) int64 {
	return 4 + 4*count + int64(bits.OnesCount64(uint64(first+count)))*tlog.HashSize + trailerSize //nolint:gosec // not negative
}

// maxFooter bounds footerSize for a count without knowing first.
func maxFooter(count int64) int64 { return 4 + 4*count + 63*tlog.HashSize + trailerSize }

func formatFooter(f footer) []byte {
	b := make([]byte, 0, footerSize(f.first, f.count))
	b = binary.BigEndian.AppendUint32(b, footerMark)
	for _, o := range f.offsets {
		b = binary.BigEndian.AppendUint32(b, o)
	}
	for _, h := range f.tree.peaks {
		b = append(b, h[:]...)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(f.first)) //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint64(b, uint64(f.count)) //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint64(b, uint64(f.end))   //nolint:gosec // not negative
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return append(b, footerMagic...)
}

// parseTrailer reads the fixed end of a footer, b being at least the last trailerSize bytes of a file of size bytes.
func parseTrailer(b []byte, size int64) (footer, error) {
	if len(b) < trailerSize {
		return footer{}, errBadFooter
	}
	t := b[len(b)-trailerSize:]
	f := footer{
		first: int64(binary.BigEndian.Uint64(t)),      //nolint:gosec // checked below
		count: int64(binary.BigEndian.Uint64(t[8:])),  //nolint:gosec // checked below
		end:   int64(binary.BigEndian.Uint64(t[16:])), //nolint:gosec // checked below
	}
	sane := f.first >= 0 && f.first < 1<<62 && f.count > 0 && f.count <= size/recordHeader && f.end > headerSize && f.end < size
	if !sane || string(t[28:]) != footerMagic || f.end+footerSize(f.first, f.count) != size {
		return footer{}, errBadFooter
	}
	return f, nil
}

// parseFooter decodes b, the whole footer: bytes f.end to the end of the file, f being the parsed trailer.
func parseFooter(b []byte, f footer) (footer, error) {
	if int64(len(b)) != footerSize(f.first, f.count) || binary.BigEndian.Uint32(b) != footerMark {
		return footer{}, errBadFooter
	}
	sum := len(b) - len(footerMagic) - 4
	if crc32.Checksum(b[:sum], castagnoli) != binary.BigEndian.Uint32(b[sum:]) {
		return footer{}, errChecksum
	}
	f.offsets = make([]uint32, f.count)
	for i := range f.offsets {
		f.offsets[i] = binary.BigEndian.Uint32(b[4+4*i:])
	}
	f.tree.size = f.first + f.count
	for p := b[4+4*f.count : len(b)-trailerSize]; len(p) > 0; p = p[tlog.HashSize:] {
		f.tree.peaks = append(f.tree.peaks, tlog.Hash(p[:tlog.HashSize]))
	}
	return f, nil
}
