package vault_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/network/vault"
)

// A model is what a vault should be: what was sealed for whom, who is erased, and who might be forgotten by a crash.
type model struct {
	sealed  map[int][]byte
	unsafe  map[int]bool // new since the last sync
	erased  map[int]bool
	pending int
}

func TestRandomOperationsAgainstAModel(t *testing.T) {
	for seed := range uint64(15) {
		t.Run(fmt.Sprint("seed=", seed), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			k := newKit(t)
			v := k.open()
			m := model{sealed: map[int][]byte{}, unsafe: map[int]bool{}, erased: map[int]bool{}}
			for range 80 {
				k, v = m.act(t, rng, k, v)
			}
			m.compare(t, v)
		})
	}
}

func (m *model) act(t *testing.T, rng *rand.Rand, k kit, v *vault.Vault) (kit, *vault.Vault) {
	t.Helper()
	n := rng.IntN(40)
	switch rng.IntN(12) {
	case 0:
		must(t, v.Sync())
		clear(m.unsafe)
	case 1:
		if _, known := m.sealed[n]; known && !m.erased[n] {
			m.pending++
		}
		m.erased[n] = true
		must(t, v.Erase(subject(n)))
		clear(m.unsafe)
	case 2:
		must(t, v.Rotate(t.Context()))
		clear(m.unsafe)
		m.pending = 0
	case 3:
		must(t, v.Close())
		clear(m.unsafe)
		v = k.open()
		m.compare(t, v)
	case 4: // power goes: keys that were not synced may be gone
		k = k.image()
		v = k.open()
		maps.DeleteFunc(m.sealed, func(n int, _ []byte) bool { return m.unsafe[n] && !v.Known(subject(n)) })
		clear(m.unsafe)
		m.compare(t, v)
	case 5:
		k, v = m.restore(t, n, k, v)
	default:
		m.seal(t, v, n)
	}
	return k, v
}

func (m *model) seal(t *testing.T, v *vault.Vault, n int) {
	t.Helper()
	sealed, err := v.Seal(subject(n), []byte(fmt.Sprint(n)), []byte("aad"))
	if m.erased[n] {
		wantErr(t, err, vault.ErrErased)
		return
	}
	must(t, err)
	if _, ok := m.sealed[n]; !ok {
		m.unsafe[n] = true
		m.sealed[n] = sealed
	}
}

// restore moves to another machine with a backup from before the latest erasure.
func (m *model) restore(t *testing.T, n int, k kit, v *vault.Vault) (kit, *vault.Vault) {
	t.Helper()
	var ring, keys bytes.Buffer
	authority, err := age.GenerateX25519Identity()
	must(t, err)
	must(t, v.Backup(&ring))
	must(t, vault.SealKeys(t.Context(), k.cfg, &keys, authority.Recipient().String()))
	must(t, v.Erase(subject(n)))
	must(t, v.Close())
	m.erased[n] = true
	var gone []vault.ID
	for n := range m.erased {
		gone = append(gone, subject(n))
	}
	k = k.moved()
	_, err = vault.OpenKeys(t.Context(), k.cfg, &keys, authority.String())
	must(t, err)
	must(t, vault.Restore(t.Context(), k.cfg, &ring, gone...))
	clear(m.unsafe)
	m.pending = 0
	return k, k.open()
}

func (m *model) compare(t *testing.T, v *vault.Vault) {
	t.Helper()
	got, want := map[int]string{}, map[int]string{}
	for n := range 40 {
		id := subject(n)
		data, err := v.Open(id, m.sealed[n], []byte("aad"))
		switch {
		case errors.Is(err, vault.ErrErased) && v.Erased(id):
			got[n] = "erased"
		case errors.Is(err, vault.ErrUnknown) && !v.Known(id):
			got[n] = "unknown"
		default:
			got[n] = fmt.Sprintf("%s %v", data, err)
		}
		switch _, known := m.sealed[n]; {
		case m.erased[n]:
			want[n] = "erased"
		case !known:
			want[n] = "unknown"
		default:
			want[n] = fmt.Sprintf("%d <nil>", n)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
	if v.Pending() != m.pending {
		t.Fatalf("pending %d, want %d", v.Pending(), m.pending)
	}
}

// TestConcurrentUse runs everything at once; what was synced must be there afterwards, in a vault opened anew.
func TestConcurrentUse(t *testing.T) {
	k := newKit(t)
	v := k.open()
	const workers, each = 8, 60
	sealed := make([][]byte, workers*each)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for i := range each {
				n := w*each + i
				s, err := v.Seal(subject(n), []byte("x"), []byte("aad"))
				if err = errors.Join(err, v.Sync()); err != nil {
					t.Error(err)
					return
				}
				sealed[n] = s
				if i%7 == 0 {
					if err := v.Erase(subject(n)); err != nil {
						t.Error(err)
					}
				}
				// Everybody meets on the same few subjects too.
				if _, err := v.Seal(subject(100_000+i%5), nil, nil); err != nil {
					t.Error(err)
				}
				_, err = v.Open(subject(n), s, []byte("aad"))
				if errors.Is(err, vault.ErrErased) != (i%7 == 0) {
					t.Errorf("subject %d: %v", n, err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 5 {
			if err := errors.Join(v.Rotate(t.Context()), v.Backup(new(bytes.Buffer))); err != nil {
				t.Error(err)
			}
			_, _ = v.Stats(), v.Pending()
		}
	})
	wg.Wait()
	must(t, v.Close())
	v = k.open()
	for n, s := range sealed {
		if n%each%7 != 0 {
			wantOpen(t, v, n, s, "x")
			continue
		}
		_, err := v.Open(subject(n), s, []byte("aad"))
		wantErr(t, err, vault.ErrErased)
	}
}
