package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// Open opens a journal that Init made. It reads the anchor, the segments' headers and footers, and the records after the
// last footer. Below the anchor any bad byte it reads is a CorruptError; above it, whole records are kept and anchored
// again, a torn one and what follows it are dropped. A missing, foreign, shorter or empty folder is refused, and so is a
// second process. It runs, in this order: Replay for what is anchored, Extend for the kept tail (perhaps in several
// calls), and then serves.
func Open(ctx context.Context, cfg Config) (l *Log, err error) {
	if cfg, err = cfg.withDefaults(); err == nil && cfg.Signer == nil {
		err = errors.New("journal config needs Signer")
	}
	if err != nil {
		return nil, err
	}
	l = &Log{cfg: cfg}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("open journal %s: %w", cfg.Dir, err), l.closeFiles())
			l = nil
		}
	}()
	return l, l.start(ctx)
}

// start does Open's work on a Log that has only its Config.
func (l *Log) start(ctx context.Context) error {
	cp, err := l.openFiles()
	if err != nil {
		return err
	}
	l.durable.Store(&cp)
	t, err := l.readTail(ctx, cp)
	if err != nil {
		return err
	}
	if l.hashes.stale.Load() || !l.hashes.sound(cp) {
		if err := l.rebuildHashes(ctx, cp); err != nil {
			return err
		}
	}
	if l.cfg.Replay != nil {
		if err := l.Scan(ctx, l.cfg.ReplayFrom, cp.Size, l.cfg.Replay); err != nil {
			return fmt.Errorf("replay: %w", err)
		}
	}
	if err := l.keepTail(ctx, cp, t); err != nil {
		return err
	}
	return l.serve()
}

// serve gets the active segment ready and starts the committer.
func (l *Log) serve() error {
	s := l.segments[len(l.segments)-1]
	if s.sealed {
		next, err := l.nextSegment(l.tree.size)
		if err != nil {
			return err
		}
		l.segments = append(l.segments, next)
		s = next
	}
	if err := s.f.Reserve(l.cfg.SegmentBytes); err != nil && !noSpace(err) {
		return fmt.Errorf("reserve %s: %w", s.name, err)
	}
	size, err := s.f.Size()
	if err != nil {
		return err
	}
	q := &l.queue
	q.work.L, q.room.L = &q.mu, &q.mu
	q.next, q.nextIndex = newBatch(nil), l.tree.size
	q.count, q.pos, q.size = s.count, s.end, size
	q.broken = make(chan struct{})
	if err := l.keepBallast(); err != nil && !noSpace(err) {
		return err
	}
	q.mu.Lock()
	l.checkFree()
	q.mu.Unlock()
	l.committer.Add(1)
	go l.run()
	return nil
}

// nextSegment opens a new active segment behind a sealed one, giving up the ballast for it if it must.
func (l *Log) nextSegment(first int64) (segment, error) {
	f, err := createSegment(l.cfg, first)
	if noSpace(err) && l.dropBallast() {
		f, err = createSegment(l.cfg, first)
	}
	if noSpace(err) {
		err = fmt.Errorf("%w: %w", ErrFull, err)
	}
	return segment{name: segmentName(first), f: f, first: first, end: headerSize}, err
}

