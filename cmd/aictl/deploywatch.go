package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/gitea"
)

// deployWatch deploys a directory again whenever its files have changed. The newest change wins: a deploy that is
// under way by then is cancelled, unless it has switched already.
type deployWatch struct {
	app     *app
	client  *api.Client
	req     api.DeployRequest
	changes chan change
}

// change is a set of files that have changed, or the reason why no more will be told.
type change struct {
	files []string
	err   error
}

// cycle is one change with the deploy that it led to; with -o json it is one line of output.
type cycle struct {
	Time    time.Time  `json:"time"`
	Changed []string   `json:"changed"`
	Deploy  api.Deploy `json:"deploy"`
	Serves  string     `json:"serves"` // the live release afterwards; "" for none
}

// checkWatch refuses what --watch cannot do.
func (a *app) checkWatch(cmd *cobra.Command, f deployFlags, source *api.Source) error {
	for _, other := range []string{"ref", "wait", "timeout", "dry-run"} {
		if err := a.notBoth(cmd, "watch", other); err != nil {
			return err
		}
	}
	if source.Kind != kindDir {
		return a.usageError(cmd, a.errorf("--watch needs a directory of this machine, not %s", f.source))
	}
	if gitea.IsRepository(source.URL) {
		source.Ref = gitea.WorkTree // the files as they are, not the last commit
	}
	return nil
}

// watchDeploys deploys and goes on until ctx ends. The service stays as it is then.
func (a *app) watchDeploys(ctx context.Context, client *api.Client, req api.DeployRequest) (err error) {
	tree, err := gitea.WatchTree(req.Source.URL)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tree.Close()) }()
	ctx, cancel := context.WithCancel(ctx)
	w := &deployWatch{app: a, client: client, req: req, changes: make(chan change)}
	done := make(chan struct{})
	defer func() {
		cancel()
		<-done
	}()
	go func() {
		defer close(done)
		w.collect(ctx, tree)
	}()
	return w.run(ctx)
}

// collect passes changes on, those together that come while nobody takes them.
func (w *deployWatch) collect(ctx context.Context, tree *gitea.TreeWatch) {
	for {
		files, err := tree.Next(ctx)
		select {
		case w.changes <- change{files, err}:
		case <-ctx.Done():
			return
		}
		if err != nil {
			return
		}
	}
}

func (w *deployWatch) run(ctx context.Context) error {
	a := w.app
	next := change{}
	for first := true; ; first = false {
		doc, err := w.submit(ctx, first)
		if err == nil {
			next, err = w.deploy(ctx, next.files, doc.Deploy, first)
		} else if !first && ctx.Err() == nil {
			a.say("%s %s", a.err.paint(red, a.t("error:")), err)
			err, next = nil, change{}
		}
		if err == nil && next.files == nil {
			next, err = w.wait(ctx)
		}
		switch {
		case ctx.Err() != nil:
			a.say("%s", a.t("watching has ended; the service goes on"))
			return exitWith(exitInterrupted)
		case err != nil:
			return err
		}
	}
}

// submit queues a deploy. A daemon that is away for a moment is waited for, but not by the first one.
func (w *deployWatch) submit(ctx context.Context, first bool) (doc api.DeployDocument, err error) {
	for tries := 0; ; tries++ {
		doc, err = w.client.Deploy(ctx, w.req)
		if first || tries >= resumeTries || !errors.Is(err, api.ErrUnreachable) {
			return doc, err
		}
		select {
		case <-ctx.Done():
			return doc, ctx.Err()
		case <-time.After(resumePause):
		}
	}
}

// wait returns the next change.
func (w *deployWatch) wait(ctx context.Context) (change, error) {
	select {
	case c := <-w.changes:
		return c, c.err
	case <-ctx.Done():
		return change{}, ctx.Err()
	}
}

// deploy follows a deploy to its end and tells it. A change meanwhile cancels it and is returned.
func (w *deployWatch) deploy(ctx context.Context, files []string, d api.Deploy, first bool) (next change, err error) {
	follow := w.app.newWaiter(w.client, d)
	follow.quiet = !first
	ended := make(chan error, 1)
	go func() { ended <- follow.follow(ctx) }()
	for {
		select {
		case err = <-ended:
			if err == nil {
				err = w.tell(ctx, follow, files, first)
			}
			return next, errors.Join(err, next.err)
		case c := <-w.changes:
			next.files, next.err = append(next.files, c.files...), errors.Join(next.err, c.err)
			if err := w.cancel(ctx, d.ID); err != nil {
				w.app.say("%s %s", w.app.err.paint(yellow, w.app.t("warning:")), err)
			}
		}
	}
}

// cancel stops a deploy that is out of date; one that has switched or ended is left alone.
func (w *deployWatch) cancel(ctx context.Context, id int64) error {
	_, err := w.client.CancelDeploy(ctx, id)
	var problem *api.Error
	if errors.As(err, &problem) && problem.Code == api.CodeConflict {
		return nil
	}
	return err
}

// tell writes the line of one cycle.
func (w *deployWatch) tell(ctx context.Context, follow *waiter, files []string, first bool) error {
	a, d := w.app, follow.deploy
	c := cycle{Time: a.now().UTC(), Changed: append([]string{}, files...), Deploy: d}
	doc, err := w.client.Service(ctx, d.Service)
	if err == nil {
		c.Serves = doc.Service.Release.ID
	}
	switch a.output {
	case formatJSON:
		return writeLine(a.out, c)
	case formatYAML:
		if _, err := fmt.Fprintln(a.out, "---"); err != nil {
			return err
		}
		return writeYAML(a.out, c)
	}
	what := a.t("%d files", len(files))
	switch len(files) {
	case 0:
		what = a.t("as it is")
	case 1:
		what = printable(files[0])
	}
	parts := []string{a.out.paint(dim, a.now().Format("15:04:05")), a.out.paint(bold, what), w.outcome(d, c.Serves)}
	if _, err := fmt.Fprintln(a.out, strings.Join(parts, "  ")); err != nil {
		return err
	}
	if d.State == "failed" {
		follow.lastLines(ctx)
	}
	if first {
		if c.Serves != "" {
			fmt.Fprintln(a.out, "  "+a.out.paint(cyan, doc.Service.URL))
		}
		a.say("%s", a.t("watching %s; Ctrl-C ends that, not the service", w.req.Source.URL))
	}
	return nil
}

// outcome says how a deploy ended, and what serves when it is not the new release.
func (w *deployWatch) outcome(d api.Deploy, serves string) string {
	a := w.app
	took := latency(time.Duration(d.DurationSeconds * float64(time.Second)))
	keeps := a.t("nothing serves yet")
	if serves != "" {
		keeps = a.t("release %s keeps serving", serves)
	}
	switch d.State {
	case "live":
		return a.out.paint(green, a.t("live")) + "  " + a.t("release %s after %s", d.Release, took)
	case "failed":
		reason, _, _ := strings.Cut(strings.TrimSpace(d.Error), "\n")
		return a.out.paint(red, a.t("failed")) + "  " + a.t("%s: %s; %s", a.t(cmp.Or(d.FailedStep, "queued")), printable(reason), keeps)
	case "cancelled", "superseded":
		return a.out.paint(yellow, a.t(d.State)) + "  " + a.t("there is something newer; %s", keeps)
	}
	return a.out.paint(yellow, a.t(d.State)) + "  " + keeps
}
