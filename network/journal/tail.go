package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/mod/sumdb/tlog"
)

// tail is where the anchor's records end: the segment's index and the byte offset in it.
type tail struct {
	segment int
	at      int64
}

// readTail reads the records from the start of the segment in which the anchor's records end, folds them into l.tree,
// checks the root at the anchor, and finds where the last segment's records end. The hashes on the way are stored, but
// only once the root holds.
func (l *Log) readTail(ctx context.Context, cp Checkpoint) (tail, error) {
	k := len(l.segments) - 1
	for k > 0 && l.segments[k].first > cp.Size {
		k--
	}
	if k > 0 {
		foot, err := l.segments[k-1].footer()
		if err != nil {
			return tail{}, err
		}
		l.tree = foot.tree
	}
	from := l.tree.size
	if size, err := l.hashes.f.Size(); err != nil || size < tlog.StoredHashCount(from)*tlog.HashSize {
		l.hashes.stale.Store(true)
	}
	t, err := l.walkFrom(ctx, k, cp)
	if err != nil {
		return t, err
	}
	l.hashes.sync()
	last := l.segments[len(l.segments)-1]
	if l.tree.size < cp.Size {
		return t, endsEarly(l.tree.size, last, cp)
	}
	return t, nil
}

func endsEarly(size int64, last segment, cp Checkpoint) error {
	return &CorruptError{
		Index: size, File: last.name, Offset: last.end, Cause: ErrShorter,
		Reason: fmt.Sprintf("the records end here, the anchor promises %d", cp.Size),
	}
}

// walkFrom walks the segments from the k-th on.
func (l *Log) walkFrom(ctx context.Context, k int, cp Checkpoint) (tail, error) {
	t := tail{segment: -1}
	from, stored := l.tree.size, []tlog.Hash(nil)
	for ; k < len(l.segments); k++ {
		if err := ctx.Err(); err != nil {
			return t, err
		}
		at, err := l.walk(&l.segments[k], cp, &stored)
		if err != nil {
			return t, err
		}
		if l.tree.size < cp.Size {
			continue
		}
		if t.segment < 0 {
			t = tail{k, at}
		}
		l.hashes.append(from, stored)
		from, stored = l.tree.size, stored[:0]
	}
	return t, nil
}

// walk reads a segment record by record and returns where the first record above the anchor starts or would start.
func (l *Log) walk(s *segment, cp Checkpoint, stored *[]tlog.Hash) (above int64, err error) {
	w, err := newWalker(s)
	if err != nil {
		return 0, err
	}
	begin := len(*stored)
	for s.starts, s.count = nil, 0; ; s.count++ {
		if l.tree.size <= cp.Size {
			above = w.at
		}
		if l.tree.size == cp.Size && l.tree.root() != cp.Root {
			return above, l.suspect(s, *stored, begin)
		}
		rec, err := w.next(l.tree.size)
		if err != nil {
			return above, l.endOf(s, w.at, cp, err)
		}
		s.starts = append(s.starts, uint32(w.at-recordSize(rec))) //nolint:gosec // a segment is at most maxSegment
		*stored = l.tree.graft(0, tlog.RecordHash(rec.Leaf), *stored)
	}
}

// endOf judges why a walk ended at offset at: at the segment's proper end, at a torn record above the anchor, or at
// damage.
func (l *Log) endOf(s *segment, at int64, cp Checkpoint, why error) error {
	bad := &CorruptError{Index: l.tree.size, File: s.name, Offset: at, Reason: why.Error()}
	if errors.Is(why, errCut) {
		bad.Cause = ErrShorter
	}
	switch {
	case !isReason(why):
		return why
	case s.sealed:
		foot, err := s.footer()
		if err == nil && (at != foot.end || s.count != foot.count || !l.tree.equal(foot.tree)) {
			err = bad
		}
		s.starts = nil
		return err
	case l.tree.size < cp.Size && !errors.Is(why, errEnd):
		return bad
	}
	s.end = at
	return nil
}

// isReason tells what a parser found from what the disk refused.
func isReason(err error) bool {
	return slices.ContainsFunc([]error{errEnd, errFooter, errCut, errLength, errChecksum}, func(r error) bool { return errors.Is(err, r) })
}

// suspect names the first record of s whose leaf differs from the hash file's, for a root that does not hold.
func (l *Log) suspect(s *segment, stored []tlog.Hash, begin int) error {
	bad := &CorruptError{Index: -1, File: s.name, Reason: "the records do not hash to the anchor's root"}
	base := tlog.StoredHashIndex(0, s.first)
	for k := range s.starts {
		x := tlog.StoredHashIndex(0, s.first+int64(k))
		known, err := l.hashes.ReadHashes([]int64{x})
		if err == nil && known[0] != stored[int64(begin)+x-base] {
			bad.Index, bad.Offset = s.first+int64(k), int64(s.starts[k])
			break
		}
	}
	return bad
}

