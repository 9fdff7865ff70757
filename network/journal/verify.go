package journal

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// VerifyOptions adds to a verification. The zero value checks checksums, leaves, footers and the root.
type VerifyOptions struct {
	// Progress is told how many records are done; one call at a time. May be nil.
	Progress func(done, total int64)
	// Each sees every anchored record once, to re-verify what only the caller understands. It is called from several
	// goroutines at once and not in order, but never much ahead of the least record that it has not seen; it must not keep
	// the record's memory, and its first error (by record number) ends the verification. May be nil.
	Each func(i int64, r Record) error
}

// Report is what a verification found in order.
type Report struct {
	Checkpoint Checkpoint // the anchor's, which the records were checked against
	Segments   int
	Bytes      int64 // of anchored records, their framing included
	Tail       int64 // whole records above the anchor, which the next Open keeps
	Stale      bool  // the derived hash file differs and will be rebuilt; no record is affected

	Size int64     // records with the tail: what the next Open will serve
	Root tlog.Hash // of all of them
}

// Verify checks a closed journal, or a backup, in full: every checksum, every leaf hashed again, every footer, and the
// root against the anchor. The first bad position is a CorruptError. It writes nothing, needs a few MiB, uses all
// processors, and needs no Signer. A journal that is open elsewhere is ErrLocked.
func Verify(ctx context.Context, cfg Config, o VerifyOptions) (rep Report, err error) {
	if cfg, err = cfg.withDefaults(); err != nil {
		return rep, err
	}
	l := &Log{cfg: cfg, checking: true}
	defer func() {
		if err = errors.Join(err, l.closeFiles()); err != nil {
			err = fmt.Errorf("verify journal %s: %w", cfg.Dir, err)
		}
	}()
	cp, err := l.openFiles()
	if err != nil {
		return rep, err
	}
	l.durable.Store(&cp)
	v := &verification{l: l, cp: cp, o: o, rep: Report{Checkpoint: cp, Segments: len(l.segments)}}
	err = v.run(ctx)
	return v.rep, err
}

// verification is one pass over the segments: a reader cuts them into runs, workers hash the runs, and the runs' subtrees
// are joined in order.
type verification struct {
	l   *Log
	cp  Checkpoint
	o   VerifyOptions
	rep Report

	tree    frontier
	suspect error // the first leaf that differs from the hash file's, should the root differ
}

// subtree is a complete subtree of 2^level leaves.
type subtree struct {
	level int
	hash  tlog.Hash
}

// stretch is one run on its way through the workers.
type stretch struct {
	run
	seg     *segment
	err     error
	parts   []subtree
	differs error // a CorruptError for the first leaf that is not the hash file's
	done    chan struct{}
}

var stretches = sync.Pool{New: func() any { return new(stretch) }}

func (v *verification) run(ctx context.Context) error {
	if err := v.fold(ctx); err != nil {
		return err
	}
	if err := v.judge(); err != nil {
		return err
	}
	return v.addTail(ctx)
}

// fold hashes what is anchored.
func (v *verification) fold(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	workers := runtime.GOMAXPROCS(0)
	ordered, todo := make(chan *stretch, 2*workers), make(chan *stretch, 2*workers)
	var group sync.WaitGroup
	for range workers {
		group.Add(1)
		go func() {
			defer group.Done()
			for s := range todo {
				v.hash(s)
				close(s.done)
			}
		}()
	}
	group.Add(1)
	var readErr error
	go func() {
		defer group.Done()
		defer close(todo)
		defer close(ordered)
		readErr = v.read(ctx, ordered, todo)
	}()
	err := v.join(ordered)
	cancel()
	for range ordered { // let the reader go
	}
	group.Wait()
	if err != nil {
		return err
	}
	return readErr
}

// addTail folds the whole records above the anchor in. An anchor slot that was torn or flipped leaves the slot before it in
// force, and so a tail: the report says the same of a journal before and after.
func (v *verification) addTail(ctx context.Context) error {
	var scratch []tlog.Hash
	err := v.l.eachRun(ctx, v.cp.Size, v.cp.Size+v.rep.Tail, func(r *run) error {
		for k := range r.starts[1:] {
			rec, err := r.record(k)
			if err != nil {
				return err
			}
			scratch = v.tree.graft(0, tlog.RecordHash(rec.Leaf), scratch[:0])
		}
		return nil
	})
	v.rep.Size, v.rep.Root = v.tree.size, v.tree.root()
	return err
}

