package journal

import (
	"errors"
	"fmt"
	"math/bits"

	"golang.org/x/mod/sumdb/tlog"
)

// run is the committer: it takes everything queued, makes it durable and acknowledges it, for ever.
func (l *Log) run() {
	defer l.committer.Done()
	var spent []byte
	for {
		b := l.take(spent)
		if b == nil {
			return
		}
		if err := l.commit(b); err != nil {
			l.fence(err, b)
			return
		}
		spent = b.chunks[len(b.chunks)-1].buf
		if cap(spent) > 4<<20 {
			spent = nil
		}
	}
}

// take waits for work and returns it, or nil at the end. buf is a buffer to fill next.
func (l *Log) take(buf []byte) *batch {
	q := &l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.next.hashes) == 0 {
		if q.closed {
			return nil
		}
		q.work.Wait()
	}
	if l.cfg.FreeReserve > 0 {
		l.checkFree()
	}
	b := q.next
	q.next, q.queued = newBatch(buf), 0
	q.room.Broadcast()
	return b
}

// commit makes one batch durable: records, their sync, then the anchor and its sync. Hashing and signing run while the
// disk syncs the records.
func (l *Log) commit(b *batch) error {
	first := l.tree.size
	active := l.active()
	if len(b.chunks) > 1 {
		if err := l.roll(&active, b); err != nil {
			return err
		}
	}
	last := b.chunks[len(b.chunks)-1]
	wrote := make(chan error, 1)
	go func() { wrote <- writeChunk(active.f, active.name, last) }()
	grown := l.tree.size
	stored := l.growTree(b.hashes[grown-first:])
	cp, err := l.signNext(first, b)
	if werr := <-wrote; werr != nil {
		return werr
	}
	if err != nil {
		return err
	}
	l.hashes.append(grown, stored)
	if err := l.anchor.write(cp.Note); err != nil {
		return err
	}
	active.extend(last)
	l.publish(active, cp)
	close(b.done)
	l.watchers.wake(cp.Size)
	return nil
}

func writeChunk(f file, name string, c chunk) error {
	if len(c.buf) == 0 {
		return nil
	}
	if _, err := f.WriteAt(c.buf, c.at); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if err := f.Datasync(); err != nil {
		return fmt.Errorf("sync %s: %w", name, err)
	}
	return nil
}

func (l *Log) active() segment {
	l.segmentsMu.RLock()
	defer l.segmentsMu.RUnlock()
	return l.segments[len(l.segments)-1]
}

func (s *segment) extend(c chunk) {
	s.starts = append(s.starts, c.starts...)
	s.count += int64(len(c.starts))
	if len(c.buf) > 0 {
		s.end = c.at + int64(len(c.buf))
	}
}

func (l *Log) growTree(leaves []tlog.Hash) []tlog.Hash {
	stored := make([]tlog.Hash, 0, 2*len(leaves)+bits.Len(uint(len(leaves))))
	for _, h := range leaves {
		stored = l.tree.graft(0, h, stored)
	}
	return stored
}

// signNext extends and signs the checkpoint for everything up to and with b.
func (l *Log) signNext(first int64, b *batch) (Checkpoint, error) {
	if l.cfg.Extend != nil {
		recs := make([]Record, 0, len(b.hashes))
		for _, c := range b.chunks {
			for k, at := range c.starts {
				rec, _, err := parseRecord(c.buf[int64(at)-c.at:], c.first+int64(k))
				if err != nil {
					return Checkpoint{}, fmt.Errorf("extend: %w", err)
				}
				recs = append(recs, rec)
			}
		}
		lines, err := l.cfg.Extend(first, recs)
		if err != nil {
			return Checkpoint{}, fmt.Errorf("extend: %w", err)
		}
		l.lines = lines
	}
	return signCheckpoint(l.cfg, l.tree.size, l.tree.root(), l.lines)
}

// publish shows readers the new records.
func (l *Log) publish(active segment, cp Checkpoint) {
	l.segmentsMu.Lock()
	l.segments[len(l.segments)-1] = active
	l.segmentsMu.Unlock()
	l.durable.Store(&cp)
}

// roll finishes the active segment with the batch's first chunk, seals it and opens the next one, which it leaves in
// active. The new segment gets its name only when the old one is sealed and synced: all but the last are always sealed.
func (l *Log) roll(active *segment, b *batch) error {
	head := b.chunks[0]
	if err := writeChunk(active.f, active.name, head); err != nil {
		return err
	}
	first := l.tree.size
	l.hashes.append(first, l.growTree(b.hashes[:len(head.starts)]))
	l.hashes.sync()
	active.extend(head)
	sealed, err := l.seal(*active)
	if err != nil {
		return err
	}
	q := &l.queue
	q.mu.Lock()
	f := q.spareF
	q.spareF = nil
	q.mu.Unlock()
	if err := adoptSpare(l.cfg, f, l.tree.size); err != nil {
		return errors.Join(err, f.Close())
	}
	*active = segment{name: segmentName(l.tree.size), f: f, first: l.tree.size, end: headerSize}
	l.segmentsMu.Lock()
	l.segments[len(l.segments)-1] = sealed
	l.segments = append(l.segments, *active)
	l.segmentsMu.Unlock()
	q.mu.Lock()
	q.spare = spareNone
	q.room.Broadcast()
	q.mu.Unlock()
	return nil
}

// seal writes the footer that lets a start skip the segment, and cuts the file behind it. l.tree must end with s.
func (l *Log) seal(s segment) (segment, error) {
	foot := formatFooter(footer{first: s.first, count: s.count, end: s.end, offsets: s.starts, tree: l.tree})
	if _, err := s.f.WriteAt(foot, s.end); err != nil {
		return s, fmt.Errorf("seal %s: %w", s.name, err)
	}
	if err := s.f.Truncate(s.end + int64(len(foot))); err != nil {
		return s, fmt.Errorf("seal %s: %w", s.name, err)
	}
	if err := s.f.Datasync(); err != nil {
		return s, fmt.Errorf("seal %s: %w", s.name, err)
	}
	s.sealed, s.starts = true, nil
	return s, nil
}
