// Package scope reads SMART App Launch 2.2 scopes (version 1 and 2) and says what they allow.
//
//	patient/Observation.rs?category=laboratory
//	└level  └type       └┴ actions  └ parameters that a resource must match
//
// The rules, cited in the code:
//
//   - A. A scope is (patient|user|system) "/" (Type|"*") "." actions ["?" name=value *("&" name=value)]. Actions are
//     letters of "cruds" in that order, at least one. Version 1 says read (rs), write (cud) or * (cruds), without
//     parameters; read is never r and d.
//   - B. c is create; r read, version read and the history of one; u update and patch; d delete; s search of a type or
//     everything and the history of a type or everything. Anything else is not allowed.
//   - C. Scopes add up. The parameters of one scope must all match. Values separated by commas are alternatives, as in a search.
//   - D. What is not in this form, and names a level, grants nothing. Scopes of other kinds (openid, launch, fhirUser) are
//     accepted and grant no resources.
//
// A scope only delegates: consent still decides.
package scope

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Scope is one scope. That of another kind has only Text.
type Scope struct {
	Text    string
	Level   string // patient, user or system; "" is another kind
	Type    string // a resource type, or *
	Actions string // of "cruds", in that order
	Version int    // 1 or 2: how it was written
	Params  []Param
}

// Param is a search parameter that a resource must match.
type Param struct{ Name, Value string }

// Interactions of FHIR's RESTful API, as they are asked for.
const (
	Create          = "create"
	Read            = "read"
	Vread           = "vread"
	InstanceHistory = "history-instance"
	Update          = "update"
	Patch           = "patch"
	Delete          = "delete"
	SearchType      = "search-type"
	SearchSystem    = "search-system"
	TypeHistory     = "history-type"
	SystemHistory   = "history-system"
)

// letters are rule B.
var letters = map[string]string{
	Create: "c", Read: "r", Vread: "r", InstanceHistory: "r", Update: "u", Patch: "u", Delete: "d",
	SearchType: "s", SearchSystem: "s", TypeHistory: "s", SystemHistory: "s",
}

var (
	token    = regexp.MustCompile(`^[\x21\x23-\x5b\x5d-\x7e]+$`) // RFC 6749 3.3
	absolute = regexp.MustCompile(`^[a-z][a-z0-9+.-]*://`)       // a scope that somebody else defined
	typeName = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*|\*)$`)
	actions  = regexp.MustCompile(`^c?r?u?d?s?$`)
	v1       = map[string]string{"read": "rs", "write": "cud", "*": "cruds"}
)

// Parse reads one scope. It fails on what is no scope, and on a resource scope that is not in form (rules A and D).
func Parse(text string) (Scope, error) {
	s := Scope{Text: text}
	if !token.MatchString(text) {
		return s, fmt.Errorf("read scope %q: a scope has visible characters only, and no quotes", text)
	}
	level, rest, slash := strings.Cut(text, "/")
	if !slash && !strings.Contains(text, ".") || level == "launch" || level == "smart" || absolute.MatchString(text) {
		return s, nil
	}
	r, err := resource(level, rest)
	if err != nil {
		return s, fmt.Errorf("read scope %q: %w", text, err)
	}
	r.Text = text
	return r, nil
}

func resource(level, rest string) (s Scope, err error) {
	if !slices.Contains([]string{"patient", "user", "system"}, level) {
		return s, errors.New("it begins with patient/, user/ or system/")
	}
	what, query, restricted := strings.Cut(rest, "?")
	name, acts, dot := strings.Cut(what, ".")
	switch {
	case !typeName.MatchString(name):
		return s, fmt.Errorf("%q is no resource type", name)
	case !dot || acts == "":
		return s, errors.New("it names no action")
	}
	s = Scope{Level: level, Type: name, Actions: acts, Version: 2}
	if old, ok := v1[acts]; ok {
		s.Actions, s.Version = old, 1
		if restricted {
			return s, errors.New("scopes of version 1 have no parameters")
		}
	} else if !actions.MatchString(acts) {
		return s, errors.New("actions are letters of cruds, in that order")
	}
	if !restricted {
		return s, nil
	}
	s.Params, err = params(query)
	return s, err
}

func params(query string) ([]Param, error) {
	var out []Param
	for part := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(part, "=")
		n, err := url.QueryUnescape(name)
		if err != nil {
			return nil, err
		}
		v, err := url.QueryUnescape(value)
		if err != nil {
			return nil, err
		}
		if n == "" || v == "" {
			return nil, errors.New("a parameter has a name and a value")
		}
		out = append(out, Param{n, v})
	}
	return out, nil
}

// Set is what somebody holds: scopes add up.
type Set []Scope

// ParseSet reads scopes separated by blanks (RFC 6749 3.3). Those that are not in form are left out: they grant nothing.
func ParseSet(text string) Set {
	return parseAll(strings.Fields(text))
}

func parseAll(texts []string) Set {
	var set Set
	for _, t := range texts {
		if s, err := Parse(t); err == nil {
			set = append(set, s)
		}
	}
	return set
}

// Allows reports whether the set allows an interaction with a resource of a type, which matches says whether it matches a
// search parameter. A nil matches knows of none.
func (set Set) Allows(interaction, resourceType string, matches func(Param) bool) bool {
	letter := letters[interaction]
	return letter != "" && slices.ContainsFunc(set, func(s Scope) bool {
		return s.grants(letter, resourceType) && !slices.ContainsFunc(s.Params, func(p Param) bool { return !p.matched(matches) })
	})
}

// May reports whether some resource of the type may be allowed, whatever parameters ask of each.
func (set Set) May(interaction, resourceType string) bool {
	return set.Allows(interaction, resourceType, func(Param) bool { return true })
}

func (s Scope) grants(letter, resourceType string) bool {
	return s.Level != "" && strings.Contains(s.Actions, letter) && (s.Type == "*" || s.Type == resourceType)
}

// matched is rule C: any of the alternatives.
func (p Param) matched(matches func(Param) bool) bool {
	if matches == nil {
		return false
	}
	for v := range strings.SplitSeq(p.Value, ",") {
		if matches(Param{p.Name, v}) {
			return true
		}
	}
	return matches(p)
}

// Equivalent reports whether two sets grant the same, and have the same scopes of other kinds.
func Equivalent(a, b Set) bool { return a.covers(b) && b.covers(a) }

// covers reports whether a grants whatever b grants.
func (set Set) covers(b Set) bool {
	return !slices.ContainsFunc(b, func(s Scope) bool {
		if s.Level == "" {
			return !slices.ContainsFunc(set, func(o Scope) bool { return o.Level == "" && o.Text == s.Text })
		}
		return slices.ContainsFunc(strings.Split(s.Actions, ""), func(letter string) bool {
			return !slices.ContainsFunc(set, func(o Scope) bool { return above(o, s, letter) })
		})
	})
}

// above reports whether o allows a letter wherever s does.
func above(o, s Scope, letter string) bool {
	return o.Level == s.Level && o.grants(letter, s.Type) &&
		!slices.ContainsFunc(o.Params, func(p Param) bool { return !slices.Contains(s.Params, p) })
}
