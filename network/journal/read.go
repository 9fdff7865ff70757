package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Read returns durable record i in memory of the caller's own. It checks the checksum and proves the leaf against the
// signed root: a record that was altered is a CorruptError, never an answer.
func (l *Log) Read(i int64) (Record, error) {
	cp := l.Durable()
	if i < 0 || i >= cp.Size {
		return Record{}, fmt.Errorf("read record %d of %d: %w", i, cp.Size, ErrNotFound)
	}
	var r run
	s := l.segmentOf(i)
	if err := s.read(&r, i, i+1); err != nil {
		return Record{}, fmt.Errorf("read record %d: %w", i, err)
	}
	rec, err := r.record(0)
	if err != nil {
		return Record{}, fmt.Errorf("read record %d: %w", i, err)
	}
	if err := l.prove(cp, &r, 0, tlog.RecordHash(rec.Leaf)); err != nil {
		return Record{}, fmt.Errorf("read record %d: %w", i, err)
	}
	return rec, nil
}

// eachRun reads durable records [from, to) in order, run by run, without looking inside them.
func (l *Log) eachRun(ctx context.Context, from, to int64, fn func(*run) error) error {
	var r run
	for i := from; i < to; i += r.len() {
		if err := ctx.Err(); err != nil {
			return err
		}
		s := l.segmentOf(i)
		if err := s.read(&r, i, to); err != nil {
			return err
		}
		if err := fn(&r); err != nil {
			return err
		}
	}
	return nil
}

// Scan calls fn in order for the durable records [from, to); to beyond the durable size is cut to it. The record's
// memory is fn's only until it returns. Checksums and leaf hashes are checked as in Read; a scan from 0 also ends with
// the root. Memory is bounded by a few MiB.
func (l *Log) Scan(ctx context.Context, from, to int64, fn func(i int64, r Record) error) error {
	cp := l.Durable()
	if from < 0 {
		return fmt.Errorf("scan from %d: %w", from, ErrNotFound)
	}
	to = min(to, cp.Size)
	var tree frontier
	var known, scratch []tlog.Hash
	err := l.eachRun(ctx, from, to, func(r *run) error {
		var err error
		if known, err = l.hashes.leaves(r.first, r.first+r.len(), known); err != nil {
			known = make([]tlog.Hash, r.len()) // a short file: each leaf is proved, which rebuilds it
		}
		for k := range r.starts[1:] {
			rec, err := r.record(k)
			if err != nil {
				return err
			}
			leaf, i := tlog.RecordHash(rec.Leaf), r.first+int64(k)
			if leaf != known[k] {
				if err := l.prove(cp, r, k, leaf); err != nil {
					return err
				}
			}
			if from == 0 {
				scratch = tree.graft(0, leaf, scratch[:0])
			}
			if err := fn(i, rec); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("scan: %w", err)
	}
	if from == 0 && to > 0 {
		return l.checkRoot(cp, to, tree.root())
	}
	return nil
}

// prove shows that leaf is the k-th record of r, or says that it is corrupt.
func (l *Log) prove(cp Checkpoint, r *run, k int, leaf tlog.Hash) error {
	err := l.proved(func() error {
		_, err := l.recordProof(cp, cp.Size, r.first+int64(k), leaf, l.hashes)
		return err
	})
	if errors.Is(err, errAltered) {
		return r.corrupt(k, errAltered)
	}
	return err
}

func (l *Log) checkRoot(cp Checkpoint, size int64, got tlog.Hash) error {
	return l.proved(func() error {
		want, err := l.rootAt(cp, size)
		if err == nil && want != got {
			err = &CorruptError{Index: size - 1, Reason: "the records do not hash to the signed root"}
		}
		return err
	})
}

// ScrubOptions paces a scrub.
type ScrubOptions struct {
	BytesPerSecond int64                   // 0 is as fast as the disk
	Progress       func(done, total int64) // may be nil
}

// Scrub reads every durable record once, as Scan does, at a given pace, to meet bit rot before a reader does. The first
// bad record is a CorruptError. It reads what was durable when it began.
func (l *Log) Scrub(ctx context.Context, o ScrubOptions) error {
	total, started := l.Durable().Size, l.cfg.Now()
	var bytes int64
	return l.Scan(ctx, 0, total, func(i int64, r Record) error {
		bytes += recordSize(r)
		if o.Progress != nil {
			o.Progress(i+1, total)
		}
		if o.BytesPerSecond <= 0 {
			return nil
		}
		due := time.Duration(float64(bytes) / float64(o.BytesPerSecond) * float64(time.Second))
		return pause(ctx, due-l.cfg.Now().Sub(started))
	})
}

// pause waits for d, if it is worth waiting for.
func pause(ctx context.Context, d time.Duration) error {
	if d < 10*time.Millisecond {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
