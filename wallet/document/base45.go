package document

import (
	"errors"
	"strings"
)

const base45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"

var errBase45 = errors.New("the text is not Base45 (RFC 9285)")

// fromBase45 decodes RFC 9285: three characters for two bytes, least significant first, two for a last one.
func fromBase45(s string) ([]byte, error) {
	if len(s)%3 == 1 {
		return nil, errBase45
	}
	out := make([]byte, 0, len(s)/3*2+1)
	for len(s) > 0 {
		n, part := 0, s[:min(3, len(s))]
		for i := len(part) - 1; i >= 0; i-- {
			v := strings.IndexByte(base45, part[i])
			if v < 0 {
				return nil, errBase45
			}
			n = n*45 + v
		}
		switch {
		case len(part) == 3 && n <= 0xffff:
			out = append(out, byte(n>>8), byte(n))
		case len(part) == 2 && n <= 0xff:
			out = append(out, byte(n))
		default:
			return nil, errBase45
		}
		s = s[len(part):]
	}
	return out, nil
}
