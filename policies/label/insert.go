package label

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Insert adds codings to a list of a resource's meta, security or tag, and leaves every other byte as it is: what Annotate does,
// where nothing else of the resource is to be changed. raw is valid JSON, or it panics. It fails on what is no object, and on a meta
// or a list that is none.
func Insert(raw []byte, list string, cs ...consent.Coding) ([]byte, error) {
	if len(cs) == 0 {
		return raw, nil
	}
	codings, err := json.Marshal(told(cs))
	if err != nil {
		return nil, err
	}
	codings = codings[1 : len(codings)-1] // without the brackets
	s := &scanner{raw: raw}
	s.blank()
	if s.raw[s.at] != '{' {
		return nil, fmt.Errorf("label a resource: %w", errJSON)
	}
	return s.into([]string{"meta", list}, "{}", codings)
}

type toldCoding struct {
	System string `json:"system,omitempty"`
	Code   string `json:"code"`
}

func told(cs []consent.Coding) (out []toldCoding) {
	for _, c := range cs {
		out = append(out, toldCoding(c))
	}
	return out
}

var errPlace = errors.New("meta is no object, or its list is none")

// into goes down a path of names from the object here, making what is missing, and puts the codings at its end.
func (s *scanner) into(path []string, brackets string, codings []byte) ([]byte, error) {
	if s.raw[s.at] != brackets[0] {
		return nil, fmt.Errorf("label a resource: %w", errPlace)
	}
	if len(path) == 0 {
		return s.splice(codings), nil
	}
	below := "{}"
	if len(path) == 1 {
		below = "[]"
	}
	begin := s.at
	s.at++
	for s.more('}') {
		name := plainText(s.text())
		s.blank()
		s.at++ // the colon
		s.blank()
		if name == path[0] {
			return s.into(path[1:], below, codings)
		}
		s.value(place{})
	}
	s.at = begin
	member := codings
	for i, name := range slices.Backward(path) {
		if i == len(path)-1 {
			member = slices.Concat([]byte(`"`+name+`":[`), member, []byte("]"))
		} else {
			member = slices.Concat([]byte(`"`+name+`":{`), member, []byte("}"))
		}
	}
	return s.splice(member), nil
}

// splice puts something first in the object or array here.
func (s *scanner) splice(first []byte) []byte {
	at := s.at + 1
	s.at = at
	s.blank()
	comma := []byte(",")
	if c := s.raw[s.at]; c == '}' || c == ']' {
		comma = nil
	}
	return slices.Concat(s.raw[:at], first, comma, s.raw[at:])
}
