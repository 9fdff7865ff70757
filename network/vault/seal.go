package vault

import (
	"crypto/cipher"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

const (
	sealedVersion = 1
	// Overhead is how much longer a sealed value is than its plaintext.
	Overhead = 1 + nonceSize + tagSize
)

// Seal encrypts plaintext for a subject, bound to aad, which is not stored. The first Seal for a subject makes its key:
// call Sync before the record that carries the value is written, or at the latest before it is acknowledged. It fails
// with ErrErased for an erased subject and with ErrFenced after a failed write. The result is the caller's.
func (v *Vault) Seal(id ID, plaintext, aad []byte) ([]byte, error) {
	return v.AppendSealed(make([]byte, 0, len(plaintext)+Overhead), id, plaintext, aad)
}

// AppendSealed is Seal behind what dst holds, which plaintext and aad must not share memory with.
func (v *Vault) AppendSealed(dst []byte, id ID, plaintext, aad []byte) ([]byte, error) {
	if err := v.fenced(); err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err := v.key(id, true)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	at := len(dst)
	dst = append(append(dst, sealedVersion), make([]byte, nonceSize)...)
	nonce := dst[at+1:]
	randomBytes(nonce)
	bound := newBound(id, aad)
	defer boundPool.Put(bound)
	return aead.Seal(dst, nonce, plaintext, *bound), nil
}

// Open decrypts what Seal made for the same subject and aad. It fails with ErrErased when the subject's key was
// dropped, ErrUnknown when there never was one, and ErrCorrupt when the bytes are not what Seal made. The result is
// the caller's.
func (v *Vault) Open(id ID, sealed, aad []byte) ([]byte, error) {
	aead, err := v.key(id, false)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	if len(sealed) < Overhead || sealed[0] != sealedVersion {
		return nil, fmt.Errorf("open: not a sealed value: %w", ErrCorrupt)
	}
	bound := newBound(id, aad)
	defer boundPool.Put(bound)
	out := make([]byte, 0, len(sealed)-Overhead)
	out, err = aead.Open(out, sealed[1:1+nonceSize], sealed[1+nonceSize:], *bound)
	if err != nil {
		return nil, fmt.Errorf("open: sealed value does not authenticate: %w", ErrCorrupt)
	}
	return out, nil
}

var boundPool = sync.Pool{New: func() any { return new([]byte) }}

// newBound builds the additional data of a sealed value. Its prefix has a fixed length, so no two callers' aad meet.
func newBound(id ID, aad []byte) *[]byte {
	b, ok := boundPool.Get().(*[]byte)
	if !ok {
		b = new([]byte)
	}
	*b = append(append(append((*b)[:0], sealedVersion), id[:]...), aad...)
	return b
}

func (v *Vault) hash(id ID) uint64 { return maphash.Bytes(v.seed, id[:]) }

// key returns the subject's key at work, making it when asked to.
func (v *Vault) key(id ID, create bool) (cipher.AEAD, error) {
	hash := v.hash(id)
	if a := v.cache.find(id, hash); a != nil {
		return a, nil
	}
	v.mu.RLock()
	a, err := v.unwrap(id, hash)
	v.mu.RUnlock()
	if !create || !errors.Is(err, ErrUnknown) {
		return a, err
	}
	return v.create(id, hash)
}

// unwrap needs mu, if only to read: Erase empties the cache under it, and must not miss a key on its way in.
func (v *Vault) unwrap(id ID, hash uint64) (cipher.AEAD, error) {
	if v.closed {
		return nil, ErrClosed
	}
	e := v.table.find(id, hash)
	if e == nil {
		return nil, ErrUnknown
	}
	if e.erased() {
		return nil, ErrErased
	}
	key, err := v.wrapper.unwrap(id, &e.wrapped)
	if err != nil {
		return nil, err
	}
	return v.ready(id, hash, &key)
}

// ready puts a key to work, caches it and clears the plain copy.
func (v *Vault) ready(id ID, hash uint64, key *[keySize]byte) (cipher.AEAD, error) {
	a, err := newAEAD(key[:])
	clear(key[:])
	if err != nil {
		return nil, err
	}
	v.cache.put(id, hash, a)
	return a, nil
}

// create makes the subject's key and queues it for the log. While a rotation runs it waits.
func (v *Vault) create(id ID, hash uint64) (cipher.AEAD, error) {
	v.change.RLock()
	defer v.change.RUnlock()
	if err := v.fenced(); err != nil {
		return nil, err
	}
	var key [keySize]byte
	randomBytes(key[:])
	wrapped := v.wrapper.wrap(id, &key)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.table.find(id, hash) != nil { // somebody else was quicker
		clear(key[:])
		return v.unwrap(id, hash)
	}
	v.table.add(id, hash).wrapped = wrapped
	v.enqueue(record{kind: kindKey, id: id, wrapped: wrapped})
	return v.ready(id, hash, &key)
}

// A cache is a direct-mapped set of keys at work: a slot holds the last subject that fell on it. Finding one takes no
// lock and writes nothing, so readers on many cores do not meet.
type cache struct{ slots []atomic.Pointer[unwrapped] }

type unwrapped struct {
	id   ID
	aead cipher.AEAD
}

func newCache(size int) cache {
	n := 1
	for n < size {
		n *= 2
	}
	return cache{slots: make([]atomic.Pointer[unwrapped], n)}
}

func (c cache) slot(hash uint64) *atomic.Pointer[unwrapped] {
	return &c.slots[(hash>>32)&uint64(len(c.slots)-1)] //nolint:gosec // at least one slot
}

func (c cache) find(id ID, hash uint64) cipher.AEAD {
	if r := c.slot(hash).Load(); r != nil && r.id == id {
		return r.aead
	}
	return nil
}

func (c cache) put(id ID, hash uint64, a cipher.AEAD) { c.slot(hash).Store(&unwrapped{id, a}) }

func (c cache) drop(id ID, hash uint64) {
	if c.find(id, hash) != nil {
		c.slot(hash).Store(nil)
	}
}

func (c cache) clear() {
	for i := range c.slots {
		c.slots[i].Store(nil)
	}
}
