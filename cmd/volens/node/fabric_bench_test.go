package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/cmd/volens/node"
	"github.com/volens-ledger/volens/cmd/volens/node/nodetest"
	"github.com/volens-ledger/volens/gateway/api"
	"github.com/volens-ledger/volens/gateway/client"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
	"github.com/volens-ledger/volens/policies"
)

// BenchmarkFabricDecisions measures decisions over HTTP at a gateway on a channel against those at one on an embedded ledger, in
// turn and with the channel running beside both: 64 connections, 8 subjects, each use on disk before its answer.
func BenchmarkFabricDecisions(b *testing.B) {
	n := launchtest.Network(b, launch.Config{})
	p, err := fabric.ReadProfile(n.Profile("Hospital"))
	if err != nil {
		b.Fatal(err)
	}
	p.Chaincode = launchtest.Empty(b, n)
	ledgers := []struct {
		name string
		asks asks
	}{
		{"embedded", granted(b, nil)},
		{"fabric", granted(b, func(c *node.Config) { c.Fabric = &p })},
	}
	for round := range 3 {
		for _, l := range ledgers {
			b.Run(fmt.Sprintf("ledger=%s/round=%d", l.name, round+1), l.asks.run)
		}
	}
}

// asks are requests that a node permits.
type asks struct {
	rosa     *client.Client
	requests []api.AccessRequest
}

// granted starts a node with subjects who permit research.
func granted(b *testing.B, change func(*node.Config)) asks {
	b.Helper()
	w := nodetest.Start(b, change)
	a := asks{rosa: w.Member(consenttest.RosaInstitute)}
	for i := range 8 {
		id := fmt.Sprintf("p%d", i)
		w.Store[id] = []json.RawMessage{observation}
		s, me := w.Enrol(id)
		m := s.Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		if _, err := me.Submit(context.Background(), m); err != nil {
			b.Fatal(err)
		}
		a.requests = append(a.requests, api.AccessRequest{
			Subject: w.Pseudonym(s, consenttest.RosaInstitute), Purpose: consent.Coding{Code: "HRESCH"}, Actor: api.Actor{Reference: "Practitioner/rosa"},
			ResourceTypes: []consent.Coding{{Code: "Observation"}},
		})
	}
	return a
}

// run asks b.N times over 64 connections, and reports the rate and the times of the answers.
func (a asks) run(b *testing.B) {
	const connections = 64
	var next atomic.Int64
	took := make([][]time.Duration, connections)
	var wg sync.WaitGroup
	for c := range connections {
		wg.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				began := time.Now()
				d, err := a.rosa.Access(context.Background(), a.requests[i%int64(len(a.requests))])
				if err != nil || d.Decision.Decision != policies.Permit {
					b.Errorf("%s, %v", d.Decision.Decision, err)
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	if all := slices.Sorted(slices.Values(slices.Concat(took...))); len(all) > 0 {
		b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "1/s")
		b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
	}
}
