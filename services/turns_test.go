package services

import (
	"context"
	"strings"
	"testing"
	"time"

	"aictl/configs"
	"aictl/health"
	"aictl/procs"
	"aictl/store"
)

// ordered deploys model and api, which is to be started after it; a model that is sick has that long to become well.
func (r *rig) ordered(t *testing.T, patience time.Duration) (model store.Release) {
	t.Helper()
	for _, name := range []string{"model", "api"} {
		rel := r.release(t, name, func(m *configs.Manifest) {
			m.Health.StartPeriod = configs.Duration(patience)
			if name == "api" {
				m.After = []string{"model"}
			}
		})
		if name == "model" {
			model = rel
		}
		rows, err := r.Launch(t.Context(), name, rel.ID, 1)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.AwaitHealthy(t.Context(), idsOf(rows), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Switch(t.Context(), name, rel.ID, idsOf(rows)); err != nil {
			t.Fatal(err)
		}
	}
	return model
}

// well makes processes of a release healthy, or not.
func (r *rig) well(release string, well bool) {
	r.keeper.mu.Lock()
	defer r.keeper.mu.Unlock()
	r.keeper.sick[release] = !well
}

// reason is what status says of a service.
func (r *rig) reason(t *testing.T, name string) string {
	t.Helper()
	views, err := r.Status(t.Context(), []string{name})
	if err != nil {
		t.Fatal(err)
	}
	return string(views[0].State) + ": " + views[0].Reason
}

func (r *rig) startBoth(t *testing.T) (ended chan error) {
	ended = make(chan error, 2)
	done := r.Expect([]string{"api", "model"})
	t.Cleanup(done)
	go func() { ended <- r.Start(context.Background(), "api") }()
	eventually(t, "api waits", func() bool { return strings.HasPrefix(r.reason(t, "api"), "starting: waits for model") })
	go func() { ended <- r.Start(context.Background(), "model") }()
	return ended
}

func TestServicesStartInOrder(t *testing.T) {
	r := newRig(t)
	model := r.ordered(t, time.Minute)
	for _, name := range []string{"api", "model"} {
		if err := r.Stop(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	r.well(model.ID, false)
	ended := r.startBoth(t)
	eventually(t, "model is spawned", func() bool { return r.keeper.pidOf("model/1") != 0 })
	if got := r.reason(t, "api"); r.keeper.pidOf("api/1") != 0 || got != "starting: waits for model to be healthy" {
		t.Errorf("api before model is healthy: %s", got)
	}
	r.well(model.ID, true)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if r.keeper.pidOf("api/1") < r.keeper.pidOf("model/1") {
		t.Error("api was started first")
	}
	if got := r.reason(t, "api"); got != "running: " {
		t.Errorf("api afterwards: %s", got)
	}
}

func TestNobodyWaitsForEver(t *testing.T) {
	r := newRig(t)
	model := r.ordered(t, 400*time.Millisecond)
	stop := func(names ...string) {
		t.Helper()
		for _, name := range names {
			if err := r.Stop(t.Context(), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop("api", "model")
	if err := r.Start(t.Context(), "api"); err != nil { // nobody wants model
		t.Fatal(err)
	}
	stop("api")
	r.well(model.ID, false)
	ended := r.startBoth(t)
	eventually(t, "api starts when model's start period is over", func() bool { return r.keeper.pidOf("api/1") != 0 })
	for range 2 {
		<-ended // model's own start fails
	}
	stop("api", "model")
	r.keeper.mark(r.keeper.broken, model.ID) // api's release, too: they have the same number
	r.well(model.ID, true)
	ended = r.startBoth(t)
	r.keeper.mu.Lock()
	r.keeper.set("model/1", func(s *procs.Status) { s.State = procs.StateFatal })
	r.keeper.mu.Unlock()
	for range 2 {
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "exited with code 3") {
			t.Errorf("start: %v", err)
		}
	}
}

func TestAWaitEndsWithItsContext(t *testing.T) {
	r := newRig(t)
	r.ordered(t, time.Minute)
	if err := r.Stop(t.Context(), "api"); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(t.Context(), "model"); err != nil {
		t.Fatal(err)
	}
	defer r.Expect([]string{"model"})()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := r.Start(ctx, "api"); err == nil || !strings.Contains(err.Error(), "api waits for model") {
		t.Errorf("error %v", err)
	}
	if got := r.reason(t, "api"); !strings.HasPrefix(got, "stopped: stopped") {
		t.Errorf("afterwards %s", got)
	}
}

func TestBootKeepsTheOrder(t *testing.T) {
	r := newRig(t)
	model := r.ordered(t, time.Minute)
	r.well(model.ID, false)
	r.keeper.mu.Lock()
	for _, id := range []string{"api/1", "model/1"} { // the machine starts anew
		if r.keeper.specs[id].Waits != (id == "api/1") {
			t.Errorf("%s: %+v", id, r.keeper.specs[id])
		}
		r.keeper.end(id)
	}
	r.keeper.mu.Unlock()
	eventually(t, "both have ended", func() bool {
		return strings.HasPrefix(r.reason(t, "api"), "stopped") && strings.HasPrefix(r.reason(t, "model"), "stopped")
	})
	if err := r.Boot(t.Context()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "api waits", func() bool { return r.reason(t, "api") == "starting: waits for model to be healthy" })
	if r.keeper.pidOf("model/1") == 0 || r.keeper.pidOf("api/1") != 0 {
		t.Error("not in order")
	}
	r.well(model.ID, true)
	eventually(t, "api runs", func() bool { return r.reason(t, "api") == "running: " })
}

func TestCheckOrder(t *testing.T) {
	r := newRig(t)
	r.ordered(t, time.Minute)
	for _, tc := range []struct {
		name          string
		after         []string
		warning, want string
	}{
		{"other", nil, "", ""},
		{"other", []string{"api", "model"}, "", ""},
		{"other", []string{"redis"}, "there is no service redis yet", ""},
		{"model", []string{"api"}, "", "services cannot wait for each other: api → model → api"},
		{"api", []string{"api"}, "", "api → api"},
	} {
		warnings, err := r.CheckOrder(t.Context(), tc.name, tc.after)
		if got := strings.Join(warnings, "; "); !strings.Contains(got, tc.warning) || (got == "") != (tc.warning == "") {
			t.Errorf("%s after %v: warnings %q", tc.name, tc.after, got)
		}
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s after %v: %v", tc.name, tc.after, err)
		}
	}
}

func TestPatience(t *testing.T) {
	begun := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	now := begun.Add(20 * time.Second)
	policy := &health.Policy{StartPeriod: time.Minute}
	at := func(state procs.State, policy *health.Policy, started time.Time) *instance {
		return &instance{Instance: store.Instance{Live: true}, policy: policy, status: procs.Status{State: state, StartedAt: started}}
	}
	for _, tc := range []struct {
		name string
		s    service
		want time.Duration
	}{
		{"no instance", service{}, 0},
		{"starting", service{slots: []*instance{at(procs.StateStarting, policy, time.Time{})}}, 40 * time.Second},
		{"its process is newer", service{slots: []*instance{at(procs.StateStarting, policy, begun.Add(15*time.Second))}}, 55 * time.Second},
		{"it waited itself", service{waited: begun.Add(10 * time.Second), slots: []*instance{at(procs.StateStopped, policy, time.Time{})}}, 50 * time.Second},
		{"it waits itself", service{waits: []string{"x"}}, time.Minute},
		{"no check, not up in time", service{slots: []*instance{at(procs.StateBackoff, nil, time.Time{})}}, -10 * time.Second},
		{"given up", service{slots: []*instance{at(procs.StateFatal, policy, now)}}, 0},
		{"one of two serves", service{slots: []*instance{at(procs.StateStarting, policy, now), at(procs.StateRunning, policy, now)}}, 0},
		{"one of two has given up", service{slots: []*instance{at(procs.StateStarting, policy, now), at(procs.StateFatal, policy, now)}}, time.Minute},
	} {
		if got := tc.s.patience(begun, now); got != max(tc.want, 0) {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}
