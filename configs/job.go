package configs

import (
	"slices"
	"strings"

	"aictl/configs/schedule"
)

// Kind says how a service runs.
type Kind string

// A service runs all the time and serves requests. A oneshot runs to its end whenever it is started. A cron service
// runs to its end at the times of its schedule. The last two are jobs: they have no port and serve no requests.
const (
	KindService Kind = "service"
	KindOneshot Kind = "oneshot"
	KindCron    Kind = "cron"
)

// What happens at a time of a cron service's schedule while its last run is still under way: the new one is skipped,
// or the last one is stopped first.
const (
	ConcurrencyForbid  = "forbid"
	ConcurrencyReplace = "replace"
)

// Job reports whether the service is one that runs to its end.
func (m *Manifest) Job() bool { return m.Kind == KindOneshot || m.Kind == KindCron }

// Times is the schedule of a cron service. Services with the same @every interval run at different moments.
func (m *Manifest) Times() (schedule.Schedule, error) {
	return schedule.Parse(m.Schedule, m.Timezone, m.Name)
}

func (m *Manifest) checkJob(c *checker) {
	oneOf(c, "kind", m.Kind, KindService, KindOneshot, KindCron)
	oneOf(c, "concurrency", m.Concurrency, ConcurrencyForbid, ConcurrencyReplace)
	c.notNegative("timeout", m.Timeout)
	if m.Kind == KindCron && m.Schedule == "" {
		c.fault("kind", "a cron service needs a schedule: write schedule: \"*/5 * * * *\", @daily or @every 10m")
	}
	if _, err := schedule.Zone(m.Timezone); err != nil {
		c.fault("timezone", "%s", clip(err.Error()))
	} else if m.Schedule != "" {
		if _, err := m.Times(); err != nil {
			c.fault("schedule", "%s", clip(err.Error()))
		}
	}
	if !m.Job() {
		return
	}
	if m.Replicas > 1 {
		c.fault("replicas", "a %s service runs once at a time: leave replicas out", m.Kind)
	}
	if strings.Contains(m.Command, "{port}") {
		c.fault("command", "a %s service has no port: take {port} out", m.Kind)
	}
}

// ofKind are the keys that only some kinds have.
var ofKind = []struct {
	key   string
	kinds []Kind
}{
	{"schedule", []Kind{KindCron}},
	{"timezone", []Kind{KindCron}},
	{"catch_up", []Kind{KindCron}},
	{"run_on_deploy", []Kind{KindCron}},
	{"timeout", []Kind{KindCron, KindOneshot}},
	{"health.path", []Kind{KindService}},
	{"health.interval", []Kind{KindService}},
	{"health.timeout", []Kind{KindService}},
	{"health.failures", []Kind{KindService}},
}

// misplaced finds keys that mean nothing for the kind, and 0 where it would silently mean none.
func (m *Manifest) misplaced(lines map[string]int) []Fault {
	var c checker
	for _, k := range ofKind {
		if _, given := lines[k.key]; !given || slices.Contains(k.kinds, m.Kind) {
			continue
		}
		switch {
		case m.Job() && strings.HasPrefix(k.key, "health."):
			c.fault(k.key, "a %s service is not asked for its health: only start_period counts", m.Kind)
		case slices.Contains(k.kinds, KindOneshot):
			c.fault(k.key, "a service runs all the time: only one of kind oneshot or cron has a timeout")
		default:
			c.fault(k.key, "only a cron service has it: write kind: cron, or take it out")
		}
	}
	if _, given := lines["timeout"]; given && m.Timeout == 0 {
		c.fault("timeout", "must be more than 0 (leave the key out for no limit)")
	}
	if m.Job() && m.Restart.Policy == "always" {
		c.fault("restart.policy", "a %s service ends: write on-failure or never", m.Kind)
	}
	return c.faults
}

// fillJob gives a job the defaults of its kind where the file says nothing.
func (m *Manifest) fillJob(lines map[string]int) {
	if !m.Job() {
		return
	}
	m.Health.Disabled = true
	if _, given := lines["restart.policy"]; given {
		return
	}
	m.Restart.Policy = "never"
	if m.Kind == KindOneshot {
		m.Restart.Policy = "on-failure"
	}
}
