package consent

import (
	"encoding/binary"
	"fmt"
	"reflect"
)

// The canonical bytes of a value, specified in FORMAT.md: fields in order of declaration, fixed-size byte arrays as they
// are, integers as 8 bytes big-endian (two's complement), bool as one byte, strings and lists with a 4-byte big-endian
// count before them, a pointer as 0 or 1 and then the value. One value has one encoding, and Decode refuses every other
// byte string.

// Append appends the canonical bytes of v, a struct or a pointer to one.
func Append(b []byte, v any) []byte {
	return appendValue(b, reflect.Indirect(reflect.ValueOf(v)))
}

func appendValue(b []byte, v reflect.Value) []byte {
	switch v.Kind() { //nolint:exhaustive // the record types use these kinds only; others panic below
	case reflect.Struct:
		for i := range v.NumField() {
			b = appendValue(b, v.Field(i))
		}
		return b
	case reflect.Array:
		return append(b, bytesOf(v)...)
	case reflect.String:
		b = binary.BigEndian.AppendUint32(b, uint32(v.Len())) //nolint:gosec // bounded by the message size
		return append(b, v.String()...)
	case reflect.Slice:
		b = binary.BigEndian.AppendUint32(b, uint32(v.Len())) //nolint:gosec // bounded by the message size
		for i := range v.Len() {
			b = appendValue(b, v.Index(i))
		}
		return b
	case reflect.Int64:
		return binary.BigEndian.AppendUint64(b, uint64(v.Int())) //nolint:gosec // two's complement
	case reflect.Uint64:
		return binary.BigEndian.AppendUint64(b, v.Uint())
	case reflect.Bool, reflect.Pointer:
		return appendFlag(b, v)
	}
	panic(fmt.Sprintf("consent: no canonical form for %s", v.Type()))
}

// appendFlag appends false and nil as 0, true as 1, and what a pointer points at after a 1.
func appendFlag(b []byte, v reflect.Value) []byte {
	switch {
	case v.IsZero():
		return append(b, 0)
	case v.Kind() == reflect.Bool:
		return append(b, 1)
	}
	return appendValue(append(b, 1), v.Elem())
}

func bytesOf(v reflect.Value) []byte {
	if v.CanAddr() {
		return v.Bytes()
	}
	b := make([]byte, v.Len())
	reflect.Copy(reflect.ValueOf(b), v)
	return b
}

// Decode reads the canonical bytes of exactly one value into v, a pointer to a struct. Trailing, missing or non-canonical
// bytes are Malformed.
func Decode(b []byte, v any) error {
	rest, err := decodeValue(b, reflect.ValueOf(v).Elem())
	if err == nil && len(rest) > 0 {
		err = errorf(Malformed, "%d bytes too many", len(rest))
	}
	return err
}

var errShort = &Error{Code: Malformed, Msg: "canonical bytes end too early"}

func decodeValue(b []byte, v reflect.Value) (rest []byte, err error) {
	switch v.Kind() { //nolint:exhaustive // as in appendValue
	case reflect.Struct:
		for i := range v.NumField() {
			if b, err = decodeValue(b, v.Field(i)); err != nil {
				return nil, err
			}
		}
		return b, nil
	case reflect.Array:
		if len(b) < v.Len() {
			return nil, errShort
		}
		reflect.Copy(v, reflect.ValueOf(b[:v.Len()]))
		return b[v.Len():], nil
	case reflect.Int64, reflect.Uint64:
		return decodeInt(b, v)
	case reflect.Bool, reflect.Pointer:
		return decodeFlag(b, v)
	case reflect.String:
		n, b, err := decodeCount(b, 1)
		if err != nil {
			return nil, err
		}
		v.SetString(string(b[:n]))
		return b[n:], nil
	case reflect.Slice:
		return decodeList(b, v)
	}
	panic(fmt.Sprintf("consent: no canonical form for %s", v.Type()))
}

func decodeInt(b []byte, v reflect.Value) ([]byte, error) {
	if len(b) < 8 {
		return nil, errShort
	}
	n := binary.BigEndian.Uint64(b)
	if v.CanInt() {
		v.SetInt(int64(n)) //nolint:gosec // two's complement
	} else {
		v.SetUint(n)
	}
	return b[8:], nil
}

func decodeFlag(b []byte, v reflect.Value) ([]byte, error) {
	if len(b) == 0 {
		return nil, errShort
	}
	if b[0] > 1 {
		return nil, errorf(Malformed, "a flag is 0 or 1")
	}
	if v.Kind() == reflect.Bool {
		v.SetBool(b[0] == 1)
		return b[1:], nil
	}
	if b[0] == 0 {
		v.SetZero()
		return b[1:], nil
	}
	v.Set(reflect.New(v.Type().Elem()))
	return decodeValue(b[1:], v.Elem())
}

// decodeCount reads a count; every counted thing takes at least size bytes, so a count beyond the rest is refused before
// anything is allocated.
func decodeCount(b []byte, size int) (int, []byte, error) {
	if len(b) < 4 {
		return 0, nil, errShort
	}
	n := int(binary.BigEndian.Uint32(b))
	if b = b[4:]; n > len(b)/size {
		return 0, nil, errShort
	}
	return n, b, nil
}

func decodeList(b []byte, v reflect.Value) ([]byte, error) {
	n, b, err := decodeCount(b, 4)
	if err != nil {
		return nil, err
	}
	if n == 0 { // an empty list is nil, so that a decoded value equals the encoded one
		v.SetZero()
		return b, nil
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		if b, err = decodeValue(b, v.Index(i)); err != nil {
			return nil, err
		}
	}
	return b, nil
}
