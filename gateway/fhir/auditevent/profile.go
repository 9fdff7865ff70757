package auditevent

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/policies/vectors"
)

// Profile is a BALP profile of AuditEvent as a table: what is fixed at the top, how many there are of what, and the slices
// of agents and entities.
type Profile struct {
	URL        string           `json:"profile"`
	Top        map[string]any   `json:"top"`
	Min        map[string]int   `json:"min"`
	Subtype    []SubtypeSlice   `json:"subtype"`
	Agents     map[string]Slice `json:"agents"`
	Entities   map[string]Slice `json:"entities"`
	Prohibited []string         `json:"prohibited"`
}

// SubtypeSlice is a subtype that must be there: one code, or one of a value set.
type SubtypeSlice struct {
	Coding   map[string]any `json:"coding"`
	ValueSet string         `json:"valueSet"`
	Min      int            `json:"min"`
}

// Slice is a kind of agents or entities, known by what is fixed in it.
type Slice struct {
	Min        int            `json:"min"`
	Max        string         `json:"max"`
	Required   []string       `json:"required"`
	Fixed      map[string]any `json:"fixed"`
	Prohibited []string       `json:"prohibited"`
}

// valueSets are the codes of the value sets that subtypes are from (BALP, and HL7's restful-interaction).
var valueSets = map[string][]string{
	"AuthZsubTypeVS": {"AuthZ-Consent", "AuthZ-Role"},
	"AllReadVS":      {"read", "vread"},
	"AllSearchVS":    {"search", "search-type", "search-system", "search-instance"},
	"AllCreateVS":    {"create"},
	"AllUpdateVS":    {"update", "patch"},
	"AllDeleteVS":    {"delete"},
}

