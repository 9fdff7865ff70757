package auditevent_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/gateway/fhir/auditevent"
	"github.com/volens-ledger/volens/gateway/uses/proof"
)

var writers = map[string]func(io.Writer, iter.Seq[proof.Entry], auditevent.Origin) error{
	"bundle": auditevent.WriteBundle, "ndjson": auditevent.WriteNDJSON,
}

// told reads events back from either form.
func told(t *testing.T, form string, b []byte) (events []map[string]any) {
	t.Helper()
	if form == "ndjson" {
		for line := range strings.Lines(string(b)) {
			var e map[string]any
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatal(err)
			}
			events = append(events, e)
		}
		return events
	}
	var bundle struct {
		ResourceType, Type string
		Entry              []struct {
			FullURL  string
			Resource map[string]any
		}
	}
	if err := json.Unmarshal(b, &bundle); err != nil || bundle.ResourceType != "Bundle" || bundle.Type != "collection" {
		t.Fatalf("%v: %s", err, b)
	}
	for _, e := range bundle.Entry {
		if e.FullURL != "https://gateway.example/AuditEvent/"+e.Resource["id"].(string) { //nolint:forcetypeassert // our own event
			t.Errorf("full URL %s", e.FullURL)
		}
		events = append(events, e.Resource)
	}
	return events
}

// TestExport checks that both forms hold every use, each as an event that conforms to its profile.
func TestExport(t *testing.T) {
	ps, all := profiles(t), uses()
	var entries []proof.Entry
	for i, u := range all {
		entries = append(entries, proof.Entry{Index: consent.Uint64(i), Use: u}) //nolint:gosec // small
	}
	o := auditevent.Origin{Server: "https://gateway.example", Custodian: "city-hospital", Patient: "Patient/1"}
	for form, write := range writers {
		for n := range len(entries) + 1 {
			var out bytes.Buffer
			if err := write(&out, slices.Values(entries[:n]), o); err != nil {
				t.Fatal(err)
			}
			events := told(t, form, out.Bytes())
			if len(events) != n {
				t.Fatalf("%s: %d events of %d uses", form, len(events), n)
			}
			for i, e := range events {
				raw, err := auditevent.Of(all[i], consent.Uint64(i), o).JSON() //nolint:gosec // small
				var want map[string]any
				if err == nil {
					err = json.Unmarshal(raw, &want)
				}
				if diff := cmp.Diff(want, e); err != nil || diff != "" {
					t.Errorf("%s, use %d: %v %s", form, i, err, diff)
				}
				if meta, ok := e["meta"].(map[string]any); ok {
					p := ps[meta["profile"].([]any)[0].(string)] //nolint:errcheck,forcetypeassert // our own event
					if wrong := p.Check(e); p.URL == "" || len(wrong) > 0 {
						t.Errorf("%s, use %d: %q", form, i, wrong)
					}
				}
			}
		}
	}
}

// sink counts what is written, and looks at the heap now and then.
type sink struct {
	bytes, lines int
	most         uint64
}

func (s *sink) Write(b []byte) (int, error) {
	s.bytes += len(b)
	s.lines += bytes.Count(b, []byte("\n"))
	return len(b), nil
}

func (s *sink) look() {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	s.most = max(s.most, m.HeapAlloc)
}

// TestExportMany writes 100,000 uses and checks that they are never all in memory.
func TestExportMany(t *testing.T) {
	const n = 100_000
	all := uses()
	for form, write := range writers {
		var s sink
		s.look()
		before := s.most
		err := write(&s, func(yield func(proof.Entry) bool) {
			for i := range n {
				if i%20_000 == 19_999 {
					s.look()
				}
				if !yield(proof.Entry{Index: consent.Uint64(i), Use: all[i%len(all)]}) { //nolint:gosec // small
					return
				}
			}
		}, auditevent.Origin{Server: "https://gateway.example", Custodian: "city-hospital", Patient: "Patient/1"})
		if err != nil || s.lines < n {
			t.Fatalf("%s: %d lines, %v", form, s.lines, err)
		}
		if grown := int64(s.most) - int64(before); grown > 4<<20 { //nolint:gosec // a heap
			t.Errorf("%s: the heap grew by %d bytes while %d were written", form, grown, s.bytes)
		}
	}
}

// failing fails after some bytes.
type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

// TestExportFails checks that what cannot be written is said, wherever it happens.
func TestExportFails(t *testing.T) {
	var entries []proof.Entry
	for range 20 {
		for _, u := range uses() {
			entries = append(entries, proof.Entry{Use: u})
		}
	}
	for form, write := range writers {
		for _, left := range []int{0, 1, 5000, 50_000} {
			if err := write(&failing{left}, slices.Values(entries), auditevent.Origin{}); !errors.Is(err, errFull) {
				t.Errorf("%s after %d bytes: %v", form, left, err)
			}
		}
	}
}
