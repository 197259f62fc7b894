package api

import (
	"github.com/prometheus/client_golang/prometheus"

	"aictl/sinks"
)

var (
	descSinkSent   = desc("sink_records_sent_total", "Records delivered since the sink is known.", "sink")
	descSinkMissed = desc("sink_records_missed_total", "Records that the retention removed before they were delivered.", "sink")
	descSinkBehind = desc("sink_records_behind", "Records that are recorded and not yet delivered.", "sink")
	descSinkUp     = desc("sink_up", "1 when the sink's last attempt succeeded.", "sink")
)

func collectSinks(ch chan<- prometheus.Metric, list []sinks.Status) {
	for _, st := range list {
		counter(ch, descSinkSent, st.Sent, st.Name)
		counter(ch, descSinkMissed, st.Missed, st.Name)
		gauge(ch, descSinkBehind, float64(st.Behind), st.Name)
		up := 1.0
		if st.Error != "" {
			up = 0
		}
		gauge(ch, descSinkUp, up, st.Name)
	}
}
