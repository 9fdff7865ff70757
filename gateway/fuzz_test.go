package gateway_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway"
	"github.com/volens-ledger/volens/gateway/api"
)

// FuzzUnmarshal checks that what the strict decoder accepts is what every other JSON reader reads, and that its refusals are
// the sender's fault.
func FuzzUnmarshal(f *testing.F) {
	f.Add([]byte(sample(reflect.TypeFor[api.AccessRequest]()).String()))
	f.Add([]byte(sample(reflect.TypeFor[api.Preview]()).String()))
	for _, text := range whole(`{"subject":"x"}`) {
		f.Add([]byte(cutTo(text, 200)))
	}
	f.Add([]byte(`{"actor":{"reference":"a","reference":"b"}}`))
	f.Add([]byte(`{"Subject":"x"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, v := range []any{new(api.AccessRequest), new(api.Preview), new(api.AuditFilter), new(api.Attest)} {
			err := gateway.Unmarshal(b, v)
			if code := consent.CodeOf(err); err != nil && code != consent.Malformed && code != consent.TooLarge {
				t.Fatalf("%v (%s)", err, code)
			}
			if err != nil {
				continue
			}
			other := reflect.New(reflect.TypeOf(v).Elem()).Interface()
			d := json.NewDecoder(bytes.NewReader(b))
			d.DisallowUnknownFields()
			if err := d.Decode(other); err != nil || !reflect.DeepEqual(v, other) {
				t.Fatalf("%q is %+v here and %+v elsewhere (%v)", b, v, other, err)
			}
		}
	})
}

// FuzzMessage checks that a message that is accepted is the same in its own JSON form.
func FuzzMessage(f *testing.F) {
	w, genesis := consenttest.NewWorld("fuzz")
	s, open := w.Open()
	for _, m := range append(w.Members(), genesis, open, s.Claim(), s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0)), s.RevokeAll()) {
		b, err := json.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := gateway.UnmarshalMessage(b)
		if err != nil {
			if code := consent.CodeOf(err); code != consent.Malformed && code != consent.TooLarge && code != consent.BadSignature {
				t.Fatalf("%v (%s)", err, code)
			}
			return
		}
		again, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		n, err := gateway.UnmarshalMessage(again)
		if err != nil || !bytes.Equal(n.Marshal(), m.Marshal()) {
			t.Fatalf("%q comes back as %q (%v)", b, again, err)
		}
	})
}

func FuzzEvaluations(f *testing.F) {
	f.Add([]byte(`{"subject":{"type":"user","id":"Practitioner/b"},"action":{"name":"access"},"resource":{"type":"patient","id":"x"},"context":{"purpose":"TREAT"},"evaluations":[{},{"resource":{"type":"patient","id":"y"}}]}`))
	f.Add([]byte(`{"evaluations":[{}]}`))
	f.Add([]byte(`{"evaluations":[{"subject":{"type":"user","id":""},"context":{}}],"options":{"evaluations_semantic":"x"}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		rs, err := gateway.Evaluations(b)
		if code := consent.CodeOf(err); err != nil && code != consent.Malformed && code != consent.TooLarge {
			t.Fatalf("%v (%s)", err, code)
		}
		if len(rs) > 100 {
			t.Fatalf("%d evaluations", len(rs))
		}
	})
}

// FuzzDeeper compares the depth of what is JSON with a parser's.
func FuzzDeeper(f *testing.F) {
	f.Add([]byte(strings.Repeat("[", 33) + strings.Repeat("]", 33)))
	f.Add([]byte(`{"a\"{[[":["\\",{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !json.Valid(b) {
			gateway.Deeper(b)
			return
		}
		deepest, depth := 0, 0
		d := json.NewDecoder(bytes.NewReader(b))
		for {
			tok, err := d.Token()
			if err != nil {
				break
			}
			switch tok {
			case json.Delim('{'), json.Delim('['):
				depth++
				deepest = max(deepest, depth)
			case json.Delim('}'), json.Delim(']'):
				depth--
			}
		}
		if got := gateway.Deeper(b); got != (deepest > 32) {
			t.Fatalf("%q nests %d levels: %v", b, deepest, got)
		}
	})
}

// FuzzTile checks that no path of a tile is the gateway's mistake.
func FuzzTile(f *testing.F) {
	w := start(f, nil)
	token := w.token(consenttest.AurelAudit, "")
	for _, s := range []string{"0/000", "0/000.p/1", "entries/000.p/1", "data/000", "8/000", "0/x001/000", "0/-1", "63/000.p/255", "entries/x999/x999/x999/x999/999"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, tile string) {
		req := httptest.NewRequest(http.MethodGet, "/tlog/ledger/tile/x", nil)
		req.URL.Path = "/tlog/ledger/tile/" + tile
		req.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		w.Node.Gateway.ServeHTTP(rec, req)
		if rec.Code != 200 && rec.Code != 404 {
			t.Fatalf("%q: %d %s", tile, rec.Code, rec.Body)
		}
	})
}
