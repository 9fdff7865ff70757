package gateway_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// canary is in every text that these tests send. No answer may repeat it.
const canary = "canary7Zq"

// value is JSON with the Go type that it is for, so that every place of it can be spoilt.
type value struct {
	text    string // of a scalar, or whatever is written in the place of the rest
	names   []string
	members []*value
	list    bool
	typ     reflect.Type // nil when not known
	limit   int          // of a list
}

func (v *value) String() string {
	if v.text != "" {
		return v.text
	}
	parts := make([]string, len(v.members))
	for i, m := range v.members {
		parts[i] = m.String()
		if !v.list {
			parts[i] = v.names[i] + ":" + parts[i]
		}
	}
	if v.list {
		return "[" + strings.Join(parts, ",") + "]"
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// walk calls fn for v and everything in it.
func (v *value) walk(fn func(*value)) {
	fn(v)
	for _, m := range v.members {
		m.walk(fn)
	}
}

var (
	uint64Type = reflect.TypeFor[consent.Uint64]()
	millisType = reflect.TypeFor[consent.Millis]()
	textType   = reflect.TypeFor[interface{ MarshalText() ([]byte, error) }]()
)

// sample is a body of a type with every member there and every list holding one value.
func sample(t reflect.Type) *value {
	if t.Kind() == reflect.Pointer {
		return sample(t.Elem())
	}
	v := &value{typ: t}
	switch {
	case t == uint64Type || t == millisType:
		v.text = `"7"`
	case t.Implements(textType):
		b, _ := json.Marshal(reflect.New(t).Interface())
		v.text = string(b)
	case t.Kind() == reflect.String:
		v.text = `"` + canary + `"`
	case t.Kind() == reflect.Bool:
		v.text = "true"
	case t.Kind() == reflect.Int:
		v.text = "7"
	case t.Kind() == reflect.Slice:
		v.list, v.members, v.limit = true, []*value{sample(t.Elem())}, 32
	case t.Kind() == reflect.Struct:
		v.fields(t)
	default:
		panic("no sample of " + t.String())
	}
	return v
}

func (v *value) fields(t reflect.Type) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if f.Anonymous && name == "" {
			v.fields(f.Type)
			continue
		}
		m := sample(f.Type)
		if n, err := strconv.Atoi(f.Tag.Get("limit")); err == nil && m.list {
			m.limit = n
		}
		v.names, v.members = append(v.names, strconv.Quote(name)), append(v.members, m)
	}
}

// parsed is the value of a text, with no types but what JSON tells.
func parsed(text string) *value {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var read func() *value
	read = func() *value {
		tok, err := d.Token()
		if err != nil {
			panic(err)
		}
		delim, ok := tok.(json.Delim)
		if !ok {
			b, _ := json.Marshal(tok)
			return &value{text: string(b)}
		}
		v := &value{list: delim == '['}
		for d.More() {
			if !v.list {
				name, _ := d.Token()
				v.names = append(v.names, strconv.Quote(name.(string)))
			}
			v.members = append(v.members, read())
		}
		_, _ = d.Token()
		return v
	}
	return read()
}

// spoil calls fn with the text of every body that differs from v in one place in a way that no route accepts.
func spoil(root *value, fn func(how, text string)) {
	root.walk(func(v *value) {
		was := *v
		try := func(how string) {
			fn(how, root.String())
			*v = was
		}
		for _, text := range wrongs(v) {
			v.text = text
			try("wrong type or value")
		}
		if v.text == "" && !v.list {
			spoilObject(v, try)
		}
		if v.list && v.limit > 0 && len(v.members) > 0 {
			v.members = slices.Repeat(v.members, v.limit+1)
			try("too many values")
		}
	})
}

func spoilObject(v *value, try func(string)) {
	names, members := v.names, v.members
	add := func(name string, m *value, how string) {
		v.names, v.members = append(slices.Clone(names), name), append(slices.Clone(members), m)
		try(how)
	}
	add(`"`+canary+`"`, &value{text: "1"}, "unknown member")
	for i, name := range names {
		add(name, members[i], "member twice")
		other := strings.ToUpper(name[:2]) + name[2:]
		v.names = append(slices.Clone(names[:i]), append([]string{other}, names[i+1:]...)...)
		try("member in another case")
	}
}

// wrongs are texts that may not stand in the place of v.
func wrongs(v *value) []string {
	out := []string{"[[[" + `"` + canary + `"` + "]]]", "tru", "0100", "1e999", "NaN"}
	if v.text == "" && !v.list {
		return append(out, "[]", `"`+canary+`"`, "7")
	}
	if v.list {
		return append(out, "{}", `"`+canary+`"`, "7")
	}
	out = append(out, "{}", "[]")
	if v.text[0] == '"' {
		out = append(out, "7", "true", `"`+canary+"\xff\"", `"`+canary+`\ud800"`, `"`+canary+"\x01\"")
	}
	switch t := v.typ; {
	case t == nil:
	case t == uint64Type || t == millisType:
		for _, n := range []string{"", "01", "0100", "1.5", "+1", "-0", "1e3", " 1", "0x10", "9223372036854775808", "１", canary} {
			out = append(out, `"`+n+`"`)
		}
	case t.Implements(textType):
		out = append(out, `"`+canary+`"`, `""`, strings.Replace(v.text, "0", "A", 1), strings.Replace(v.text, "0", "00", 1))
	case t.Kind() == reflect.String:
		for _, bad := range []string{"\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u0000", "\u007f", "\u0085", "\ufffd", "\u2028", strings.Repeat("x", 20_001)} {
			b, _ := json.Marshal(canary + bad)
			out = append(out, string(b))
		}
	case t.Kind() == reflect.Bool:
		out = append(out, "7", `"true"`, "1")
	case t.Kind() == reflect.Int:
		out = append(out, `"7"`, "1.5", "7.0001", "9223372036854775808", "true")
	}
	return out
}
