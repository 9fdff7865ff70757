package wallet

import (
	"encoding/hex"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// Field is one line of what is about to be signed.
type Field struct {
	Path    string `json:"path"`              // member of the message, e.g. consent.provisions[1].purposes[0]
	Depth   int    `json:"depth"`             // nesting, for indentation
	Label   string `json:"label"`             // words for a person
	Value   string `json:"value"`             // escaped: see Escape; empty for a heading
	Warning string `json:"warning,omitempty"` // why to look twice
	Detail  bool   `json:"detail,omitempty"`  // only a machine reads it: hashes, salts, positions in the chain
}

// Names are the lookups that turn codes and ids into words. A nil lookup knows nothing. They must rest on what the
// person's own program ships or has verified, never on what the server asking for the signature says.
type Names struct {
	Member  func(consent.MemberID) (consent.Member, bool) // from authority-signed records: see Roster
	Code    func(consent.Coding) (string, bool)           // from the code systems that come with the program
	Subject func(consent.SubjectID) (string, bool)        // the person's own labels; Wallet.Sign fills it in
}

// Describe lays out a message (a struct or a pointer to one, as package sig signs it) in lines for a person to read,
// every member, in order. Nothing in a value can break out of its line or hide: see Escape. A recipient whose name no
// authority-signed record gives is shown by its id, with a warning.
func Describe(msg any, names Names) []Field {
	v := reflect.ValueOf(msg)
	for v.Kind() == reflect.Pointer && !v.IsNil() {
		v = v.Elem()
	}
	if v.Kind() != reflect.Struct {
		return []Field{{Label: "Message", Warning: "this is no message and cannot be shown"}}
	}
	d := describer{names: names}
	name := v.Type().Name()
	title, known := titles[name]
	if !known {
		title = words(name)
	}
	d.add(at{label: "You sign"}, fmt.Sprintf("%s (%s)", title, Escape(name)), "")
	d.members(v, at{})
	return d.fields
}

// Text lays fields out as plain text, one a line. Warnings begin with "(!)".
func Text(fields []Field) string {
	var b strings.Builder
	for _, f := range fields {
		b.WriteString(strings.Repeat("  ", f.Depth))
		b.WriteString(f.Label)
		if f.Value != "" {
			b.WriteString(": " + f.Value)
		}
		if f.Warning != "" {
			b.WriteString("  (!) " + f.Warning)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// describer collects lines.
type describer struct {
	names  Names
	fields []Field
}

// at is where in the message a value stands.
type at struct {
	path, member, label string
	depth               int
	detail              bool
}

func (d *describer) add(p at, value, warning string) {
	d.fields = append(d.fields, Field{p.path, p.depth, p.label, value, warning, p.detail})
}

// members describes the members of a struct, one after the other.
func (d *describer) members(v reflect.Value, p at) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if name == "" || name == "-" {
			name = f.Name
		}
		q := at{path: name, member: name, label: labelOf(name), depth: p.depth, detail: p.detail || details[name]}
		if p.path != "" {
			q.path = p.path + "." + name
		}
		d.value(v.Field(i), q)
	}
}

// value describes one value: a type that has a meaning of its own by that meaning, any other by its kind.
func (d *describer) value(v reflect.Value, p at) {
	if d.meaning(v.Interface(), p) {
		return
	}
	switch v.Kind() { //nolint:exhaustive // the default is for all others
	case reflect.Struct:
		d.add(p, "", "")
		p.depth++
		d.members(v, p)
	case reflect.Pointer:
		if v.IsNil() {
			d.add(p, "none", "")
			return
		}
		d.value(v.Elem(), p)
	case reflect.Slice, reflect.Array:
		d.list(v, p)
	case reflect.String:
		d.text(v.String(), p)
	case reflect.Bool:
		d.add(p, map[bool]string{true: "yes", false: "no"}[v.Bool()], "")
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		d.count(v.Uint(), p)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		d.add(p, strconv.FormatInt(v.Int(), 10), "")
	default:
		d.add(p, Escape(fmt.Sprint(v.Interface())), "")
	}
}

// meaning describes the types of package consent that have one.
func (d *describer) meaning(value any, p at) bool {
	switch t := value.(type) {
	case consent.Millis:
		if durations[p.member] {
			d.add(p, (time.Duration(min(t, maxMillis)) * time.Millisecond).String(), "")
			return true
		}
		d.add(p, instant(t, "not set"), "")
	case consent.Period:
		d.add(p, period(t), "")
	case consent.Hash:
		p.detail = true
		d.add(p, hashText(t), "")
	case []consent.Provision:
		d.provisions(t, p)
	case []byte:
		p.detail = true
		d.add(p, hex.EncodeToString(t), "")
	default:
		return d.identity(value, p)
	}
	return true
}

// identity describes the types that name somebody or something.
func (d *describer) identity(value any, p at) bool {
	switch t := value.(type) {
	case consent.Address:
		d.add(p, t.String(), "")
	case consent.SubjectID:
		d.subject(t, p)
	case consent.MemberID:
		d.member(t, p)
	case consent.Coding:
		d.coding(t, p)
	case consent.Identifier:
		d.add(p, Escape(t.Value)+system(t.System), lookTwice(t.Value))
	case consent.Recipient:
		d.recipient(t, p)
	case consent.DataReference:
		d.add(p, Escape(t.Reference)+" ("+Escape(t.Meaning)+")", lookTwice(t.Reference))
	default:
		return false
	}
	return true
}

func (d *describer) list(v reflect.Value, p at) {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		p.detail = true
		b := make([]byte, v.Len())
		reflect.Copy(reflect.ValueOf(b), v)
		d.add(p, hex.EncodeToString(b), "")
		return
	}
	if v.Len() == 0 {
		d.add(p, "none", "")
	}
	for i := range v.Len() {
		q := p
		q.path = fmt.Sprintf("%s[%d]", p.path, i)
		d.value(v.Index(i), q)
	}
}

func (d *describer) text(s string, p at) {
	switch {
	case s == "":
		d.add(p, "none", "")
	case references[p.member]:
		value, warning := d.reference(s)
		d.add(p, value, warning)
	default:
		d.add(p, Escape(s), lookTwice(s))
	}
}

func (d *describer) count(n uint64, p at) {
	if zero, named := zeros[p.member]; named && n == 0 {
		d.add(p, zero, "")
		return
	}
	d.add(p, strconv.FormatUint(n, 10), "")
}

func hashText(h consent.Hash) string {
	if h.IsZero() {
		return "none"
	}
	return h.String()
}

// instant writes a time as RFC 3339 in UTC, with milliseconds only where there are some.
func instant(m consent.Millis, zero string) string {
	if m == 0 {
		return zero
	}
	t := time.UnixMilli(int64(m)).UTC()
	if y := t.Year(); y < 0 || y > 9999 {
		return fmt.Sprintf("%d ms after 1970", m)
	}
	return t.Format("2006-01-02T15:04:05.999Z07:00")
}

// maxMillis is the longest time.Duration, 292 years.
const maxMillis = consent.Millis(math.MaxInt64 / time.Millisecond)

// period says that the end is exclusive, because people read an end as included.
func period(p consent.Period) string {
	switch {
	case p.Start == 0 && p.End == 0:
		return "without limit"
	case p.End == 0:
		return "from " + instant(p.Start, "") + " without end"
	case p.Start == 0:
		return "until just before " + instant(p.End, "")
	}
	return "from " + instant(p.Start, "") + " until just before " + instant(p.End, "")
}
