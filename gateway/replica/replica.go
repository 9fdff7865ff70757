// Package replica is the gateway's read model. It follows a ledger's events and knows, by subject handle, the head, the
// consents and the delegations; and the members and authorities. Everything in it can be rebuilt from the ledger.
//
// It is also where revocation becomes linearizable. Each subject has a version, a count of pending messages and a count
// of readers, under the subject's lock:
//
//	Enter   refuses while a message is pending, else counts a reader and hands out the state as it is
//	Leave   ends that reader; only then is the answer on its way to the requester
//	Fence   marks a message as pending before it is submitted
//	Lift    takes the mark off when the message is applied, and waits for the readers that entered before
//
// So when a revocation is acknowledged, every decision that had seen the consent has been answered or cut off, and every
// later one sees the revocation.
//
// Bodies and heads are kept in Badger, sealed under the subject's key, with the applied position in the same transaction;
// the hot ones are in memory, prepared for deciding.
package replica

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/index"
	"github.com/volens-ledger/volens/network/vault"
	"github.com/volens-ledger/volens/policies"
)

// Config sets a replica up. Dir, Ledger, Vault and Engine are needed.
type Config struct {
	Dir      string
	Ledger   network.Ledger
	Vault    *vault.Vault
	Engine   *policies.Engine
	Subjects int           // subjects kept in memory; 0 means 1,500,000 (about 250 bytes each)
	Shapes   int           // prepared consents kept in memory; 0 means 50,000 (a few kilobytes each)
	MaxStale time.Duration // how far behind the ledger it may be and still answer; 0 means 2 s
	OnEvent  func(network.Event)
	// Permits counts the permits on record under each consent of a subject that limits its uses. It is asked once when a
	// subject with such a consent comes into memory.
	Permits func(h consent.SubjectID, slot consent.Uint64) (map[consent.Uint64]uint64, error)
	Now     func() time.Time
}

// Replica is a running replica. It is safe for concurrent use.
type Replica struct {
	cfg      Config
	db       *index.DB
	subjects subjects
	shapes   shapes
	roster   atomic.Pointer[roster]
	writing  sync.Mutex // one writes to the index at a time
	batch    batch      // the follower's own; guarded by writing

	position atomic.Uint64
	level    atomic.Int64 // when the replica was last known to show all that the ledger had: time since began
	began    time.Time
	failed   atomic.Pointer[error]

	incomplete atomic.Bool // there may be subjects with messages that have not arrived

	mu      sync.Mutex
	waiters []waiter

	stop   context.CancelFunc
	done   chan struct{}
	mended chan struct{}
}

type waiter struct {
	at   network.Position
	done chan struct{}
}

