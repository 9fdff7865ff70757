package journal

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/mod/sumdb/tlog"
)

// EnqueueOptions says how a record is queued.
type EnqueueOptions struct {
	// Priority lets a record use the disk reserve. It is for revocations: they must work when the disk is full.
	Priority bool
}

// Pending is a record on its way to the disk.
type Pending struct {
	index int64
	batch *batch
}

// Index is the record's number. It is final if Wait returns nil.
func (p *Pending) Index() int64 { return p.index }

// Done closes when the outcome is known.
func (p *Pending) Done() <-chan struct{} { return p.batch.done }

// Wait returns nil once the record and the anchor that covers it are on the disk. ErrFenced means that the outcome is
// unknown. The end of ctx ends the wait, not the write.
func (p *Pending) Wait(ctx context.Context) error {
	select {
	case <-p.batch.done:
		return p.batch.err
	case <-ctx.Done():
		return fmt.Errorf("wait for record %d: %w", p.index, ctx.Err())
	}
}

// chunk is what a batch writes into one segment.
type chunk struct {
	at     int64 // file offset of buf
	first  int64
	starts []uint32
	buf    []byte
}

// batch is what one commit makes durable: encoded when it is queued, so that encoding overlaps the sync before it.
type batch struct {
	chunks []chunk // the second, if any, opens the next segment
	hashes []tlog.Hash
	done   chan struct{}
	err    error
}

type spareState int

const (
	spareNone spareState = iota
	spareBuilding
	spareReady
	spareTaken // promised to queued records, not yet opened by the committer
)

const maxQueued = 32 << 20 // bytes; beyond it Enqueue waits

// queue holds what is accepted and not yet written. Enqueue lays records out in segments itself and accepts only what
// has its space reserved, so a full disk can refuse a record but never strand one that was given a number.
type queue struct {
	mu   sync.Mutex
	work sync.Cond // there is a batch, or the end
	room sync.Cond // the batch was taken, or the spare changed

	next      *batch
	nextIndex int64
	queued    int // bytes in next

	first, count, pos, size int64 // the segment being filled, as it will be when all queued is written

	spare    spareState
	spareF   file
	spareErr error // why the last attempt at a spare did not work
	ballast  bool  // the ballast file exists
	builders sync.WaitGroup

	low    bool // less than FreeReserve was free when last looked
	fenced error
	broken chan struct{} // closed when fenced
	closed bool
}

