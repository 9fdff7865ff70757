package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Backup writes the ring as it is now. It holds wrapped keys only: without the epoch key of its epoch, which [SealKeys]
// keeps separately and for a short time, it is noise. Sealing goes on meanwhile.
func (v *Vault) Backup(w io.Writer) error {
	if err := v.backup(w); err != nil {
		return fmt.Errorf("back up vault: %w", err)
	}
	return nil
}

func (v *Vault) backup(w io.Writer) error {
	if err := v.Sync(); err != nil {
		return err
	}
	v.commit.Lock()
	ring := v.ring
	f, err := os.Open(ring.path)
	v.commit.Unlock()
	if err != nil {
		return err
	}
	_, err = io.Copy(w, io.NewSectionReader(f, 0, ring.size))
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	end := appendRecord(nil, record{kind: kindEnd, seconds: ring.size})
	_, err = w.Write(appendFrame(nil, ring.header.salt(), ring.size, end))
	return err
}

// Restore makes a vault in an absent or empty folder from what Backup wrote, and applies the erasures that happened
// since, which the caller knows from the ledger. The keeper must have the epoch key of the backup ([OpenKeys]). If one
// of the erased subjects had a key in the backup, Restore rotates before it returns, which destroys that epoch key:
// a drill beside a living vault needs a keeper of its own. The vault is in force only with its erasures applied; when
// the rotation fails they are pending.
func Restore(ctx context.Context, cfg Config, r io.Reader, erased ...ID) error {
	if err := restore(ctx, cfg, r, erased); err != nil {
		return fmt.Errorf("restore vault: %w", err)
	}
	return nil
}

func restore(ctx context.Context, given Config, r io.Reader, erased []ID) error {
	cfg, err := given.withDefaults()
	if err != nil {
		return err
	}
	if err := emptyDir(cfg.Dir); err != nil {
		return err
	}
	temp := filepath.Join(cfg.Dir, "restore.part")
	epoch, err := receive(ctx, cfg, temp, r, erased)
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	if err := os.Rename(temp, ringPath(cfg.Dir, epoch)); err != nil {
		return err
	}
	if err := force(cfg.Dir, epoch); err != nil {
		return err
	}
	v, err := Open(ctx, given)
	if err != nil {
		return err
	}
	if v.Pending() > 0 {
		err = v.Rotate(ctx)
	}
	return errors.Join(err, v.Close())
}

// receive writes a backup to a file as a ring: all of it read and checked against its epoch key, the end record
// replaced by the tombstones that are missing.
func receive(ctx context.Context, cfg Config, path string, r io.Reader, erased []ID) (epoch uint64, err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600) //nolint:gosec // the operator names the folder
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := io.Copy(f, r)
	if err != nil {
		return 0, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return 0, err
	}
	s, err := newScanner("backup", f, size)
	if err != nil {
		return 0, err
	}
	buried, err := inspect(ctx, cfg.Keeper, s)
	if err != nil {
		return 0, err
	}
	if !s.ended || s.off != size {
		return 0, s.damage("backup is cut short")
	}
	end := size - frameHeader - int64(endRecord)
	if err := settle(f, end); err != nil {
		return 0, err
	}
	for _, b := range tombstones(erased, buried, cfg.Now().Unix()) {
		frame := appendFrame(nil, s.salt, end, b.payload)
		if _, err := f.Write(frame); err != nil {
			return 0, err
		}
		end += int64(len(frame))
	}
	return s.header.epoch, f.Sync()
}

// inspect reads a backup through, unwraps every key, and returns who is erased in it.
func inspect(ctx context.Context, k Keeper, s *scanner) (map[ID]bool, error) {
	w, err := openEpoch(ctx, k, s.header)
	if err != nil {
		return nil, err
	}
	buried := map[ID]bool{}
	err = s.scan(func(rec record) error {
		if rec.kind == kindTombstone {
			buried[rec.id] = true
			return nil
		}
		key, err := w.unwrap(rec.id, &rec.wrapped)
		clear(key[:])
		return err
	})
	return buried, err
}

// tombstones makes the frames' payloads for those erased who are not buried yet.
func tombstones(erased []ID, buried map[ID]bool, seconds int64) (batches []batch) {
	for _, id := range erased {
		if !buried[id] {
			buried[id] = true
			batches = enqueue(batches, record{kind: kindTombstone, id: id, seconds: seconds})
		}
	}
	return batches
}
