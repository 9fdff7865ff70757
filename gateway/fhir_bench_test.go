package gateway_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/gateway/api"
)

// BenchmarkFHIRImport enters Consents of 500 patients in batches of 250, four at once, as volens consent import does. An
// operation is one consent, on the ledger and on disk.
func BenchmarkFHIRImport(b *testing.B) {
	w := start(b, nil)
	city := w.Member(consenttest.CityHospital)
	const subjects, batch = 500, 250
	for i := range subjects {
		_, err := city.Enrol(b.Context(), api.Enrolment{LocalID: "p" + strconv.Itoa(i)})
		w.must(err)
	}
	raw, err := os.ReadFile(pcfTreat)
	w.must(err)
	doc := strings.Replace(string(raw), `"status"`, `"identifier": [{"value": "%d"}], "status"`, 1)
	doc = strings.Replace(doc, `"Patient/ex-patient"`, `"Patient/p%d"`, 1)
	token := w.token(consenttest.CityHospital, "custodian")
	next := make(chan []byte)
	var wait sync.WaitGroup
	b.ResetTimer()
	for range 4 {
		wait.Go(func() {
			for body := range next {
				if r := w.send(http.MethodPost, api.PathFHIR4, token, body); r.StatusCode != http.StatusOK || bytes.Contains(r.body, []byte(`"status":"4`)) {
					b.Errorf("%d %.300s", r.StatusCode, r.body)
				}
			}
		})
	}
	for done := 0; done < b.N; done += batch {
		var entries []string
		for i := done; i < min(done+batch, b.N); i++ {
			entries = append(entries, `{"resource":`+fmt.Sprintf(doc, i, i%subjects)+`,"request":{"method":"POST","url":"Consent"}}`)
		}
		next <- []byte(`{"resourceType":"Bundle","type":"batch","entry":[` + strings.Join(entries, ",") + `]}`)
	}
	close(next)
	wait.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "consents/s")
}
