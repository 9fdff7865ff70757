package consenttest

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Memory is a strict in-memory consent.State: a read never sees a write of the same transaction, a key is written at most
// once in a transaction, values are never empty. Commit makes the transaction's writes visible, Rollback drops them.
type Memory struct {
	public, private   map[string][]byte
	writes, privately map[string][]byte
	purges            []string
}

var _ consent.State = (*Memory)(nil)

// NewMemory returns an empty state.
func NewMemory() *Memory {
	m := &Memory{public: map[string][]byte{}, private: map[string][]byte{}}
	m.Rollback()
	return m
}

// Get returns the committed value.
func (m *Memory) Get(key string) ([]byte, error) { return slices.Clone(m.public[key]), nil }

// Put writes a public value.
func (m *Memory) Put(key string, value []byte) error { return put(m.writes, key, value) }

// PutPrivate writes a private value.
func (m *Memory) PutPrivate(key string, value []byte) error { return put(m.privately, key, value) }

// PurgePrivate removes a private value at commit.
func (m *Memory) PurgePrivate(key string) error {
	m.purges = append(m.purges, key)
	return nil
}

func put(to map[string][]byte, key string, value []byte) error {
	if len(value) == 0 {
		return errors.New("put an empty value")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Errorf("key %q is not printable ASCII", key)
	}
	if _, ok := to[key]; ok {
		return fmt.Errorf("key %s is written twice in one transaction", key)
	}
	to[key] = slices.Clone(value)
	return nil
}

// Commit makes the pending writes visible.
func (m *Memory) Commit() {
	maps.Copy(m.public, m.writes)
	maps.Copy(m.private, m.privately)
	for _, k := range m.purges {
		delete(m.private, k)
	}
	m.Rollback()
}

// Rollback drops the pending writes.
func (m *Memory) Rollback() {
	m.writes, m.privately, m.purges = map[string][]byte{}, map[string][]byte{}, nil
}

// Private returns the committed private keys that begin with prefix.
func (m *Memory) Private(prefix string) []string {
	var keys []string
	for k := range m.private {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

// Snapshot returns the committed public state as sorted lines "key=hex", for comparison.
func (m *Memory) Snapshot() []string {
	var lines []string
	for k, v := range m.public {
		lines = append(lines, fmt.Sprintf("%s=%x", k, v))
	}
	slices.Sort(lines)
	return lines
}

// TestState is the conformance suite of consent.State: open returns a fresh empty state, commit ends a transaction.
func TestState(t *testing.T, open func(t *testing.T) (st consent.State, commit func())) { //nolint:cyclop // small tests, one after another
	t.Helper()
	t.Run("absent", func(t *testing.T) {
		st, _ := open(t)
		if b, err := st.Get("head/x"); b != nil || err != nil {
			t.Fatalf("an absent key gives %x, %v; want nil, nil", b, err)
		}
	})
	t.Run("no read of own write", func(t *testing.T) {
		st, commit := open(t)
		if err := st.Put("k", []byte("1")); err != nil {
			t.Fatal(err)
		}
		if b, err := st.Get("k"); b != nil || err != nil {
			t.Fatalf("a read saw a write of its own transaction: %q, %v", b, err)
		}
		commit()
		if b, err := st.Get("k"); string(b) != "1" || err != nil {
			t.Fatalf("after commit: %q, %v", b, err)
		}
	})
	t.Run("value is the reader's", func(t *testing.T) {
		st, commit := open(t)
		if err := st.Put("k", []byte("1")); err != nil {
			t.Fatal(err)
		}
		commit()
		b, err := st.Get("k")
		if err != nil {
			t.Fatal(err)
		}
		b[0] = 'x'
		if b, err := st.Get("k"); string(b) != "1" || err != nil {
			t.Fatalf("a reader changed the state: %q, %v", b, err)
		}
	})
	t.Run("private is not public", func(t *testing.T) {
		st, commit := open(t)
		if err := st.PutPrivate("p", []byte("secret")); err != nil {
			t.Fatal(err)
		}
		commit()
		if b, err := st.Get("p"); b != nil || err != nil {
			t.Fatalf("a private value is readable as public: %q, %v", b, err)
		}
		if err := st.PurgePrivate("p"); err != nil {
			t.Fatal(err)
		}
	})
}
