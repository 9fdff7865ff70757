package embedded

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/network"
	"github.com/volens-ledger/volens/network/index"
	"github.com/volens-ledger/volens/network/journal"
	"github.com/volens-ledger/volens/network/vault"
)

const (
	logDir   = "log"
	stateDir = "state"

	stateVersion = 2 // of the index's rows
)

// openState opens the index, and makes it anew when it is missing, damaged, another ledger's or ahead of the journal.
func (l *Ledger) openState(ctx context.Context) error {
	dir := filepath.Join(l.cfg.Dir, stateDir)
	from, err := l.tryState(dir)
	if err != nil {
		if err := index.Drop(dir); err != nil {
			return err
		}
		if from, err = l.tryState(dir); err != nil {
			return fmt.Errorf("make the state index: %w", err)
		}
	}
	l.position.Store(uint64(from))
	if err := l.catchUp(ctx, from); err != nil {
		return errors.Join(err, l.db.Close())
	}
	genesis, err := l.applied(consent.GenesisKey())
	if err != nil {
		return errors.Join(err, l.db.Close())
	}
	if genesis != nil { // every message reads it
		l.recent.keep(consent.GenesisKey(), genesis)
	}
	return nil
}

// tryState opens the index and returns its position if the journal bears it out.
func (l *Ledger) tryState(dir string) (network.Position, error) {
	db, err := index.Open(dir, index.Options{MemTable: 16 << 20, BlockCache: 16 << 20})
	if err != nil {
		return 0, err
	}
	l.db = db
	b, err := l.read([]byte(appliedKey))
	if err == nil && b != nil {
		var size int64
		if size, err = l.checkMark(b); err == nil {
			return network.Position(size), db.Sound() //nolint:gosec // not negative: checkMark saw to it
		}
	}
	if err != nil {
		return 0, errors.Join(err, db.Close())
	}
	return 0, db.Sound()
}

// mark says how far the index has come, in which history, and how its rows are made.
func mark(at network.Position, root tlog.Hash) []byte {
	return append(append(binary.BigEndian.AppendUint64(nil, uint64(at)), root[:]...), stateVersion)
}

func (l *Ledger) checkMark(b []byte) (int64, error) {
	if len(b) != 8+tlog.HashSize+1 || b[8+tlog.HashSize] != stateVersion {
		return 0, errors.New("the state index is another version's")
	}
	size := int64(binary.BigEndian.Uint64(b)) //nolint:gosec // rootAt checks it against the journal
	root, err := l.rootAt(size)
	if err == nil && tlog.Hash(b[8:8+tlog.HashSize]) != root {
		err = errors.New("the state index belongs to another history")
	}
	return size, err
}

func (l *Ledger) rootAt(size int64) (tlog.Hash, error) {
	if size < 0 || size > l.log.Durable().Size {
		return tlog.Hash{}, errors.New("the state index is ahead of the journal")
	}
	if size == 0 {
		return tlog.Hash(sha256.Sum256(nil)), nil
	}
	return l.log.RootAt(size)
}

// catchUp applies the leaves that the index lacks.
func (l *Ledger) catchUp(ctx context.Context, from network.Position) error {
	size := l.log.Durable().Size
	batch := make([]applied, 0, maxApply)
	flush := func() error {
		defer func() { batch = batch[:0] }()
		return l.apply(batch, nil)
	}
	err := l.log.Scan(ctx, int64(from), size, func(i int64, r journal.Record) error { //nolint:gosec // far below 2^63
		leaf, err := consent.ParseLeaf(r.Leaf)
		if err != nil {
			return fmt.Errorf("record %d: %w", i, err)
		}
		if err := l.eraseFor(leaf); err != nil {
			return err
		}
		batch = append(batch, applied{network.Position(i) + 1, leaf, isLate(r.Attachment)}) //nolint:gosec // not negative
		if len(batch) < maxApply {
			return nil
		}
		if l.cfg.Progress != nil {
			l.cfg.Progress(i+1, size)
		}
		return flush()
	})
	if err != nil {
		return fmt.Errorf("apply the journal: %w", err)
	}
	return flush()
}

// maxApply bounds the leaves of one Badger transaction.
const maxApply = 1000

type applied struct {
	at      network.Position
	leaf    consent.Leaf
	without bool // its message has not come
}

