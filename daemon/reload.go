package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"aictl/api"
	"aictl/configs"
	"aictl/services"
	"aictl/store"
)

// errSettings is wrapped by what is wrong with a settings file.
var errSettings = errors.New("the settings are not valid, and those before them go on")

// reloader keeps the settings that run in step with their file. New ones are checked as a whole before anything of them
// is taken up.
type reloader struct {
	log      *slog.Logger
	tell     func(services.Event)
	apply    func(old, next configs.Settings) // makes the parts follow; only live settings differ
	services func(ctx context.Context, patterns []string) ([]services.View, error)
	keep     func(configs.Settings) error // for a daemon that is started while the file is bad
	now      func() time.Time

	mu    sync.Mutex // held while settings are taken up
	state atomic.Pointer[settingsState]
}

// settingsState is what a reload leaves; it is not changed afterwards.
type settingsState struct {
	running configs.Settings
	waiting []configs.Change // of the file, that the running daemon could not take up
	refused *api.ConfigRefused
}

func newReloader(d *Daemon) *reloader {
	r := &reloader{log: d.log, tell: d.services.Tell, apply: d.follow, services: d.services.Status, keep: d.dir.keepSettings, now: time.Now}
	r.state.Store(&settingsState{running: d.cfg.Settings})
	return r
}

// current are the settings that run.
func (r *reloader) current() configs.Settings { return r.state.Load().running }

// run reloads whenever the settings file changes, until ctx ends.
func (r *reloader) run(ctx context.Context) error {
	file, _ := r.current().File()
	if file == "" {
		return nil
	}
	load := func() (configs.Settings, error) { return r.current().Reload() }
	r.heed(load()) // what was written since this process has read it
	return configs.Watch(ctx, file, load, r.heed)
}

// heed is reload for the file watch: who wrote the file reads the log, not an answer.
func (r *reloader) heed(next configs.Settings, err error) {
	if _, err := r.take(next, err); err != nil && !errors.Is(err, errSettings) {
		r.log.Error("settings not taken up", "err", err)
	}
}

// take takes up what the running daemon can of settings that were just read, or notes that they are refused, err being
// why. It returns what differed.
func (r *reloader) take(next configs.Settings, err error) ([]configs.Change, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	was := r.state.Load()
	if err != nil {
		return nil, r.refuse(was, err)
	}
	changes := configs.Diff(was.running, next)
	is := &settingsState{running: was.running.Adopt(next), waiting: effective(changes, false)}
	r.apply(was.running, is.running)
	r.state.Store(is)
	if err := r.keep(next); err != nil {
		r.log.Warn("valid settings not kept", "err", err)
	}
	live := effective(changes, true)
	if len(live) > 0 || was.refused != nil || describe(is.waiting) != describe(was.waiting) {
		r.log.Info("settings taken up", "changed", describe(live), "waiting", describe(is.waiting))
		r.tell(services.Event{Kind: services.EventConfigApplied, Reason: describe(live), Fields: fieldsOf(live, is.waiting)})
	}
	return changes, nil
}

// refuse notes a file that is not valid; the same fault is told once.
func (r *reloader) refuse(was *settingsState, err error) error {
	if was.refused == nil || was.refused.Reason != err.Error() {
		r.log.Error("settings refused: those before them go on", "err", err)
		r.tell(services.Event{Kind: services.EventConfigRefused, Reason: err.Error()})
		is := *was
		is.refused = &api.ConfigRefused{At: r.now().UTC(), Reason: err.Error()}
		r.state.Store(&is)
	}
	return fmt.Errorf("%w:\n%w", errSettings, err)
}

// effective chooses the changes that are live, or those that are not.
func effective(changes []configs.Change, live bool) []configs.Change {
	var out []configs.Change
	for _, c := range changes {
		if (c.Effect == configs.EffectLive) == live {
			out = append(out, c)
		}
	}
	return out
}

func describe(changes []configs.Change) string {
	list := make([]string, len(changes))
	for i, c := range changes {
		list[i] = c.Key + ": " + c.Old + " → " + c.New
	}
	return strings.Join(list, "; ")
}

func fieldsOf(live, waiting []configs.Change) map[string]string {
	fields := map[string]string{}
	for _, c := range live {
		fields[c.Key] = c.Old + " → " + c.New
	}
	if len(waiting) > 0 {
		fields["waiting"] = describe(waiting)
	}
	return fields
}

// Config implements api.Config.
func (r *reloader) Config(ctx context.Context) (api.ConfigDocument, error) {
	s := r.state.Load()
	file, _ := s.running.File()
	doc := api.ConfigDocument{File: file, Refused: s.refused}
	for _, e := range s.running.Explain() {
		doc.Settings = append(doc.Settings, api.Setting{
			Key: e.Key, Value: e.Value, Source: e.Source, Default: e.Default, Env: e.Env, Help: e.Help, Secret: e.Secret, Effect: string(e.Effect),
		})
	}
	var err error
	doc.Waiting, err = r.render(ctx, s.waiting, false)
	return doc, err
}

// ConfigDiff implements api.Config.
func (r *reloader) ConfigDiff(ctx context.Context, name string, content []byte) (api.ConfigDiff, error) {
	running := r.current()
	var next configs.Settings
	var err error
	if content == nil {
		name, _ = running.File()
		next, err = running.Reload()
	} else {
		next, err = running.ReloadWith(name, content)
	}
	if err != nil {
		return api.ConfigDiff{}, fmt.Errorf("%w:\n%w", errSettings, err)
	}
	changes, err := r.render(ctx, configs.Diff(running, next), false)
	return api.ConfigDiff{File: name, Changes: changes}, err
}

// ConfigReload implements api.Config.
func (r *reloader) ConfigReload(ctx context.Context) (api.ConfigDiff, error) {
	next, err := r.current().Reload()
	changes, err := r.take(next, err)
	if err != nil {
		return api.ConfigDiff{}, err
	}
	file, _ := next.File()
	list, err := r.render(ctx, changes, true)
	return api.ConfigDiff{File: file, Changes: list}, err
}

// ConfigRefused implements api.Config.
func (r *reloader) ConfigRefused() string {
	if refused := r.state.Load().refused; refused != nil {
		return refused.Reason
	}
	return ""
}

// render tells changes with the services that each would start anew.
func (r *reloader) render(ctx context.Context, changes []configs.Change, applied bool) ([]api.ConfigChange, error) {
	out := make([]api.ConfigChange, 0, len(changes))
	if len(changes) == 0 {
		return out, nil
	}
	views, err := r.services(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("find the services that would be started anew: %w", err)
	}
	for _, c := range changes {
		out = append(out, api.ConfigChange{
			Key: c.Key, Old: c.Old, New: c.New, Source: c.Source, Effect: string(c.Effect),
			Applied: applied && c.Effect == configs.EffectLive, Services: restartsFor(c, views),
		})
	}
	return out, nil
}

// restartsFor are the services that a change starts anew once it holds, and why. A new daemon process finds services as
// they run and leaves them alone; live settings are about what is done from then on.
func restartsFor(c configs.Change, views []services.View) []api.ConfigRestart {
	out := []api.ConfigRestart{}
	if c.Effect != configs.EffectRestart {
		return out
	}
	for _, v := range views {
		if v.Service.Wanted == store.WantedRunning {
			out = append(out, api.ConfigRestart{
				Service: v.Service.Name, Reason: "the keeper holds " + c.Key + ": aictl is stopped and started again, and its services with it",
			})
		}
	}
	return out
}
