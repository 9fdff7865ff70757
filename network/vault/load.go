package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// load reads the ring in force, cuts off a torn end, syncs what a crash may have left unsynced, and ends by clearing
// away what a rotation left. Nothing is destroyed before the ring in force has been read to its end.
func (v *Vault) load(ctx context.Context) error {
	epoch, err := readCurrent(v.cfg.Dir)
	if err != nil {
		return err
	}
	path := ringPath(v.cfg.Dir, epoch)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND, 0) //nolint:gosec // the operator names the folder
	if err != nil {
		return err
	}
	v.ring = ringFile{f: f, path: path}
	s, err := v.read(ctx, f, epoch)
	if err != nil {
		return err
	}
	v.ring.header, v.ring.size = s.header, s.off
	if err := settle(f, s.off); err != nil {
		return err
	}
	return v.sweep(ctx)
}

// read reads the ring of an epoch to its end, with the epoch key in hand, and fills the table.
func (v *Vault) read(ctx context.Context, f *os.File, epoch uint64) (*scanner, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	s, err := newScanner(f.Name(), f, info.Size())
	if err != nil {
		return nil, err
	}
	if s.header.epoch != epoch {
		return nil, &DamageError{File: f.Name(), Offset: 0, What: fmt.Sprintf("is the ring of epoch %d", s.header.epoch)}
	}
	if v.wrapper, err = openEpoch(ctx, v.cfg.Keeper, s.header); err != nil {
		return nil, err
	}
	if err := v.fill(ctx, s); err != nil {
		return nil, err
	}
	if s.ended {
		return nil, &DamageError{File: f.Name(), Offset: s.off, What: "is a backup, not a ring: restore it"}
	}
	return s, nil
}

// openEpoch fetches the key of a ring and makes sure that it is the ring's.
func openEpoch(ctx context.Context, k Keeper, h header) (*wrapper, error) {
	key, err := k.Key(ctx, h.epoch)
	if err != nil {
		return nil, fmt.Errorf("epoch key %d: %w", h.epoch, err)
	}
	defer clear(key)
	w, err := newWrapper(key, h.vault, h.epoch)
	if err != nil {
		return nil, err
	}
	if !w.holds(h.check) {
		return nil, fmt.Errorf("epoch key %d is not the key of this vault: %w", h.epoch, ErrNoEpochKey)
	}
	return w, nil
}

// fill builds the table from a ring.
func (v *Vault) fill(ctx context.Context, s *scanner) error {
	records := min(s.header.entries, uint64(s.size/int64(tombRecord))+1) //nolint:gosec // sizes are not negative
	v.table = newTable(v.seed, records)
	count := 0
	return s.scan(func(r record) error {
		if count++; count%pageEntries == 0 {
			v.cfg.Progress(s.off, s.size)
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		return v.admit(r, s.inLog())
	})
}

var errTwice = errors.New("record of a subject that has one")

func (v *Vault) admit(r record, log bool) error {
	hash := v.hash(r.id)
	e := v.table.find(r.id, hash)
	if r.kind == kindKey {
		if e != nil || r.wrapped == (wrappedKey{}) {
			return errTwice
		}
		v.table.add(r.id, hash).wrapped = r.wrapped
		return nil
	}
	if e != nil && !log || !v.bury(r.id, time.Unix(r.seconds, 0)) {
		return errTwice
	}
	return nil
}

// settle cuts a ring to its sound part and makes that durable.
func settle(f *os.File, size int64) error {
	if err := f.Truncate(size); err != nil {
		return fmt.Errorf("cut off a torn write: %w", err)
	}
	return f.Sync()
}

// sweep is the end of a rotation, and its recovery: every ring but the one in force loses its epoch key and then goes.
func (v *Vault) sweep(ctx context.Context) error {
	epochs, err := ringEpochs(v.cfg.Dir)
	if err != nil {
		return err
	}
	for _, n := range epochs {
		if n == v.wrapper.epoch {
			continue
		}
		if err := v.cfg.Keeper.Destroy(ctx, n); err != nil {
			return fmt.Errorf("destroy epoch key %d: %w", n, err)
		}
		v.step("key destroyed")
		if err := os.Remove(ringPath(v.cfg.Dir, n)); err != nil {
			return err
		}
		v.step("ring deleted")
	}
	if err := os.Remove(filepath.Join(v.cfg.Dir, currentTemp)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := syncDir(v.cfg.Dir); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.unswept = 0; v.pending == 0 {
		v.since = time.Time{}
	}
	return nil
}
