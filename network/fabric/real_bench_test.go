package fabric_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/volens-ledger/volens/chaincode/consent"
	"github.com/volens-ledger/volens/chaincode/consent/consenttest"
	"github.com/volens-ledger/volens/network/fabric"
	"github.com/volens-ledger/volens/network/fabric/launch"
	"github.com/volens-ledger/volens/network/fabric/launch/launchtest"
)

// clients do something one after another each, b.N times in all, and report the rate and the median time.
func clients(b *testing.B, n int, do func(client int) error) {
	b.Helper()
	var next atomic.Int64
	took := make([][]time.Duration, n)
	var wg sync.WaitGroup
	b.ResetTimer()
	for c := range n {
		wg.Go(func() {
			for next.Add(1) <= int64(b.N) {
				began := time.Now()
				if err := do(c); err != nil {
					b.Error(err)
					return
				}
				took[c] = append(took[c], time.Since(began))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Sorted(slices.Values(slices.Concat(took...)))
	if len(all) > 0 {
		b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "1/s")
		b.ReportMetric(float64(all[len(all)/2].Milliseconds()), "p50-ms")
		b.ReportMetric(float64(all[len(all)*99/100].Milliseconds()), "p99-ms")
	}
}

// BenchmarkChannel measures consents against bare writes of a key, side by side: one network, one client, one chaincode
// program, which has both.
func BenchmarkChannel(b *testing.B) {
	n := launchtest.Network(b, launch.Config{Chaincode: launchtest.Program(b, "github.com/volens-ledger/volens/chaincode/ccaas/bare")})
	for _, c := range []int{64, 256} {
		b.Run(fmt.Sprintf("bare/clients=%d", c), func(b *testing.B) { bare(b, n, c) })
	}
	for _, c := range []int{64, 512, 1024, 2048} {
		b.Run(fmt.Sprintf("consents/clients=%d", c), func(b *testing.B) { consents(b, n, c) })
	}
}

// bare writes one key to a transaction: what Fabric gives without batches.
func bare(b *testing.B, n *launch.Network, c int) {
	b.Helper()
	ch := dialer(profileOf(b, n, hospital, launch.Chaincode))(b)
	defer func() { _ = ch.Close() }()
	var mu sync.Mutex
	waiting := map[string]chan string{}
	ctx, stop := context.WithCancel(b.Context())
	defer stop()
	go func() {
		_ = ch.Blocks(ctx, fabric.Start{}, func(bl fabric.Block) error {
			mu.Lock()
			defer mu.Unlock()
			for _, tx := range bl.Transactions {
				if w := waiting[tx.ID]; w != nil {
					w <- tx.Code
				}
			}
			return nil
		})
	}()
	run := time.Now().Format(time.RFC3339Nano) // a key that nobody wrote before
	var serial atomic.Int64
	clients(b, c, func(int) error {
		key := fmt.Sprintf("%s/%d", run, serial.Add(1))
		e, err := ch.Endorse(ctx, fabric.Call{Function: "put", Args: []string{key, "value"}}, []string{hospital, trust})
		if err != nil {
			return err
		}
		told := make(chan string, 1)
		mu.Lock()
		waiting[e.Tx] = told
		mu.Unlock()
		if err := ch.Order(ctx, e); err != nil {
			return err
		}
		if code := <-told; code != fabric.Valid {
			return fmt.Errorf("transaction %s: %s", e.Tx, code)
		}
		return nil
	})
}

// consents grants: each client is a patient who gives one consent after another. They are signed before the clock starts, as
// they are on phones; the gateway verifies them within.
func consents(b *testing.B, n *launch.Network, c int) {
	b.Helper()
	w, genesis := consenttest.NewWorld(b.Name())
	w.Now = consent.Millis(time.Now().UnixMilli())
	g := realGate(b, profileOf(b, n, hospital, launchtest.Empty(b, n)), genesis).start(b)
	submit := func(m consent.Message) error {
		v, err := consent.Verify(w.Ledger, m)
		if err == nil {
			_, err = g.l.Submit(b.Context(), v)
		}
		return err
	}
	for _, m := range w.Members() {
		if err := submit(m); err != nil {
			b.Fatal(err)
		}
	}
	people := make([]*consenttest.Subject, c)
	opened := make([]consent.Message, c)
	for i := range people {
		people[i], opened[i] = w.Open()
	}
	var wg sync.WaitGroup
	claims := make([]consent.Message, c)
	for i, p := range people {
		claims[i] = p.Claim()
		wg.Go(func() {
			if err := errors.Join(submit(opened[i]), submit(claims[i])); err != nil {
				b.Error(err)
				return
			}
			p.Moved(claims[i])
		})
	}
	wg.Wait()
	var mu sync.Mutex // the world's stream of salts is one
	sign := func(i int) (m consent.Message) {
		mu.Lock()
		defer mu.Unlock()
		m = people[i].Grant(consenttest.ResearchConsent(consenttest.RosaInstitute, 0))
		people[i].Moved(m)
		return m
	}
	signed := make([][]consent.Message, c)
	for i := range signed {
		for range b.N/c + b.N/c/4 + 1 {
			signed[i] = append(signed[i], sign(i))
		}
	}
	clients(b, c, func(i int) error {
		if len(signed[i]) == 0 { // faster than the others
			return submit(sign(i))
		}
		m := signed[i][0]
		signed[i] = signed[i][1:]
		return submit(m)
	})
}
