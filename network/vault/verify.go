package vault

import (
	"context"
	"errors"
	"fmt"
	"os"
)

// Verify reads the ring in force of a closed vault to its end, checks it and its epoch key as Open does, and writes
// nothing: a torn write stays torn, a rotation that was cut off stays so.
func Verify(ctx context.Context, cfg Config) (Stats, error) {
	s, err := verify(ctx, cfg)
	if err != nil {
		return s, fmt.Errorf("verify vault: %w", err)
	}
	return s, nil
}

func verify(ctx context.Context, given Config) (_ Stats, err error) {
	cfg, err := given.withDefaults()
	if err != nil {
		return Stats{}, err
	}
	v := newVault(cfg)
	if err := v.lock(); err != nil {
		return Stats{}, err
	}
	defer func() { err = errors.Join(err, v.unlock()) }()
	epoch, err := readCurrent(cfg.Dir)
	if err != nil {
		return Stats{}, err
	}
	f, err := os.Open(ringPath(cfg.Dir, epoch))
	if err != nil {
		return Stats{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s, err := v.read(ctx, f, epoch)
	if err != nil {
		return Stats{}, err
	}
	v.ring.header, v.ring.size = s.header, s.off
	return v.Stats(), nil
}
