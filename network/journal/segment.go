package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
)

// segment is one open segment file. It is a value: the committer replaces the active one under Log.segmentsMu, readers
// work on a copy. A sealed segment keeps no offsets in memory, its footer's table is read from the file.
type segment struct {
	name   string
	f      file
	first  int64
	count  int64
	end    int64 // where the records end
	sealed bool
	starts []uint32 // of the active segment: where each record starts; only ever appended to
}

// createSegment makes and opens an empty active segment.
func createSegment(cfg Config, first int64) (file, error) {
	f, err := reserveSpare(cfg)
	if err != nil {
		return nil, err
	}
	if err := adoptSpare(cfg, f, first); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// reserveSpare makes the file that becomes the next segment, its space written and synced.
func reserveSpare(cfg Config) (file, error) {
	path := filepath.Join(cfg.Dir, spareName)
	f, err := cfg.disk.Open(path, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	if err := f.Reserve(cfg.SegmentBytes); err != nil {
		return nil, errors.Join(fmt.Errorf("reserve segment: %w", err), f.Close(), cfg.disk.Remove(path))
	}
	return f, nil
}

// adoptSpare turns the spare into the segment that starts with record first. The header is on disk before the name is,
// so a segment with a bad header is damaged, never half made.
func adoptSpare(cfg Config, f file, first int64) error {
	if _, err := f.WriteAt(formatHeader(cfg.Origin, first), 0); err != nil {
		return fmt.Errorf("write segment header: %w", err)
	}
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("sync segment header: %w", err)
	}
	if err := cfg.disk.Rename(filepath.Join(cfg.Dir, spareName), filepath.Join(cfg.Dir, segmentName(first))); err != nil {
		return fmt.Errorf("name segment: %w", err)
	}
	if err := cfg.disk.SyncDir(cfg.Dir); err != nil {
		return fmt.Errorf("sync journal folder: %w", err)
	}
	return nil
}

// bounds reads where records [i, j] start, relative to the segment; j may be count, meaning the end.
func (s *segment) bounds(i, j int64, out []uint32) ([]uint32, error) {
	out = out[:0]
	if !s.sealed {
		out = append(out, s.starts[i:min(j+1, s.count)]...)
	} else {
		b := make([]byte, 4*(min(j+1, s.count)-i))
		if _, err := s.f.ReadAt(b, s.end+4+4*i); err != nil {
			return nil, fmt.Errorf("read offsets of %s: %w", s.name, err)
		}
		for ; len(b) > 0; b = b[4:] {
			out = append(out, binary.BigEndian.Uint32(b))
		}
	}
	if j >= s.count {
		out = append(out, uint32(s.end)) //nolint:gosec // a segment is at most maxSegment
	}
	return out, nil
}

// run is a stretch of consecutive records read from one segment. Its buffers are reused from read to read.
type run struct {
	segment string
	first   int64 // record number
	at      int64 // file offset of buf
	starts  []uint32
	buf     []byte
}

const (
	runBytes   = 1 << 20
	runRecords = 4096
)

func (r *run) len() int64 { return int64(len(r.starts)) - 1 }

// read fills r with records from number i on, before number to, as many as fit a run.
func (s *segment) read(r *run, i, to int64) error {
	from := i - s.first
	upto := min(to-s.first, s.count, from+runRecords)
	starts, err := s.bounds(from, upto, r.starts)
	if err != nil {
		return err
	}
	n := sort.Search(len(starts), func(k int) bool { return int64(starts[k])-int64(starts[0]) > runBytes })
	starts = starts[:max(2, n)]
	r.segment, r.first, r.at, r.starts = s.name, i, int64(starts[0]), starts
	for k := 1; k < len(starts); k++ {
		if starts[k] < starts[k-1]+recordHeader || int64(starts[k]) > s.end {
			return r.corrupt(k-1, errLength)
		}
	}
	need := int(starts[len(starts)-1] - starts[0])
	if cap(r.buf) < need {
		r.buf = make([]byte, need+cap(r.buf)/4)
	}
	r.buf = r.buf[:need]
	if _, err := s.f.ReadAt(r.buf, r.at); err != nil {
		if errors.Is(err, io.EOF) {
			return r.corrupt(0, errCut)
		}
		return fmt.Errorf("read %s: %w", s.name, err)
	}
	return nil
}

// record decodes the k-th record of the run. It aliases the run's buffer.
func (r *run) record(k int) (Record, error) {
	b := r.buf[int64(r.starts[k])-r.at : int64(r.starts[k+1])-r.at]
	rec, n, err := parseRecord(b, r.first+int64(k))
	if err == nil && n != int64(len(b)) {
		err = errLength
	}
	if err != nil {
		return Record{}, r.corrupt(k, err)
	}
	return rec, nil
}

func (r *run) corrupt(k int, err error) error {
	return &CorruptError{Index: r.first + int64(k), File: r.segment, Offset: int64(r.starts[k]), Reason: err.Error()}
}

// segmentOf returns a copy of the segment that holds durable record i.
func (l *Log) segmentOf(i int64) segment {
	l.segmentsMu.RLock()
	defer l.segmentsMu.RUnlock()
	k := sort.Search(len(l.segments), func(k int) bool { return l.segments[k].first > i }) - 1
	return l.segments[k]
}
