package sig_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/common/math"
	"github.com/ethereum/go-ethereum/signer/core/apitypes"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/sig"
)

// TestCrossCheck signs random messages of every type the contract knows with go-ethereum's typed-data code, which starts
// from the JSON text as a wallet does, and compares the digests.
func TestCrossCheck(t *testing.T) {
	const rounds = 40
	for _, name := range consent.Types() {
		t.Run(name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, uint64(len(name)))) // seeded, so that a failure can be run again
			for range rounds {
				body, ok := consent.NewBody(name)
				if !ok {
					t.Fatal("no such type")
				}
				randomise(rnd, reflect.ValueOf(body).Elem(), 0)
				var ledger consent.Hash
				randomise(rnd, reflect.ValueOf(&ledger).Elem(), 0)
				want, typ := foreignDigest(t, ledger, name, body)
				if got := sig.TypeOf(body); got != typ {
					t.Fatalf("encodeType\n%s\nwant\n%s", got, typ)
				}
				if got := sig.Digest(consent.DomainOf(ledger).Separator(), body); got != want {
					t.Fatalf("digest %s, want %s for %+v", got, want, body)
				}
				if got := consent.Digest(ledger, body); name != "Init" && got != want {
					t.Fatalf("the contract's digest is %s, want %s", got, want)
				}
			}
		})
	}
}

// randomise fills a value; strings are of any plane, lists have up to three values and are often empty.
func randomise(rnd *rand.Rand, v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			if depth == 0 || rnd.IntN(4) > 0 {
				randomise(rnd, v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), rnd.IntN(4), 3))
		fallthrough
	case reflect.Array:
		for i := range v.Len() {
			randomise(rnd, v.Index(i), depth+1)
		}
	case reflect.Uint8:
		v.SetUint(rnd.Uint64() & 0xff)
	case reflect.Uint64:
		v.SetUint(rnd.Uint64() >> (1 + rnd.IntN(63))) // the JSON form ends at 2^63 - 1
	case reflect.Int64:
		v.SetInt(int64(rnd.Uint64()) >> rnd.IntN(63))
	case reflect.Bool:
		v.SetBool(rnd.IntN(2) == 0)
	case reflect.String:
		v.SetString(string([]rune("aé☺🚀\" \\<&z")[rnd.IntN(10):]) + strings.Repeat("x", rnd.IntN(200)))
	default:
		panic(fmt.Sprintf("no random %s", v.Type()))
	}
}

func foreignDigest(t *testing.T, ledger consent.Hash, name string, body consent.Body) (sig.Hash, string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var message map[string]any
	if err := d.Decode(&message); err != nil {
		t.Fatal(err)
	}
	td := apitypes.TypedData{
		Types: parseTypes(t, sig.TypeOf(body)), PrimaryType: name,
		Domain: apitypes.TypedDataDomain{
			Name: "Volens", Version: "1", ChainId: math.NewHexOrDecimal256(consent.ChainID), Salt: hexutil.Encode(ledger[:]),
		},
	}
	td.Types["EIP712Domain"] = []apitypes.Type{
		{Name: "name", Type: "string"}, {Name: "version", Type: "string"}, {Name: "chainId", Type: "uint256"}, {Name: "salt", Type: "bytes32"},
	}
	td.Message = prefixed(t, td.Types, name, message)
	digest, _, err := apitypes.TypedDataAndHash(td)
	if err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return sig.Hash(digest), string(td.EncodeType(name))
}

// parseTypes reads "A(B b,string c)B(…)".
func parseTypes(t *testing.T, encodeType string) apitypes.Types {
	t.Helper()
	types := apitypes.Types{}
	for _, part := range strings.Split(strings.TrimSuffix(encodeType, ")"), ")") {
		name, fields, ok := strings.Cut(part, "(")
		if !ok {
			t.Fatalf("not a type: %s", part)
		}
		for _, f := range strings.Split(fields, ",") {
			typ, member, ok := strings.Cut(f, " ")
			if !ok {
				t.Fatalf("not a field: %s", f)
			}
			types[name] = append(types[name], apitypes.Type{Name: member, Type: typ})
		}
	}
	return types
}

// prefixed turns the JSON form of a message into what a wallet is given: bytes with 0x, null as an empty list.
func prefixed(t *testing.T, types apitypes.Types, name string, m map[string]any) map[string]any {
	t.Helper()
	if len(m) != len(types[name]) {
		t.Fatalf("%s has %d members in JSON and %d in its type", name, len(m), len(types[name]))
	}
	for _, f := range types[name] {
		m[f.Name] = prefixedValue(t, types, f.Type, m[f.Name])
	}
	return m
}

func prefixedValue(t *testing.T, types apitypes.Types, typ string, x any) any {
	t.Helper()
	if elem, ok := strings.CutSuffix(typ, "[]"); ok {
		out := []any{}
		if list, ok := x.([]any); ok {
			for _, e := range list {
				out = append(out, prefixedValue(t, types, elem, e))
			}
		}
		return out
	}
	switch y := x.(type) {
	case map[string]any:
		return prefixed(t, types, typ, y)
	case string:
		if strings.HasPrefix(typ, "bytes") {
			return "0x" + y
		}
	}
	return x
}
