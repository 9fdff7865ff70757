package siwe

import (
	"encoding/hex"
	"strings"

	"golang.org/x/crypto/sha3"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// FormatAddress writes a with the mixed-case checksum of EIP-55: a letter is upper case where the same digit of the
// Keccak-256 hash of the lower-case text is 8 or more.
func FormatAddress(a sig.Address) string {
	lower := hex.EncodeToString(a[:])
	h := sha3.NewLegacyKeccak256()
	h.Write([]byte(lower))
	digest := hex.EncodeToString(h.Sum(nil))
	out := []byte("0x" + lower)
	for i := range len(lower) {
		if digest[i] >= '8' && lower[i] >= 'a' {
			out[2+i] -= 'a' - 'A'
		}
	}
	return string(out)
}

// ParseAddress reads an address whose EIP-55 checksum is right; any other spelling is ErrForm.
func ParseAddress(text string) (sig.Address, error) {
	a, err := sig.ParseAddress(strings.ToLower(text))
	if err != nil || FormatAddress(a) != text {
		return sig.Address{}, bad("address")
	}
	return a, nil
}