// read cuts the segments into runs that do not cross the anchor's end.
func (v *verification) read(ctx context.Context, ordered, todo chan<- *stretch) error {
	for k := range v.l.segments {
		s := &v.l.segments[k]
		var torn error
		if !s.sealed {
			if torn = v.frame(s); torn != nil && !errors.Is(torn, ErrCorrupt) {
				return torn
			}
		}
		for i := s.first; i < min(s.first+s.count, v.cp.Size); {
			x, _ := stretches.Get().(*stretch) //nolint:errcheck // the pool holds nothing else
			x.seg, x.err, x.differs, x.parts, x.done = s, nil, nil, x.parts[:0], make(chan struct{})
			x.err = s.read(&x.run, i, v.cp.Size)
			bad := x.err != nil
			i += x.len() // x belongs to the workers once it is sent
			for _, ch := range []chan<- *stretch{todo, ordered} {
				select {
				case ch <- x:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if bad {
				return nil //nolint:nilerr // join reports it in its place
			}
		}
		if torn != nil {
			return torn
		}
	}
	return nil
}

// frame finds the records of the active segment. Below the anchor it trusts lengths, as the workers check each record;
// above it counts the whole records. Records that end too early are its CorruptError, which counts only if no earlier
// record is bad.
func (v *verification) frame(s *segment) error {
	w, err := newWalker(s)
	if err != nil {
		return err
	}
	for {
		i := s.first + s.count
		at := w.at
		if i < v.cp.Size {
			err = w.skip()
		} else {
			_, err = w.next(i)
		}
		switch {
		case err == nil:
			s.starts = append(s.starts, uint32(at)) //nolint:gosec // a segment is at most maxSegment
			s.count++
			s.end = w.at
		case i >= v.cp.Size:
			v.rep.Tail = i - v.cp.Size
			return nil
		case errors.Is(err, errEnd):
			return endsEarly(i, *s, v.cp)
		default:
			bad := &CorruptError{Index: i, File: s.name, Offset: at, Reason: err.Error()}
			if errors.Is(err, errCut) {
				bad.Cause = ErrShorter
			}
			return bad
		}
	}
}

// skip moves behind the record at w.at without checking it.
func (w *walker) skip() error {
	if err := w.fill(recordHeader); err != nil {
		return err
	}
	if len(w.have) == 0 {
		return errEnd
	}
	n, err := frameSize(w.have)
	if err != nil {
		return err
	}
	if w.at+n > w.limit {
		return errCut
	}
	w.at += n
	w.have = w.have[min(n, int64(len(w.have))):]
	return nil
}

// hash checks a run's records and reduces their leaves to the fewest complete subtrees.
func (v *verification) hash(x *stretch) {
	if x.err != nil {
		return
	}
	known, err := v.l.hashes.leaves(x.first, x.first+x.len(), nil)
	compare := err == nil
	if !compare {
		x.differs = &CorruptError{Index: -1, File: hashesName, Reason: err.Error()}
	}
	leaves := make([]tlog.Hash, x.len())
	for k := range leaves {
		rec, err := x.record(k)
		if err == nil && v.o.Each != nil {
			if err = v.o.Each(x.first+int64(k), rec); err != nil {
				err = fmt.Errorf("record %d: %w", x.first+int64(k), err)
			}
		}
		if err != nil {
			x.err = err
			return
		}
		leaves[k] = tlog.RecordHash(rec.Leaf)
		if compare && leaves[k] != known[k] && x.differs == nil {
			x.differs = x.corrupt(k, errAltered)
		}
	}
	x.parts = subtrees(x.first, leaves, x.parts)
}

// subtrees reduces the leaves from record first on to the complete, aligned subtrees that cover them, left to right. It
// uses up leaves.
func subtrees(first int64, leaves []tlog.Hash, out []subtree) []subtree {
	for i := first; len(leaves) > 0; {
		level := 0
		for i&(1<<level) == 0 && 2<<level <= len(leaves) {
			level++
		}
		n := 1 << level
		for w := n; w > 1; w /= 2 {
			for k := range w / 2 {
				leaves[k] = tlog.NodeHash(leaves[2*k], leaves[2*k+1])
			}
		}
		out = append(out, subtree{level, leaves[0]})
		leaves, i = leaves[n:], i+int64(n)
	}
	return out
}

// join puts the runs' subtrees together in order and compares each footer on the way.
func (v *verification) join(ordered <-chan *stretch) error {
	var scratch []tlog.Hash
	for x := range ordered {
		<-x.done
		if x.err != nil {
			return x.err
		}
		for _, p := range x.parts {
			scratch = v.tree.graft(p.level, p.hash, scratch[:0])
		}
		v.rep.Bytes += int64(len(x.buf))
		if x.differs != nil && v.suspect == nil {
			v.suspect = x.differs
		}
		if x.seg.sealed && v.tree.size == x.seg.first+x.seg.count {
			foot, err := x.seg.footer()
			if err != nil {
				return err
			}
			if !v.tree.equal(foot.tree) {
				return v.blame(x.seg.name, "the records do not hash to the footer's tree")
			}
		}
		if v.o.Progress != nil {
			v.o.Progress(v.tree.size, v.cp.Size)
		}
		stretches.Put(x)
	}
	return nil
}

// blame names the first leaf that the hash file disagrees with, or else the segment.
func (v *verification) blame(segment, reason string) error {
	if v.suspect != nil {
		return v.suspect
	}
	return &CorruptError{Index: -1, File: segment, Reason: reason}
}

func (v *verification) judge() error {
	last := v.l.segments[len(v.l.segments)-1]
	v.rep.Tail = max(v.rep.Tail, last.first+last.count-v.cp.Size)
	v.rep.Stale = v.suspect != nil || !v.l.hashes.sound(v.cp)
	switch {
	case v.tree.size < v.cp.Size:
		return endsEarly(v.tree.size, last, v.cp)
	case v.tree.root() != v.cp.Root:
		return v.blame(filepath.Base(last.name), "the records do not hash to the anchor's root")
	}
	return nil
}
