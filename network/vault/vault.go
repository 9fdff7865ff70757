// Package vault seals bytes for a subject so that they can be shredded later.
//
// Every subject has a random AES-256 key. Sealed values lie anywhere: in journals, in backups, in an index that never
// forgets. Subject keys lie only in the vault's ring, each wrapped under the epoch key, and the epoch key lies with a
// [Keeper], away from both. To erase a subject is to drop its key and then to rotate: write a new ring with the keys
// that survive, under a new epoch key, and destroy the old epoch key. After that no copy of the old ring, wherever it
// was taken, can give the key back, and so no copy of what was sealed can be read. Deleting alone would not do: the
// bytes stay in files, snapshots and flash cells.
//
// # Folder
//
//	CURRENT   "ring-7 " and a CRC-32C in hex: the ring in force
//	ring-7    wrapped keys of epoch 7: a snapshot, then an append log
//	LOCK      held by the process that has the vault open
//
// Any other ring is what a rotation left when it was cut off: a newer one before CURRENT moved, an older one after. In
// both cases its epoch key is destroyed and it is deleted, and that one rule is all of the recovery.
//
// # Ring
//
// Integers are big-endian, checksums CRC-32C (Castagnoli).
//
//	header    "volens ring v1\n\0" ‖ vault id (16) ‖ epoch (8) ‖ snapshot records (8) ‖ key check (28) ‖ checksum (4)
//	frame     payload length (4) ‖ checksum of payload (4) ‖ sum (4) ‖ payload, records back to back
//	key check nonce (12) ‖ tag (16) of AES-256-GCM of nothing, additional data "ring" ‖ vault ‖ epoch
//	sum       checksum of: header's checksum (4) ‖ offset of the frame (8) ‖ the frame's first 8 bytes
//	key       'K' ‖ subject (16) ‖ nonce (12) ‖ AES-256-GCM of the key (48), additional data "subject" ‖ vault ‖ epoch ‖ subject
//	tombstone 'T' ‖ subject (16) ‖ Unix seconds (8)
//	end       'E' ‖ offset of its frame (8); closes a backup, stands nowhere else
//
// The log grows by one frame for each fsync, so only the last frame can be torn. It is dropped when the file ends
// before it does, or when a sector of it was never written; a frame that is wrong in any other way was flipped on disk
// and is refused with its position. A frame that is whole was perhaps never acknowledged; it is kept.
//
// Checksums find accidents, not forgers. Who can write to the folder can take keys or pending erasures away, but can
// make none and cannot move a key to another subject; what a lost key sealed no longer opens, so the loss shows.
//
// # Sealed value
//
//	1 ‖ nonce (12) ‖ ciphertext and tag, additional data: 1 ‖ subject ‖ the caller's
//
// The nonce is random. A subject's key may seal 2^32 values (NIST SP 800-38D, 8.3); a person signs some thousands.
// A nonce counter would be cheaper by some 100 ns, and one restored backup would repeat it.
//
// # Memory
//
// Keys stay wrapped in memory: 76 bytes a subject and an index of 5 to 11. A page that reaches swap or a core dump then
// holds nothing without the epoch key, starting needs no decryption, and a miss costs about a microsecond. Some
// thousand recently used keys are kept unwrapped (Config.Cache), and the epoch key always is: a process that
// holds a vault should have core dumps off and its memory locked.
package vault

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// ID is a subject handle: 128 random bits that say nothing about anybody.
type ID [16]byte

// String returns the handle in hex.
func (id ID) String() string { return hex.EncodeToString(id[:]) }

// Config says where a vault is. Dir and one of EpochKeyPath and Keeper must be set.
type Config struct {
	Dir          string                  // the ring's folder
	EpochKeyPath string                  // shorthand for FileKeeper(EpochKeyPath); must be outside Dir
	Keeper       Keeper                  // keeps the epoch keys
	Cache        int                     // unwrapped keys kept ready, about 1 KB each; 0 means 8192
	Now          func() time.Time        // nil means time.Now
	Progress     func(done, total int64) // told in bytes while opening, in records while rotating; may be nil
}

// withDefaults checks a Config and fills what it leaves out.
func (c Config) withDefaults() (Config, error) {
	if c.Dir == "" || (c.EpochKeyPath == "") == (c.Keeper == nil) {
		return c, errors.New("vault: set Dir, and either EpochKeyPath or Keeper")
	}
	if c.EpochKeyPath != "" {
		inside, err := within(c.Dir, c.EpochKeyPath)
		if err != nil {
			return c, fmt.Errorf("epoch key path: %w", err)
		}
		if inside {
			return c, fmt.Errorf("the epoch key %s must not lie in the vault's own folder: a copy of it would hold both", c.EpochKeyPath)
		}
		c.Keeper = FileKeeper(c.EpochKeyPath)
	}
	if c.Cache <= 0 {
		c.Cache = 8192
	}
	if c.Now == nil {
		c.Now = time.Now //nolint:forbidigo // the one place that binds the real clock
	}
	if c.Progress == nil {
		c.Progress = func(int64, int64) {}
	}
	return c, nil
}

