package assertion

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"

	"golang.org/x/crypto/sha3"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// Limits of RSA keys in bits, and of a key set in keys: a bigger one costs us more than its owner.
const (
	minRSA  = 2048
	maxRSA  = 8192
	maxKeys = 16
)

// Key is a public key with its id and its one algorithm.
type Key struct {
	ID     string
	alg    string
	public any // *rsa.PublicKey, *ecdsa.PublicKey, or sig.Address for ES256K
}

// LedgerKey is a key that a member signs ledger messages with. Its id is its address.
func LedgerKey(a sig.Address) Key { return Key{a.String(), "ES256K", a} }

// NewKey makes a Key of *rsa.PublicKey or *ecdsa.PublicKey on P-256 or P-384; any other is ErrKey.
func NewKey(id string, public any) (Key, error) {
	if id == "" || len(id) > maxID {
		return Key{}, fmt.Errorf("%w: an id has 1 to %d bytes", ErrKey, maxID)
	}
	switch p := public.(type) {
	case *rsa.PublicKey:
		if n := p.N.BitLen(); n < minRSA || n > maxRSA || p.E < 65537 || p.E&1 == 0 {
			return Key{}, fmt.Errorf("%w: RSA has %d to %d bits and an odd exponent of at least 65537", ErrKey, minRSA, maxRSA)
		}
		return Key{id, "RS384", p}, nil
	case *ecdsa.PublicKey:
		if alg := curveAlgorithm(p.Curve); alg != "" {
			return Key{id, alg, p}, nil
		}
	}
	return Key{}, fmt.Errorf("%w: a key is RSA, P-256 or P-384", ErrKey)
}

// ParseKeys reads an RFC 7517 key set as a member's record holds it. Every key must be a usable public signing key with an
// id of its own: a set that is wrong in part is refused when the member is admitted, not found out when a key is needed.
// The empty text is the empty set.
func ParseKeys(jwks string) ([]Key, error) {
	if jwks == "" {
		return nil, nil
	}
	set, err := parseObject([]byte(jwks))
	if err != nil {
		return nil, err
	}
	var list []json.RawMessage
	if raw, ok := set["keys"]; !ok || raw[0] != '[' || json.Unmarshal(raw, &list) != nil || len(list) > maxKeys {
		return nil, bad("a key set has a list \"keys\" of at most %d", maxKeys)
	}
	keys := make([]Key, 0, len(list))
	for i, raw := range list {
		k, err := parseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}
		for _, other := range keys {
			if other.ID == k.ID {
				return nil, bad("two keys have the id %q", k.ID)
			}
		}
		keys = append(keys, k)
	}
	return keys, nil
}

func parseKey(raw []byte) (Key, error) {
	o, err := parseObject(raw)
	if err != nil {
		return Key{}, err
	}
	for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "oth", "k"} {
		if _, ok := o[private]; ok {
			return Key{}, fmt.Errorf("%w: a secret key does not belong into a key set; replace it, it is compromised", ErrKey)
		}
	}
	id, err := o.text("kid", maxID)
	if err != nil {
		return Key{}, err
	}
	k, err := o.public(id)
	if err != nil {
		return Key{}, err
	}
	return k, o.allows(k.alg)
}

// allows checks that use, key_ops and alg, where they are there, are for verifying with alg.
func (o object) allows(alg string) error {
	for name, want := range map[string]string{"use": "sig", "alg": alg} {
		if got, err := o.optional(name); err != nil || got != "" && got != want {
			return fmt.Errorf("%w: %s is not %s", ErrKey, name, want)
		}
	}
	raw, ok := o["key_ops"]
	if !ok {
		return nil
	}
	var ops []string
	if json.Unmarshal(raw, &ops) != nil || len(ops) != 1 || ops[0] != "verify" {
		return fmt.Errorf("%w: key_ops is not verify", ErrKey)
	}
	return nil
}

