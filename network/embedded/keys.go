package embedded

import (
	"encoding/hex"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Keys in Badger. Public state is under "s", positions by commitment under "c", the applied position under "p".
const (
	stateKeys  = "s"
	commitKeys = "c"
	appliedKey = "p"
)

// handled are the sorts of public keys that begin with a subject's handle. Their rows are most of the index, which keeps
// 16 bytes in the place of 32 digits; the order stays.
var handled = map[string]bool{"head": true, "consent": true, "delegation": true}

// stateKey is the row of a public key: "s", the sort's first letter, and the rest, a handle in it as bytes. No two sorts
// begin with the same letter.
func stateKey(key string) []byte {
	kind, rest, slash := strings.Cut(key, "/")
	b := append(make([]byte, 0, len(stateKeys)+len(key)), stateKeys...)
	if !slash {
		return append(b, kind...)
	}
	b = append(b, kind[:1]...)
	const digits = 2 * len(consent.SubjectID{})
	if handled[kind] && len(rest) >= digits {
		var h consent.SubjectID
		if h.UnmarshalText([]byte(rest[:digits])) == nil {
			return append(append(b, h[:]...), rest[digits:]...)
		}
	}
	return append(b, rest...)
}

// publicKey is the inverse of stateKey.
func publicKey(row []byte) string {
	row = row[len(stateKeys):]
	for kind := range handled {
		const size = len(consent.SubjectID{})
		if kind[0] == row[0] && len(row) > size {
			return kind + "/" + hex.EncodeToString(row[1:1+size]) + string(row[1+size:])
		}
	}
	for _, kind := range []string{"slot", "member", "anchor"} {
		if kind[0] == row[0] {
			return kind + "/" + string(row[1:])
		}
	}
	return string(row)
}

// commitKey is the row of a message's position. Half of the commitment is enough to find it by; what is found is compared.
func commitKey(c consent.Hash) []byte { return append([]byte(commitKeys), c[:len(c)/2]...) }
