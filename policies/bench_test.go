package policies_test

import (
	"context"
	"encoding/json"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/policies"
)

// cpu is what this process has used so far, in nanoseconds: on a shared machine it says more than the clock does.
func cpu() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

var sink policies.Decision

func benchRequest() (policies.Request, []policies.Record) {
	purpose := func(cs ...string) (out []consent.Coding) {
		for _, c := range cs {
			out = append(out, consent.Coding{System: policies.SystemPurpose, Code: c})
		}
		return out
	}
	root := consent.Provision{
		Effect: consent.Permit, Purposes: purpose("TREAT", "HPAYMT", "HOPERAT"),
		Labels: []consent.Coding{{System: policies.SystemConfidentiality, Code: "N"}},
	}
	nested := consent.Provision{
		Effect: consent.Permit, Recipients: []consent.Recipient{{Reference: "Organization/city-hospital"}},
		Labels: []consent.Coding{{System: policies.SystemActCode, Code: "PSY"}, {System: policies.SystemActCode, Code: "SDV"}},
	}
	research := consent.Provision{
		Effect: consent.Permit, Recipients: []consent.Recipient{{Reference: "Organization/rosa-institute"}}, Purposes: purpose("HRESCH"),
	}
	records := []policies.Record{
		{ID: "c1", Status: policies.Active, Date: 1, Consent: consent.Consent{Provisions: []consent.Provision{root, nested}}},
		{ID: "c2", Status: policies.Active, Date: 2, Consent: consent.Consent{Provisions: []consent.Provision{research}}},
	}
	return policies.Request{
		Actors: []string{"Organization/city-hospital", "Practitioner/bob"}, Roles: []consent.Coding{{Code: "clinician"}},
		Action: consent.Coding{Code: "access"}, Purpose: purpose("TREAT")[0], Now: 1700000000000,
		Resources: []policies.Resource{{
			Type: "Observation", ID: "1", Labels: []consent.Coding{{System: policies.SystemConfidentiality, Code: "N"}},
		}},
	}, records
}

func benchDecide(b *testing.B, memo int, change func(*policies.Request)) {
	e, err := policies.New(policies.Config{MemoEntries: memo, Timeout: time.Minute})
	if err != nil {
		b.Fatal(err)
	}
	req, records := benchRequest()
	change(&req)
	for i := range records {
		records[i].Shape = e.Shape(records[i].Consent)
	}
	b.ReportAllocs()
	start := cpu()
	defer func() { b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op") }()
	for b.Loop() {
		if sink, err = e.Decide(context.Background(), req, records); err != nil {
			b.Fatal(err)
		}
	}
	if os.Getenv("SHOW") != "" {
		j, _ := json.MarshalIndent(sink, "", " ")
		b.Log(string(j))
	}
}

func BenchmarkDecideHit(b *testing.B)  { benchDecide(b, 0, func(*policies.Request) {}) }
func BenchmarkDecideMiss(b *testing.B) { benchDecide(b, -1, func(*policies.Request) {}) }
func BenchmarkDecideMissNoResource(b *testing.B) {
	benchDecide(b, -1, func(r *policies.Request) { r.Resources = nil })
}
func BenchmarkDecideMissResearch(b *testing.B) {
	benchDecide(b, -1, func(r *policies.Request) {
		r.Resources = nil
		r.Actors = []string{"Organization/rosa-institute"}
		r.Purpose.Code = "HRESCH"
	})
}
