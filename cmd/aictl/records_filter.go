package main

import (
	"context"
	"github.com/spf13/cobra"

	"aictl/api"
)

// recordFilter are the flags that select records, the same for every command that works on a selection.
type recordFilter struct {
	a            *app
	selected     api.RecordsQuery
	since, until string
}

// recordFilter adds the flags to a command. Call query when it runs.
func (a *app) recordFilter(cmd *cobra.Command) *recordFilter {
	f := &recordFilter{a: a}
	q, flags := &f.selected, cmd.Flags()
	flags.StringVarP(&q.Service, "service", "s", "", a.t("of one service"))
	flags.StringVar(&q.Release, "release", "", a.t("answered by one release"))
	flags.StringVar(&q.Instance, "instance", "", a.t("answered by one instance, such as ocr/2"))
	flags.StringVar(&q.Status, "status", "", a.t("a status (500), a class (5xx), error (no answer, or 400 and above), or none (no answer)"))
	flags.StringVar(&q.End, "end", "", a.t("how it ended: complete, client_abort, upstream_abort, upstream_error, timeout, unavailable, shutdown, lost"))
	flags.StringVar(&f.since, "since", "", a.t("since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	flags.StringVar(&f.until, "until", "", a.t("until a span back or a time"))
	flags.StringVar(&q.Session, "session", "", a.t("of one session"))
	flags.StringVar(&q.TraceID, "trace", "", a.t("of one trace id"))
	flags.StringVar(&q.User, "user", "", a.t("of one user"))
	flags.StringVar(&q.Model, "model", "", a.t("answered by one model"))
	flags.StringArrayVar(&q.Tags, "tag", nil, a.t("with a tag, as `KEY=VALUE`, or KEY for any value; may be repeated"))
	flags.StringSliceVar(&q.Sources, "source", nil, a.t("made by: gateway, ingest, import, shadow, replay; may be repeated"))
	flags.StringVar(&q.Method, "method", "", a.t("with one method"))
	flags.StringVar(&q.Path, "path", "", a.t("with a path that a glob matches"))
	flags.DurationVar(&q.MinDuration, "min-duration", 0, a.t("that took at least so long"))
	flags.DurationVar(&q.MaxDuration, "max-duration", 0, a.t("that took at most so long"))
	flags.StringArrayVar(&q.Labels, "label", nil, a.t("with a label: any, none, truth, truth=JSON, thumb=up, thumb=down, note, by=WHO, a NAME, or NAME: before one of them; may be repeated"))
	flags.StringVar(&q.Where, "where", "", a.t("with a condition `EXPR` on the JSON of the bodies, such as '$.result.score < 0.6'; request.$ is the request's"))
	flags.StringVar(&q.BodyHash, "body-hash", "", a.t("with a body of this SHA-256, on either side"))
	for name, offer := range map[string]cobra.CompletionFunc{
		"service": a.completeServices(-1),
		"end":     oneOf("complete", "client_abort", "upstream_abort", "upstream_error", "timeout", "unavailable", "shutdown", "lost"),
		"source":  oneOf("gateway", "ingest", "import", "shadow", "replay"),
		"status":  oneOf("error", "none", "4xx", "5xx"),
	} {
		if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
			panic(err) // the flag's name is misspelt
		}
	}
	return f
}

func oneOf(words ...string) cobra.CompletionFunc {
	return cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
}

// query is what the flags select. An error is one of usage.
func (f *recordFilter) query() (q api.RecordsQuery, err error) {
	q = f.selected
	if q.Since, err = f.a.timeOr(f.since); err == nil {
		q.Until, err = f.a.timeOr(f.until)
	}
	return q, err
}

// any reports whether a flag narrows the selection.
func (f *recordFilter) any(cmd *cobra.Command) bool {
	changed := false
	for _, name := range []string{"service", "release", "instance", "status", "end", "since", "until", "session", "trace", "user", "model", "tag",
		"source", "method", "path", "min-duration", "max-duration", "body-hash", "label", "where"} {
		changed = changed || cmd.Flags().Changed(name)
	}
	return changed
}

// warnAll says what was left out and why.
func (a *app) warnAll(warnings []string) {
	for _, w := range warnings {
		a.say("%s %s", a.err.paint(yellow, a.t("warning:")), w)
	}
}

// paged makes a command that shows a page of what the filter's flags select, with --limit and --cursor.
func (a *app) paged(cmd *cobra.Command, show func(ctx context.Context, client *api.Client, q api.RecordsQuery) error) *cobra.Command {
	var limit int
	var cursor string
	filter := a.recordFilter(cmd)
	cmd.Flags().IntVarP(&limit, "limit", "n", 50, a.t("at most so many"))
	cmd.Flags().StringVar(&cursor, "cursor", "", a.t("go on where a page ended"))
	cmd.Args = a.args(cobra.NoArgs)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q, err := filter.query()
		if err != nil {
			return a.usageError(cmd, err)
		}
		q.Limit, q.Cursor = limit, cursor
		client, err := a.connect()
		if err != nil {
			return err
		}
		return show(cmd.Context(), client, q)
	}
	return cmd
}
