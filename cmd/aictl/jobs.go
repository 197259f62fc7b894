package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// Bounds of waiting for a run.
const (
	runWait  = 30 * time.Second // in one call
	runPause = 500 * time.Millisecond
	runTries = 60 // with the daemon gone, which may be being replaced
)

func (a *app) runCommand() *cobra.Command {
	var detach bool
	cmd := &cobra.Command{
		Use:   "run SERVICE",
		Short: a.t("Run a oneshot or cron service now"),
		Long: a.t(`Run a service of kind oneshot or cron now, also when it is stopped, and wait for its end. Its schedule does not change.
The exit code is 0 when it succeeded, 1 when it did not, and 7 when a run is under way already.`),
		Example: a.examples(
			a.t("Run a nightly job by day"), "aictl run report",
			a.t("Without waiting for its end"), "aictl run report --detach"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd.Context(), args[0], detach)
		},
	}
	cmd.Flags().BoolVar(&detach, "detach", false, a.t("return when it has been started"))
	return cmd
}

func (a *app) run(ctx context.Context, name string, detach bool) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	doc, err := client.Run(ctx, name)
	if err != nil {
		return err
	}
	if !detach {
		if doc, err = a.awaitRun(ctx, client, doc); err != nil {
			return err
		}
	}
	if err := a.document(doc, func() error { return a.tellRun(doc.Run) }); err != nil {
		return err
	}
	if r := doc.Run; r.Ended() && r.State != "succeeded" {
		if !a.machine() {
			a.say("%s", a.t("see `%s`", a.command("logs %s", name)))
		}
		return exitWith(exitFailed)
	}
	return nil
}

// awaitRun waits for the end of a run, also over a restart of the daemon.
func (a *app) awaitRun(ctx context.Context, client *api.Client, doc api.RunDocument) (api.RunDocument, error) {
	spin := a.spin(a.t("%s runs …", doc.Run.Service))
	defer spin.stop()
	for tries := 0; ; {
		next, err := client.AwaitRun(ctx, doc.Run.Service, doc.Run.ID, runWait)
		switch {
		case ctx.Err() != nil:
			spin.stop()
			a.say("%s", a.t("run %d goes on; `%s` lists it", doc.Run.ID, a.command("runs %s", doc.Run.Service)))
			return doc, exitWith(exitInterrupted)
		case err == nil && next.Run.Ended():
			return next, nil
		case err == nil:
			tries = 0
			continue
		}
		if tries++; codeOf(err) != exitUnreachable || tries > runTries {
			return doc, err
		}
		pause := time.NewTimer(runPause)
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
		pause.Stop()
	}
}

// tellRun is one line about a run.
func (a *app) tellRun(r api.Run) error {
	took := latency(seconds(r.DurationSeconds))
	text := a.t("run %d started", r.ID)
	switch {
	case r.State == "succeeded":
		text = a.t("run %d succeeded after %s", r.ID, took)
	case r.Ended():
		text = a.t("run %d %s after %s: %s", r.ID, a.t(r.State), took, r.Reason)
	}
	_, err := fmt.Fprintf(a.out, "%s: %s\n", r.Service, text)
	return err
}

func (a *app) runsCommand() *cobra.Command {
	var limit int
	cmd := &cobra.Command{
		Use:   "runs SERVICE",
		Short: a.t("List the runs of a oneshot or cron service"),
		Long: a.t(`List the last runs of a service of kind oneshot or cron, newest first: why it ran, how long it took, how it ended.
The last 100 are kept.`),
		Example:           a.examples(a.t("The last five"), "aictl runs report -n 5"),
		Args:              a.args(cobra.ExactArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Runs(cmd.Context(), args[0], limit)
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.runsTable(list) })
		},
	}
	cmd.Flags().IntVarP(&limit, "limit", "n", 20, a.t("at most so many"))
	return cmd
}

func (a *app) runsTable(list api.RunList) error {
	if len(list.Runs) == 0 {
		a.say("%s", a.t("%s has not run yet", list.Service))
		return nil
	}
	t := newTable(column{title: a.t("ID"), right: true}, column{title: a.t("STATE")}, column{title: a.t("TRIGGER")}, column{title: a.t("STARTED")},
		column{title: a.t("TOOK"), right: true}, column{title: a.t("EXIT"), right: true}, column{title: a.t("ATTEMPTS"), right: true, wide: true},
		column{title: a.t("DUE"), wide: true}, column{title: a.t("INSTANCE"), wide: true}, column{title: a.t("RELEASE"), wide: true},
		column{title: a.t("NOTE"), flex: true})
	for _, r := range list.Runs {
		took, due := latency(seconds(r.DurationSeconds)), "-"
		if r.State == "skipped" {
			took = "-"
		}
		if !r.DueAt.IsZero() {
			due = r.DueAt.Local().Format(time.DateTime)
		}
		note := r.Reason
		if r.State == "succeeded" {
			note = ""
		}
		t.row(strconv.FormatInt(r.ID, 10), a.outcome(r.State), a.t(r.Trigger), a.ago(r.StartedAt, a.now()), took, exitText(r),
			countText(r.Attempts), due, orDash(r.Instance), orDash(r.Release), note)
	}
	return t.render(a.out, a.wide())
}

// exitText is a run's exit code, or the signal that ended it.
func exitText(r api.Run) string {
	if r.ExitCode != nil {
		return strconv.Itoa(*r.ExitCode)
	}
	return orDash(r.Signal)
}

// isJob reports whether a service is one that ends.
func isJob(s api.Service) bool { return s.Kind == "oneshot" || s.Kind == "cron" }

// jobFine reports whether a job does what it is there for: it is wanted, and its last run has not failed.
func jobFine(s api.Service) bool {
	failed := s.LastRun != nil && (s.LastRun.State == "failed" || s.LastRun.State == "unknown")
	return s.Wanted == "running" && s.State != "fatal" && (s.Run != nil || !failed)
}

// jobState is the state of a job with what says more than that it is not running.
func (a *app) jobState(s api.Service) cell {
	switch {
	case s.State != "stopped" || s.Wanted != "running":
		return a.state(s.State)
	case s.Kind == "cron":
		return cell{a.out.glyph("◐") + a.t("scheduled"), plain}
	case s.LastRun != nil && s.LastRun.State == "succeeded":
		return cell{a.out.glyph("✓") + a.t("done"), green}
	}
	return a.state(s.State)
}

// jobNote is when a job ran last and runs next.
func (a *app) jobNote(s api.Service) string {
	var note string
	if r := s.LastRun; r != nil {
		note = a.t("last: %s %s, took %s", a.t(r.State), a.ago(r.EndedAt, a.now()), latency(seconds(r.DurationSeconds)))
		if r.State == "failed" {
			note += " (" + r.Reason + ")"
		}
	}
	if s.NextRun.IsZero() {
		return note
	}
	next := a.t("next in %s", shortDuration(s.NextRun.Sub(a.now()).Round(time.Second)))
	if note == "" {
		return next
	}
	return note + "; " + next
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
