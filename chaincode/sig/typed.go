package sig

import (
	"encoding/binary"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/ethereum/go-ethereum/crypto"
)

// Domain is the EIP-712 domain of one Volens ledger. A signature made for one ledger is worthless on another, because
// the salt is the ledger id. verifyingContract is absent: there is no contract address.
type Domain struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	ChainID uint64 `json:"chainId" eip712:"uint256"`
	Salt    Hash   `json:"salt"`
}

// Separator is the EIP-712 domain separator, hashStruct of the domain.
func (d Domain) Separator() Hash { return hashNamed("EIP712Domain", reflect.ValueOf(d)) }

// Digest is keccak256(0x19 0x01 ‖ domain separator ‖ hashStruct(message)), the value that is signed. Message is a struct
// (or a pointer to one); its Go name is the primary type, its json tags are the member names, and its field types map as
// TypeOf says. It panics on a type that has no mapping, which is a programming error.
func Digest(separator Hash, message any) Hash {
	h := HashStruct(message)
	return keccak([]byte{0x19, 0x01}, separator[:], h[:])
}

// HashStruct is EIP-712's hashStruct(message) = keccak256(typeHash ‖ encodeData).
func HashStruct(message any) Hash {
	v := reflect.ValueOf(message)
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return hashNamed(v.Type().Name(), v)
}

func hashNamed(name string, v reflect.Value) Hash {
	p := planOf(v.Type(), name)
	return p.hash(v)
}

// TypeOf is EIP-712's encodeType of message: the primary type, then the referenced types sorted by name. The mapping:
//
//	[N]byte (1 to 32)  bytesN        Address   address      Hash  bytes32
//	bool               bool          string    string       []byte  bytes
//	uint8..uint64      uintN         int8..int64  intN      []T, [N]T  T[], T[N]
//	struct             its Go name   *big.Int  what its eip712 tag says
//
// A tag `eip712:"…"` on a field replaces the atomic type's name.
func TypeOf(message any) string {
	t := reflect.TypeOf(message)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return planOf(t, t.Name()).encodeType
}

// A plan is the compiled form of one struct type; plans are made once and kept.
type plan struct {
	name       string
	fields     []planField
	own        string           // "Name(type field,…)"
	refs       map[string]*plan // referenced struct types, by name, transitive
	encodeType string
	typeHash   Hash
}

type planField struct {
	index   int
	name    string
	solType string
	encode  func(v reflect.Value) Hash
}

type planKey struct {
	t    reflect.Type
	name string
}

var plans sync.Map // planKey to *plan

func planOf(t reflect.Type, name string) *plan {
	key := planKey{t, name}
	if p, ok := plans.Load(key); ok {
		return p.(*plan) //nolint:errcheck,forcetypeassert // only plans are stored
	}
	p := newPlan(t, name)
	plans.Store(key, p)
	return p
}

func newPlan(t reflect.Type, name string) *plan {
	p := &plan{name: name, refs: map[string]*plan{}}
	var own strings.Builder
	own.WriteString(name + "(")
	for i := range t.NumField() {
		f := t.Field(i)
		member, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if member == "" || member == "-" {
			panic(fmt.Sprintf("sig: field %s.%s has no json name", name, f.Name))
		}
		sol, enc, ref := encoder(f.Type, f.Tag.Get("eip712"))
		if ref != nil {
			p.refs[ref.name] = ref
			for n, r := range ref.refs {
				p.refs[n] = r
			}
		}
		if len(p.fields) > 0 {
			own.WriteByte(',')
		}
		own.WriteString(sol + " " + member)
		p.fields = append(p.fields, planField{i, member, sol, enc})
	}
	own.WriteByte(')')
	p.own, p.encodeType = own.String(), own.String()
	names := make([]string, 0, len(p.refs))
	for n := range p.refs {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		p.encodeType += p.refs[n].own
	}
	p.typeHash = keccak([]byte(p.encodeType))
	return p
}

func (p *plan) hash(v reflect.Value) Hash {
	buf := make([]byte, 0, 32*(1+len(p.fields)))
	buf = append(buf, p.typeHash[:]...)
	for _, f := range p.fields {
		w := f.encode(v.Field(f.index))
		buf = append(buf, w[:]...)
	}
	return Hash(crypto.Keccak256(buf))
}

var bigType = reflect.TypeFor[*big.Int]()

// encoder returns the type's EIP-712 name, the function that makes its 32-byte word, and the plan of a struct it holds.
func encoder(t reflect.Type, tag string) (string, func(reflect.Value) Hash, *plan) {
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
		return name("bytes"), func(v reflect.Value) Hash { return keccak(v.Bytes()) }, nil
	case k == reflect.String:
		return name("string"), func(v reflect.Value) Hash { return keccak([]byte(v.String())) }, nil
	case k == reflect.Bool:
		return name("bool"), boolWord, nil
	case t.ConvertibleTo(reflect.TypeFor[uint64]()) && k >= reflect.Uint && k <= reflect.Uint64:
		return name("uint" + strconv.Itoa(t.Bits())), uintWord, nil
	case k >= reflect.Int && k <= reflect.Int64:
		return name("int" + strconv.Itoa(t.Bits())), intWord, nil
	case k == reflect.Slice:
		return list(t.Elem(), tag, "[]")
	case k == reflect.Array:
		return list(t.Elem(), tag, "["+strconv.Itoa(t.Len())+"]")
	case k == reflect.Struct:
		p := planOf(t, name(t.Name()))
		return p.name, p.hash, p
	}
	panic("sig: no EIP-712 type for " + t.String())
}

// list encodes an array: keccak256 of the concatenated words of its elements. The tag names the innermost element type.
func list(elem reflect.Type, tag, suffix string) (string, func(reflect.Value) Hash, *plan) {
	sol, enc, ref := encoder(elem, tag)
	return sol + suffix, func(v reflect.Value) Hash {
		if v.Len() == 0 {
			return emptyHash
		}
		buf := make([]byte, 0, 32*v.Len())
		for i := range v.Len() {
			w := enc(v.Index(i))
			buf = append(buf, w[:]...)
		}
		return Hash(crypto.Keccak256(buf))
	}, ref
}

// emptyHash is keccak256 of nothing, the word of every empty list.
var emptyHash = keccak()

func leftPadded(v reflect.Value) (w Hash) {
	reflect.Copy(reflect.ValueOf(w[32-v.Len():]), v)
	return w
}

func rightPadded(v reflect.Value) (w Hash) {
	reflect.Copy(reflect.ValueOf(w[:]), v)
	return w
}

func boolWord(v reflect.Value) (w Hash) {
	if v.Bool() {
		w[31] = 1
	}
	return w
}

func uintWord(v reflect.Value) (w Hash) {
	binary.BigEndian.PutUint64(w[24:], v.Uint())
	return w
}

// intWord sign-extends to 256 bits, two's complement.
func intWord(v reflect.Value) (w Hash) {
	n := v.Int()
	if n < 0 {
		for i := range 24 {
			w[i] = 0xff
		}
	}
	binary.BigEndian.PutUint64(w[24:], uint64(n)) //nolint:gosec // two's complement is what EIP-712 asks for
	return w
}

func bigWord(v reflect.Value) (w Hash) {
	n, ok := v.Interface().(*big.Int)
	if !ok || n == nil {
		return w
	}
	m := n
	if n.Sign() < 0 {
		m = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	m.FillBytes(w[:])
	return w
}
