package assertion

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// object is a JSON object whose member names are exact and single.
type object map[string]json.RawMessage

// decode64 reads base64url without padding, in its one spelling.
func decode64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") { // the decoder would skip them
		return nil, base64.CorruptInputError(0)
	}
	return base64.RawURLEncoding.Strict().DecodeString(text)
}

func encode64(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

func readObject(part string) (object, error) {
	b, err := decode64(part)
	if err != nil {
		return nil, bad("a part is not base64url")
	}
	return parseObject(b)
}

// parseObject reads one JSON object and nothing after it.
func parseObject(b []byte) (object, error) {
	if !utf8.Valid(b) {
		return nil, bad("not UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, bad("not a JSON object")
	}
	o := object{}
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok {
			return nil, bad("not a JSON object")
		}
		if _, twice := o[name]; twice {
			return nil, bad("a member is named twice")
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, bad("not a JSON object")
		}
		o[name] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, bad("not a JSON object")
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, bad("something follows the JSON object")
	}
	return o, nil
}

// text is a string member, there and not empty.
func (o object) text(name string, limit int) (string, error) {
	var s string
	raw, ok := o[name]
	if !ok || raw[0] != '"' || json.Unmarshal(raw, &s) != nil || s == "" || len(s) > limit {
		return "", bad("%s is a text of 1 to %d bytes", name, limit)
	}
	return s, nil
}

// optional is a string member, or "" when it is absent.
func (o object) optional(name string) (string, error) {
	if _, ok := o[name]; !ok {
		return "", nil
	}
	return o.text(name, maxID)
}

// audience is aud: a text, or a list of one. An assertion for two audiences could be replayed at the other one.
func (o object) audience() (string, error) {
	raw, ok := o["aud"]
	if ok && raw[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(raw, &list) != nil || len(list) != 1 {
			return "", bad("aud names exactly one audience")
		}
		o = object{"aud": list[0]}
	}
	return o.text("aud", 2048)
}

// instant is a NumericDate (RFC 7519, section 2): seconds since 1970, perhaps with a fraction, never with an exponent. What
// is finer than a nanosecond is refused.
func (o object) instant(name string, required bool) (time.Time, error) {
	raw, ok := o[name]
	if !ok && !required {
		return time.Time{}, nil
	}
	whole, fraction, _ := strings.Cut(string(raw), ".")
	seconds, err := strconv.ParseUint(whole, 10, 40)
	if !ok || err != nil || len(fraction) > 9 {
		return time.Time{}, bad("%s is a number of seconds since 1970", name)
	}
	fraction += strings.Repeat("0", 9-len(fraction))
	nanos, err := strconv.ParseUint(fraction, 10, 32)
	if err != nil {
		return time.Time{}, bad("%s is a number of seconds since 1970", name)
	}
	return time.Unix(int64(seconds), int64(nanos)).UTC(), nil
}
