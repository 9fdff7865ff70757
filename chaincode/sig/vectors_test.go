package sig_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// typedData is one case of the EIP-712 vectors.
type typedData struct {
	Name        string
	Domain      map[string]any
	PrimaryType string
	Types       map[string][]struct{ Name, Type string }
	Data        map[string]any
	Encoded     string
	EncodeData  string
	EncodeType  string
	TypeHash    string
	StructHash  string
	Separator   string `json:"domainSeparator"`
	Digest      string
	Signer      string
	Signature   struct {
		V    byte
		R, S string
	}
}

func readVectors(t *testing.T, name string, v any) {
	t.Helper()
	b, err := os.ReadFile("testdata/eip712/" + name)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(v); err != nil {
		t.Fatal(err)
	}
}

// goType builds the Go type of an EIP-712 type, and the tag that names its innermost element.
func (d typedData) goType(name string) (reflect.Type, string) {
	if prefix, n, ok := cutList(name); ok {
		elem, tag := d.goType(prefix)
		if n < 0 {
			return reflect.SliceOf(elem), tag
		}
		return reflect.ArrayOf(n, elem), tag
	}
	if fields, ok := d.Types[name]; ok {
		var fs []reflect.StructField
		for i, f := range fields {
			t, tag := d.goType(f.Type)
			fs = append(fs, reflect.StructField{
				Name: "F" + strconv.Itoa(i), Type: t, Tag: reflect.StructTag(fmt.Sprintf(`json:%q eip712:%q`, f.Name, tag)),
			})
		}
		return reflect.StructOf(fs), name
	}
	switch {
	case name == "string":
		return reflect.TypeFor[string](), ""
	case name == "bool":
		return reflect.TypeFor[bool](), ""
	case name == "address":
		return reflect.TypeFor[sig.Address](), ""
	case name == "bytes":
		return reflect.TypeFor[[]byte](), ""
	case strings.HasPrefix(name, "bytes"):
		n, err := strconv.Atoi(name[len("bytes"):])
		if err != nil {
			panic(err)
		}
		return reflect.ArrayOf(n, reflect.TypeFor[byte]()), ""
	}
	// Integers as wide as Go's take Go's; the others are big, and their tag says how wide. A list of uint8 is no []byte.
	for _, t := range []reflect.Type{
		reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
		reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
	} {
		if t.Name() == name {
			return t, ""
		}
	}
	return reflect.TypeFor[*big.Int](), name
}

// cutList takes the last "[n]" or "[]" (n -1) off a type name.
func cutList(name string) (prefix string, n int, ok bool) {
	i := strings.LastIndexByte(name, '[')
	if i < 0 {
		return name, 0, false
	}
	if size := name[i+1 : len(name)-1]; size != "" {
		n, err := strconv.Atoi(size)
		return name[:i], n, err == nil
	}
	return name[:i], -1, true
}

func (d typedData) value(t *testing.T, name string, data any) reflect.Value {
	t.Helper()
	typ, _ := d.goType(name)
	v := reflect.New(typ).Elem()
	d.set(t, v, name, data)
	return v
}

func (d typedData) set(t *testing.T, v reflect.Value, name string, data any) {
	t.Helper()
	if prefix, n, ok := cutList(name); ok {
		list, ok := data.([]any)
		if !ok {
			t.Fatalf("%s is %T", name, data)
		}
		if n < 0 {
			v.Set(reflect.MakeSlice(v.Type(), len(list), len(list)))
		}
		for i, e := range list {
			d.set(t, v.Index(i), prefix, e)
		}
		return
	}
	switch x := data.(type) {
	case map[string]any:
		for i, f := range d.Types[name] {
			d.set(t, v.Field(i), f.Type, x[f.Name])
		}
	case bool:
		v.SetBool(x)
	case json.Number:
		d.set(t, v, name, x.String())
	case string:
		setText(t, v, x)
	default:
		t.Fatalf("%s is %T", name, data)
	}
}

func setText(t *testing.T, v reflect.Value, s string) {
	t.Helper()
	if v.Kind() == reflect.String {
		v.SetString(s)
		return
	}
	if v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
		b := unhex(t, s)
		if v.Kind() == reflect.Slice {
			v.SetBytes(b)
			return
		}
		reflect.Copy(v, reflect.ValueOf(b))
		return
	}
	n, ok := new(big.Int).SetString(s, 0)
	switch {
	case !ok:
		t.Fatalf("not a number: %q", s)
	case v.CanInt():
		v.SetInt(n.Int64())
	case v.CanUint():
		v.SetUint(n.Uint64())
	default:
		v.Set(reflect.ValueOf(n))
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.TrimPrefix(s, "0x"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func hexOf(b []byte) string { return "0x" + hex.EncodeToString(b) }

// TestVectors passes every case through the encoder that messages go through: none is left out.
func TestVectors(t *testing.T) {
	var cases []typedData
	readVectors(t, "digests.json", &cases)
	if len(cases) != 73 {
		t.Fatalf("%d cases, want 73", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			separator := sig.DomainSeparator(c.value(t, "EIP712Domain", c.Domain).Interface())
			message := c.value(t, c.PrimaryType, c.Data)
			if d := cmp.Diff(c.Encoded, hexOf(sig.NamedData(c.PrimaryType, message.Interface()))); d != "" {
				t.Errorf("encodeData (-want +got): %s", d)
			}
			// An addressable value takes the fast paths; it must not differ.
			for _, m := range []any{message.Interface(), message.Addr().Interface()} {
				if got := "0x" + sig.NamedDigest(separator, c.PrimaryType, m).String(); got != c.Digest {
					t.Errorf("digest of %T is %s, want %s", m, got, c.Digest)
				}
			}
		})
	}
}

// TestMail is the example of EIP-712 itself, down to the signature.
func TestMail(t *testing.T) {
	var c typedData
	readVectors(t, "mail.json", &c)
	type Person struct {
		Name   string      `json:"name"`
		Wallet sig.Address `json:"wallet"`
	}
	type Mail struct {
		From     Person `json:"from"`
		To       Person `json:"to"`
		Contents string `json:"contents"`
	}
	m := Mail{
		Person{"Cow", sig.Address(unhex(t, "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"))},
		Person{"Bob", sig.Address(unhex(t, "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"))},
		"Hello, Bob!",
	}
	separator := sig.DomainSeparator(c.value(t, "EIP712Domain", c.Domain).Interface())
	digest := sig.Digest(separator, m)
	got := []string{
		sig.TypeOf(m), "0x" + sig.HashStruct(&m).String(), "0x" + separator.String(), "0x" + digest.String(),
		hexOf(sig.NamedData("Mail", m)),
	}
	want := []string{c.EncodeType, c.StructHash, c.Separator, c.Digest, c.EncodeData}
	if d := cmp.Diff(want, got); d != "" {
		t.Fatalf("(-want +got): %s", d)
	}
	cow, err := sig.ParseKey(sig.Keccak([]byte("cow")))
	if err != nil {
		t.Fatal(err)
	}
	s, err := cow.Sign(digest)
	if err != nil {
		t.Fatal(err)
	}
	if want := slices.Concat(unhex(t, c.Signature.R), unhex(t, c.Signature.S), []byte{c.Signature.V}); !bytes.Equal(s[:], want) {
		t.Fatalf("signature %s, want %x", s, want)
	}
	if a, err := sig.Recover(digest, s); err != nil || a.String() != c.Signer || a != cow.Address() {
		t.Fatalf("recovered %s, %v; want %s", a, err, c.Signer)
	}
}