func (q *queue) fencedErr() error {
	select {
	case <-q.broken:
	default:
		return nil // without the lock: every request asks
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.fenced
}

func newBatch(buf []byte) *batch {
	return &batch{chunks: []chunk{{buf: buf[:0]}}, done: make(chan struct{})}
}

// Enqueue gives rec the next number, in call order, and queues it without waiting for the disk; it waits only while
// very much is queued already or the next segment is not yet reserved. It copies rec. ErrFull, ErrTooLarge and
// ErrClosed mean that nothing was queued.
func (l *Log) Enqueue(rec Record, o EnqueueOptions) (*Pending, error) {
	n := recordSize(rec)
	if len(rec.Leaf) > MaxLeaf || len(rec.Attachment) > MaxAttachment || headerSize+n+maxFooter(1) > l.cfg.SegmentBytes {
		return nil, fmt.Errorf("append leaf of %d and attachment of %d bytes: %w", len(rec.Leaf), len(rec.Attachment), ErrTooLarge)
	}
	payload, leaf := payloadSum(rec), tlog.RecordHash(rec.Leaf)
	q := &l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := l.admit(n, o.Priority); err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	b := q.next
	c := &b.chunks[len(b.chunks)-1]
	if len(c.starts) == 0 {
		c.at, c.first = q.pos, q.nextIndex
	}
	c.starts = append(c.starts, uint32(q.pos)) //nolint:gosec // a segment is at most maxSegment
	c.buf = appendRecord(c.buf, q.nextIndex, rec, payload)
	b.hashes = append(b.hashes, leaf)
	p := &Pending{index: q.nextIndex, batch: b}
	q.nextIndex++
	q.count++
	q.pos += n
	q.queued += int(n)
	if q.spare == spareNone && q.pos > q.size/2 {
		l.buildSpare(false)
	}
	q.work.Signal()
	return p, nil
}

// admit returns nil when n bytes may be queued now. It holds the queue's lock, and gives it up while it waits.
func (l *Log) admit(n int64, priority bool) error {
	q := &l.queue
	for tried := false; ; {
		if err := l.refusal(priority); err != nil {
			return err
		}
		switch {
		case q.queued > maxQueued:
			q.room.Wait()
		case q.pos+n+maxFooter(q.count+1) <= q.size:
			return nil
		case q.count == 0: // the disk was too full at start to give the active segment its full size
			return ErrFull
		case q.spare == spareReady:
			q.takeSpare(l.cfg.SegmentBytes)
		case q.spare != spareNone:
			q.room.Wait()
		case tried && q.spareErr != nil:
			return q.spareErr
		default:
			tried = true
			l.buildSpare(priority)
		}
	}
}

// refusal says why nothing, or no ordinary record, can be queued at all.
func (l *Log) refusal(priority bool) error {
	q := &l.queue
	switch {
	case q.fenced != nil:
		return q.fenced
	case q.closed:
		return ErrClosed
	case !priority && q.low && l.checkFree():
		return ErrFull
	}
	return nil
}

// takeSpare moves the layout to the next segment.
func (q *queue) takeSpare(size int64) {
	q.spare = spareTaken
	q.first, q.count, q.pos, q.size = q.nextIndex, 0, headerSize, size
	q.next.chunks = append(q.next.chunks, chunk{})
}

// checkFree looks at the free space again and says whether it is short.
func (l *Log) checkFree() bool {
	free, err := l.cfg.disk.Free(l.cfg.Dir)
	l.queue.low = l.cfg.FreeReserve > 0 && (err != nil || free < l.cfg.FreeReserve)
	return l.queue.low
}

// buildSpare reserves the next segment in the background. A forced one may use the reserve, and the ballast if it must.
func (l *Log) buildSpare(force bool) {
	q := &l.queue
	q.spare, q.spareErr = spareBuilding, nil
	q.builders.Add(1)
	go func() {
		defer q.builders.Done()
		f, err := l.reserve(force)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.spare, q.spareF = spareReady, f
		if err != nil {
			q.spare, q.spareErr = spareNone, fmt.Errorf("%w: %w", ErrFull, err)
		}
		q.room.Broadcast()
	}()
}

func (l *Log) reserve(force bool) (file, error) {
	if l.cfg.FreeReserve > 0 && !force {
		free, err := l.cfg.disk.Free(l.cfg.Dir)
		if err != nil {
			return nil, err
		}
		if free < l.cfg.FreeReserve+l.cfg.SegmentBytes {
			return nil, fmt.Errorf("%d bytes free, %d in reserve", free, l.cfg.FreeReserve)
		}
	}
	f, err := reserveSpare(l.cfg)
	switch {
	case err == nil && !force:
		return f, l.keepBallast()
	case err == nil || !force || !l.dropBallast():
		return f, err
	}
	return reserveSpare(l.cfg)
}

// keepBallast sets a segment's worth of space aside for priority records, if there is room to spare. Without room it
// does nothing: the next segment asks again.
func (l *Log) keepBallast() error {
	if l.cfg.FreeReserve <= 0 {
		return nil
	}
	l.queue.mu.Lock()
	have := l.queue.ballast
	l.queue.mu.Unlock()
	free, err := l.cfg.disk.Free(l.cfg.Dir)
	if err != nil || have || free < l.cfg.FreeReserve+2*l.cfg.SegmentBytes {
		return err
	}
	f, err := l.cfg.disk.Open(filepath.Join(l.cfg.Dir, ballastName), os.O_RDWR|os.O_CREATE)
	if err != nil {
		return fmt.Errorf("create ballast: %w", err)
	}
	if err := errors.Join(f.Reserve(l.cfg.SegmentBytes), f.Close()); err != nil {
		return fmt.Errorf("create ballast: %w", err)
	}
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	l.queue.ballast = true
	return nil
}

// dropBallast frees the ballast file and says whether there was one.
func (l *Log) dropBallast() bool {
	l.queue.mu.Lock()
	defer l.queue.mu.Unlock()
	had := l.queue.ballast
	l.queue.ballast = false
	return had && l.cfg.disk.Remove(filepath.Join(l.cfg.Dir, ballastName)) == nil
}

// fence stops every acknowledgement for as long as the Log is open: after a failed sync the kernel may have dropped the
// data and call the next sync a success.
func (l *Log) fence(cause error, b *batch) {
	q := &l.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.fenced == nil {
		q.fenced = fmt.Errorf("%w: %w", ErrFenced, cause)
		close(q.broken)
	}
	for _, x := range []*batch{b, q.next} {
		if x != nil {
			x.err = q.fenced
			close(x.done)
		}
	}
	q.next = newBatch(nil)
	q.room.Broadcast()
}

// Sync waits until everything queued before the call is durable.
func (l *Log) Sync() error {
	q := &l.queue
	q.mu.Lock()
	size, fenced := q.nextIndex, q.fenced
	q.mu.Unlock()
	if fenced != nil {
		return fenced
	}
	select {
	case <-l.Watch(size - 1):
		return nil
	case <-q.broken:
		return q.fencedErr()
	}
}

// Close makes everything queued durable and releases the files. Records enqueued after it began are refused.
func (l *Log) Close() error {
	q := &l.queue
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return nil
	}
	q.closed = true
	q.work.Broadcast()
	q.room.Broadcast()
	q.mu.Unlock()
	l.committer.Wait()
	q.builders.Wait()
	return errors.Join(q.fencedErr(), l.closeFiles())
}
