package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) eventsCommand() *cobra.Command {
	var query api.EventsQuery
	var since string
	cmd := &cobra.Command{
		Use:   "events",
		Short: a.t("Show what has happened to services"),
		Long: a.t(`Show what has happened to services, their instances and their deploys: starts, exits, verdicts, steps.
The daemon keeps the last 1000 events of its run.

With -f new events are shown as they come, until Ctrl-C. -o json gives one JSON object per line.`),
		Example: a.examples(
			a.t("What happened to one service, and what follows"), "aictl events -f --service ocr",
			a.t("For a program"), "aictl events -f -o json"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if query.Since, err = a.timeOr(since); err != nil {
				return a.usageError(cmd, err)
			}
			return a.events(cmd.Context(), query)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&query.Follow, "follow", "f", false, a.t("show new events as they come"))
	flags.StringSliceVarP(&query.Services, "service", "s", nil, a.t("of services that a `PATTERN` matches; may be repeated"))
	flags.StringVar(&since, "since", "", a.t("since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	if err := cmd.RegisterFlagCompletionFunc("service", a.completeServices(-1)); err != nil {
		panic(err) // the flag's name is misspelt
	}
	return cmd
}

func (a *app) events(ctx context.Context, query api.EventsQuery) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	for ev, err := range client.Events(ctx, query) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				return exitWith(exitInterrupted)
			}
			return err
		}
		if err := a.printEvent(ev); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printEvent(ev api.Event) error {
	switch a.output {
	case formatJSON:
		return writeLine(a.out, ev)
	case formatYAML:
		if _, err := fmt.Fprintln(a.out, "---"); err != nil {
			return err
		}
		return writeYAML(a.out, ev)
	}
	what, st := a.eventName(ev.Kind)
	who := ev.Service
	if ev.Instance != "" {
		who = ev.Instance
	}
	if who == "" {
		who = "aictl"
	}
	parts := []string{
		a.out.paint(dim, ev.Time.Local().Format("2006-01-02 15:04:05")), a.out.paint(bold, printable(who)), a.out.paint(st, what),
	}
	if text := a.eventText(ev); text != "" {
		parts = append(parts, printable(text))
	}
	_, err := fmt.Fprintln(a.out, strings.Join(parts, "  "))
	return err
}

// eventText is an event's reason with what else is known of it.
func (a *app) eventText(ev api.Event) string {
	var parts []string
	switch step := ev.Fields["step"]; {
	case ev.Kind == "deploy.step":
		parts = append(parts, a.t(step), a.t(ev.Fields["state"]))
	case ev.Kind == "deploy.failed" && step != "":
		parts = append(parts, a.t(step))
	}
	if ev.Reason != "" {
		parts = append(parts, ev.Reason)
	}
	if !a.wide() {
		return strings.Join(parts, " ")
	}
	for _, key := range slices.Sorted(maps.Keys(ev.Fields)) {
		parts = append(parts, key+"="+ev.Fields[key])
	}
	return strings.Join(parts, " ")
}

// eventName is a kind in the user's language, with its colour.
func (a *app) eventName(kind string) (string, style) {
	group, what, _ := strings.Cut(kind, ".")
	st := plain
	switch what {
	case "healthy", "started", "live", "applied", "succeeded", "promoted":
		st = green
	case "exited", "unhealthy", "backoff", "stopped", "lost":
		st = yellow
	case "fatal", "failed", "refused":
		st = red
	}
	if group == "deploy" {
		return a.t("deploy") + " " + a.t(what), st
	}
	if group == "canary" || group == "shadow" {
		return a.t(group) + " " + a.t(what), st
	}
	if group == "job" {
		return a.t("run") + " " + a.t(what), st
	}
	if group == "config" {
		return a.t("settings") + " " + a.t(what), st
	}
	if group == "events" {
		return a.t("events lost"), st
	}
	return a.t(what), st
}
