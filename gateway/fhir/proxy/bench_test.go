package proxy_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"runtime/metrics"
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
		w.Header().Set("Content-Type", "application/fhir+json")
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

// peak is how far the heap that is in use rises above where it was, in bytes, while an answer of n resources goes through the proxy.
func (f *front) peak(token string, n int) (most uint64) {
	inUse := func() uint64 {
		runtime.GC()
		m := []metrics.Sample{{Name: "/gc/heap/live:bytes"}} // what that collection found to be in use
		metrics.Read(m)
		return m[0].Value.Uint64()
	}
	before := inUse()
	done := make(chan struct{})
	go func() {
		defer close(done)
		drain(f.t, token, f.base+"/Observation?_count="+strconv.Itoa(n))
	}()
	for {
		now := inUse()
		most = max(most, now-min(before, now))
		select {
		case <-done:
			return most
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// TestMemory reads Bundles of some 25 and 75 MB through the proxy and wants the heap to stay as it was. What the node remembers of
// decisions grows with the first and has levelled off by the second.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("tens of thousands of resources; the race detector learns nothing from them")
	}
	s := many(t)
	f := newFront(t, s.URL, nil)
	f.grant()
	token := f.token()
	drain(t, token, f.base+"/Observation?_count=500")
	small, large := f.peak(token, 20_000), f.peak(token, 60_000)
	t.Logf("peak of the heap above its start: %d KiB for 20,000 resources, %d KiB for 60,000", small>>10, large>>10)
	if large > small+16<<20 {
		t.Errorf("memory grows with the Bundle: %d bytes, %d for three times as many", small, large)
	}
}

// BenchmarkSearch asks in turn for 100 resources at the server itself and through the proxy, and prints both medians and what the
// proxy adds; and the memory in use for answers of two sizes.
func BenchmarkSearch(b *testing.B) {
	s := many(b)
	f := newFront(b, s.URL, nil)
	f.grant()
	token := f.token()
	const path = "/Observation?_count=100"
	took := map[string][]time.Duration{}
	for b.Loop() {
		for _, base := range []string{s.URL, f.base} {
			began := time.Now()
			drain(b, token, base+path)
			took[base] = append(took[base], time.Since(began))
		}
	}
	median := func(base string) float64 {
		slices.Sort(took[base])
		return float64(took[base][len(took[base])/2].Microseconds()) / 1000
	}
	b.ReportMetric(median(s.URL), "direct-p50-ms")
	b.ReportMetric(median(f.base), "proxy-p50-ms")
	b.ReportMetric(median(f.base)-median(s.URL), "added-p50-ms")
	for _, n := range []int{100, 10_000} {
		b.ReportMetric(float64(f.peak(token, n)>>10), fmt.Sprintf("KiB-for-%d", n))
	}
}
