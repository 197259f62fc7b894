package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"aictl/gateway"
)

var (
	descWaiting  = desc("gateway_queue_depth", "Requests that wait for an instance to have room.", "service")
	descWaited   = desc("gateway_queue_waits_total", "Requests that had to wait.", "service")
	descWaitTime = desc("gateway_queue_wait_seconds_total", "How long they waited, all together.", "service")
	descDeclined = desc("gateway_refused_total", "Requests that a rule of the service's manifest refused, by reason.", "service", "reason")
)

func collectLimits(ch chan<- prometheus.Metric, limits map[string]gateway.Limits) {
	for service, l := range limits {
		gauge(ch, descWaiting, float64(l.Waiting), service)
		counter(ch, descWaited, l.Waited, service)
		ch <- prometheus.MustNewConstMetric(descWaitTime, prometheus.CounterValue, l.WaitTime.Seconds(), service)
		for reason, n := range l.Refused {
			counter(ch, descDeclined, n, service, reason)
		}
	}
}
