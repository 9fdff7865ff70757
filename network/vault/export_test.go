package vault

import "bytes"

// OnStep has f called at each named step of v's rotations.
func OnStep(v *Vault, f func(step string)) { v.step = f }

// FailSync makes every later fsync of the log fail.
func FailSync(v *Vault, err error) {
	v.commit.Lock()
	defer v.commit.Unlock()
	v.ring.f = failing{v.ring.f, err}
}

type failing struct {
	file
	err error
}

func (f failing) Sync() error { return f.err }

// KeyBytes returns a subject's key, as it is and as it is wrapped in the ring.
func KeyBytes(v *Vault, id ID) (plain, wrapped []byte) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	e := v.table.find(id, v.hash(id))
	key, err := v.wrapper.unwrap(id, &e.wrapped)
	if err != nil {
		panic(err)
	}
	return bytes.Clone(key[:]), bytes.Clone(e.wrapped[:])
}

// AppendFrame frames a payload as the last one of a ring.
func AppendFrame(ring, payload []byte) []byte {
	h, ok := parseHeader(ring[:headerSize])
	if !ok {
		panic("not a ring")
	}
	return appendFrame(bytes.Clone(ring), h.salt(), int64(len(ring)), payload)
}

// Scan reads a ring from memory: how many records, and where its sound part ends.
func Scan(ring []byte) (records uint64, end int64, err error) {
	s, err := newScanner("ring", bytes.NewReader(ring), int64(len(ring)))
	if err != nil {
		return 0, 0, err
	}
	err = s.scan(func(record) error { return nil })
	return s.seen, s.off, err
}
