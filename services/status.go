package services

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"aictl/configs"
	"aictl/health"
	"aictl/procs"
	"aictl/store"
)

// severity orders states from the one that a service is called after when its instances differ.
var severity = []procs.State{
	procs.StateFatal, procs.StateUnhealthy, procs.StateBackoff, procs.StateStopping, procs.StateStarting,
	procs.StateStopped, procs.StateRunning,
}

// summary is the state of a service and, when it does not serve, why. Called with the manager's lock held.
func (s *service) summary() (procs.State, string) {
	state, reason, found := procs.StateStopped, "", false
	for _, rank := range severity {
		for _, i := range s.slots {
			if i.Live && i.state() == rank {
				state, reason, found = rank, i.why(), true
				break
			}
		}
		if found {
			break
		}
	}
	switch {
	case s.release == "":
		return procs.StateStopped, "not deployed yet: no deploy has succeeded"
	case s.wanted == store.WantedStopped && len(s.waits) == 0 && (state == procs.StateStopped || !found || s.idle()):
		return procs.StateStopped, "stopped; start it with `aictl start`"
	case len(s.waits) > 0:
		return procs.StateStarting, "waits for " + strings.Join(s.waits, ", ") + " to be healthy"
	case s.held:
		return procs.StateStarting, "a new release is starting; the old one was stopped to make room"
	case !found:
		return procs.StateStopped, "no instance"
	}
	if i := s.live(); i.job() {
		return s.jobSummary(i)
	}
	return state, reason
}

// idle reports whether the service is a job that does not run, however its last run ended.
func (s *service) idle() bool {
	i := s.live()
	return i != nil && i.job() && i.run == nil && i.status.PID == 0
}

// state is the keeper's word, or starting while it has none yet.
func (i *instance) state() procs.State {
	switch {
	case i.status.State == "":
		return procs.StateStarting
	case i.status.State == procs.StateRunning && i.verdict == health.Unhealthy:
		return procs.StateUnhealthy
	}
	return i.status.State
}

// why says in words why an instance does not serve; "" when it does.
func (i *instance) why() string {
	switch i.state() {
	case procs.StateRunning:
		return ""
	case procs.StateStarting:
		return i.ID + " " + i.waitsFor()
	case procs.StateUnhealthy:
		return i.ID + " is unhealthy: " + first(i.reason, i.status.Reason)
	}
	return first(i.status.Reason, i.ID+" is "+string(i.state()))
}

// healthWord is the health column of status.
func (i *instance) healthWord() string {
	switch {
	case i.status.PID == 0:
		return ""
	case i.policy == nil:
		return "none"
	case i.state() == procs.StateRunning:
		return string(health.Healthy)
	case i.state() == procs.StateUnhealthy:
		return string(health.Unhealthy)
	}
	return string(health.Starting)
}

// Status shows the services that match any of the patterns, all without patterns, by name.
func (m *Manager) Status(ctx context.Context, patterns []string) ([]View, error) {
	all, err := m.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	picked, err := pick(all, patterns)
	if err != nil {
		return nil, err
	}
	commits, err := m.Store.LiveCommits(ctx)
	if err != nil {
		return nil, fmt.Errorf("read releases: %w", err)
	}
	views := make([]View, 0, len(picked))
	for _, svc := range picked {
		v := m.view(svc)
		v.Commit = commits[svc.Name]
		views = append(views, v)
	}
	m.measure(views)
	return views, nil
}

func (m *Manager) view(svc store.Service) View {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.entry(svc.Name)
	v := View{Service: svc, URL: m.GatewayURL + "/ai/" + svc.Name}
	v.State, v.Reason = s.summary()
	v.Kind = configs.KindService
	if i := s.live(); i != nil && i.job() {
		v.Kind, v.Job = i.man.Kind, m.jobView(s, i)
	}
	for _, i := range s.slots {
		iv := InstanceView{Instance: i.Instance, Status: i.status, Health: i.healthWord(), Reason: i.why()}
		iv.Status.State = i.state()
		if i.status.PID != 0 && !i.status.StartedAt.IsZero() {
			iv.Uptime = time.Since(i.status.StartedAt)
		}
		if s.serving() && i.serves() {
			v.Ready++
		}
		if i.Live && (v.Health == "" || iv.Health != string(health.Healthy)) {
			v.Health = first(iv.Health, v.Health)
		}
		v.Instances = append(v.Instances, iv)
	}
	return v
}

