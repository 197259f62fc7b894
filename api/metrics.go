package api

import (
	"context"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"aictl/procs"
	"aictl/services"
	"aictl/store/records"
)

// scrapeTimeout bounds what one scrape asks of the daemon.
const scrapeTimeout = 5 * time.Second

// states are listed whole, so that a count that falls to none reads 0 and does not vanish.
var states = []procs.State{
	procs.StateStopped, procs.StateStarting, procs.StateRunning, procs.StateUnhealthy, procs.StateBackoff,
	procs.StateStopping, procs.StateFatal,
}

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("aictl_"+name, help, labels, nil)
}

var (
	descServices = desc("services", "Services by state.", "state")
	descReady    = desc("service_ready_instances", "Instances that the gateway sends requests to.", "service")
	descWanted   = desc("service_wanted_instances", "Instances that there should be.", "service")
	descRestarts = desc("instance_restarts", "Restarts since the instance was last started by wish.", "service", "instance")
	descMemory   = desc("instance_memory_bytes", "Resident set of the instance's process group.", "service", "instance")
	descCPU      = desc("instance_cpu_percent", "CPU use in percent of one core.", "service", "instance")
	descAccepted = desc("exchanges_accepted_total", "Exchanges that the recorder was given.", "service")
	descRecorded = desc("exchanges_recorded_total", "Exchanges that were recorded.", "service")
	descInFlight = desc("exchanges_in_flight", "Exchanges accepted and neither recorded nor dropped yet.", "service")
	descDropped  = desc("exchanges_dropped_total", "Exchanges that were not recorded, by reason.", "service", "reason")
	descNoBody   = desc("exchanges_without_body_total", "Exchanges recorded without their bodies, under pressure.", "service")
	descRefused  = desc("exchanges_refused_total", "Requests answered 503 because they could not be recorded, by reason.", "service", "reason")
	descUnlisted = desc("exchanges_unlisted_total", "Exchanges accepted while the list of intents could not be written.", "service")
	descInfo     = desc("info", "What runs.", "version", "commit", "go")
	descScrape   = desc("scrape_ok", "1 when the services could be read for this scrape.")
)

// meter counts requests and, when scraped, asks for the state of services and the recorder's ledger.
type meter struct {
	server   *Server
	registry *prometheus.Registry
	requests *prometheus.CounterVec
}

func newMeter(s *Server) *meter {
	m := &meter{
		server:   s,
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "aictl_api_requests_total", Help: "Requests of the API by route and status.",
		}, []string{"method", "route", "code"}),
	}
	m.registry.MustRegister(m, m.requests, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// count is the router's middleware. Addresses that do not exist share one label.
func (m *meter) count(c *gin.Context) {
	c.Next()
	route, method := c.FullPath(), c.Request.Method
	if route == "" {
		route, method = "none", "any"
	}
	m.requests.WithLabelValues(method, route, strconv.Itoa(c.Writer.Status())).Inc()
}

// Describe sends nothing: what is collected depends on what there is.
func (m *meter) Describe(chan<- *prometheus.Desc) {}

// Collect reads services and ledger.
func (m *meter) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(m.server.life, scrapeTimeout)
	defer cancel()
	v := m.server.deps.Info.Version()
	gauge(ch, descInfo, 1, v.Version, v.Commit, v.Go)
	for service, l := range m.server.deps.Recorder.Ledgers() {
		collectLedger(ch, service, l)
	}
	collectEvents(ch, m.server.deps.Events.Counts(), m.server.deps.Hooks())
	collectSinks(ch, m.server.deps.Sinks.Status())
	collectLimits(ch, m.server.deps.Limits())
	valid := 1.0
	if m.server.deps.Config.ConfigRefused() != "" {
		valid = 0
	}
	gauge(ch, descConfig, valid)
	views, err := m.server.deps.Services.Status(ctx, nil)
	if err != nil {
		m.server.log.Warn("services could not be read for metrics", "error", err)
		gauge(ch, descScrape, 0)
		return
	}
	gauge(ch, descScrape, 1)
	collectServices(ch, views)
	collectRoutes(ch, m.server.deps.Gateway, views)
}

func collectServices(ch chan<- prometheus.Metric, views []services.View) {
	count := map[procs.State]int{}
	for _, v := range views {
		name := v.Service.Name
		count[v.State]++
		gauge(ch, descReady, float64(v.Ready), name)
		gauge(ch, descWanted, float64(v.Service.Replicas), name)
		for _, i := range v.Instances {
			gauge(ch, descInstance, 1, name, i.ID, string(i.Status.State))
			gauge(ch, descRestarts, float64(i.Status.Restarts), name, i.ID)
			gauge(ch, descMemory, float64(i.MemoryBytes), name, i.ID)
			gauge(ch, descCPU, i.CPUPercent, name, i.ID)
		}
	}
	for _, state := range states {
		gauge(ch, descServices, float64(count[state]), string(state))
	}
}

func collectLedger(ch chan<- prometheus.Metric, service string, l records.Ledger) {
	counter(ch, descAccepted, l.Accepted, service)
	counter(ch, descRecorded, l.Recorded, service)
	counter(ch, descNoBody, l.NoBody, service)
	gauge(ch, descInFlight, float64(l.InFlight), service)
	for reason, n := range l.Dropped {
		counter(ch, descDropped, n, service, reason)
	}
	counter(ch, descUnlisted, l.Unlisted, service)
	for reason, n := range l.Refused {
		counter(ch, descRefused, n, service, reason)
	}
}

func gauge(ch chan<- prometheus.Metric, d *prometheus.Desc, v float64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

func counter(ch chan<- prometheus.Metric, d *prometheus.Desc, v int64, labels ...string) {
	ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
}
