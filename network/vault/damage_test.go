package vault_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/volens-ledger/volens/network/vault"
)

// logged has a snapshot of three subjects and a log of four frames, and is closed.
func logged(t *testing.T) (kit, []byte) {
	t.Helper()
	k := newKit(t)
	v := k.open()
	for n := range 3 {
		seal(t, v, n, "snapshot")
	}
	must(t, v.Erase(subject(7)))
	must(t, v.Rotate(t.Context()))
	for n := range 3 {
		seal(t, v, 10+n, "log")
		must(t, v.Sync())
	}
	must(t, v.Erase(subject(1)))
	must(t, v.Close())
	data, err := os.ReadFile(k.ring(2))
	must(t, err)
	return k, data
}

func TestEveryFlippedBitIsRefusedWithItsPosition(t *testing.T) {
	k, ring := logged(t)
	for bit := range 8 * len(ring) {
		bad := bytes.Clone(ring)
		bad[bit/8] ^= 1 << (bit % 8)
		_, _, err := vault.Scan(bad)
		wantErr(t, err, vault.ErrCorrupt)
	}
	for _, path := range []string{k.ring(2), filepath.Join(k.cfg.Dir, "CURRENT"), k.cfg.EpochKeyPath + ".2"} {
		data, err := os.ReadFile(path)
		must(t, err)
		for bit := 0; bit < 8*len(data); bit += 9 { // one in each byte, each in turn: opening takes its time
			bad := bytes.Clone(data)
			bad[bit/8] ^= 1 << (bit % 8)
			must(t, os.WriteFile(path, bad, 0o600))
			v, err := vault.Open(t.Context(), k.cfg)
			if err == nil {
				must(t, v.Close())
				t.Fatalf("%s: opened with bit %d flipped", path, bit)
			}
			var d *vault.DamageError
			if !errors.As(err, &d) || !errors.Is(err, vault.ErrCorrupt) || d.File != path || d.Offset > int64(bit/8) {
				t.Fatalf("%s, bit %d (byte %d): %v", path, bit, bit/8, err)
			}
			if now, err := os.ReadFile(path); err != nil || !bytes.Equal(now, bad) {
				t.Fatalf("%s: the evidence was changed, %v", path, err)
			}
		}
		must(t, os.WriteFile(path, data, 0o600))
	}
	k.open()
}

// TestTornEnd cuts the ring at every length, and blanks sectors of its last frame as a power cut may.
func TestTornEnd(t *testing.T) {
	k, data := logged(t)
	const snapshot, frame = 80 + 12 + 3*77 + 25, 12 + 77
	for size := range len(data) {
		records, end, err := vault.Scan(data[:size])
		if size < snapshot {
			wantErr(t, err, vault.ErrCorrupt)
			continue
		}
		logFrames := min((size-snapshot)/frame, 3)
		if want := int64(snapshot + logFrames*frame); err != nil || end != want || records != uint64(4+logFrames) {
			t.Fatalf("cut at %d: %d records, end %d, %v; want end %d", size, records, end, err, want)
		}
	}
	big := vault.AppendFrame(data, bytes.Repeat(append([]byte{'T'}, bytes.Repeat([]byte{9}, 24)...), 100))
	for sector := len(data)/512 + 1; sector < len(big)/512; sector++ {
		hole := bytes.Clone(big)
		clear(hole[sector*512 : (sector+1)*512])
		if _, end, err := vault.Scan(hole); err != nil || end != int64(len(data)) {
			t.Errorf("hole in sector %d: end %d, %v", sector, end, err)
		}
		_, _, err := vault.Scan(vault.AppendFrame(hole, []byte("x"))) // was synced: a frame follows
		wantErr(t, err, vault.ErrCorrupt)
	}
	hole := append(bytes.Clone(data), make([]byte, 2000)...) // grown, never written
	if _, end, err := vault.Scan(hole); err != nil || end != int64(len(data)) {
		t.Errorf("blank end: end %d, %v", end, err)
	}

	must(t, os.WriteFile(k.ring(2), hole, 0o600))
	v := k.open()
	seal(t, v, 30, "after the hole")
	must(t, v.Close())
	v = k.open()
	if got := v.Stats(); got.Keys != 6 || got.Erased != 2 || got.Pending != 1 {
		t.Errorf("after a torn end: %+v", got)
	}
}

func TestRecordsThatContradictAreRefused(t *testing.T) {
	k, data := logged(t)
	key := func(n int) []byte {
		id := subject(n)
		return append(append([]byte{'K'}, id[:]...), bytes.Repeat([]byte{1}, 60)...)
	}
	tombstone := func(n int) []byte {
		id := subject(n)
		return append(append([]byte{'T'}, id[:]...), make([]byte, 8)...)
	}
	for name, payload := range map[string][]byte{
		"second key":       key(10),
		"key of an erased": key(1),
		"erased again":     tombstone(1),
		"empty key":        append(key(60)[:17], make([]byte, 60)...),
		"unknown kind":     []byte("X"),
		"cut record":       key(61)[:50],
		"end of a backup":  {'E', 0, 0, 0, 0, 0, 0, 0, 0},
	} {
		must(t, os.WriteFile(k.ring(2), vault.AppendFrame(data, payload), 0o600))
		_, err := vault.Open(t.Context(), k.cfg)
		var d *vault.DamageError
		if !errors.As(err, &d) || d.Offset != int64(len(data)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzRing(f *testing.F) {
	k := newKit(f)
	ring, err := os.ReadFile(k.ring(1))
	must(f, err)
	f.Add(true, []byte("K0123456789abcdef"))
	f.Add(true, append([]byte{'T'}, make([]byte, 24)...))
	f.Add(false, make([]byte, 600))
	f.Add(false, []byte{0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, framed bool, tail []byte) {
		data := append(bytes.Clone(ring), tail...)
		if framed {
			data = vault.AppendFrame(ring, tail)
		}
		_, end, err := vault.Scan(data)
		if err != nil {
			wantErr(t, err, vault.ErrCorrupt)
			return
		}
		again, same, err := vault.Scan(data[:end])
		if err != nil || same != end {
			t.Errorf("sound part of %d bytes reads as %d records, %d bytes, %v", end, again, same, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	v := newKit(f).open()
	sealed := seal(f, v, 1, "alice")
	f.Add(sealed, []byte("aad"))
	f.Add(sealed[:29], []byte(""))
	f.Add([]byte{1}, []byte("x"))
	f.Fuzz(func(t *testing.T, data, aad []byte) {
		got, err := v.Open(subject(1), data, aad)
		if bytes.Equal(data, sealed) && string(aad) == "aad" {
			must(t, err)
			return
		}
		wantErr(t, err, vault.ErrCorrupt)
		if got != nil {
			t.Errorf("opened %q", got)
		}
	})
}