func (o object) public(id string) (Key, error) {
	kty, err := o.text("kty", 8)
	if err != nil {
		return Key{}, err
	}
	switch kty {
	case "RSA":
		return o.rsa(id)
	case "EC":
		return o.ec(id)
	}
	return Key{}, fmt.Errorf("%w: kty is RSA or EC", ErrKey)
}

func (o object) rsa(id string) (Key, error) {
	n, err := o.bytes("n", 0)
	if err != nil {
		return Key{}, err
	}
	e, err := o.bytes("e", 0)
	if err != nil {
		return Key{}, err
	}
	if n[0] == 0 || e[0] == 0 || len(n) > maxRSA/8 || len(e) > 4 {
		return Key{}, fmt.Errorf("%w: n and e are unsigned, without leading zero bytes", ErrKey)
	}
	return NewKey(id, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())})
}

func (o object) ec(id string) (Key, error) {
	crv, err := o.text("crv", 16)
	if err != nil {
		return Key{}, err
	}
	size := map[string]int{"P-256": 32, "P-384": 48, "secp256k1": 32}[crv]
	if size == 0 {
		return Key{}, fmt.Errorf("%w: crv is P-256, P-384 or secp256k1", ErrKey)
	}
	x, err := o.bytes("x", size)
	if err != nil {
		return Key{}, err
	}
	y, err := o.bytes("y", size)
	if err != nil {
		return Key{}, err
	}
	point := append(append([]byte{4}, x...), y...)
	var curve elliptic.Curve
	switch crv {
	case "secp256k1":
		// A point that is not on the curve has an address too, which no signature recovers.
		return Key{id, "ES256K", addressOf(point)}, nil
	case "P-256":
		curve = elliptic.P256()
	case "P-384":
		curve = elliptic.P384()
	}
	p, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return Key{}, fmt.Errorf("%w: the point is not on %s", ErrKey, crv)
	}
	return NewKey(id, p)
}

// addressOf is the address of an uncompressed secp256k1 point.
func addressOf(point []byte) (a sig.Address) {
	h := sha3.NewLegacyKeccak256()
	h.Write(point[1:])
	copy(a[:], h.Sum(nil)[12:])
	return a
}

// bytes is a base64url member of exactly size bytes, or of any when size is 0.
func (o object) bytes(name string, size int) ([]byte, error) {
	text, err := o.text(name, 2*maxRSA/8)
	if err != nil {
		return nil, err
	}
	b, err := decode64(text)
	if err != nil || len(b) == 0 || size != 0 && len(b) != size {
		return nil, fmt.Errorf("%w: %s", ErrKey, name)
	}
	return b, nil
}

// FormatKeys writes a key set that ParseKeys reads. Ledger keys are left out: the member's record has them already.
func FormatKeys(keys ...Key) (string, error) {
	list := []map[string]string{}
	for _, k := range keys {
		j := map[string]string{"kid": k.ID, "alg": k.alg, "use": "sig"}
		switch p := k.public.(type) {
		case *rsa.PublicKey:
			j["kty"], j["n"], j["e"] = "RSA", base64.RawURLEncoding.EncodeToString(p.N.Bytes()),
				base64.RawURLEncoding.EncodeToString(big.NewInt(int64(p.E)).Bytes())
		case *ecdsa.PublicKey:
			point, err := p.Bytes()
			if err != nil {
				return "", fmt.Errorf("%w: %s", ErrKey, k.ID)
			}
			half := (len(point) - 1) / 2
			j["kty"], j["crv"] = "EC", p.Params().Name
			j["x"] = base64.RawURLEncoding.EncodeToString(point[1 : 1+half])
			j["y"] = base64.RawURLEncoding.EncodeToString(point[1+half:])
		case sig.Address:
			continue
		}
		list = append(list, j)
	}
	b, err := json.Marshal(map[string]any{"keys": list})
	return string(b), err
}
