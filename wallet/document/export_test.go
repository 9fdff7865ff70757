package document

import "time"

// ReadPayload reads the payload of a card that has no signature yet.
func ReadPayload(b []byte, now time.Time) (Document, error) {
	d, _, err := readCredential(b, now)
	return d, err
}

// ReadCOSE reads the signed content of an HCERT.
func ReadCOSE(b []byte, t *Trust, now time.Time) (Document, error) { return readCOSE(b, t, now) }

// FromBase45 and Inflate are the two outer layers of an HCERT.
var (
	FromBase45 = fromBase45
	Inflate    = inflate
)