// Check holds an event (decoded JSON) against the profile and says what is wrong, nothing when it conforms.
func (p Profile) Check(event map[string]any) (wrong []string) {
	if event["resourceType"] != "AuditEvent" {
		return []string{"not an AuditEvent"}
	}
	for _, name := range []string{"type", "recorded", "agent", "source"} { // required of every AuditEvent
		if event[name] == nil {
			wrong = append(wrong, name+" missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Top)) {
		if !has(event[name], p.Top[name]) {
			wrong = append(wrong, name+" is not as fixed")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Min)) {
		if n := len(values(event[name])); n < p.Min[name] {
			wrong = append(wrong, name+" min "+strconv.Itoa(p.Min[name]))
		}
	}
	for _, name := range p.Prohibited {
		if event[name] != nil {
			wrong = append(wrong, name+" is prohibited")
		}
	}
	wrong = append(wrong, p.subtypes(values(event["subtype"]))...)
	wrong = append(wrong, slicesOf("agent", p.Agents, values(event["agent"]), false)...)
	closed := strings.HasSuffix(p.URL, ".AuthZconsent") // the one profile whose entities are closed
	return append(wrong, slicesOf("entity", p.Entities, values(event["entity"]), closed)...)
}

func (p Profile) subtypes(have []any) (wrong []string) {
	for _, s := range p.Subtype {
		n := 0
		for _, v := range have {
			m, _ := v.(map[string]any)    //nolint:errcheck // nil has no code
			code, _ := m["code"].(string) //nolint:errcheck // "" is in no set
			set := valueSets[s.ValueSet[strings.LastIndexByte(s.ValueSet, '/')+1:]]
			if s.Coding != nil && has(v, s.Coding) || s.ValueSet != "" && slices.Contains(set, code) {
				n++
			}
		}
		if n < s.Min {
			wrong = append(wrong, "subtype missing")
		}
	}
	return wrong
}

// slicesOf sorts agents or entities into their slices and checks each. An element is in the slice whose fixed type it has.
func slicesOf(what string, table map[string]Slice, have []any, closed bool) (wrong []string) {
	taken := 0
	for _, name := range slices.Sorted(maps.Keys(table)) {
		s := table[name]
		n := 0
		for _, v := range have {
			m, ok := v.(map[string]any)
			if !ok || !s.holds(m) {
				continue
			}
			n++
			for _, problem := range s.check(m) {
				wrong = append(wrong, what+":"+name+" "+problem)
			}
		}
		taken += n
		if n < s.Min {
			wrong = append(wrong, what+":"+name+" missing")
		}
		if most, err := strconv.Atoi(s.Max); err == nil && n > most {
			wrong = append(wrong, what+":"+name+" max "+s.Max)
		}
	}
	if closed && taken < len(have) {
		wrong = append(wrong, what+" in no slice")
	}
	return wrong
}

// holds reports whether an element is in the slice: BALP tells slices apart by type, and by requestor where no type is fixed.
func (s Slice) holds(m map[string]any) bool {
	if fixed, ok := s.Fixed["type"]; ok {
		return has(m["type"], fixed)
	}
	return has(m["requestor"], s.Fixed["requestor"])
}

func (s Slice) check(m map[string]any) (wrong []string) {
	for _, path := range s.Required {
		if !there(m, path) {
			wrong = append(wrong, path+" missing")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.Fixed)) {
		if !strings.ContainsAny(name, ":.") && m[name] != nil && !has(m[name], s.Fixed[name]) {
			wrong = append(wrong, name+" is not as fixed")
		}
	}
	for _, name := range s.Prohibited {
		if m[name] != nil {
			wrong = append(wrong, name+" is prohibited")
		}
	}
	return wrong
}

// there reports whether something is at a path such as what.identifier.value.
func there(m map[string]any, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	if !deeper || m[name] == nil {
		return m[name] != nil
	}
	inner, ok := m[name].(map[string]any)
	return ok && there(inner, rest)
}

// has reports whether a value has all that a pattern has (FHIR pattern[x]): of an object each member, of a list each value
// somewhere.
func has(v, pattern any) bool {
	switch p := pattern.(type) {
	case map[string]any:
		m, ok := v.(map[string]any)
		for name, want := range p {
			ok = ok && has(m[name], want)
		}
		return ok
	case []any:
		for _, want := range p {
			if !slices.ContainsFunc(values(v), func(one any) bool { return has(one, want) }) {
				return false
			}
		}
		return true
	}
	return v == pattern
}

// values are those of a list, or the one value.
func values(v any) []any {
	switch v := v.(type) {
	case nil:
		return nil
	case []any:
		return v
	}
	return []any{v}
}

// ParseProfiles reads tables of profiles, by their URL.
func ParseProfiles(raw []byte) (map[string]Profile, error) {
	var list []Profile
	if err := json.Unmarshal(raw, &list); err != nil {
		return nil, fmt.Errorf("read profiles: %w", err)
	}
	out := map[string]Profile{}
	for _, p := range list {
		out[p.URL] = p
	}
	return out, nil
}

// VectorSets returns the kind of cases that this package runs: AuditEvents, valid or not, by the profiles in profiles.json.
func VectorSets() []vectors.Set {
	type auditCase struct {
		ID      string         `json:"id"`
		Profile string         `json:"profile"`
		Valid   bool           `json:"valid"`
		Event   map[string]any `json:"event"`
	}
	return []vectors.Set{vectors.Lists(func(_ context.Context, dir fs.FS, cases []auditCase, t *vectors.Tally) error {
		raw, err := fs.ReadFile(dir, "profiles.json")
		if err != nil {
			return err
		}
		profiles, err := ParseProfiles(raw)
		if err != nil {
			return err
		}
		for _, c := range cases {
			got := "valid"
			p, ok := profiles[c.Profile]
			if wrong := p.Check(c.Event); !ok || len(wrong) > 0 {
				got = "not valid"
			}
			want := "not valid"
			if c.Valid {
				want = "valid"
			}
			if err := t.Check(c.ID, want, got); err != nil {
				return err
			}
		}
		return nil
	}, "id", "profile", "valid", "event")}
}
