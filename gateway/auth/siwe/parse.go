package siwe

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Parse reads a sign-in text. It accepts only what Format writes; anything else is ErrForm with the part that was wrong.
func Parse(text string) (Message, error) {
	if len(text) > MaxText {
		return Message{}, fmt.Errorf("%w: longer than %d bytes", ErrForm, MaxText)
	}
	r := &reader{lines: strings.Split(text, "\n")}
	m := r.message()
	if r.err != nil {
		return Message{}, r.err
	}
	// The writer is the definition of the form: whatever it would not write in just this way is refused.
	again, err := m.Format()
	if err != nil {
		return Message{}, err
	}
	if again != text {
		return Message{}, bad("a second spelling of the same message")
	}
	return m, nil
}

// reader consumes lines in order and keeps the first error.
type reader struct {
	lines []string
	err   error
}

func (r *reader) message() Message {
	var m Message
	first := r.next()
	domain, found := strings.CutSuffix(first, opening)
	if !found {
		r.fail("first line")
	}
	m.Domain = domain
	addr, err := ParseAddress(r.next())
	if err != nil {
		r.fail("address")
	}
	m.Address = addr
	r.blank("line after the address")
	m.Statement = r.next()
	if m.Statement != "" {
		r.blank("line after the statement")
	}
	m.URI = r.value("URI")
	if r.value("Version") != "1" {
		r.fail("version")
	}
	m.ChainID = r.number("Chain ID")
	m.Nonce = r.value("Nonce")
	m.IssuedAt = r.time("Issued At")
	if r.at("Expiration Time: ") {
		m.ExpirationTime = r.time("Expiration Time")
	}
	if r.at("Not Before: ") {
		m.NotBefore = r.time("Not Before")
	}
	if r.at("Request ID: ") {
		m.RequestID = r.value("Request ID")
	}
	m.Resources = r.resources()
	if len(r.lines) > 0 {
		r.fail("unknown, repeated or misplaced line")
	}
	return m
}

func (r *reader) fail(part string) {
	if r.err == nil {
		r.err = bad(part)
	}
}

func (r *reader) next() string {
	if len(r.lines) == 0 {
		r.fail("the text ends too early")
		return ""
	}
	l := r.lines[0]
	r.lines = r.lines[1:]
	return l
}

func (r *reader) at(prefix string) bool {
	return len(r.lines) > 0 && strings.HasPrefix(r.lines[0], prefix)
}

func (r *reader) blank(part string) {
	if r.next() != "" {
		r.fail(part)
	}
}

func (r *reader) value(name string) string {
	v, found := strings.CutPrefix(r.next(), name+": ")
	if !found || v == "" {
		r.fail("line " + name)
	}
	return v
}

func (r *reader) number(name string) uint64 {
	n, err := strconv.ParseUint(r.value(name), 10, 64)
	if err != nil {
		r.fail("number in line " + name)
	}
	return n
}

func (r *reader) time(name string) time.Time {
	t, err := time.Parse(TimeForm, r.value(name))
	if err != nil {
		r.fail("time in line " + name)
	}
	return t
}

func (r *reader) resources() []string {
	if len(r.lines) == 0 || r.lines[0] != "Resources:" {
		return nil
	}
	r.lines = r.lines[1:]
	var list []string
	for r.at("- ") {
		list = append(list, r.next()[len("- "):])
	}
	return list
}

// domainForm is the authority of RFC 3986 without user, in lower case: a name, an IPv4 or a bracketed IPv6 address, and
// a port.
var domainForm = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+(\.[0-9]+)*\])(:[1-9][0-9]{0,4})?$`)

func validDomain(d string) bool { return len(d) <= 259 && domainForm.MatchString(d) }

func validLoginURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && validURI(s) && (u.Scheme == "http" || u.Scheme == "https") && validDomain(u.Host) &&
		u.User == nil && u.Fragment == "" && strings.HasPrefix(s, u.Scheme+"://"+u.Host)
}

func validURI(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.IsAbs() && all(s, uriByte) && validEscapes(s)
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// The character classes of RFC 3986, section 2 and 3.3.
func unreservedByte(c byte) bool { return alphanumeric(c) || strings.IndexByte("-._~", c) >= 0 }
func subDelimByte(c byte) bool   { return strings.IndexByte("!$&'()*+,;=", c) >= 0 }
func pcharByte(c byte) bool {
	return unreservedByte(c) || subDelimByte(c) || c == ':' || c == '@' || c == '%'
}
func uriByte(c byte) bool       { return pcharByte(c) || strings.IndexByte("/?#[]", c) >= 0 }
func statementByte(c byte) bool { return uriByte(c) && c != '%' || c == ' ' }

// validEscapes reports whether every % is followed by two hex digits.
func validEscapes(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			continue
		}
		if i+2 >= len(s) || !hexDigit(s[i+1]) || !hexDigit(s[i+2]) {
			return false
		}
		i += 2
	}
	return true
}

func hexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
