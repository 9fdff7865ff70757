// Package siwe reads and writes the text that a person signs to sign in: Sign-In with Ethereum, ERC-4361
// (https://eips.ethereum.org/EIPS/eip-4361). The wallet and the gateway use the same code, so they cannot disagree.
//
// A text looks like this (the statement and the lines after "Issued At" may be absent):
//
//	localhost:8080 wants you to sign in with your Ethereum account:
//	0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2
//
//	Sign in to see who used your data.
//
//	URI: http://localhost:8080/auth/sign-in
//	Version: 1
//	Chain ID: 8080
//	Nonce: 8fLq0Y3vXz5mT1sB7cKd2W
//	Issued At: 2026-09-20T10:00:00Z
//	Expiration Time: 2026-09-20T10:05:00Z
//	Not Before: 2026-09-20T10:00:00Z
//	Request ID: 4711
//	Resources:
//	- urn:volens:handle
//
// One message has one text. Where the standard allows several spellings this package accepts one: no scheme before the
// domain; a lower-case domain without user; an EIP-55 checksummed address; decimal numbers without leading zeros; times
// in UTC and whole seconds, ending in Z; no empty optional line. For every text that Parse accepts, Format gives the same
// bytes back. The package is pure: the time is an argument.
package siwe

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// MaxText is the longest text that is read, in bytes.
const MaxText = 4096

// TimeForm is the one accepted spelling of a time: RFC 3339, UTC, whole seconds.
const TimeForm = "2006-01-02T15:04:05Z"

// Errors of this package, wrapped with what was wrong; compare with errors.Is.
var (
	ErrForm   = errors.New("not a sign-in text in the one accepted form")
	ErrSigner = errors.New("the sign-in text is not signed by the address it names")
	ErrRefuse = errors.New("the sign-in text is not for this place and time")
)

// Message is the content of a sign-in text.
type Message struct {
	Domain         string      // host and optional port that asks, as in a URL
	Address        sig.Address // who signs in
	Statement      string      // a sentence for the person: printable ASCII of RFC 3986, and spaces; may be empty
	URI            string      // what the sign-in is for, an absolute http or https URL
	ChainID        uint64      // the ledger's chain id
	Nonce          string      // 8 to 128 letters and digits
	IssuedAt       time.Time
	ExpirationTime time.Time // zero: absent
	NotBefore      time.Time // zero: absent
	RequestID      string    // empty: absent
	Resources      []string  // absolute URIs
}

const opening = " wants you to sign in with your Ethereum account:"

// Format writes the text of m. It fails with ErrForm when a field cannot be written so that Parse reads it back.
func (m Message) Format() (string, error) {
	if err := m.check(); err != nil {
		return "", err
	}
	var b strings.Builder
	line := func(parts ...string) {
		for _, p := range parts {
			b.WriteString(p)
		}
		b.WriteByte('\n')
	}
	line(m.Domain, opening)
	line(FormatAddress(m.Address))
	line()
	if m.Statement != "" {
		line(m.Statement)
	}
	line()
	line("URI: ", m.URI)
	line("Version: 1")
	line("Chain ID: ", strconv.FormatUint(m.ChainID, 10))
	line("Nonce: ", m.Nonce)
	line("Issued At: ", m.IssuedAt.UTC().Format(TimeForm))
	if !m.ExpirationTime.IsZero() {
		line("Expiration Time: ", m.ExpirationTime.UTC().Format(TimeForm))
	}
	if !m.NotBefore.IsZero() {
		line("Not Before: ", m.NotBefore.UTC().Format(TimeForm))
	}
	if m.RequestID != "" {
		line("Request ID: ", m.RequestID)
	}
	if len(m.Resources) > 0 {
		line("Resources:")
		for _, r := range m.Resources {
			line("- ", r)
		}
	}
	text := strings.TrimSuffix(b.String(), "\n")
	if len(text) > MaxText {
		return "", fmt.Errorf("%w: longer than %d bytes", ErrForm, MaxText)
	}
	return text, nil
}

// check holds the rules of single fields. Format applies it, and Parse through Format.
func (m Message) check() error {
	for _, part := range []struct {
		name string
		good bool
	}{
		{"domain", validDomain(m.Domain)},
		{"statement", all(m.Statement, statementByte)},
		{"URI", validLoginURI(m.URI)},
		{"nonce", len(m.Nonce) >= 8 && len(m.Nonce) <= 128 && all(m.Nonce, alphanumeric)},
		{"issued-at time", !m.IssuedAt.IsZero() && validTime(m.IssuedAt)},
		{"expiration time", validTime(m.ExpirationTime)},
		{"not-before time", validTime(m.NotBefore)},
		{"request id", all(m.RequestID, pcharByte) && validEscapes(m.RequestID)},
		{"resource", !slices.ContainsFunc(m.Resources, func(r string) bool { return !validURI(r) })},
	} {
		if !part.good {
			return bad(part.name)
		}
	}
	return nil
}

func validTime(t time.Time) bool {
	y := t.UTC().Year()
	return t.Nanosecond() == 0 && y >= 1 && y <= 9999
}

func bad(field string) error { return fmt.Errorf("%w: %s", ErrForm, field) }

// Verify reads text and checks that s is the signature of the address it names. It says nothing yet about domain, nonce
// or time: see Check.
func Verify(text string, s sig.Signature) (Message, error) {
	m, err := Parse(text)
	if err != nil {
		return Message{}, err
	}
	a, err := sig.Recover(sig.PersonalHash(text), s)
	if err != nil {
		return Message{}, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	if a != m.Address {
		return Message{}, ErrSigner
	}
	return m, nil
}

// Expect is what the place where somebody signs in demands of the text.
type Expect struct {
	Domain  string        // exact
	Origin  string        // scheme://host[:port] that the URI must begin with, exact; empty: not looked at
	ChainID uint64        // exact
	Nonce   string        // exact; empty: not looked at, because the caller keeps nonces itself
	Now     time.Time     // the server's clock
	MaxAge  time.Duration // how long after IssuedAt the text is good; zero: five minutes
	Skew    time.Duration // how far IssuedAt and NotBefore may lie ahead; zero: one minute
}

// Check refuses, with ErrRefuse, a message that is not for this place and time. A time limit is exclusive: at
// ExpirationTime the text is void.
func (m Message) Check(e Expect) error {
	maxAge, skew := cmp.Or(e.MaxAge, 5*time.Minute), cmp.Or(e.Skew, time.Minute)
	for _, fault := range []struct {
		why   string
		found bool
	}{
		{"another domain", m.Domain != e.Domain},
		{"another origin", e.Origin != "" && m.Origin() != e.Origin},
		{"another chain id", m.ChainID != e.ChainID},
		{"another nonce", e.Nonce != "" && m.Nonce != e.Nonce},
		{"issued in the future", m.IssuedAt.After(e.Now.Add(skew))},
		{"not valid yet", m.NotBefore.After(e.Now.Add(skew))},
		{"too old", !e.Now.Before(m.IssuedAt.Add(maxAge))},
		{"expired", !m.ExpirationTime.IsZero() && !e.Now.Before(m.ExpirationTime)},
	} {
		if fault.found {
			return fmt.Errorf("%w: %s", ErrRefuse, fault.why)
		}
	}
	return nil
}

// Origin is scheme://host[:port] of the URI, "" when it has none.
func (m Message) Origin() string {
	u, err := url.Parse(m.URI)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
