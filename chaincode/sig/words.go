package sig

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math/big"
	"reflect"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/ethereum/go-ethereum/crypto"
)

// An encoder is a stack of 32-byte words and one hash state, both used again for every digest. Every encodeFunc appends
// exactly one word; a struct or list pushes the words of its parts and folds them into their hash.
type encoder struct {
	state crypto.KeccakState
	buf   []byte
}

type encodeFunc func(e *encoder, v reflect.Value)

var encoders = sync.Pool{New: func() any { return newEncoder() }}

func newEncoder() *encoder {
	return &encoder{state: crypto.NewKeccakState(), buf: make([]byte, 0, 2048)}
}

// fold replaces everything from start by its hash.
func (e *encoder) fold(start int) {
	words := e.buf[start:]
	if len(words) > maxFolded {
		e.hash(start)
		return
	}
	place := &foldings[maphash.Bytes(foldSeed, words)%uint64(len(foldings))]
	if f := place.Load(); f != nil && bytes.Equal(f.words, words) {
		e.buf = append(e.buf[:start], f.hash[:]...)
		return
	}
	f := &folding{words: bytes.Clone(words)}
	e.hash(start)
	f.hash = Hash(e.buf[start:])
	place.Store(f)
}

// hash is fold for what is not seen twice.
func (e *encoder) hash(start int) {
	e.state.Reset()
	_, _ = e.state.Write(e.buf[start:])
	var w Hash
	e.buf = append(e.buf[:start], w[:]...)
	_, _ = e.state.Read(e.buf[start:]) //nolint:errcheck // a hash state does not fail
}

// foldings remembers the newest parts of messages and their hashes: codes, organisations, whole rules, which are the same in
// most messages. Each part has one place and takes it from whoever was there, so that it stays bounded without a lock. What
// is found is compared byte by byte: whoever fills the places can make hashing slower, never another hash.
var (
	foldings [2048]atomic.Pointer[folding]
	foldSeed = maphash.MakeSeed()
)

type folding struct {
	words []byte
	hash  Hash
}

const maxFolded = 512 // bytes: a rule, or a consent around its rules

var (
	bigType   = reflect.TypeFor[*big.Int]()
	emptyHash = keccak() // the word of every empty string and list
)

// wordOf returns a type's EIP-712 name, the function that makes its word, and the plan of a struct that it holds.
func wordOf(t reflect.Type, tag string) (string, encodeFunc, *plan) {
	name := func(s string) string {
		if tag != "" {
			return tag
		}
		return s
	}
	switch k := t.Kind(); {
	case t == bigType:
		return tag, bigWord, nil
	case t == reflect.TypeFor[Address]():
		return name("address"), leftPadded, nil
	case k == reflect.Array && t.Elem().Kind() == reflect.Uint8:
		return name("bytes" + strconv.Itoa(t.Len())), rightPadded, nil
	case k == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		return name("bytes"), bytesWord, nil
	case k == reflect.Struct:
		p := planOf(t, name(t.Name()))
		return p.name, p.encode, p
	case k == reflect.Slice:
		return list(t.Elem(), tag, "[]")
	case k == reflect.Array:
		return list(t.Elem(), tag, "["+strconv.Itoa(t.Len())+"]")
	}
	sol, enc := atomOf(t)
	return name(sol), enc, nil
}

func atomOf(t reflect.Type) (string, encodeFunc) {
	switch k := t.Kind(); {
	case k == reflect.String:
		return "string", stringWord
	case k == reflect.Bool:
		return "bool", boolWord
	case k >= reflect.Uint && k <= reflect.Uint64:
		return "uint" + strconv.Itoa(t.Bits()), uintWord
	case k >= reflect.Int && k <= reflect.Int64:
		return "int" + strconv.Itoa(t.Bits()), intWord
	}
	panic("sig: no EIP-712 type for " + t.String())
}

// list encodes an array: keccak256 of the concatenated words of its elements. The tag names the innermost element type.
func list(elem reflect.Type, tag, suffix string) (string, encodeFunc, *plan) {
	sol, enc, ref := wordOf(elem, tag)
	return sol + suffix, func(e *encoder, v reflect.Value) {
		n := v.Len()
		if n == 0 {
			e.buf = append(e.buf, emptyHash[:]...)
			return
		}
		start := len(e.buf)
		for i := range n {
			enc(e, v.Index(i))
		}
		e.fold(start)
	}, ref
}

func stringWord(e *encoder, v reflect.Value) {
	if v.Len() == 0 {
		e.buf = append(e.buf, emptyHash[:]...)
		return
	}
	start := len(e.buf)
	e.buf = append(e.buf, v.String()...)
	e.fold(start)
}

func bytesWord(e *encoder, v reflect.Value) {
	start := len(e.buf)
	e.buf = append(e.buf, v.Bytes()...)
	e.fold(start)
}

// push appends a word of zeros and returns it to be filled.
func (e *encoder) push() []byte {
	var w Hash
	e.buf = append(e.buf, w[:]...)
	return e.buf[len(e.buf)-len(w):]
}

func leftPadded(e *encoder, v reflect.Value) { fill(e.push()[32-v.Len():], v) }

func rightPadded(e *encoder, v reflect.Value) { fill(e.push(), v) }

// fill copies a byte array; one that is not addressable has no bytes to point at.
func fill(dst []byte, v reflect.Value) {
	if v.CanAddr() {
		copy(dst, v.Bytes())
		return
	}
	reflect.Copy(reflect.ValueOf(dst), v)
}

func boolWord(e *encoder, v reflect.Value) {
	if w := e.push(); v.Bool() {
		w[31] = 1
	}
}

func uintWord(e *encoder, v reflect.Value) {
	binary.BigEndian.PutUint64(e.push()[24:], v.Uint())
}

// intWord sign-extends to 256 bits, two's complement.
func intWord(e *encoder, v reflect.Value) {
	n, w := v.Int(), e.push()
	if n < 0 {
		for i := range 24 {
			w[i] = 0xff
		}
	}
	binary.BigEndian.PutUint64(w[24:], uint64(n)) // two's complement is what EIP-712 asks for
}

func bigWord(e *encoder, v reflect.Value) {
	w := e.push()
	n, ok := v.Interface().(*big.Int)
	if !ok || n == nil {
		return
	}
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	n.FillBytes(w)
}
