package vault

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// A rotation is a ring in the making.
type rotation struct {
	header  header
	path    string
	f       *os.File
	wrapper *wrapper
	size    int64
	pages   []*page // the table's pages under the new epoch key
}

// Rotate completes erasures: the surviving keys go into a new ring under a new epoch key, the new ring is read back,
// CURRENT moves to it, the old epoch key is destroyed and the old ring deleted. Existing subjects are served
// throughout; new subjects and erasures wait for it (about two seconds for a million subjects).
//
// When it fails before CURRENT has moved, or ctx ends, the old ring stays in force and the erasures stay pending. When
// the old epoch key cannot be destroyed they stay pending too, and the next Rotate, or Open, destroys it first.
func (v *Vault) Rotate(ctx context.Context) error {
	v.change.Lock()
	defer v.change.Unlock()
	if err := v.rotate(ctx); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	return nil
}

func (v *Vault) rotate(ctx context.Context) error {
	if err := v.Sync(); err != nil {
		return err
	}
	if err := v.sweep(ctx); err != nil {
		return err
	}
	r, err := v.begin(ctx)
	if err == nil {
		err = v.rewrap(ctx, r)
	}
	if err == nil {
		err = v.reread(ctx, r)
	}
	if err != nil {
		if r != nil && r.f != nil {
			err = errors.Join(err, r.f.Close())
		}
		// Not ctx: it may be why we are here, and what was begun should not wait for the next start.
		return errors.Join(err, v.sweep(context.WithoutCancel(ctx)))
	}
	if err := v.install(r); err != nil {
		return v.broken(err)
	}
	return v.sweep(ctx)
}

// begin makes the new ring's file, then the new epoch key: so a key without a use always has a ring that leads to it.
func (v *Vault) begin(ctx context.Context) (*rotation, error) {
	next := v.wrapper.epoch + 1
	for ; ; next++ { // after a restore, keys of the ring that was lost may still have the next numbers
		key, err := v.cfg.Keeper.Key(ctx, next)
		clear(key)
		if errors.Is(err, ErrNoEpochKey) {
			break
		}
		if err != nil && !errors.Is(err, ErrCorrupt) {
			return nil, fmt.Errorf("epoch key %d: %w", next, err)
		}
	}
	r := &rotation{path: ringPath(v.cfg.Dir, next)}
	var err error
	if r.f, err = os.OpenFile(r.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return r, err
	}
	if err := syncDir(v.cfg.Dir); err != nil {
		return r, v.broken(err)
	}
	v.step("ring begun")
	if r.wrapper, err = makeEpoch(ctx, v.cfg.Keeper, v.wrapper.vault, next); err != nil {
		return r, err
	}
	v.step("key kept")
	return r, nil
}

// rewrap writes the snapshot. The table stands still: Rotate holds change.
func (v *Vault) rewrap(ctx context.Context, r *rotation) error {
	t := &v.table
	r.header = header{vault: r.wrapper.vault, epoch: r.wrapper.epoch, entries: uint64(t.n), check: r.wrapper.check()}
	if err := r.write(r.header.bytes()); err != nil {
		return err
	}
	payload := make([]byte, 0, frameTarget+keyRecord)
	for i := range t.n {
		rec, err := v.rewrapped(t.at(i), r.wrapper)
		if err != nil {
			return err
		}
		payload = appendRecord(payload, rec)
		if len(payload) < frameTarget && i+1 < t.n {
			continue
		}
		if err := errors.Join(ctx.Err(), r.write(appendFrame(nil, r.header.salt(), r.size, payload))); err != nil {
			return err
		}
		payload = payload[:0]
		v.cfg.Progress(int64(i+1), 2*int64(t.n))
	}
	v.step("ring written")
	if err := r.f.Sync(); err != nil {
		return v.broken(err)
	}
	v.step("ring synced")
	return nil
}

func (r *rotation) write(b []byte) error {
	n, err := r.f.Write(b)
	r.size += int64(n)
	return err
}

func (v *Vault) rewrapped(e *entry, to *wrapper) (record, error) {
	if e.erased() {
		return record{kind: kindTombstone, id: e.id}, nil
	}
	key, err := v.wrapper.unwrap(e.id, &e.wrapped)
	if err != nil {
		return record{}, err
	}
	defer clear(key[:])
	return record{kind: kindKey, id: e.id, wrapped: to.wrap(e.id, &key)}, nil
}

// reread reads the new ring back, entry by entry against the table, and builds the new pages from what it reads: what
// will be served is what is on disk.
func (v *Vault) reread(ctx context.Context, r *rotation) error {
	if _, err := r.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	s, err := newScanner(r.path, r.f, r.size)
	if err != nil {
		return err
	}
	t, i := &v.table, 0
	err = s.scan(func(rec record) error {
		if i >= t.n {
			return errors.New("more records than subjects")
		}
		if i%pageEntries == 0 {
			r.pages = append(r.pages, new(page))
			v.cfg.Progress(int64(t.n+i), 2*int64(t.n))
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		r.pages[i/pageEntries][i%pageEntries] = entry{id: rec.id, wrapped: rec.wrapped}
		i++
		return v.agrees(t.at(i-1), rec, r.wrapper)
	})
	if err == nil && (i != t.n || s.off != r.size || s.header != r.header) {
		err = &DamageError{File: r.path, Offset: s.off, What: "does not read back as it was written"}
	}
	return err
}

var errUnlike = errors.New("does not read back as it was written")

func (v *Vault) agrees(e *entry, rec record, to *wrapper) error {
	if rec.id != e.id || e.erased() != (rec.kind == kindTombstone) {
		return errUnlike
	}
	if e.erased() {
		return nil
	}
	old, err := v.wrapper.unwrap(e.id, &e.wrapped)
	if err != nil {
		return err
	}
	key, err := to.unwrap(rec.id, &rec.wrapped)
	if err != nil {
		return err
	}
	same := sameKey(&old, &key)
	clear(old[:])
	clear(key[:])
	if !same {
		return errUnlike
	}
	return nil
}

// install puts the new ring in force, on disk and then in memory. After an error nobody knows which one is.
func (v *Vault) install(r *rotation) error {
	if err := writeCurrent(v.cfg.Dir, r.header.epoch); err != nil {
		return err
	}
	v.step("current written")
	if err := installCurrent(v.cfg.Dir); err != nil {
		return err
	}
	v.step("current moved")
	if err := syncDir(v.cfg.Dir); err != nil {
		return err
	}
	v.step("current synced")
	v.commit.Lock()
	defer v.commit.Unlock()
	old := v.ring.f
	v.ring = ringFile{f: r.f, path: r.path, header: r.header, size: r.size}
	v.mu.Lock()
	v.wrapper, v.table.pages = r.wrapper, r.pages
	v.pending, v.unswept = 0, v.pending+v.unswept
	v.mu.Unlock()
	return old.Close()
}
