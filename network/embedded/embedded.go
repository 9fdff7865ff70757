// Package embedded is the permissioned ledger in a single process: consent.Apply on a journal, its public state in Badger.
//
// The journal's segment files are the truth. Badger holds the applied state, which is rebuilt from the leaves alone, and
// the applied position in the same transaction; so it need not be synced, and losing it costs time and nothing else. (On
// Badger v4.9.6 one flipped bit in its log silently drops acknowledged writes, and a missing MANIFEST opens an empty
// database: a store like that can be an index, never the record.)
//
// A message goes through four steps, each on its own goroutine where that helps:
//
//	caller      verified already; known messages get their receipt
//	sequencer   one goroutine: time, consent.Run on the applied state and the writes still on their way, seal, enqueue
//	journal     group commit: segment fsync, anchor fsync
//	finisher    one goroutine: state and position to Badger, event to followers, receipt to the caller
//
// So a message is acknowledged when it is durable and applied, many share one fsync, and the sequencer never waits for
// the disk. A new subject's key is made durable by the caller, before the message that needs it is queued.
package embedded

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/index"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// Config says where a ledger is. Dir, AnchorPath, Ledger, Signer, Verifier and Vault are needed.
type Config struct {
	Dir         string // segments in Dir/log, state in Dir/state
	AnchorPath  string // outside Dir: the newest signed checkpoint
	Ledger      consent.Hash
	Signer      note.Signer
	Verifier    note.Verifier
	Vault       *vault.Vault // seals messages of subjects; the caller's to close, after the ledger
	FreeReserve int64        // journal.Config.FreeReserve
	Segment     int64        // journal.Config.SegmentBytes
	Copy        bool         // a copy of a ledger that another host orders: Copied gives it leaves, Submit refuses
	Progress    func(done, total int64)
	Now         func() time.Time // nil is time.Now
}

// maxBehind is how far the wall clock may be behind the ledger's last message. The contract's times never go back; a
// clock that is this wrong is not trusted with new messages.
const maxBehind = consent.Millis(60_000)

// Origin is the checkpoint origin line of a ledger.
func Origin(ledger consent.Hash) string { return "volens/ledger/" + ledger.String() }

// Journal is the configuration of the ledger's journal.
func (c Config) Journal() journal.Config {
	return journal.Config{
		Dir: filepath.Join(c.Dir, logDir), AnchorPath: c.AnchorPath, Origin: Origin(c.Ledger), Signer: c.Signer,
		Verifier: c.Verifier, FreeReserve: c.FreeReserve, SegmentBytes: c.Segment, Progress: c.Progress, Now: c.Now,
	}
}

// Ledger is an open embedded ledger.
type Ledger struct {
	cfg   Config
	log   *journal.Log
	db    *index.DB
	queue chan *submission
	flow  chan *submission // sequencer to finisher, in order
	tail  tail
	ends  sync.WaitGroup
	stop  chan struct{}

	position atomic.Uint64

	recent *recent

	mu      sync.RWMutex                 // guards landing
	landing map[consent.Hash]*submission // accepted and on their way, by commitment
	lastTx  consent.Millis
	closed  atomic.Bool
}

var _ network.Ledger = (*Ledger)(nil)

// Init makes an empty ledger and puts its genesis on it. It refuses a folder that is not empty.
func Init(ctx context.Context, cfg Config, genesis consent.Message) (network.Receipt, error) {
	v, err := consent.Verify(cfg.Ledger, genesis)
	if err != nil {
		return network.Receipt{}, err
	}
	if v.Ledger() != cfg.Ledger {
		return network.Receipt{}, consent.Errorf(consent.Malformed, "the genesis makes ledger %s, not %s", v.Ledger(), cfg.Ledger)
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return network.Receipt{}, fmt.Errorf("make the ledger's folder: %w", err)
	}
	if err := journal.Init(cfg.Journal()); err != nil {
		return network.Receipt{}, err
	}
	l, err := Open(ctx, cfg)
	if err != nil {
		return network.Receipt{}, err
	}
	r, err := l.Submit(ctx, v)
	return r, errors.Join(err, l.Close())
}

// Open opens a ledger that Init made, brings its state up to the journal and starts it.
func Open(ctx context.Context, cfg Config) (*Ledger, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now //nolint:forbidigo // the one place where the clock comes in
	}
	log, err := journal.Open(ctx, cfg.Journal())
	if err != nil {
		return nil, err
	}
	l := &Ledger{
		cfg: cfg, log: log, queue: make(chan *submission, 1024), flow: make(chan *submission, 8192),
		stop: make(chan struct{}), recent: newRecent(), landing: map[consent.Hash]*submission{},
	}
	if err := l.openState(ctx); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	l.ends.Add(2)
	go l.sequence()
	go l.finish()
	return l, nil
}

// ID implements network.Ledger.
func (l *Ledger) ID() consent.Hash { return l.cfg.Ledger }

// Position implements network.Ledger.
func (l *Ledger) Position() network.Position { return network.Position(l.position.Load()) }

// Log is the ledger's journal, for checkpoints, tiles and proofs.
func (l *Ledger) Log() *journal.Log { return l.log }

// Get implements network.Ledger.
func (l *Ledger) Get(key string) ([]byte, error) { return l.applied(key) }

// Close implements network.Ledger. Messages that wait are finished first.
func (l *Ledger) Close() error {
	if !l.closed.CompareAndSwap(false, true) {
		return nil
	}
	close(l.stop)
	l.ends.Wait()
	return errors.Join(l.log.Close(), l.db.Close())
}
