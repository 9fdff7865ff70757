package consent

import (
	"encoding/json"
	"errors"
	"reflect"

	"github.com/volens-ledger/volens/chaincode/sig"
)

// wire is the JSON form of a message.
type wire struct {
	Type     string          `json:"type"`
	Body     json.RawMessage `json:"body"`
	Openings Openings        `json:"openings"`
	Sigs     []Signature     `json:"sigs"`
}

// MarshalJSON implements json.Marshaler. An empty list is [].
func (m Message) MarshalJSON() ([]byte, error) {
	body, err := json.Marshal(filled(reflect.ValueOf(m.Body).Elem()).Interface())
	if err != nil {
		return nil, err
	}
	m.Openings, _ = filled(reflect.ValueOf(m.Openings)).Interface().(Openings) //nolint:errcheck // it is what went in
	return json.Marshal(wire{TypeOf(m.Body), body, m.Openings, append([]Signature{}, m.Sigs...)})
}

// filled copies v with empty lists where it has nil ones, which encoding/json would write as null.
func filled(v reflect.Value) reflect.Value {
	w := reflect.New(v.Type()).Elem()
	w.Set(v)
	switch v.Kind() { //nolint:exhaustive // other kinds hold no lists
	case reflect.Struct:
		for i := range v.NumField() {
			w.Field(i).Set(filled(v.Field(i)))
		}
	case reflect.Pointer:
		if !v.IsNil() {
			w.Set(filled(v.Elem()).Addr())
		}
	case reflect.Slice:
		w.Set(reflect.MakeSlice(v.Type(), v.Len(), v.Len()))
		for i := range v.Len() {
			w.Index(i).Set(filled(v.Index(i)))
		}
	}
	return w
}

// UnmarshalJSON reads the JSON form. Every member is there once, spelled as FORMAT.md says, and has its own type: anything
// unknown, missing, null, twice or in another case is Malformed. The text has no authority all the same, because every
// digest is rebuilt from the struct.
func (m *Message) UnmarshalJSON(b []byte) error {
	r := textReader{b}
	var w wire
	var body Body
	s, v := shapes[reflect.TypeFor[wire]()], reflect.ValueOf(&w).Elem()
	err := r.object(s.members, func(i int) (err error) {
		switch {
		case s.members[i].name != "body":
			return r.value(s.members[i].shape, v.Field(i))
		case w.Type == "": // what it is comes after it
			w.Body, err = r.skip()
		default:
			body, err = r.body(w.Type)
		}
		return err
	})
	if err == nil {
		err = r.end()
	}
	if err == nil && body == nil {
		late := textReader{w.Body}
		if body, err = late.body(w.Type); err == nil {
			err = late.end()
		}
	}
	if err != nil {
		return malformedJSON(err)
	}
	*m = Message{body, w.Openings, w.Sigs}
	return nil
}

// body reads the body of a message of a type.
func (r *textReader) body(name string) (Body, error) {
	k, ok := kindNamed(name)
	if !ok {
		return nil, errorf(Malformed, "there is no message type %q", name)
	}
	b := k.body()
	v := reflect.ValueOf(b).Elem()
	return b, r.value(shapes[v.Type()], v)
}

func malformedJSON(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, sig.ErrSignatureForm):
		return errorf(BadSignature, "%w", err)
	}
	return errorf(Malformed, "read a message: %v", err)
}
