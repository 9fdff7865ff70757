package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Backup writes a consistent copy of the durable records, and their checkpoint, to the folder dst, which must be empty
// or not exist. The journal keeps working meanwhile. Each record is checked and the whole hashed to the checkpoint's
// root on the way. The copy holds its anchor as dst/anchor, written last: without it the copy is not complete. Verify
// works on a backup with Dir dst and AnchorPath dst/anchor.
func Backup(ctx context.Context, l *Log, dst string) error {
	cp := l.Durable()
	cfg := l.cfg
	cfg.Dir = dst
	if err := l.copyTo(ctx, cfg, cp); err != nil {
		return fmt.Errorf("back up journal to %s: %w", dst, err)
	}
	if err := createAnchor(cfg.disk, filepath.Join(dst, backupAnchor), cp.Note); err != nil {
		return fmt.Errorf("back up journal to %s: %w", dst, err)
	}
	return nil
}

// Restore makes a journal from the backup src: it copies and checks every record, and writes the anchor last. Dir must
// be empty. If the anchor exists already the backup must hold at least what it promises, else it is refused with
// ErrShorter: an older backup would undo what was acknowledged. To go back knowingly, move the anchor away first.
func Restore(ctx context.Context, src string, cfg Config) (err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore journal from %s: %w", src, err)
		}
	}()
	from := cfg
	from.Dir, from.AnchorPath = src, filepath.Join(src, backupAnchor)
	l := &Log{cfg: from, checking: true}
	defer func() { err = errors.Join(err, l.closeFiles()) }()
	cp, err := l.openFiles()
	if err != nil {
		return err
	}
	l.durable.Store(&cp)
	if _, err := l.readTail(ctx, cp); err != nil {
		return err
	}
	old, want, err := openAnchor(cfg, os.O_RDONLY)
	if err == nil {
		err = old.f.Close()
	} else if errors.Is(err, ErrMissing) {
		want, err = Checkpoint{Root: (&frontier{}).root()}, nil
	}
	if err != nil {
		return err
	}
	if want.Size > cp.Size {
		return fmt.Errorf("the backup has %d records, the anchor promises %d: %w", cp.Size, want.Size, ErrShorter)
	}
	return l.restoreTo(ctx, cfg, cp, want)
}

// restoreTo copies a checked backup and anchors it. It refuses one that does not extend what the old anchor promised.
func (l *Log) restoreTo(ctx context.Context, cfg Config, cp, want Checkpoint) error {
	var tree frontier
	var scratch []tlog.Hash
	agree := want.Size == 0
	err := l.eachRun(ctx, 0, want.Size, func(r *run) error {
		for k := range r.starts[1:] {
			rec, err := r.record(k)
			if err != nil {
				return err
			}
			scratch = tree.graft(0, tlog.RecordHash(rec.Leaf), scratch[:0])
		}
		agree = tree.size == want.Size && tree.root() == want.Root
		return nil
	})
	if err != nil {
		return err
	}
	if !agree {
		return fmt.Errorf("the backup does not extend what the anchor promises: %w", ErrForeign)
	}
	if err := l.copyTo(ctx, cfg, cp); err != nil {
		return err
	}
	return createAnchor(cfg.disk, cfg.AnchorPath, cp.Note)
}

// copyTo copies the first cp.Size records, segment by segment, to cfg.Dir, and checks that they hash to cp.Root. What it
// wrote is removed again if it did not come to the end.
func (l *Log) copyTo(ctx context.Context, cfg Config, cp Checkpoint) (err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return err
	}
	if err := refuseExisting(cfg, false); err != nil {
		return err
	}
	c := &copier{dst: cfg, cp: cp}
	defer func() {
		err = errors.Join(err, c.finish())
		if err == nil {
			err = c.publish()
		}
		if err != nil {
			err = errors.Join(err, c.undo())
		}
	}()
	l.segmentsMu.RLock()
	first := l.segments[0]
	l.segmentsMu.RUnlock()
	if err := c.start(first); err != nil {
		return err
	}
	if err := l.eachRun(ctx, 0, cp.Size, func(r *run) error { return c.add(r, l.segmentOf(r.first)) }); err != nil {
		return err
	}
	if c.tree.root() != cp.Root {
		return &CorruptError{Index: -1, Reason: "the records do not hash to the checkpoint's root"}
	}
	return nil
}

// copier writes the copy of one segment after the other.
type copier struct {
	dst   Config
	cp    Checkpoint
	tree  frontier
	stack []tlog.Hash
	seg   segment // the source of what is being written
	f     file
	made  []string
}

// start opens the copy of s.
func (c *copier) start(s segment) error {
	if err := c.finish(); err != nil {
		return err
	}
	path := filepath.Join(c.dst.Dir, s.name+partExt)
	f, err := c.dst.disk.Open(path, os.O_RDWR|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return err
	}
	c.f, c.seg, c.made = f, s, append(c.made, path)
	_, err = f.WriteAt(formatHeader(c.dst.Origin, s.first), 0)
	return err
}

// add copies a run that comes from s.
func (c *copier) add(r *run, s segment) error {
	if s.name != c.seg.name {
		if err := c.start(s); err != nil {
			return err
		}
	}
	for k := range r.starts[1:] {
		rec, err := r.record(k)
		if err != nil {
			return err
		}
		c.stack = c.tree.graft(0, tlog.RecordHash(rec.Leaf), c.stack[:0])
	}
	_, err := c.f.WriteAt(r.buf, r.at)
	return err
}

// finish gives the copy its footer, if the whole of a sealed segment was copied, and syncs it.
func (c *copier) finish() error {
	if c.f == nil {
		return nil
	}
	f := c.f
	c.f = nil
	if c.seg.sealed && c.tree.size == c.seg.first+c.seg.count {
		foot, err := c.seg.footer()
		if err == nil && !foot.tree.equal(c.tree) {
			err = &CorruptError{Index: -1, File: c.seg.name, Offset: c.seg.end, Reason: "the records do not hash to the footer's tree"}
		}
		if err == nil {
			_, err = f.WriteAt(formatFooter(foot), foot.end)
		}
		if err != nil {
			return errors.Join(err, f.Close())
		}
	}
	return errors.Join(f.Datasync(), f.Close())
}

// partExt marks a segment whose copy is not complete.
const partExt = ".part"

// publish gives the copies their names, the first segment's last: a copy that was cut short is never taken for a journal.
func (c *copier) publish() error {
	if err := c.dst.disk.SyncDir(c.dst.Dir); err != nil {
		return err
	}
	for _, path := range slices.Backward(c.made) {
		if err := c.dst.disk.Rename(path, strings.TrimSuffix(path, partExt)); err != nil {
			return err
		}
	}
	return c.dst.disk.SyncDir(c.dst.Dir)
}

// undo removes what was copied, whatever it is called by now.
func (c *copier) undo() error {
	var errs []error
	for _, path := range c.made {
		for _, p := range []string{path, strings.TrimSuffix(path, partExt)} {
			if err := c.dst.disk.Remove(p); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