// A Vault seals and opens for subjects. It is safe for concurrent use. It must be closed.
type Vault struct {
	cfg   Config
	seed  maphash.Seed
	locks []*os.File
	step  func(name string) // told at each step of a rotation, for tests

	// change is shared by whoever adds or drops a key and held by Rotate, so the set of keys stands still while it is
	// copied. It comes before commit, and commit before mu.
	change sync.RWMutex

	commit sync.Mutex // guards the ring's file
	ring   ringFile

	mu      sync.RWMutex // guards what follows
	wrapper *wrapper
	table   table
	queue   []batch
	pending int // erased here, still in the ring's file
	unswept int // erased by the last rotation, whose old epoch key is not destroyed yet
	since   time.Time
	erased  int
	closed  bool

	cache  cache
	queued atomic.Uint64 // records ever queued for the log
	synced atomic.Uint64 // records of them that are durable
	fault  atomic.Pointer[error]
}

// A batch is a payload waiting to be one frame of the log.
type batch struct {
	payload []byte
	records uint64
}

// Init makes an empty vault and its first epoch key. It fails with ErrExists when Dir holds anything or the keeper has
// that key: a wrong mount point must not become a new vault.
func Init(ctx context.Context, cfg Config) error {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return err
	}
	if err := emptyDir(cfg.Dir); err != nil {
		return fmt.Errorf("init vault: %w", err)
	}
	var id [16]byte
	randomBytes(id[:])
	const first = 1
	w, err := makeEpoch(ctx, cfg.Keeper, id, first)
	if err != nil {
		return fmt.Errorf("init vault: %w", err)
	}
	f, err := os.OpenFile(ringPath(cfg.Dir, first), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("init vault: %w", err)
	}
	err = writeClose(f, header{vault: id, epoch: first, check: w.check()}.bytes())
	if err == nil {
		err = force(cfg.Dir, first)
	}
	if err != nil {
		return fmt.Errorf("init vault: %w", err)
	}
	return nil
}

// Open opens a vault. It refuses without the epoch key (ErrNoEpochKey), with another one, and with any damaged byte
// (DamageError). When a rotation was cut off it finishes it, or takes it back if CURRENT had not moved: Pending says
// what is left to do.
func Open(ctx context.Context, cfg Config) (*Vault, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	v := newVault(cfg)
	if err := v.lock(); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	if err := v.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open vault: %w", err), v.Close())
	}
	return v, nil
}

func newVault(cfg Config) *Vault {
	return &Vault{cfg: cfg, seed: maphash.MakeSeed(), cache: newCache(cfg.Cache), step: func(string) {}}
}

func (v *Vault) lock() error {
	paths := []string{filepath.Join(v.cfg.Dir, lockName)}
	if v.cfg.EpochKeyPath != "" {
		paths = append(paths, v.cfg.EpochKeyPath+".lock")
	}
	if _, err := readCurrent(v.cfg.Dir); err != nil {
		return err
	}
	for _, p := range paths {
		f, err := lockFile(p)
		if err != nil {
			return errors.Join(err, v.unlock())
		}
		v.locks = append(v.locks, f)
	}
	return nil
}

func (v *Vault) unlock() error {
	var errs []error
	for _, f := range v.locks {
		errs = append(errs, f.Close())
	}
	v.locks = nil
	return errors.Join(errs...)
}

// Close makes durable what is not yet, forgets every key and lets go of the folder. Closing again does nothing.
func (v *Vault) Close() error {
	v.change.Lock()
	defer v.change.Unlock()
	if v.closed {
		return nil
	}
	err := v.Sync()
	_ = v.fence(ErrClosed) //nolint:errcheck // the fence itself
	v.commit.Lock()
	defer v.commit.Unlock()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed, v.table, v.queue = true, newTable(v.seed, 0), nil
	v.cache.clear()
	if v.ring.f != nil {
		err = errors.Join(err, v.ring.f.Close())
	}
	return errors.Join(err, v.unlock())
}

// makeEpoch makes an epoch key and gives it to the keeper.
func makeEpoch(ctx context.Context, k Keeper, vault [16]byte, epoch uint64) (*wrapper, error) {
	key := make([]byte, keySize)
	defer clear(key)
	randomBytes(key)
	if err := k.Keep(ctx, epoch, key); err != nil {
		return nil, err
	}
	return newWrapper(key, vault, epoch)
}