// cpuSample is the CPU time an instance had used at a moment.
type cpuSample struct {
	pid     int
	at      time.Time
	seconds float64
}

// measure fills in memory and CPU. The first percentage of a process is over its life, later ones since the last call.
func (m *Manager) measure(views []View) {
	var running []procs.Status
	for _, v := range views {
		for _, i := range v.Instances {
			if i.Status.PID != 0 {
				running = append(running, i.Status)
			}
		}
	}
	usage := m.Usage(running)
	now := time.Now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, v := range views {
		for k := range v.Instances {
			i := &v.Instances[k]
			u, ok := usage[i.ID]
			if !ok {
				continue
			}
			i.MemoryBytes, i.Processes = u.MemoryBytes, u.Processes
			last, ok := m.cpu[i.ID]
			if !ok || last.pid != i.Status.PID {
				last = cpuSample{pid: i.Status.PID, at: i.Status.StartedAt}
			}
			if d := now.Sub(last.at).Seconds(); d > 0 {
				i.CPUPercent = max(0, 100*(u.CPUSeconds-last.seconds)/d)
			}
			if now.Sub(last.at) >= time.Second || !ok {
				m.cpu[i.ID] = cpuSample{i.Status.PID, now, u.CPUSeconds}
			}
		}
	}
}

// Resolve turns patterns into service names, each once, sorted.
func (m *Manager) Resolve(ctx context.Context, patterns []string) ([]string, error) {
	all, err := m.Store.Services(ctx, "", 0)
	if err != nil {
		return nil, fmt.Errorf("read services: %w", err)
	}
	picked, err := pick(all, patterns)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(picked))
	for k, svc := range picked {
		names[k] = svc.Name
	}
	return names, nil
}

// pick returns the services that any pattern matches: a name, a glob (text-*), a group (@nlp), which may be a glob
// too. A pattern without wildcards that matches nothing is an error; a glob that matches nothing is one as well.
func pick(all []store.Service, patterns []string) ([]store.Service, error) {
	if len(patterns) == 0 {
		return all, nil
	}
	chosen := map[string]bool{}
	for _, p := range patterns {
		n := 0
		for _, svc := range all {
			ok, err := matches(p, svc)
			if err != nil {
				return nil, fmt.Errorf("pattern %q: %w", p, err)
			}
			if ok {
				chosen[svc.Name] = true
				n++
			}
		}
		if n == 0 {
			return nil, fmt.Errorf("no service matches %q%s: %w", p, near(p, all), store.ErrNotFound)
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s store.Service) bool { return !chosen[s.Name] }), nil
}

func matches(pattern string, svc store.Service) (bool, error) {
	group, isGroup := strings.CutPrefix(pattern, "@")
	if !isGroup {
		return path.Match(pattern, svc.Name)
	}
	for _, g := range svc.Groups {
		if ok, err := path.Match(group, g); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// near names the services there are, when they are few, so that a typing error is seen.
func near(pattern string, all []store.Service) string {
	if strings.HasPrefix(pattern, "@") || len(all) == 0 || len(all) > 8 {
		return ""
	}
	names := make([]string, len(all))
	for k, svc := range all {
		names[k] = svc.Name
	}
	return " (there are: " + strings.Join(names, ", ") + ")"
}

func first(words ...string) string {
	for _, w := range words {
		if w != "" {
			return w
		}
	}
	return ""
}

// round shortens a duration to what a person reads.
func round(d time.Duration) time.Duration {
	switch {
	case d < time.Second:
		return d.Round(time.Millisecond)
	case d < time.Minute:
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}

func joinInts(list []int) string {
	out := make([]string, len(list))
	for k, n := range list {
		out[k] = strconv.Itoa(n)
	}
	return strings.Join(out, ", ")
}
