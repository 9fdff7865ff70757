package consent

import (
	"bytes"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"

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

// UnmarshalJSON reads the JSON form. Every member is there once, in its own case, and has its own type: anything unknown,
// missing, null, twice or in another spelling is Malformed. The text has no authority all the same, because every digest
// is rebuilt from the struct.
func (m *Message) UnmarshalJSON(b []byte) error {
	var w wire
	if err := json.Unmarshal(b, &w); err != nil {
		return malformedJSON(err)
	}
	k, ok := kindNamed(w.Type)
	if !ok {
		return errorf(Malformed, "there is no message type %q", w.Type)
	}
	body := k.body()
	if err := checkJSON(b, reflect.TypeFor[wire]()); err != nil {
		return err
	}
	if err := checkJSON(w.Body, reflect.TypeOf(body).Elem()); err != nil {
		return err
	}
	if err := json.Unmarshal(w.Body, body); err != nil {
		return malformedJSON(err)
	}
	*m = Message{body, w.Openings, w.Sigs}
	return nil
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

// checkJSON refuses what encoding/json lets pass: members that are missing, null, in another case, or there twice.
func checkJSON(b []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if err := checkMember(d, t); err != nil {
		return malformedJSON(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errorf(Malformed, "there is something after the message")
	}
	return nil
}

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

func checkMember(d *json.Decoder, t reflect.Type) error {
	switch {
	case t == reflect.TypeFor[json.RawMessage]():
		var raw json.RawMessage // checked by itself
		return d.Decode(&raw)
	case t.Kind() == reflect.Pointer:
		return checkMember(d, t.Elem())
	case reflect.PointerTo(t).Implements(textType):
	case t.Kind() == reflect.Struct:
		return checkObject(d, t)
	case t.Kind() == reflect.Slice:
		return checkArray(d, t.Elem())
	}
	tok, err := d.Token()
	if err != nil {
		return err
	}
	if _, ok := tok.(bool); ok != (t.Kind() == reflect.Bool) {
		return errorf(Malformed, "a member has the wrong type")
	}
	if _, ok := tok.(string); ok == (t.Kind() == reflect.Bool) {
		return errorf(Malformed, "a member has the wrong type")
	}
	return nil
}

func checkArray(d *json.Decoder, elem reflect.Type) error {
	if tok, err := d.Token(); err != nil || tok != json.Delim('[') {
		return errorf(Malformed, "a list is missing")
	}
	for d.More() {
		if err := checkMember(d, elem); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

func checkObject(d *json.Decoder, t reflect.Type) error {
	if tok, err := d.Token(); err != nil || tok != json.Delim('{') {
		return errorf(Malformed, "an object is missing")
	}
	seen := make([]bool, t.NumField())
	for d.More() {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		i := memberOf(t, tok)
		if i < 0 || seen[i] {
			return errorf(Malformed, "the member %q is unknown or there twice", tok)
		}
		seen[i] = true
		if err := checkMember(d, t.Field(i).Type); err != nil {
			return err
		}
	}
	for i, ok := range seen {
		if name, option, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); !ok && option == "" {
			return errorf(Malformed, "the member %q is missing", name)
		}
	}
	_, err := d.Token()
	return err
}

// memberOf returns the index of the field with exactly this JSON name, -1 when there is none.
func memberOf(t reflect.Type, tok json.Token) int {
	for i := range t.NumField() {
		if name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ","); tok == name {
			return i
		}
	}
	return -1
}
