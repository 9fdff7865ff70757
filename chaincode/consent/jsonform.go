package consent

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"
)

// A shape is what the JSON form of a type looks like.
type shape struct {
	first   byte // of the value: one of "{[t, or 0 for a body, which is looked at by itself
	pointer bool // to what the rest speaks of
	elem    *shape
	members []member // in the order of the struct's fields
}

type member struct {
	name     string
	optional bool
	shape    *shape
}

// shapes holds the shape of every type that a message is made of.
var shapes = collectShapes()

func collectShapes() map[reflect.Type]*shape {
	all := map[reflect.Type]*shape{}
	shapeOf(all, reflect.TypeFor[wire]())
	for _, k := range kinds {
		shapeOf(all, reflect.TypeOf(k.body()).Elem())
	}
	return all
}

func shapeOf(all map[reflect.Type]*shape, t reflect.Type) *shape {
	if s, ok := all[t]; ok {
		return s
	}
	s := &shape{first: '"'}
	all[t] = s
	switch k := t.Kind(); {
	case t == reflect.TypeFor[json.RawMessage]():
		s.first = 0
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
	case k == reflect.Pointer:
		*s = *shapeOf(all, t.Elem())
		s.pointer = true
	case k == reflect.Bool:
		s.first = 't'
	case k == reflect.Slice:
		s.first, s.elem = '[', shapeOf(all, t.Elem())
	case k == reflect.Struct:
		s.first = '{'
		for i := range t.NumField() {
			name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
			s.members = append(s.members, member{name, option == "omitempty", shapeOf(all, t.Field(i).Type)})
		}
	}
	return s
}

// A textReader reads JSON of a known shape, and accepts the one way to spell it that FORMAT.md gives. It refuses what
// encoding/json lets pass: members that are missing, null, in another case or there twice, and escapes in names.
type textReader struct{ b []byte }

var errShape = &Error{Code: Malformed, Msg: "not JSON, or a member is unknown, missing, there twice or of the wrong type"}

// next returns the next byte that is not space, and stays before it; 0 at the end.
func (r *textReader) next() byte {
	for i, c := range r.b {
		if c != ' ' && c != '\t' && c != '\n' && c != '\r' {
			r.b = r.b[i:]
			return c
		}
	}
	r.b = nil
	return 0
}

// take goes past the next byte if it is c.
func (r *textReader) take(c byte) bool {
	if r.next() != c {
		return false
	}
	r.b = r.b[1:]
	return true
}

// end says that nothing follows.
func (r *textReader) end() error {
	if r.next() != 0 || len(r.b) > 0 {
		return errShape
	}
	return nil
}

// value reads a value of a shape into v.
func (r *textReader) value(s *shape, v reflect.Value) error {
	if s.pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	switch s.first {
	case '{':
		return r.object(s.members, func(i int) error { return r.value(s.members[i].shape, v.Field(i)) })
	case '[':
		return r.list(s.elem, v)
	case 't':
		return r.flag(v)
	}
	return r.text(v)
}

func (r *textReader) list(elem *shape, v reflect.Value) error {
	if !r.take('[') {
		return errShape
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	if r.take(']') {
		return nil
	}
	for n := 0; ; n++ {
		v.Grow(1)
		v.SetLen(n + 1)
		if err := r.value(elem, v.Index(n)); err != nil {
			return err
		}
		if r.take(']') {
			return nil
		}
		if !r.take(',') {
			return errShape
		}
	}
}

// object reads an object: read is called for each member, before its value.
func (r *textReader) object(members []member, read func(i int) error) error {
	var seen [32]bool // Consent has the most members, 15
	if !r.take('{') {
		return errShape
	}
	for last := -1; !r.take('}'); {
		if last >= 0 && !r.take(',') {
			return errShape
		}
		last = r.name(members, last+1)
		if last < 0 || seen[last] || !r.take(':') {
			return errShape
		}
		seen[last] = true
		if err := read(last); err != nil {
			return err
		}
	}
	for i, m := range members {
		if !seen[i] && !m.optional {
			return errShape
		}
	}
	return nil
}

// name reads a name and says whose it is, -1 for nobody's. Members mostly come in order: the next one is looked at first.
func (r *textReader) name(members []member, next int) int {
	name, _, ok := r.raw()
	switch {
	case !ok:
		return -1
	case next < len(members) && members[next].name == string(name):
		return next
	}
	return slices.IndexFunc(members, func(m member) bool { return m.name == string(name) })
}

func (r *textReader) flag(v reflect.Value) error {
	r.next()
	after, yes := bytes.CutPrefix(r.b, []byte("true"))
	if !yes {
		var no bool
		if after, no = bytes.CutPrefix(r.b, []byte("false")); !no {
			return errShape
		}
	}
	r.b = after
	v.SetBool(yes)
	return nil
}

// text reads a string, or what is written as one.
func (r *textReader) text(v reflect.Value) error {
	r.next()
	whole := r.b
	b, plain, ok := r.raw()
	if !ok {
		return errShape
	}
	if !plain {
		var s string
		if err := json.Unmarshal(whole[:len(whole)-len(r.b)], &s); err != nil {
			return err
		}
		b = []byte(s)
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText(b)
	}
	v.SetString(string(b))
	return nil
}

// raw goes past a string and returns what is between its quotes, escapes and all. A plain one stands for itself.
func (r *textReader) raw() (b []byte, plain, ok bool) {
	if !r.take('"') {
		return nil, false, false
	}
	plain, ascii := true, true
	for i := 0; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			b, r.b = r.b[:i], r.b[i+1:]
			return b, plain && (ascii || utf8.Valid(b)), true
		case c == '\\':
			plain = false
			i++
		case c < ' ':
			return nil, false, false
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, false, false
}

// skip goes past an object without looking into it, and returns it.
func (r *textReader) skip() ([]byte, error) {
	r.next()
	whole, depth := r.b, 0
	for {
		switch c := r.next(); c {
		case '"':
			if _, _, ok := r.raw(); !ok {
				return nil, errShape
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case 0:
			return nil, errShape
		}
		r.b = r.b[1:]
		if depth <= 0 {
			return whole[:len(whole)-len(r.b)], nil
		}
	}
}
