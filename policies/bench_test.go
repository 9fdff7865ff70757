package policies_test

import (
	"context"
	"errors"
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

// measure runs once per request and reports what it costs on the processor too.
func measure(b *testing.B, run func(context.Context) error) {
	b.Helper()
	b.ReportAllocs()
	start := cpu()
	for b.Loop() {
		if err := run(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu()-start)/float64(b.N), "cpu-ns/op")
}

// BenchmarkDecide compares, for one and the same question, an answer from the memo, one that OPA has to give, and OPA's
// prepared query by itself.
func BenchmarkDecide(b *testing.B) {
	one, records := benchRequest()
	open, research := one, one
	open.Resources, research.Resources = nil, nil
	research.Actors, research.Purpose.Code = []string{"Organization/rosa-institute"}, "HRESCH"
	for _, c := range []struct {
		name string
		req  policies.Request
	}{{"resource", one}, {"residual", open}, {"plain", research}} {
		for _, memo := range []int{0, -1} {
			e, err := policies.New(policies.Config{MemoEntries: memo, Timeout: time.Minute})
			if err != nil {
				b.Fatal(err)
			}
			for i := range records {
				records[i].Shape = e.Shape(records[i].Consent)
			}
			b.Run(c.name+map[int]string{0: "/memo", -1: "/ask"}[memo], func(b *testing.B) {
				measure(b, func(ctx context.Context) error {
					_, err := e.Decide(ctx, c.req, records)
					return err
				})
			})
			if memo < 0 {
				b.Run(c.name+"/bare", func(b *testing.B) { measure(b, e.Bare(c.req, records)) })
			}
		}
	}
}

// BenchmarkShape prepares a consent that was seen before, as a replica does on loading.
func BenchmarkShape(b *testing.B) {
	e, err := policies.New(policies.Config{})
	if err != nil {
		b.Fatal(err)
	}
	_, records := benchRequest()
	first := e.Shape(records[0].Consent)
	measure(b, func(context.Context) error {
		if e.Shape(records[0].Consent) != first {
			return errors.New("the shape is not shared")
		}
		return nil
	})
}
