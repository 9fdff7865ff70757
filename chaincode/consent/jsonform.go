package consent

import (
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
)

// oneForm reports whether b, which is valid JSON, spells a value of type t in the one way that is accepted. It refuses
// what encoding/json lets pass: members that are missing, null, in another case or there twice, and escapes in names.
func oneForm(b []byte, t reflect.Type) bool {
	w := walker{b}
	return w.value(shapes[t])
}

// A shape is what the JSON form of a type looks like.
type shape struct {
	first   byte // of the value: one of "{[t, or 0 for anything
	elem    *shape
	members []member
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
		s.first = 0 // a body, looked at by itself
	case reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()):
	case k == reflect.Pointer:
		*s = *shapeOf(all, t.Elem())
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

// walker goes over valid JSON.
type walker struct{ b []byte }

// next returns the next byte that is not space, and stays before it.
func (w *walker) next() byte {
	for len(w.b) > 0 && (w.b[0] == ' ' || w.b[0] == '\t' || w.b[0] == '\n' || w.b[0] == '\r') {
		w.b = w.b[1:]
	}
	if len(w.b) == 0 {
		return 0
	}
	return w.b[0]
}

// take goes past the next byte if it is c.
func (w *walker) take(c byte) bool {
	if w.next() != c {
		return false
	}
	w.b = w.b[1:]
	return true
}

func (w *walker) value(s *shape) bool {
	c := w.next()
	if c == 'f' {
		c = 't'
	}
	if s.first != 0 && c != s.first {
		return false
	}
	switch s.first {
	case '{':
		return w.object(s.members)
	case '[':
		return w.list(s.elem)
	}
	w.skip()
	return true
}

func (w *walker) list(elem *shape) bool {
	w.take('[')
	for !w.take(']') {
		if !w.value(elem) {
			return false
		}
		w.take(',')
	}
	return true
}

func (w *walker) object(members []member) bool {
	var seen [32]bool // Consent has the most members, 15
	at := 0           // members mostly come in order
	w.take('{')
	for !w.take('}') {
		w.next()
		name := w.text()
		i := at
		if i >= len(members) || members[i].name != string(name) {
			i = slices.IndexFunc(members, func(m member) bool { return m.name == string(name) })
		}
		if i < 0 || seen[i] {
			return false
		}
		seen[i], at = true, i+1
		w.take(':')
		if !w.value(members[i].shape) {
			return false
		}
		w.take(',')
	}
	for i, m := range members {
		if !seen[i] && !m.optional {
			return false
		}
	}
	return true
}

// text goes past a string and returns what is between its quotes, escapes and all.
func (w *walker) text() []byte {
	i := 1
	for w.b[i] != '"' {
		if w.b[i] == '\\' {
			i++
		}
		i++
	}
	s := w.b[1:i]
	w.b = w.b[i+1:]
	return s
}

// skip goes past any value.
func (w *walker) skip() {
	depth := 0
	for {
		switch c := w.next(); c {
		case '"':
			w.text()
		case '{', '[':
			depth++
			w.b = w.b[1:]
		case '}', ']':
			depth--
			w.b = w.b[1:]
		case ',', ':':
			w.b = w.b[1:]
		default: // a number, true, false or null
			for len(w.b) > 0 && !strings.ContainsRune(",:]} \t\r\n", rune(w.b[0])) {
				w.b = w.b[1:]
			}
		}
		if depth == 0 {
			return
		}
	}
}
