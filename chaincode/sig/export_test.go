package sig

import "reflect"

// DomainSeparator is hashStruct of any domain; members other than Volens' own occur in the test vectors.
func DomainSeparator(domain any) Hash { return hashNamed("EIP712Domain", reflect.ValueOf(domain)) }

// NamedDigest is Digest for a type without a name of its own, such as reflect.StructOf makes.
func NamedDigest(separator Hash, name string, message any) Hash {
	return digest(separator, hashNamed(name, reflect.Indirect(reflect.ValueOf(message))))
}

// NamedType is TypeOf for a type without a name of its own.
func NamedType(name string, message any) string {
	return planOf(reflect.TypeOf(message), name).encodeType
}

// NamedData is typeHash ‖ encodeData(message), before it is hashed.
func NamedData(name string, message any) []byte {
	e := newEncoder()
	planOf(reflect.TypeOf(message), name).appendData(e, reflect.ValueOf(message))
	return e.buf
}

// Keccak is Keccak-256.
func Keccak(b []byte) []byte { h := keccak(b); return h[:] }
