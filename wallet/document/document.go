// Package document reads the signed health documents that people already carry, and checks them offline against a list of
// keys that the reader was given: nothing is fetched, and nobody learns that a document was looked at.
//
// Two families are known:
//
//   - HCERT, the EU Digital COVID Certificate and WHO's certificates: "HC1:" + Base45 (RFC 9285) of a zlib stream (RFC 1950)
//     of a COSE_Sign1 (RFC 9052) whose payload is a CWT (RFC 8392) with the certificate as claim -260.
//   - SMART Health Cards: "shc:/" + pairs of digits, a bare JWS, or a JSON file of several; each a compact JWS (RFC 7515) over
//     raw DEFLATE (RFC 1951) of a FHIR bundle in a verifiable credential.
//
// Read decodes and judges in one go. What cannot be decoded is an error. What decodes comes back with its Problems, and only
// a Document without any is Valid: show a person the difference before you show her the content, which anybody may have
// written as long as the signature has not been checked.
//
// The rules, each cited where it is checked:
//
//	(a) The text has its prefix, alphabet and size to the letter; nothing stands before or behind it. What unpacks to more
//	    than maxUnpacked bytes is refused before it is there.
//	(b) The algorithm comes from the protected header and is ES256 or PS256 (HCERT), ES256 (SMART Health Card).
//	(c) An HCERT's key is found by its kid, the first 8 bytes of the SHA-256 of the certificate. It is a hint, not a secret:
//	    every trusted certificate with that kid is tried. A kid in the protected header wins.
//	(d) A health card's key is found by issuer and kid; the kid is the key's RFC 7638 thumbprint.
//	(e) Now is not before the issue and not after the end, and the issue is within the certificate's validity.
//	(f) A certificate that is limited by extended key usage signs only the kinds that it names.
//	(g) The content has the required members of its schema, and exactly one statement (HCERT).
//	(h) A card with a revocation id whose key has a revocation list is checked against it, and not valid without the list.
//
// Not covered: pictures of QR codes (hand over their text); the chain from a document signer to its country's authority, and the
// proof in a did:web document (who hands over the list vouches for it); fetching a did:web document or what it refers to;
// revocation lists of HCERTs, which every country publishes in its own way; other families (VDS-NC, DIVOC, ICAO).
package document

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind is a family of documents.
type Kind string

// The families.
const (
	HCERT      Kind = "hcert"
	HealthCard Kind = "smart-health-card"
)

// Problem codes. A document with any of them is not valid.
const (
	UnknownKey  = "unknown-key"   // no trusted key with that name: it may be false, or the trust list old
	Signature   = "signature"     // a trusted key with that name did not sign this
	Issuer      = "issuer"        // the issuer's name is not one
	NotYetValid = "not-yet-valid" // issued in the future
	Expired     = "expired"
	KeyUsage    = "key-usage" // signed with a key for something else
	Schema      = "schema"    // required content is missing
	Revoked     = "revoked"   // taken back by its issuer, or that cannot be ruled out
)

// Problem is a reason not to believe a document.
type Problem struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Person is whom a document is about, as it says itself.
type Person struct {
	Family string `json:"family,omitempty"`
	Given  string `json:"given,omitempty"`
	Born   string `json:"born,omitempty"` // a date, or a year, or a year and month
}

// Fact is one thing that a document states, cut down to a line.
type Fact struct {
	Kind string `json:"kind"`           // vaccination, test, recovery; or the FHIR resource type
	Date string `json:"date,omitempty"` // of what happened
	Code string `json:"code,omitempty"` // the product, the test's result or the like, as coded by the issuer
	Text string `json:"text,omitempty"`
}

// Document is what was read. Times are UTC, zero when the document has none.
type Document struct {
	Kind     Kind            `json:"kind"`
	Issuer   string          `json:"issuer"` // a country, or a URL
	Key      string          `json:"key"`    // the kid
	Issued   time.Time       `json:"issued"`
	Expires  time.Time       `json:"expires,omitzero"`
	Person   Person          `json:"person"`
	Facts    []Fact          `json:"facts"`
	Problems []Problem       `json:"problems,omitempty"`
	Content  json.RawMessage `json:"content"` // the certificate, or the FHIR bundle
}

// Valid reports whether there is nothing against the document.
func (d *Document) Valid() bool { return len(d.Problems) == 0 }

func (d *Document) object(code, format string, args ...any) {
	d.Problems = append(d.Problems, Problem{code, fmt.Sprintf(format, args...)})
}

// Sizes. The largest QR code holds 4,296 characters, a file may hold several cards.
const (
	maxText     = 1 << 20
	maxUnpacked = 1 << 20
)

var errForm = errors.New("this is no health document: it begins with HC1: or shc:/, or is a .smart-health-card file")

// Read decodes a document, or the several of a file, and judges each against t at now. An error means that the text is no
// such document; it says nothing about the text's content.
func Read(text string, t *Trust, now time.Time) ([]Document, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("a health document has at most %d bytes", maxText)
	}
	var d Document
	var err error
	switch {
	case strings.HasPrefix(text, hcertPrefix):
		d, err = readHCERT(text, t, now)
	case strings.HasPrefix(text, "{"):
		return readFile(text, t, now)
	case strings.HasPrefix(text, cardPrefix):
		if text, err = fromDigits(strings.Fields(text)); err == nil {
			d, err = readCard(text, t, now)
		}
	case compactJWS.MatchString(text):
		d, err = readCard(text, t, now)
	default:
		return nil, errForm
	}
	if err != nil {
		return nil, err
	}
	return []Document{d}, nil
}

// within judges rule (e).
func (d *Document) within(now time.Time) {
	if now.Before(d.Issued) {
		d.object(NotYetValid, "it is issued for %s, which has not come", d.Issued.Format(time.DateTime))
	}
	if !d.Expires.IsZero() && (now.After(d.Expires) || d.Expires.Before(d.Issued)) {
		d.object(Expired, "it ended on %s", d.Expires.Format(time.DateTime))
	}
}
