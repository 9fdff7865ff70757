package label

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// scanner reads JSON that is known to be valid, in place: labelling needs the codings of a resource and where they stand,
// and making maps of everything else is most of what that costs.
type scanner struct {
	raw     []byte
	at      int
	codings func(c consent.Coding, security bool)
}

// errJSON is what cannot be a resource.
var errJSON = errors.New("it is no JSON object")

// scan calls codings for every object with a text "system" or none, and a text "code"; security says that it stands in a
// meta.security of the resource or of one that it contains. raw is valid JSON.
func scan(raw []byte, codings func(c consent.Coding, security bool)) error {
	s := &scanner{raw: raw, codings: codings}
	s.blank()
	if s.raw[s.at] != '{' {
		return fmt.Errorf("label a resource: %w", errJSON)
	}
	s.object(place{resource: true})
	return nil
}

// place is where a value stands.
type place struct{ resource, meta, security bool }

// below is the place of a member of an object.
func (p place) below(name string) place {
	switch {
	case p.resource && name == "meta":
		return place{meta: true}
	case p.resource && name == "contained":
		return place{resource: true}
	case p.meta && name == "security":
		return place{security: true}
	}
	return place{}
}

func (s *scanner) blank() {
	for s.raw[s.at] == ' ' || s.raw[s.at] == '\n' || s.raw[s.at] == '\t' || s.raw[s.at] == '\r' {
		s.at++
	}
}

// value skips a value, or goes into it.
func (s *scanner) value(p place) {
	s.blank()
	switch s.raw[s.at] {
	case '{':
		s.object(p)
	case '[':
		s.at++
		for s.more(']') {
			s.value(p)
		}
	case '"':
		s.text()
	default:
		for s.at < len(s.raw) && s.raw[s.at] != ',' && s.raw[s.at] != ']' && s.raw[s.at] != '}' {
			s.at++
		}
	}
}

// more goes to the next element of an array or object, or past its end.
func (s *scanner) more(end byte) bool {
	s.blank()
	if s.raw[s.at] == ',' {
		s.at++
		s.blank()
	}
	if s.raw[s.at] == end {
		s.at++
		return false
	}
	return true
}

func (s *scanner) object(p place) {
	s.at++
	var system, code []byte
	for s.more('}') {
		name := plainText(s.text())
		s.blank()
		s.at++ // the colon
		s.blank()
		switch {
		case s.raw[s.at] == '"' && name == "system":
			system = s.text()
		case s.raw[s.at] == '"' && name == "code":
			code = s.text()
		default:
			s.value(p.below(name))
		}
	}
	if s.codings != nil && code != nil && (system != nil || p.security) {
		s.codings(consent.Coding{System: plainText(system), Code: plainText(code)}, p.security)
	}
}

// text passes a string and returns it with its quotes, as it is written.
func (s *scanner) text() []byte {
	from := s.at
	for s.at++; s.raw[s.at] != '"'; s.at++ {
		if s.raw[s.at] == '\\' {
			s.at++
		}
	}
	s.at++
	return s.raw[from:s.at]
}

// plainText is what a string says.
func plainText(quoted []byte) string {
	for _, b := range quoted {
		if b == '\\' || b >= 0x80 {
			var out string
			if json.Unmarshal(quoted, &out) != nil {
				return ""
			}
			return out
		}
	}
	if len(quoted) < 2 {
		return ""
	}
	return string(quoted[1 : len(quoted)-1])
}