// keepTail makes the records above the anchor durable, wipes what follows them, and anchors the whole. The records are
// written again because a sync that went wrong before this start may have left them in the page cache, marked clean
// and not on the disk; so is the anchor.
func (l *Log) keepTail(ctx context.Context, cp Checkpoint, t tail) error {
	for k := t.segment; k < len(l.segments); k++ {
		s := l.segments[k]
		from := int64(0)
		if k == t.segment {
			from = t.at
		}
		if err := s.refresh(from); err != nil {
			return fmt.Errorf("keep tail of %s: %w", s.name, err)
		}
	}
	if err := l.cfg.disk.SyncDir(l.cfg.Dir); err != nil {
		return fmt.Errorf("keep tail: %w", err)
	}
	l.lines = cp.Extension
	if l.tree.size == cp.Size {
		return l.anchor.write(cp.Note)
	}
	if l.cfg.Extend != nil {
		if err := l.extendTail(ctx, cp.Size); err != nil {
			return fmt.Errorf("keep tail: %w", err)
		}
	}
	next, err := signCheckpoint(l.cfg, l.tree.size, l.tree.root(), l.lines)
	if err != nil {
		return fmt.Errorf("keep tail: %w", err)
	}
	if err := l.anchor.write(next.Note); err != nil {
		return err
	}
	l.durable.Store(&next)
	return nil
}

func (l *Log) extendTail(ctx context.Context, from int64) error {
	return l.eachRun(ctx, from, l.tree.size, func(r *run) error {
		recs := make([]Record, r.len())
		for k := range recs {
			var err error
			if recs[k], err = r.record(k); err != nil {
				return err
			}
		}
		lines, err := l.cfg.Extend(r.first, recs)
		if err != nil {
			return fmt.Errorf("extend: %w", err)
		}
		l.lines = lines
		return nil
	})
}

// refresh writes the file's bytes from offset from again, with zeros behind an active segment's records, and syncs.
func (s *segment) refresh(from int64) error {
	size, err := s.f.Size()
	if err != nil {
		return err
	}
	keep := s.end
	if s.sealed {
		keep = size
	}
	buf := make([]byte, min(runBytes, max(size-from, 1)))
	zero := make([]byte, len(buf))
	for at := from; at < size; at += int64(len(buf)) {
		b := buf[:min(int64(len(buf)), size-at)]
		if _, err := s.f.ReadAt(b, at); err != nil {
			return err
		}
		live := b[:min(max(keep-at, 0), int64(len(b)))]
		rest := b[len(live):]
		if len(live) == 0 && bytes.Equal(rest, zero[:len(rest)]) {
			continue
		}
		clear(rest)
		if _, err := s.f.WriteAt(b, at); err != nil {
			return err
		}
	}
	return s.f.Datasync()
}

// walker reads records where no offsets are known yet.
type walker struct {
	f         file
	at, limit int64
	buf       []byte
	have      []byte // bytes read from at on
}

func newWalker(s *segment) (*walker, error) {
	limit := s.end
	if !s.sealed {
		var err error
		if limit, err = s.f.Size(); err != nil {
			return nil, err
		}
	}
	return &walker{f: s.f, at: headerSize, limit: limit, buf: make([]byte, min(runBytes, max(limit, 0)))}, nil
}

// next decodes the record at w.at as number index and moves behind it. The record is valid until the next call.
func (w *walker) next(index int64) (Record, error) {
	if err := w.fill(recordHeader); err != nil {
		return Record{}, err
	}
	if len(w.have) == 0 {
		return Record{}, errEnd
	}
	need, err := frameSize(w.have)
	if err != nil {
		return Record{}, err
	}
	if w.at+need > w.limit {
		return Record{}, errCut
	}
	if err := w.fill(need); err != nil {
		return Record{}, err
	}
	rec, n, err := parseRecord(w.have, index)
	if err != nil {
		return Record{}, err
	}
	w.have, w.at = w.have[n:], w.at+n
	return rec, nil
}

// fill makes w.have at least n bytes long, or as long as the segment allows.
func (w *walker) fill(n int64) error {
	n = min(n, w.limit-w.at)
	if int64(len(w.have)) >= n {
		return nil
	}
	if int64(len(w.buf)) < n {
		w.buf = make([]byte, n)
	}
	b := w.buf[:min(int64(len(w.buf)), w.limit-w.at)]
	if _, err := w.f.ReadAt(b, w.at); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	w.have = b
	return nil
}