// apply writes leaves, the new position and a copy's cursor (nil: as it is) in one transaction, or in several if Badger has no
// room for one, and lets them be seen.
func (l *Ledger) apply(batch []applied, cursor []byte) error {
	if len(batch) == 0 {
		return nil
	}
	err := l.applyAtOnce(batch, cursor)
	if half := len(batch) / 2; half > 0 && errors.Is(err, badger.ErrTxnTooBig) {
		if err = l.apply(batch[:half], nil); err == nil {
			err = l.apply(batch[half:], cursor)
		}
	}
	return err
}

func (l *Ledger) applyAtOnce(batch []applied, cursor []byte) error {
	last := batch[len(batch)-1]
	root, err := l.rootAt(int64(last.at)) //nolint:gosec // far below 2^63
	if err != nil {
		return err
	}
	txn := l.db.NewTransaction(true)
	defer func() { txn.Discard() }()
	for _, a := range batch {
		for _, w := range a.leaf.Writes {
			if err := txn.Set(stateKey(w.Key), w.Value); err != nil {
				return fmt.Errorf("apply a leaf: %w", err)
			}
		}
		if err := txn.Set(commitKey(a.leaf.Commitment), binary.AppendUvarint(nil, uint64(a.at))); err != nil {
			return fmt.Errorf("apply a leaf: %w", err)
		}
		if err := a.late(txn); err != nil {
			return fmt.Errorf("apply a leaf: %w", err)
		}
	}
	if cursor != nil {
		if err := txn.Set([]byte(cursorKey), cursor); err != nil {
			return fmt.Errorf("apply a leaf: %w", err)
		}
	}
	if err := txn.Set([]byte(appliedKey), mark(last.at, root)); err != nil {
		return fmt.Errorf("apply a leaf: %w", err)
	}
	if err := txn.Commit(); err != nil {
		return fmt.Errorf("apply leaves: %w", err)
	}
	l.recent.apply(batch)
	l.position.Store(uint64(last.at))
	return nil
}

// eraseFor drops the subject's key when the leaf is an erasure. Doing it again does nothing.
func (l *Ledger) eraseFor(leaf consent.Leaf) error {
	if leaf.Type != "Erase" {
		return nil
	}
	ev, err := consent.EventOf(leaf)
	if err != nil {
		return err
	}
	return l.cfg.Vault.Erase(vault.ID(ev.Handle))
}

func (l *Ledger) applied(key string) ([]byte, error) {
	if b, ok := l.recent.now(key); ok {
		return slices.Clone(b), nil
	}
	return l.read(stateKey(key))
}

// find returns the applied message with this commitment; position 0 when there is none.
func (l *Ledger) find(c consent.Hash) (at network.Position, leaf consent.Leaf, raw []byte, err error) {
	b, err := l.read(commitKey(c))
	if err != nil || b == nil {
		return 0, leaf, nil, err
	}
	n, _ := binary.Uvarint(b)
	rec, err := l.log.Read(int64(n) - 1) //nolint:gosec // positions are far below 2^63
	if err != nil {
		return 0, leaf, nil, storageError(err)
	}
	if leaf, err = consent.ParseLeaf(rec.Leaf); err != nil || leaf.Commitment != c {
		return 0, consent.Leaf{}, nil, err
	}
	return network.Position(n), leaf, rec.Leaf, nil
}

func (l *Ledger) read(key []byte) (value []byte, err error) {
	err = l.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(key)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		value, err = item.ValueCopy(nil)
		return err
	})
	if err != nil {
		return nil, consent.Errorf(consent.Unavailable, "read the state index: %w", err)
	}
	return value, nil
}

// Digest is SHA-256 over the whole applied state in order of its keys, each key and value after its length: equal states
// have equal digests, however they came about.
func (l *Ledger) Digest() (consent.Hash, error) {
	h := sha256.New()
	err := l.db.View(func(txn *badger.Txn) error {
		it := txn.NewIterator(badger.IteratorOptions{PrefetchValues: true, PrefetchSize: 256, Prefix: []byte(stateKeys)})
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			if err := it.Item().Value(func(v []byte) error {
				k := publicKey(it.Item().Key())
				h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(k)))) //nolint:gosec // keys are short
				h.Write([]byte(k))
				h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(v)))) //nolint:gosec // values are short
				h.Write(v)
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	return consent.Hash(h.Sum(nil)), err
}
