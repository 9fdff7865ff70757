package gateway

import (
	"net/http"
	"net/http/pprof"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics counts what happens, by route and outcome only: no subject, member or person is a label.
type metrics struct {
	registry  *prometheus.Registry
	requests  *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
	decisions *prometheus.CounterVec
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
	return m
}

func (m *metrics) decided(decision string) { m.decisions.WithLabelValues(decision).Inc() }

// observe counts and times a request under its route's pattern, never under its path.
func (g *Gateway) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	route := c.FullPath()
	if route == "" {
		route = "none"
	}
	g.metrics.requests.WithLabelValues(route, strconv.Itoa(c.Writer.Status())).Inc()
	g.metrics.seconds.WithLabelValues(route).Observe(time.Since(start).Seconds())
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