func noSpace(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

// closeFiles releases whatever is open.
func (l *Log) closeFiles() error {
	var errs []error
	for _, s := range l.segments {
		if s.f != nil {
			errs = append(errs, s.f.Close())
		}
	}
	if l.queue.spareF != nil {
		errs = append(errs, l.queue.spareF.Close())
	}
	if l.hashes != nil {
		errs = append(errs, l.hashes.f.Close())
	}
	if l.anchor != nil {
		errs = append(errs, l.anchor.f.Close())
	}
	if l.lock != nil {
		errs = append(errs, l.lock.Close())
	}
	return errors.Join(errs...)
}

// openFiles locks the folder and opens everything, checking that the pieces belong together.
func (l *Log) openFiles() (cp Checkpoint, err error) {
	names, err := l.cfg.disk.List(l.cfg.Dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return cp, err
	}
	flag := os.O_RDWR
	if l.checking {
		flag = os.O_RDONLY
	}
	if l.anchor, cp, err = openAnchor(l.cfg, flag); err != nil {
		if errors.Is(err, ErrMissing) && len(names) > 0 {
			err = fmt.Errorf("the folder has files but its anchor is not there: %w", err)
		}
		return cp, err
	}
	segments := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasSuffix(n, segmentExt) })
	if len(segments) == 0 {
		return cp, fmt.Errorf("the anchor promises %d records but the folder has no segment: %w", cp.Size, ErrShorter)
	}
	if err := l.own(names); err != nil {
		return cp, err
	}
	if l.segments, err = openSegments(l.cfg, segments, flag); err != nil {
		return cp, err
	}
	l.hashes, err = openHashes(l.cfg, flag)
	return cp, err
}

// own locks the folder, clears what an earlier process left half made, and notes whether there is ballast. A check takes
// the lock too, unless it is on a medium that cannot be written, where nobody else can write either.
func (l *Log) own(names []string) (err error) {
	l.lock, err = l.cfg.disk.Lock(filepath.Join(l.cfg.Dir, lockName))
	if l.checking {
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) {
			return nil
		}
		return err
	}
	l.queue.ballast = slices.Contains(names, ballastName)
	if err == nil && slices.Contains(names, spareName) {
		err = l.cfg.disk.Remove(filepath.Join(l.cfg.Dir, spareName))
	}
	return err
}

// openSegments opens the named files in order and checks headers, footers and that no number is missing between them.
func openSegments(cfg Config, names []string, flag int) (segments []segment, err error) {
	next := int64(0)
	for k, name := range names {
		f, err := cfg.disk.Open(filepath.Join(cfg.Dir, name), flag)
		if err != nil {
			return segments, err
		}
		segments = append(segments, segment{name: name, f: f, first: next, end: headerSize})
		s := &segments[k]
		if err := s.check(cfg, k == len(names)-1); err != nil {
			return segments, err
		}
		next = s.first + s.count
	}
	return segments, nil
}

// check reads the header, which must give s.first, and the footer, which all but the last segment must have.
func (s *segment) check(cfg Config, last bool) error {
	head := make([]byte, headerSize)
	if _, err := s.f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	first, err := parseHeader(head, cfg.Origin)
	switch {
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("segment %s: %w", s.name, err)
	case err != nil:
		return &CorruptError{Index: s.first, File: s.name, Reason: err.Error()}
	case first != s.first || s.name != segmentName(first):
		return &CorruptError{Index: s.first, File: s.name, Reason: "the segment before it is missing", Cause: ErrShorter}
	}
	foot, err := s.footer()
	if errors.Is(err, errBadFooter) && last {
		return nil
	}
	if err != nil {
		if errors.Is(err, errBadFooter) || errors.Is(err, errChecksum) {
			err = &CorruptError{Index: s.first, File: s.name, Offset: foot.end, Reason: "footer: " + err.Error()}
		}
		return err
	}
	s.sealed, s.count, s.end = true, foot.count, foot.end
	return nil
}

// footer reads the footer at the end of the file.
func (s *segment) footer() (footer, error) {
	size, err := s.f.Size()
	if err != nil {
		return footer{}, err
	}
	b := make([]byte, trailerSize)
	if size < headerSize+trailerSize {
		return footer{}, errBadFooter
	}
	if _, err := s.f.ReadAt(b, size-trailerSize); err != nil {
		return footer{}, err
	}
	foot, err := parseTrailer(b, size)
	if err != nil {
		return footer{}, err
	}
	b = make([]byte, size-foot.end)
	if _, err := s.f.ReadAt(b, foot.end); err != nil {
		return foot, err
	}
	got, err := parseFooter(b, foot)
	if err == nil && got.first != s.first {
		err = errBadFooter
	}
	if err != nil {
		return foot, err
	}
	return got, nil
}
