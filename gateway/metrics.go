package gateway

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/volens-ledger/volens/policies"
)

// metrics counts what happens, by route and outcome only: no subject, member or person is a label.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	decisions *prometheus.CounterVec

	known            sync.Map // outcome to counters
	permits, denials prometheus.Counter
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "volens_http_requests_total", Help: "Requests by route and status.",
		}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "volens_http_request_seconds", Help: "Time to answer, by route.",
			Buckets: []float64{.0005, .001, .002, .005, .01, .02, .05, .1, .5, 1, 5},
		}, []string{"route"}),
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "volens_decisions_total", Help: "Decisions by outcome.",
		}, []string{"decision"}),
	}
	m.registry.MustRegister(m.requests, m.seconds, m.decisions, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.permits, m.denials = m.decisions.WithLabelValues(policies.Permit), m.decisions.WithLabelValues(policies.Deny)
	return m
}

func (m *metrics) decided(decision string) {
	if decision == policies.Permit {
		m.permits.Inc()
	} else {
		m.denials.Inc()
	}
}

// outcome is what a route came to, with its counters.
type outcome struct {
	route  string
	status int
}

type counters struct {
	requests prometheus.Counter
	seconds  prometheus.Observer
}

// of looks the counters of an outcome up by its labels only once.
func (m *metrics) of(o outcome) counters {
	if c, ok := m.known.Load(o); ok {
		return c.(counters) //nolint:errcheck,forcetypeassert // only counters are stored
	}
	c := counters{m.requests.WithLabelValues(o.route, strconv.Itoa(o.status)), m.seconds.WithLabelValues(o.route)}
	m.known.Store(o, c)
	return c
}

// observe counts and times a request under its route's pattern, never under its path.
func (g *Gateway) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	n := g.metrics.of(outcome{route, c.Writer.Status()})
	n.requests.Inc()
	n.seconds.Observe(time.Since(start).Seconds())
}

// gauges adds what is read when somebody asks.
func (g *Gateway) gauges() {
	g.metrics.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "volens_ledger_position", Help: "Applied ledger position."},
			func() float64 { return float64(g.cfg.Replica.Position()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "volens_uses", Help: "Uses on record."},
			func() float64 { return float64(g.cfg.Uses.Count()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "volens_erasures_pending", Help: "Erasures that wait for a key rotation."},
			func() float64 { return float64(g.cfg.Vault.Pending()) }),
	)
}

// Debug serves metrics and profiles. It belongs on a loopback listener of its own, never on the public one.
func (g *Gateway) Debug() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(g.metrics.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}
