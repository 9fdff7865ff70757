package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Record is one entry. The leaf is public and is what the tree hashes; the attachment is sealed by the caller and only
// checksummed, so it may lose its meaning (its key destroyed) while every proof stays valid.
type Record struct {
	Leaf, Attachment []byte
}

// Config says where a journal is and whose it is. Dir, AnchorPath, Origin and Verifier are always needed, Signer by
// everything that writes.
type Config struct {
	Dir        string        // data folder: segments and the derived hash file
	AnchorPath string        // file outside Dir, on another volume if possible: the newest signed checkpoint
	Origin     string        // C2SP checkpoint origin line: the ledger's name
	Signer     note.Signer   // signs checkpoints
	Verifier   note.Verifier // the same key's verifier

	// Extend returns the extension lines of the next checkpoint. The committer calls it in record order, once a commit,
	// with the new records before they are signed; Init calls it with none. It must not keep the records' memory. Its
	// error fences the journal.
	Extend func(first int64, recs []Record) ([]string, error)
	// Replay brings the caller's state up to the anchor: Open calls it in order for the records from ReplayFrom on that
	// the anchor covers, before it calls Extend for a tail above the anchor. It must not keep the record's memory.
	Replay     func(i int64, r Record) error
	ReplayFrom int64

	SegmentBytes int64                   // size of a segment file; 0 is 64 MiB
	FreeReserve  int64                   // ordinary appends are refused while less than this is free; 0 switches the guard and the ballast off
	Progress     func(done, total int64) // told of long work at start; may be nil
	Now          func() time.Time        // nil is time.Now

	disk disk
}

const (
	defaultSegment = 64 << 20
	maxSegment     = 1 << 30
	minSegment     = 4 << 10
)

func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || c.AnchorPath == "" || c.Origin == "" || c.Verifier == nil {
		return c, errors.New("journal config needs Dir, AnchorPath, Origin and Verifier")
	}
	if rel, err := filepath.Rel(c.Dir, c.AnchorPath); err == nil && filepath.IsLocal(rel) && !c.anchorInside() {
		return c, errors.New("the anchor must lie outside the data folder")
	}
	if c.SegmentBytes == 0 {
		c.SegmentBytes = defaultSegment
	}
	c.SegmentBytes = min(max(c.SegmentBytes, minSegment), maxSegment)
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place where the journal's clock defaults
	}
	if c.disk == nil {
		c.disk = osDisk{}
	}
	return c, nil
}

// anchorInside allows the one exception: a backup carries its anchor as Dir/anchor.
func (c Config) anchorInside() bool { return c.AnchorPath == filepath.Join(c.Dir, backupAnchor) }

const (
	lockName     = "LOCK"
	hashesName   = "hashes"
	spareName    = "spare"
	ballastName  = "ballast"
	backupAnchor = "anchor"
	segmentExt   = ".seg"
)

func segmentName(first int64) string { return fmt.Sprintf("%020d%s", first, segmentExt) }

// Log is an open journal. All methods may be used from several goroutines.
type Log struct {
	cfg    Config
	lock   io.Closer
	anchor *anchor
	hashes *hashFile

	checking bool // opened to be read only: nothing is created, removed or written

	queue     queue
	committer sync.WaitGroup
	watchers  watchers

	tree  frontier // of everything committed; only the committer touches it
	lines []string // the newest extension lines; only the committer touches it

	segmentsMu sync.RWMutex
	segments   []segment // the last one is active

	durable atomic.Pointer[Checkpoint]
	roots   rootCache
}

// Init makes an empty journal and its anchor. It refuses with ErrExists if Dir holds anything or the anchor exists.
func Init(cfg Config) (err error) {
	cfg, err = cfg.withDefaults()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	if err := refuseExisting(cfg, true); err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	lock, err := cfg.disk.Lock(filepath.Join(cfg.Dir, lockName))
	if err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	var lines []string
	if cfg.Extend != nil {
		if lines, err = cfg.Extend(0, nil); err != nil {
			return fmt.Errorf("init journal: extend: %w", err)
		}
	}
	cp, err := signCheckpoint(cfg, 0, (&frontier{}).root(), lines)
	if err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	f, err := createSegment(cfg, 0)
	if err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	if err := createAnchor(cfg.disk, cfg.AnchorPath, cp.Note); err != nil {
		return fmt.Errorf("init journal: %w", err)
	}
	return nil
}

// refuseExisting answers ErrExists if the folder is in use or, when asked, if the anchor is there.
func refuseExisting(cfg Config, anchorToo bool) error {
	names, err := cfg.disk.List(cfg.Dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n != lockName {
			return fmt.Errorf("%s holds %s: %w", cfg.Dir, n, ErrExists)
		}
	}
	if !anchorToo {
		return nil
	}
	if _, err := os.Lstat(cfg.AnchorPath); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("anchor %s: %w", cfg.AnchorPath, errors.Join(ErrExists, err))
	}
	return nil
}

// Durable is the newest checkpoint that has reached the disk, records and anchor. It does not lock.
func (l *Log) Durable() Checkpoint { return *l.durable.Load() }

// Append enqueues rec and waits until it is durable.
func (l *Log) Append(ctx context.Context, rec Record) (int64, error) {
	p, err := l.Enqueue(rec, EnqueueOptions{})
	if err != nil {
		return 0, err
	}
	return p.Index(), p.Wait(ctx)
}

// Fenced is nil until the first write or sync error; from then on it wraps ErrFenced and that error.
func (l *Log) Fenced() error { return l.queue.fencedErr() }

// Watch returns a channel that closes once more than size records are durable. It does not close when the journal is
// closed or fenced: select on a context too.
func (l *Log) Watch(size int64) <-chan struct{} {
	return l.watchers.add(size, func() int64 { return l.durable.Load().Size })
}

// watchers are the channels waiting for the journal to grow.
type watchers struct {
	mu   sync.Mutex
	wait map[chan struct{}]int64
}

// add reads the size under the lock that wake takes after a publication, so no growth falls between.
func (w *watchers) add(size int64, durable func() int64) <-chan struct{} {
	ch := make(chan struct{})
	w.mu.Lock()
	defer w.mu.Unlock()
	if durable() > size {
		close(ch)
		return ch
	}
	if w.wait == nil {
		w.wait = make(map[chan struct{}]int64)
	}
	w.wait[ch] = size
	return ch
}

func (w *watchers) wake(durable int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for ch, size := range w.wait {
		if durable > size {
			close(ch)
			delete(w.wait, ch)
		}
	}
}
