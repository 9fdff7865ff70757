package sig

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Domain is the EIP-712 domain of one Volens ledger. A signature made for one ledger is worthless on another, because
// the salt is the ledger id. verifyingContract is absent: there is no contract address.
type Domain struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	ChainID uint64 `json:"chainId" eip712:"uint256"`
	Salt    Hash   `json:"salt"`
}

// Separator is the EIP-712 domain separator, hashStruct of the domain. The newest one is kept: a host speaks of one ledger.
func (d Domain) Separator() Hash {
	if k := newest.Load(); k != nil && k.domain == d {
		return k.separator
	}
	k := &separated{domain: d}
	k.separator = hashNamed("EIP712Domain", reflect.ValueOf(&k.domain).Elem())
	newest.Store(k)
	return k.separator
}

type separated struct {
	domain    Domain
	separator Hash
}

var newest atomic.Pointer[separated]

// Digest is keccak256(0x19 0x01 ‖ domain separator ‖ hashStruct(message)), the value that is signed. Message is a struct
// (or a pointer to one, which is faster); its Go name is the primary type, its json tags are the member names, and its
// field types map as TypeOf says. It panics on a type that has no mapping, which is a programming error.
func Digest(separator Hash, message any) Hash { return digest(separator, HashStruct(message)) }

func digest(separator, message Hash) Hash {
	return keccak([]byte{0x19, 0x01}, separator[:], message[:])
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
	e := encoders.Get().(*encoder) //nolint:errcheck,forcetypeassert // the pool holds encoders only
	defer encoders.Put(e)
	planOf(v.Type(), name).appendData(e, v)
	e.hash(0)
	h := Hash(e.buf)
	e.buf = e.buf[:0]
	return h
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
	zero       Hash // hashStruct of the zero value, which many optional parts of a message are
}

type planField struct {
	index  int
	encode encodeFunc
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
		sol, enc, ref := wordOf(f.Type, f.Tag.Get("eip712"))
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
		p.fields = append(p.fields, planField{i, enc})
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
	e := newEncoder()
	p.fold(e, reflect.Zero(t))
	p.zero = Hash(e.buf)
	return p
}

// encode appends hashStruct(v).
func (p *plan) encode(e *encoder, v reflect.Value) {
	if v.IsZero() {
		e.buf = append(e.buf, p.zero[:]...)
		return
	}
	p.fold(e, v)
}

func (p *plan) fold(e *encoder, v reflect.Value) {
	start := len(e.buf)
	p.appendData(e, v)
	e.fold(start)
}

// appendData appends typeHash ‖ encodeData(v).
func (p *plan) appendData(e *encoder, v reflect.Value) {
	e.buf = append(e.buf, p.typeHash[:]...)
	for _, f := range p.fields {
		f.encode(e, v.Field(f.index))
	}
}
