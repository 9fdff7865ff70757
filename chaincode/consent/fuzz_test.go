package consent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/volens-ledger/volens/chaincode/consent"
)

// inForm reports whether a message passes every check that does not look at signatures.
func inForm(m consent.Message) bool {
	m.Sigs = make([]consent.Signature, 1) // in no case a valid one
	_, err := consent.Verify(consent.Hash{}, m)
	return consent.CodeOf(err) == consent.BadSignature
}

// roundTrip: a message that is in form has one canonical encoding, and JSON keeps all of it.
func roundTrip(t *testing.T, m consent.Message) {
	t.Helper()
	again, err := consent.Unmarshal(m.Marshal())
	if err != nil || !cmp.Equal(m, again, cmpopts.EquateEmpty()) {
		t.Fatalf("canonical bytes hold another message: %v %s", err, cmp.Diff(m, again, cmpopts.EquateEmpty()))
	}
	m.Sigs = nil // their form is checked by Verify, and JSON holds only those in form
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var back consent.Message
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
	if !bytes.Equal(back.Marshal(), m.Marshal()) {
		t.Fatalf("JSON loses something: %s", text)
	}
	if consent.Digest(consent.Hash{}, back.Body) != consent.Digest(consent.Hash{}, m.Body) {
		t.Fatalf("JSON changes the digest: %s", text)
	}
}

func FuzzUnmarshal(f *testing.F) {
	for _, g := range readVectors(f).Good {
		f.Add(unhex(f, g.Bytes))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := consent.Unmarshal(b)
		if err != nil {
			refusedAsMalformed(t, err)
			return
		}
		if !bytes.Equal(m.Marshal(), b) {
			t.Fatalf("%x encodes as %x", b, m.Marshal())
		}
		if inForm(m) {
			roundTrip(t, m)
		}
	})
}

func refusedAsMalformed(t *testing.T, err error) {
	t.Helper()
	var e *consent.Error
	if !errors.As(err, &e) || e.Code != consent.Malformed && e.Code != consent.TooLarge && e.Code != consent.BadSignature {
		t.Fatalf("refused with %v (%s)", err, consent.CodeOf(err))
	}
}

func FuzzMessageJSON(f *testing.F) {
	vs := readVectors(f)
	for _, g := range vs.Good {
		f.Add([]byte(g.Message))
	}
	for _, b := range vs.Bad {
		if len(b.Text) < 5000 {
			f.Add([]byte(b.Text))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var m consent.Message
		if err := m.UnmarshalJSON(b); err != nil {
			refusedAsMalformed(t, err)
			return
		}
		if other := readLoosely(t, b); !cmp.Equal(m, other, cmpopts.EquateEmpty()) {
			t.Fatalf("encoding/json reads %s otherwise: %s", b, cmp.Diff(m, other))
		}
		if inForm(m) {
			roundTrip(t, m)
		}
	})
}

// readLoosely reads a message with encoding/json alone, which takes all that UnmarshalJSON takes and more.
func readLoosely(t *testing.T, b []byte) consent.Message {
	t.Helper()
	var w struct {
		Type     string
		Body     json.RawMessage
		Openings consent.Openings
		Sigs     []consent.Signature
	}
	if err := json.Unmarshal(b, &w); err != nil {
		t.Fatalf("accepted what encoding/json refuses: %v in %s", err, b)
	}
	body, ok := consent.NewBody(w.Type)
	if !ok {
		t.Fatalf("accepted a message of type %q", w.Type)
	}
	if err := json.Unmarshal(w.Body, body); err != nil {
		t.Fatalf("accepted a body that encoding/json refuses: %v in %s", err, b)
	}
	return consent.Message{Body: body, Openings: w.Openings, Sigs: w.Sigs}
}

func FuzzParseLeaf(f *testing.F) {
	for _, g := range readVectors(f).Good {
		f.Add(unhex(f, g.Leaf))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l, err := consent.ParseLeaf(b)
		if err != nil {
			refusedAsMalformed(t, err)
			return
		}
		if !bytes.Equal(l.Marshal(), b) {
			t.Fatalf("%x encodes as %x", b, l.Marshal())
		}
		if _, err := consent.EventOf(l); err != nil {
			refusedAsMalformed(t, err)
		}
	})
}

// FuzzDecode reads the same bytes as every type of the public state.
func FuzzDecode(f *testing.F) {
	for _, g := range readVectors(f).Good {
		l, err := consent.ParseLeaf(unhex(f, g.Leaf))
		if err != nil {
			f.Fatal(err)
		}
		for _, w := range l.Writes {
			f.Add(w.Value)
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(consent.Genesis), new(consent.Member), new(consent.Head), new(consent.Entry), new(consent.Anchored), new(consent.Consent), new(consent.Openings)} {
			if err := consent.Decode(b, v); err != nil {
				refusedAsMalformed(t, err)
				continue
			}
			if again := consent.Append(nil, v); !bytes.Equal(again, b) {
				t.Fatalf("%x is another encoding of %s %+v: %x", b, reflect.TypeOf(v), v, again)
			}
		}
	})
}

func FuzzNumbers(f *testing.F) {
	for _, s := range []string{"0", "-0", "1", "-1", "0100", "0x64", "1e2", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "+1", " 1", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var u consent.Uint64
		if err := u.UnmarshalText([]byte(s)); err == nil {
			if b, err := u.MarshalText(); err != nil || string(b) != s {
				t.Fatalf("%q is another spelling of %s", s, b)
			}
		}
		var m consent.Millis
		if err := m.UnmarshalText([]byte(s)); err == nil {
			if b, err := m.MarshalText(); err != nil || string(b) != s {
				t.Fatalf("%q is another spelling of %s", s, b)
			}
		}
		var h consent.SubjectID
		if err := h.UnmarshalText([]byte(s)); err == nil && h.String() != s {
			t.Fatalf("%q is another spelling of %s", s, h)
		}
	})
}
