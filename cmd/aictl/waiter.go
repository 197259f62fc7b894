package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aictl/api"
)

// waiter follows one deploy to its end.
type waiter struct {
	app    *app
	client *api.Client
	deploy api.Deploy
	sample string // path of a sample input, for the suggested call
	quiet  bool   // no progress and no summary
	seen   progress
	said   map[int]string // plain output: the state of each step that was printed
}

func (a *app) newWaiter(client *api.Client, d api.Deploy) *waiter {
	return &waiter{app: a, client: client, deploy: d, said: make(map[int]string)}
}

// finish waits for the end, if that is wanted, and says how it went.
func (w *waiter) finish(ctx context.Context, wait bool, timeout time.Duration) error {
	a := w.app
	if !wait {
		return a.document(api.DeployDocument{SchemaVersion: api.SchemaVersion, Deploy: w.deploy, Steps: []api.Step{}, Tail: []string{}}, func() error {
			_, err := fmt.Fprintln(a.out, a.t("deploy %d of %s is queued; follow it with: %s", w.deploy.ID, w.name(), a.command("deploys show %d --follow", w.deploy.ID)))
			return err
		})
	}
	waitCtx := ctx
	if timeout > 0 {
		var cancel context.CancelFunc
		waitCtx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	a.say("%s", a.t("deploy %d of %s from %s", w.deploy.ID, a.err.paint(bold, w.name()), sourceText(w.deploy.Source)))
	err := w.follow(waitCtx)
	switch {
	case ctx.Err() != nil:
		return w.detached(exitInterrupted, a.t("detached; deploy %d goes on", w.deploy.ID))
	case waitCtx.Err() != nil:
		return w.detached(exitTimeout, a.t("deploy %d is not done after %s; it goes on", w.deploy.ID, shortDuration(timeout)))
	case err != nil:
		return err
	}
	return w.result(ctx)
}

// name is the service's; a deploy learns it from the manifest, so it can be unknown at first.
func (w *waiter) name() string {
	if w.deploy.Service == "" {
		return w.app.t("a new service")
	}
	return w.deploy.Service
}

func (w *waiter) detached(code int, text string) error {
	a := w.app
	a.say("%s", text)
	a.say("  %s", a.t("follow it: %s", a.command("deploys show %d --follow", w.deploy.ID)))
	a.say("  %s", a.t("cancel it: %s", a.command("deploys cancel %d", w.deploy.ID)))
	return exitWith(code)
}

// The daemon may restart below a deploy: its stream is taken up again for a while.
const (
	resumeTries = 60
	resumePause = 500 * time.Millisecond
)

// follow shows the deploy's progress until it has ended.
func (w *waiter) follow(ctx context.Context) error {
	show := w.startShow()
	defer show.stop()
	for tries := 0; ; tries++ {
		before := len(w.seen.steps)
		err := w.stream(ctx, show)
		if err == nil || ctx.Err() != nil {
			return ctx.Err()
		}
		var problem *api.Error
		if tries >= resumeTries || errors.As(err, &problem) && problem.Status < 500 {
			return err
		}
		if len(w.seen.steps) > before {
			tries = 0
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(resumePause):
		}
	}
}

func (w *waiter) stream(ctx context.Context, show *show) error {
	for ev, err := range w.client.DeployEvents(ctx, w.deploy.ID) {
		if err != nil {
			return err
		}
		show.event(ev)
		if ev.Type == api.EventEnd && ev.Deploy != nil {
			w.deploy = *ev.Deploy
		}
	}
	return nil
}

// result says how the deploy ended: on success the address and a call to paste, else what failed and what serves now.
func (w *waiter) result(ctx context.Context) error {
	a, d := w.app, w.deploy
	code := exitOK
	if d.State != "live" {
		code = exitFailed
	}
	if a.machine() {
		doc, err := w.client.GetDeploy(ctx, d.ID)
		if err != nil {
			return err
		}
		if err := a.document(doc, nil); err != nil {
			return err
		}
	}
	for _, warning := range d.Warnings {
		a.say("%s %s", a.err.paint(yellow, a.t("warning:")), printable(warning))
	}
	if code == exitOK {
		return w.succeeded(ctx)
	}
	w.failed(ctx)
	return exitWith(code)
}

func (w *waiter) succeeded(ctx context.Context) error {
	a, d := w.app, w.deploy
	doc, err := w.client.Service(ctx, d.Service)
	if err != nil {
		return fmt.Errorf("the deploy is live, but the service cannot be asked for: %w", err)
	}
	if a.machine() {
		return nil
	}
	took := latency(time.Duration(d.DurationSeconds * float64(time.Second)))
	below := a.out.paint(cyan, doc.Service.URL)
	if isJob(doc.Service) {
		below = a.jobNote(doc.Service)
	}
	if isCanary(doc.Service, d.Release) {
		_, err := fmt.Fprintf(a.out, "%s%s\n  %s\n", a.out.paint(green, a.out.glyph("✓")),
			a.t("release %s is the canary of %s after %s", d.Release, a.out.paint(bold, d.Service), took),
			a.t("see `%s`", a.command("canary %s", d.Service)))
		return err
	}
	if _, err := fmt.Fprintf(a.out, "%s%s\n  %s\n", a.out.paint(green, a.out.glyph("✓")),
		a.t("%s is live: release %s after %s", a.out.paint(bold, d.Service), d.Release, took), below); err != nil {
		return err
	}
	if isJob(doc.Service) {
		return nil // it serves no requests
	}
	body := `'{"input_data": ["…"]}'`
	if w.sample != "" {
		body = quoteWord("@" + w.sample)
	}
	_, err = fmt.Fprintf(a.out, "  %s\n", a.t("call it: %s", a.command("call %s -d %s", d.Service, body)))
	return err
}

// isCanary reports whether a release is its service's canary.
func isCanary(s api.Service, release string) bool {
	return slices.ContainsFunc(s.Instances, func(i api.Instance) bool {
		return i.Purpose == "canary" && i.Detail != nil && i.Detail.Release == release
	})
}

func (w *waiter) failed(ctx context.Context) {
	a, d := w.app, w.deploy
	took := latency(time.Duration(d.DurationSeconds * float64(time.Second)))
	switch d.State {
	case "superseded":
		a.say("%s", a.t("deploy %d of %s was superseded by a newer one", d.ID, w.name()))
	case "cancelled":
		a.say("%s", a.t("deploy %d of %s was cancelled", d.ID, w.name()))
	case "interrupted":
		a.say("%s", a.t("deploy %d of %s was interrupted: the server stopped meanwhile", d.ID, w.name()))
	default:
		a.say("%s %s", a.err.paint(red, a.t("error:")),
			a.t("deploy %d of %s failed at step %q after %s: %s", d.ID, w.name(), d.FailedStep, took, strings.TrimSpace(d.Error)))
		w.lastLines(ctx)
	}
	a.say("%s", w.stillServes(ctx))
	a.say("%s %s", a.err.paint(yellow, a.t("hint:")), a.t("the whole story: %s", a.command("deploys show %d", d.ID)))
}

// lastLines shows the end of the deploy's log, unless the error says the same already.
func (w *waiter) lastLines(ctx context.Context) {
	a := w.app
	doc, err := w.client.GetDeploy(ctx, w.deploy.ID)
	if err != nil || len(doc.Tail) == 0 {
		return
	}
	a.say("%s", a.t("last lines of its log:"))
	for _, line := range doc.Tail[max(0, len(doc.Tail)-keptLines):] {
		a.say("  %s %s", a.err.paint(dim, "│"), printable(line))
	}
}

// stillServes says what answers requests after a deploy that did not go live.
func (w *waiter) stillServes(ctx context.Context) string {
	a, name := w.app, w.deploy.Service
	doc, err := w.client.Service(ctx, name)
	switch {
	case name == "" || err != nil || doc.Service.Release.ID == "":
		return a.t("nothing serves %s: it has had no live release yet", w.name())
	case isJob(doc.Service):
		return a.t("release %s of %s stays", doc.Service.Release.ID, name)
	case doc.Service.Ready == 0:
		return a.t("release %s of %s stays, but no instance of it is ready", doc.Service.Release.ID, name)
	}
	return a.t("release %s keeps serving %s", doc.Service.Release.ID, name)
}

func sourceText(s api.Source) string {
	text := s.URL
	if s.Ref != "" {
		text += "@" + s.Ref
	}
	if s.Subdir != "" && s.Subdir != "." {
		text += " (" + s.Subdir + ")"
	}
	return text
}
