package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/gateway/fhir/proxy"
)

// many is a FHIR server whose every search finds as many observations of Alice as the parameter _count says. It makes them as it
// goes, so that their number costs no memory here.
func many(t testing.TB) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("_count"))
		if err != nil {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		pad := strings.Repeat("x", 1000)
		_, _ = io.WriteString(w, `{"resourceType":"Bundle","type":"searchset","entry":[`)
		for i := range n {
			if i > 0 {
				_, _ = io.WriteString(w, ",")
			}
			_, _ = fmt.Fprintf(w, `{"resource":%s}`, observation(strconv.Itoa(i), `,"note":[{"text":"`+pad+`"}]`))
		}
		_, _ = io.WriteString(w, `]}`)
	}))
	t.Cleanup(s.Close)
	return s
}

// drain asks and reads the whole answer, and returns its size.
func drain(t testing.TB, token, url string) int64 {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set(proxy.PurposeHeader, "TREAT")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.Status, err)
	}
	return n
}

func (f *front) token() string {
	f.t.Helper()
	token, err := f.w.Client().Token(context.Background(), client.Credentials{
		Member: consenttest.RosaInstitute, Key: consenttest.Persona(string(consenttest.RosaInstitute)), Scope: f.scope,
	})
	if err != nil {
		f.t.Fatal(err)
	}
	return token.AccessToken
}

// TestMemory reads a Bundle of some 50 MB through the proxy and wants the heap to stay as it was.
func TestMemory(t *testing.T) {
	s := many(t)
	f := newFront(t, s.URL, nil)
	f.grant()
	token := f.token()
	drain(t, token, f.base+"/Observation?_count=500")
	peak := func(n int) uint64 {
		runtime.GC()
		var before, m runtime.MemStats
		runtime.ReadMemStats(&before)
		done, most := make(chan struct{}), uint64(0)
		go func() {
			defer close(done)
			drain(t, token, f.base+"/Observation?_count="+strconv.Itoa(n))
		}()
		for {
			select {
			case <-done:
				return most
			case <-time.After(50 * time.Millisecond):
				runtime.GC() // what is left is in use
				runtime.ReadMemStats(&m)
				most = max(most, m.HeapAlloc-min(before.HeapAlloc, m.HeapAlloc))
			}
		}
	}
	small, large := peak(1000), peak(40_000)
	t.Logf("peak of the heap above its start: %d KiB for 1,000 resources, %d KiB for 40,000", small>>10, large>>10)
	if large > small+64<<20 {
		t.Errorf("memory grows with the Bundle: %d bytes, %d for 40 times as many", small, large)
	}
}

// BenchmarkSearch compares a search of 100 resources with and without the proxy.
func BenchmarkSearch(b *testing.B) {
	s := many(b)
	f := newFront(b, s.URL, nil)
	f.grant()
	token := f.token()
	for _, c := range []struct{ name, base string }{{"direct", s.URL}, {"proxy", f.base}} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				began := time.Now()
				drain(b, token, c.base+"/Observation?_count=100")
				took = append(took, time.Since(began))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
		})
	}
}
