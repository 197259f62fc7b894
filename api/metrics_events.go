package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"aictl/services"
)

var (
	descEvents        = desc("events_total", "What happened, by kind and service; the daemon's own have no service.", "kind", "service")
	descRestartsTotal = desc("instance_restarts_total", "Processes that were started again without being asked to.", "service")
	descHooks         = desc("hooks_total", "Hooks that were told of an event, by how it went.", "result")
	descInstance      = desc("instance_state", "1 for the state that the instance is in.", "service", "instance", "state")
	descConfig        = desc("config_valid", "1 when the settings file is what runs or could be, 0 when it was refused.")
)

func collectEvents(ch chan<- prometheus.Metric, c services.EventCounts, h services.HookCounts) {
	for k, n := range c.Events {
		counter(ch, descEvents, n, string(k.Kind), k.Service)
	}
	for service, n := range c.Restarts {
		counter(ch, descRestartsTotal, n, service)
	}
	counter(ch, descHooks, h.Done, "done")
	counter(ch, descHooks, h.Failed, "failed")
	counter(ch, descHooks, h.Dropped, "dropped")
}
