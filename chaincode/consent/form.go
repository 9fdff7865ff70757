package consent

import (
	"math"
	"reflect"
	"slices"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// Limits of a message, beside MaxMessage.
const (
	maxSigs       = 16
	maxValues     = 32   // values of one list, unless its field has a limit tag
	maxString     = 1024 // bytes of one string, unless its field has a limit tag
	maxProvisions = 64
	maxDepth      = 3
)

// checkForm checks what a message says of itself: limits, plain text, ids, rules. It needs no state.
func checkForm(m Message) error {
	if m.Body.salt().IsZero() {
		return errorf(Malformed, "a message needs a random salt")
	}
	if err := checkValue(reflect.ValueOf(m.Body).Elem(), 0); err != nil {
		return err
	}
	if err := checkValue(reflect.ValueOf(m.Openings), 0); err != nil {
		return err
	}
	switch b := m.Body.(type) {
	case *ConsentGrant:
		return b.Consent.Check()
	case *ConsentDecline:
		return b.Consent.Check()
	case *ConsentAttest:
		return b.Consent.Check()
	}
	return checkIDs(m.Body)
}

func checkIDs(b Body) error {
	switch b := b.(type) {
	case *MemberAdmit:
		return checkMemberID(b.Member)
	case *MemberUpdate:
		return checkMemberID(b.Member)
	case *MemberSuspend:
		return checkMemberID(b.Member)
	case *Anchor:
		return checkMemberID(b.Member)
	case *SubjectOpen:
		return checkMemberID(b.Custodian)
	}
	return nil
}

// CheckText checks every text and list of v, a struct or a pointer to one, as Verify does for messages: plain text without
// control, bidirectional or invisible characters, 1024 bytes and 32 values at most where no limit tag says otherwise. Edges
// use it for what they are sent beside messages.
func CheckText(v any) error { return checkValue(reflect.Indirect(reflect.ValueOf(v)), 0) }

// checkValue walks a value: strings are plain text and bounded, lists are bounded. limit is the tag of the field around.
func checkValue(v reflect.Value, limit int) error {
	switch v.Kind() { //nolint:exhaustive // the other kinds have no form to check
	case reflect.String:
		if n := or(limit, maxString); v.Len() > n {
			return errorf(TooLarge, "a text has more than %d bytes", n)
		}
		return checkText(v.String())
	case reflect.Uint64:
		if v.Uint() > math.MaxInt64 { // as in the JSON form, and so that every language has an integer for it
			return errorf(Malformed, "a number is above 2^63 - 1")
		}
	case reflect.Slice:
		if n := or(limit, maxValues); v.Len() > n {
			return errorf(TooLarge, "a list has more than %d values", n)
		}
		for i := range v.Len() {
			if err := checkValue(v.Index(i), 0); err != nil {
				return err
			}
		}
	case reflect.Pointer:
		if !v.IsNil() {
			return checkValue(v.Elem(), limit)
		}
	case reflect.Struct:
		return checkMembers(v)
	}
	return nil
}

func checkMembers(v reflect.Value) error {
	for i, limit := range limitsOf(v.Type()) {
		if limit == unchecked {
			continue
		}
		if err := checkValue(v.Field(i), limit); err != nil {
			return err
		}
	}
	return nil
}

// unchecked stands for the limit of a field that has no form to check.
const unchecked = -1

// limits holds, for every struct that a message is made of, the limit of each field.
var limits = collectLimits()

func collectLimits() map[reflect.Type][]int {
	all := map[reflect.Type][]int{}
	for t := range shapes {
		if t.Kind() == reflect.Struct {
			all[t] = newLimits(t)
		}
	}
	return all
}

func limitsOf(t reflect.Type) []int {
	if ls, ok := limits[t]; ok {
		return ls
	}
	return newLimits(t) // not of a message
}

func newLimits(t reflect.Type) []int {
	ls := make([]int, t.NumField())
	for i := range ls {
		f := t.Field(i)
		switch f.Type.Kind() { //nolint:exhaustive // as in checkValue
		case reflect.String, reflect.Uint64, reflect.Slice, reflect.Pointer, reflect.Struct:
			ls[i] = limitOf(f)
		default:
			ls[i] = unchecked
		}
	}
	return ls
}

// limitOf is the field's limit tag, 0 when there is none.
func limitOf(f reflect.StructField) int {
	tag, ok := f.Tag.Lookup("limit")
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(tag)
	if err != nil {
		panic("consent: the limit of " + f.Name + " is not a number")
	}
	return n
}

func or(a, b int) int {
	if a != 0 {
		return a
	}
	return b
}

// checkText refuses what could make a text look like another one: invalid UTF-8, U+FFFD (which decoders put in the place
// of what they could not read, so that several texts become one), control characters, bidirectional controls (U+202A to
// U+202E, U+2066 to U+2069), zero-width and other invisible characters.
func checkText(s string) error {
	if printable(s) {
		return nil
	}
	if !utf8.ValidString(s) {
		return errorf(Malformed, "a text is not UTF-8")
	}
	for _, r := range s {
		if r < utf8.RuneSelf {
			if r < ' ' || r == 0x7f {
				return errorf(Malformed, "a text has a control character")
			}
			continue
		}
		if r == utf8.RuneError || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) {
			return errorf(Malformed, "a text has the invisible character U+%04X", r)
		}
	}
	return nil
}