// Open opens a replica, brings it up to the ledger and keeps following.
func Open(ctx context.Context, cfg Config) (*Replica, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.MaxStale == 0 {
		cfg.MaxStale = 2 * time.Second
	}
	if cfg.Subjects == 0 {
		cfg.Subjects = 1_500_000
	}
	if cfg.Shapes == 0 {
		cfg.Shapes = 50_000
	}
	r := &Replica{cfg: cfg, began: cfg.Now(), done: make(chan struct{}), mended: make(chan struct{})}
	r.incomplete.Store(true)
	r.subjects.init(cfg.Subjects)
	r.shapes.init(cfg.Shapes)
	if err := r.openIndex(); err != nil {
		return nil, err
	}
	if err := r.loadRoster(); err != nil {
		return nil, errors.Join(err, r.db.Close())
	}
	follow, stop := context.WithCancel(context.Background())
	r.stop = stop
	go r.follow(follow)
	go r.watch(follow)
	go func() { defer close(r.mended); r.mend(follow) }()
	if err := r.Wait(ctx, cfg.Ledger.Position()); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openIndex opens the Badger index; one that is damaged, another ledger's, or ahead of the ledger is made anew.
func (r *Replica) openIndex() error {
	dir := filepath.Join(r.cfg.Dir, "replica")
	if r.tryIndex(dir) == nil {
		return nil
	}
	if err := index.Drop(dir); err != nil {
		return err
	}
	return r.tryIndex(dir)
}

func (r *Replica) tryIndex(dir string) error {
	db, err := index.Open(dir, index.Options{MemTable: 16 << 20})
	if err != nil {
		return fmt.Errorf("open the replica's index: %w", err)
	}
	r.db = db
	var at appliedAt
	if err := r.read(appliedKey, &at); err != nil && !errors.Is(err, errAbsent) {
		return errors.Join(err, db.Close())
	}
	if at.Position > 0 && at.Format != format {
		return errors.Join(errors.New("the index is of another format"), db.Close())
	}
	if at.Position > uint64(r.cfg.Ledger.Position()) || at.Position > 0 && at.Ledger != r.cfg.Ledger.ID() {
		return errors.Join(errors.New("the index belongs to another ledger"), db.Close())
	}
	r.position.Store(at.Position)
	return db.Sound()
}

// format is that of what the index holds, the filters included. An index of another format is made anew.
const format = 6<<32 | policies.FilterFormat

// appliedAt is the index's place.
type appliedAt struct {
	Format   uint64
	Ledger   consent.Hash
	Position uint64
}

// Close stops following.
func (r *Replica) Close() error {
	r.stop()
	<-r.done
	<-r.mended
	return r.db.Close()
}

// Position is the newest applied position.
func (r *Replica) Position() network.Position { return network.Position(r.position.Load()) }

// Wait returns when the replica has applied position at.
func (r *Replica) Wait(ctx context.Context, at network.Position) error {
	r.mu.Lock()
	if r.Position() >= at {
		r.mu.Unlock()
		return nil
	}
	w := waiter{at, make(chan struct{})}
	r.waiters = append(r.waiters, w)
	r.mu.Unlock()
	select {
	case <-w.done:
		return nil
	case <-r.done:
		return consent.Errorf(consent.Unavailable, "the replica stopped: %w", r.Failed())
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Failed is why the replica stopped following, nil while it follows.
func (r *Replica) Failed() error {
	if e := r.failed.Load(); e != nil {
		return *e
	}
	return nil
}

// Fresh returns nil if what the replica shows is the ledger's newest state, or was within MaxStale.
func (r *Replica) Fresh() error {
	if err := r.Failed(); err != nil {
		return err
	}
	if r.roster.Load().genesis.Closed { // nobody can revoke there any more
		return consent.Errorf(consent.Closed, "the ledger is closed")
	}
	if f, ok := r.cfg.Ledger.(network.Freshness); ok { // others write to it too
		if behind := f.Behind(); behind > r.cfg.MaxStale {
			return consent.Errorf(consent.Unavailable, "what is known of the ledger is %v old", behind.Round(time.Millisecond))
		}
	}
	if r.Position() >= r.cfg.Ledger.Position() {
		return nil
	}
	if behind := r.since() - time.Duration(r.level.Load()); behind > r.cfg.MaxStale {
		return consent.Errorf(consent.Unavailable, "the replica is %v behind the ledger", behind.Round(time.Millisecond))
	}
	return nil
}

// since is the time that has passed, monotonic as long as Now is time.Now.
func (r *Replica) since() time.Duration { return r.cfg.Now().Sub(r.began) }

// watch finds out how far behind the replica is. It notes a position of the ledger and the time; when the replica has
// applied that position, it was level with the ledger at that time. So a busy ledger, which is always a few messages ahead,
// makes nobody stale, nor does one that was silent for long.
func (r *Replica) watch(ctx context.Context) {
	t := time.NewTicker(r.cfg.MaxStale / 8)
	defer t.Stop()
	goal, at := r.cfg.Ledger.Position(), r.since()
	for {
		if r.Position() >= goal {
			r.level.Store(int64(at))
			goal, at = r.cfg.Ledger.Position(), r.since()
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
