package uses

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

// The record itself and what is proved of it are package proof's; they are named here so that users need one import.
type (
	Use       = proof.Use
	Entry     = proof.Entry
	Statement = proof.Statement
	Seen      = proof.Seen
)

// Sealer keeps the handles' keys. *vault.Vault is one.
type Sealer interface {
	Seal(id vault.ID, plaintext, aad []byte) ([]byte, error)
	AppendSealed(dst []byte, id vault.ID, plaintext, aad []byte) ([]byte, error)
	Open(id vault.ID, sealed, aad []byte) ([]byte, error)
	Known(id vault.ID) bool
	Sync() error
}

var _ Sealer = (*vault.Vault)(nil)

// Config says where a use log is and whose it is. Journal, IndexDir and Vault are needed.
type Config struct {
	Journal  journal.Config // Extend, Replay and ReplayFrom are the log's own
	IndexDir string         // a folder of its own for Badger; it may be deleted while the log is closed
	Vault    Sealer
	Secret   []byte // at least 16 bytes: the key of the pseudonyms that auditors see. List needs it

	// Notify is told of each use once it is durable, one at a time, in the order they were queued. It must not wait.
	Notify func(Use, Receipt)
}

// Log is an open use log. All methods may be used from several goroutines.
type Log struct {
	cfg     Config
	journal *journal.Log
	index   *index
	heads   heads
	notices *notices
	closing sync.Once
	fault   atomic.Pointer[error]

	treeMu sync.RWMutex // comes before the index's lock
	tree   *proof.Slots
	// treeAt is how many records the tree's newest state covers, markAt how many its marked state does.
	treeAt, markAt int64
	lasts          lasts
	flying         []row // what is in the tree and was not yet at the last mark
	replay         replay
}

// Init makes an empty use log. It refuses with journal.ErrExists if there is anything in its place.
func Init(cfg Config) error {
	l := &Log{cfg: cfg, tree: proof.NewSlots()}
	jc := cfg.Journal
	jc.Extend, jc.Replay, jc.ReplayFrom = l.extendInit, nil, 0
	if err := journal.Init(jc); err != nil {
		return fmt.Errorf("init use log: %w", err)
	}
	return nil
}

func (l *Log) extendInit(int64, []journal.Record) ([]string, error) { return l.slotsLine() }

// Open opens a use log that Init made. When the index is missing, behind or not the journal's, it is made anew.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if cfg.Vault == nil || cfg.IndexDir == "" {
		return nil, errors.New("open use log: config needs Vault and IndexDir")
	}
	l, err := open(ctx, cfg, false)
	if errors.Is(err, errIndex) {
		l, err = open(ctx, cfg, true)
	}
	if err != nil {
		return nil, fmt.Errorf("open use log: %w", err)
	}
	return l, nil
}

func open(ctx context.Context, cfg Config, afresh bool) (_ *Log, err error) {
	l := &Log{cfg: cfg, tree: proof.NewSlots()}
	if l.index, err = openIndex(cfg.IndexDir, afresh); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, l.closeAll())
		}
	}()
	if err := l.loadHeads(); err != nil {
		return nil, err
	}
	jc := cfg.Journal
	jc.Extend, jc.Replay, jc.ReplayFrom = l.extend, l.replayRecord, max(l.index.applied.Load()-1, 0)
	if l.journal, err = journal.Open(ctx, jc); err != nil {
		return nil, err
	}
	if err := l.replayed(); err != nil {
		return nil, err
	}
	if err := l.checkSlots(); err != nil {
		return nil, err
	}
	l.replay.live = true
	l.index.serve(l.journal, l.fence)
	if cfg.Notify != nil {
		l.notices = newNotices(cfg.Notify)
	}
	return l, nil
}

// Close makes everything queued durable and lets go of the files. Closing again does nothing.
func (l *Log) Close() (err error) {
	l.closing.Do(func() {
		l.fence(consent.Errorf(consent.Unavailable, "the use log is closed"))
		if err = l.closeAll(); err != nil {
			err = fmt.Errorf("close use log: %w", err)
		}
	})
	return err
}

func (l *Log) closeAll() error {
	var errs []error
	if l.journal != nil {
		errs = append(errs, l.journal.Close())
	}
	if l.notices != nil {
		l.notices.close()
	}
	if l.index != nil {
		errs = append(errs, l.index.close())
	}
	return errors.Join(errs...)
}

// fence stops all recording. The first reason stays.
func (l *Log) fence(err error) { l.fault.CompareAndSwap(nil, &err) }

// Fenced is nil until the first fault of journal or index; from then on nothing is recorded any more.
func (l *Log) Fenced() error {
	if e := l.fault.Load(); e != nil {
		return *e
	}
	return nil
}

// Journal is the log's journal, for reading: its checkpoints, tiles, entries and proofs are public.
func (l *Log) Journal() *journal.Log { return l.journal }

// Count is the number of durable uses.
func (l *Log) Count() int64 { return l.journal.Durable().Size }

// checkSlots compares the slot tree with the checkpoint that the journal was opened at.
func (l *Log) checkSlots() error {
	cp := l.journal.Durable()
	line, err := l.slotsLine()
	if err != nil {
		return err
	}
	if len(cp.Extension) != 1 || cp.Extension[0] != line[0] {
		return fmt.Errorf("%w: slots %q, the checkpoint says %q", l.suspectIndex(), line, cp.Extension)
	}
	return nil
}

// suspectIndex blames the index if the state came from it, else the journal.
func (l *Log) suspectIndex() error {
	if l.replay.from > 0 {
		return errIndex
	}
	return journal.ErrCorrupt
}

func (l *Log) slotsLine() ([]string, error) {
	v := l.tree.Newest()
	root, err := v.Root()
	if err != nil {
		return nil, fmt.Errorf("slot tree: %w", err)
	}
	return []string{proof.SlotsLine(v.Size(), root)}, nil
}

func leafHash(leaf []byte) consent.Hash { return consent.Hash(tlog.RecordHash(leaf)) }
