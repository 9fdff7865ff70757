package fabric

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/volens-ledger/volens/chaincode/ccaas/wire"
	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/embedded"
	"github.com/volens-ledger/volens/network/journal"
)

// Organizations says who is who on the channel, by the names of the connection profile.
type Organizations struct {
	Own        string
	Trust      string // endorses with every custodian
	Regulator  string // endorses withdrawals when the custodian does not
	Custodians map[consent.MemberID]string
}

// Config sets a ledger up. Channel, Organizations, Copy and Genesis are needed.
type Config struct {
	Channel       Channel // the ledger closes it
	Organizations Organizations
	Copy          embedded.Config // of the own copy, made with embedded.InitCopy
	Genesis       consent.Message // put on a channel that has none; a channel with another one is refused

	Batch    int           // messages in a transaction; 0 means 256, at most wire.MaxBatch
	Linger   time.Duration // wait for company; 0 means 25 ms, an eighth of what a block takes
	Lanes    int           // transactions of a lane that are being endorsed at a time; 0 means 2
	Endorse  time.Duration // limit of one endorsement; 0 means 10 s
	Commit   time.Duration // wait for a submitted transaction before its messages are endorsed anew; 0 means 10 s
	Patience time.Duration // how long a message is tried before it is given back as Unavailable or Unknown; 0 means 25 s
	Grace    time.Duration // wait for a message that its own peer has not got before the copy goes on without; 0 means 1 s
	Beat     time.Duration // a heartbeat after this long without an own transaction; 0 means 1 s
	Doubt    time.Duration // how long a leaf may wait for another organisation's peer to confirm it; 0 means 1 minute
	Log      *slog.Logger
	Now      func() time.Time // nil is time.Now
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place where the clock comes in
	}
	if c.Log == nil {
		c.Log = slog.New(slog.NewTextHandler(io.Discard, nil))
	}
	c.Batch = min(or(c.Batch, wire.MaxBatch), wire.MaxBatch)
	c.Linger, c.Lanes = or(c.Linger, 25*time.Millisecond), or(c.Lanes, 2)
	c.Endorse, c.Commit = or(c.Endorse, 10*time.Second), or(c.Commit, 10*time.Second)
	c.Patience, c.Beat = or(c.Patience, 25*time.Second), or(c.Beat, time.Second)
	c.Grace, c.Doubt = or(c.Grace, time.Second), or(c.Doubt, time.Minute)
	c.Copy.Copy, c.Copy.Now = true, c.Now
	return c
}

func or[T comparable](v, otherwise T) T {
	if v == *new(T) {
		return otherwise
	}
	return v
}

// Ledger is a running client of a channel with its copy.
type Ledger struct {
	cfg  Config
	ch   Channel
	copy *embedded.Ledger

	ctx    context.Context //nolint:containedctx // of the ledger's own goroutines, ended by Close
	cancel context.CancelFunc
	ends   sync.WaitGroup
	failed atomic.Pointer[error]

	place   place                             // of the follower alone
	given   map[consent.Hash]consent.Verified // bodies of its block that the own peer gave; the follower's, too
	noted   map[string]struct{}               // what was logged of the channel; the follower's, too
	fresh   fresh
	witness witness

	mu      sync.Mutex
	lanes   map[laneKey]*lane
	busy    map[consent.SubjectID]*message  // handles' messages on their way
	lonely  map[consent.SubjectID]time.Time // handles whose messages share no transaction until then
	pending map[consent.Hash]*message       // taken, outcome not known yet
	doubt   map[consent.Hash][]string       // given back as Unknown: their transactions
	waiting map[string]chan<- string        // told a transaction's validation code
	late    lateBodies
	closed  bool
}

var (
	_ network.Ledger    = (*Ledger)(nil)
	_ network.Freshness = (*Ledger)(nil)
)

// Open opens the copy and follows the channel. It returns when the copy shows everything that was on the channel when Open
// began, or with an error when ctx ends before. On a channel without a genesis it puts cfg.Genesis first.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	cfg = cfg.withDefaults()
	c, err := embedded.Open(ctx, cfg.Copy)
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		cfg: cfg, ch: cfg.Channel, copy: c, lanes: map[laneKey]*lane{}, busy: map[consent.SubjectID]*message{},
		lonely: map[consent.SubjectID]time.Time{}, pending: map[consent.Hash]*message{}, doubt: map[consent.Hash][]string{}, waiting: map[string]chan<- string{},
	}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.fresh.begin(cfg.Now())
	if l.place, err = l.readPlace(); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	missing, err := c.Late()
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	l.late.some = len(missing) > 0
	l.given, l.noted = map[consent.Hash]consent.Verified{}, map[string]struct{}{}
	l.witness.begin(l)
	if err := l.whole(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	l.ends.Go(l.follow)
	l.ends.Go(l.chase)
	l.ends.Go(l.listen)
	l.ends.Go(l.beat)
	if err := l.settle(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// settle waits for the copy to be level and sees to the genesis.
func (l *Ledger) settle(ctx context.Context) error {
	if err := l.fresh.level(ctx, l.Failed); err != nil {
		return consent.Errorf(consent.Unavailable, "reach the channel: %w", err)
	}
	if l.copy.Position() == 0 {
		v, err := consent.Verify(l.cfg.Copy.Ledger, l.cfg.Genesis)
		if err != nil {
			return err
		}
		if _, err := l.Submit(ctx, v); err != nil && consent.CodeOf(err) != consent.Exists {
			return err
		}
	}
	if _, err := l.copy.Lookup(ctx, consent.Commitment(l.cfg.Genesis.Body)); err != nil {
		return consent.Errorf(consent.WrongState, "the channel has another genesis")
	}
	return nil
}

// ID implements network.Ledger.
func (l *Ledger) ID() consent.Hash { return l.copy.ID() }

// Get implements network.Ledger.
func (l *Ledger) Get(key string) ([]byte, error) { return l.copy.Get(key) }

// Position implements network.Ledger.
func (l *Ledger) Position() network.Position { return l.copy.Position() }

// Follow implements network.Ledger.
func (l *Ledger) Follow(ctx context.Context, from network.Position, fn func(network.Event) error) error {
	return l.copy.Follow(ctx, from, fn)
}

// Log is the copy's journal, for checkpoints, tiles and proofs.
func (l *Ledger) Log() *journal.Log { return l.copy.Log() }

// Digest is the copy's state's; see embedded.Ledger.Digest.
func (l *Ledger) Digest() (consent.Hash, error) { return l.copy.Digest() }

// Failed is why the copy cannot go on, nil while it can: the channel shows another history than before, or the disk failed.
func (l *Ledger) Failed() error {
	if e := l.failed.Load(); e != nil {
		return *e
	}
	return l.copy.Log().Fenced()
}

// Behind implements network.Freshness. A copy whose peer is not to be believed is older than anything.
func (l *Ledger) Behind() time.Duration {
	now := l.cfg.Now()
	if l.failed.Load() != nil {
		return math.MaxInt64
	}
	return max(l.fresh.behind(now), l.witness.doubtful(now))
}

// Close implements network.Ledger. What waits is given back: Unavailable when it was not submitted yet, else Unknown.
func (l *Ledger) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	l.mu.Unlock()
	l.cancel()
	l.abandon()
	l.ends.Wait()
	return errors.Join(l.ch.Close(), l.copy.Close())
}