// printable reports whether a text is of ASCII's printable characters alone, as most are.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

func checkMemberID(id MemberID) error {
	if len(id) == 0 || len(id) > 64 || id[0] < 'a' || id[0] > 'z' {
		return errorf(Malformed, "a member id is 1 to 64 of a-z, 0-9 and -, beginning with a letter")
	}
	for _, c := range []byte(id) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return errorf(Malformed, "a member id is 1 to 64 of a-z, 0-9 and -, beginning with a letter")
		}
	}
	return nil
}

// Check checks a consent by itself: at least the root rule, at most 64 rules, depth 3, parents before their children,
// effects and modes from the closed lists, periods that are not empty.
func (c Consent) Check() error {
	switch n := len(c.Provisions); {
	case n == 0:
		return errorf(Malformed, "a consent has at least its root rule")
	case n > maxProvisions:
		return errorf(TooLarge, "a consent has at most %d rules", maxProvisions)
	case !slices.Contains([]string{"", "view", "store"}, c.AccessMode):
		return errorf(Malformed, "the access mode is empty, view or store")
	case c.EraseBy < 0:
		return errorf(Malformed, "the erase-by date is not negative")
	}
	if err := c.Period.check(); err != nil {
		return err
	}
	for i, p := range c.Provisions {
		if uint64(p.Parent) >= uint64(max(i, 1)) { //nolint:gosec // positive
			return errorf(Malformed, "rule %d: the parent comes before its children", i)
		}
		if c.Depth(i) > maxDepth {
			return errorf(TooLarge, "rule %d: rules nest %d deep at most", i, maxDepth)
		}
		if err := p.check(); err != nil {
			return errorf(CodeOf(err), "rule %d: %w", i, err)
		}
	}
	return nil
}

func (p Provision) check() error {
	if p.Effect != Permit && p.Effect != Deny {
		return errorf(Malformed, "an effect is permit or deny")
	}
	for _, d := range p.Data {
		if !slices.Contains([]string{"instance", "related", "dependents", "authoredby"}, d.Meaning) {
			return errorf(Malformed, "there is no data meaning %q", d.Meaning)
		}
	}
	if err := p.Period.check(); err != nil {
		return err
	}
	return p.DataPeriod.check()
}

func (p Period) check() error {
	if p.Start != 0 && p.End != 0 && p.End <= p.Start {
		return errorf(Malformed, "a period ends after it starts")
	}
	return nil
}
