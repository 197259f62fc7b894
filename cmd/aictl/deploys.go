package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) deploysCommand() *cobra.Command {
	list := a.deploysListCommand()
	cmd := &cobra.Command{
		Use:   "deploys [SERVICE]",
		Short: a.t("List, show and cancel deploys"),
		Long: a.t(`List the deploys of all services or of one, newest first. The history of a service stays when the service is
removed.`),
		Example: a.examples(
			a.t("The latest deploys"), "aictl deploys",
			"", "aictl deploys ocr",
			a.t("What a deploy did, step by step"), "aictl deploys show 12"),
		Args:              list.Args,
		ValidArgsFunction: a.completeServices(1),
		RunE:              list.RunE,
	}
	cmd.Flags().AddFlagSet(list.Flags())
	cmd.AddCommand(list, a.deploysShowCommand(), a.deploysLogsCommand(), a.deploysDiffCommand(), a.deploysCancelCommand(), a.deploysPauseCommand(), a.deploysResumeCommand(), a.deploysAutoCommand())
	return cmd
}

func (a *app) deploysListCommand() *cobra.Command {
	var query api.DeploysQuery
	cmd := &cobra.Command{
		Use:               "list [SERVICE]",
		Aliases:           []string{"ls"},
		Short:             a.t("List deploys, newest first"),
		Long:              a.t("List the deploys of all services or of one, newest first. --cursor goes on where a page ended."),
		Example:           a.examples(a.t("The last five of one service"), "aictl deploys list ocr --limit 5"),
		Args:              a.args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				query.Service = args[0]
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			page, err := client.Deploys(cmd.Context(), query)
			if err != nil {
				return err
			}
			if query.Service != "" && query.Cursor == "" && len(page.Deploys) == 0 {
				return fail(exitNotFound, a.errorf("there are no deploys of %q", query.Service), a.t("`%s` lists those of all services", a.command("deploys")))
			}
			return a.document(page, func() error {
				return errors.Join(a.deploysTable(page), a.sayPaused(cmd.Context(), client, query.Service))
			})
		},
	}
	cmd.Flags().IntVarP(&query.Limit, "limit", "n", 20, a.t("at most so many"))
	cmd.Flags().StringVar(&query.Cursor, "cursor", "", a.t("go on where a page ended"))
	return cmd
}

func (a *app) deploysTable(page api.DeployList) error {
	if len(page.Deploys) == 0 {
		a.say("%s", a.t("no deploys yet; start one with `aictl deploy SOURCE`"))
		return nil
	}
	t := newTable(column{title: a.t("ID"), right: true}, column{title: a.t("SERVICE"), flex: true}, column{title: a.t("STATE")},
		column{title: a.t("COMMIT")}, column{title: a.t("RELEASE")}, column{title: a.t("CREATED")}, column{title: a.t("TOOK"), right: true},
		column{title: a.t("KIND"), wide: true}, column{title: a.t("BY"), wide: true}, column{title: a.t("SOURCE"), wide: true},
		column{title: a.t("WHY"), wide: true}, column{title: a.t("FROM WHERE"), wide: true}, column{title: a.t("NOTE"), flex: true})
	for _, d := range page.Deploys {
		took := "-"
		if !d.StartedAt.IsZero() {
			took = latency(time.Duration(d.DurationSeconds * float64(time.Second)))
		}
		note := firstLine(d.Error)
		if d.FailedStep != "" {
			note = a.t(d.FailedStep) + ": " + note
		}
		t.row(strconv.FormatInt(d.ID, 10), cell{orDash(d.Service), bold}, a.outcome(d.State), orDash(shortCommit(d.Commit)), orDash(d.Release),
			a.ago(d.CreatedAt, a.now()), took, d.Kind, orDash(strings.Trim(d.Actor+" ("+d.Trigger+")", " ")), sourceText(d.Source),
			orDash(printable(why(d))), orDash(d.Origin), note)
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if page.Next != "" {
		a.say("%s", a.t("there are more: add --cursor %s", page.Next))
	}
	return nil
}

// outcome is the state of something that ends, a deploy or a run, with its mark and colour.
func (a *app) outcome(state string) cell {
	mark, st := "●", plain
	switch state {
	case "live", "succeeded":
		mark, st = "✓", green
	case "queued", "running":
		mark, st = "◐", cyan
	case "failed":
		mark, st = "✗", red
	case "superseded", "cancelled", "stopped", "skipped":
		mark, st = "–", dim
	case "interrupted", "unknown":
		mark, st = "▲", yellow
	}
	return cell{a.out.glyph(mark) + a.t(state), st}
}

func (a *app) deploysShowCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: a.t("Show one deploy: its steps and the end of its log"),
		Long: a.t(`Show one deploy: where it came from, each step with its time, what failed and the last lines of its log.
--follow waits until it has ended, and exits 1 when it did not go live.`),
		Example: a.examples(a.t("A deploy that is still going"), "aictl deploys show 12 --follow"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, doc, err := a.deployOf(cmd, args[0])
			if err != nil {
				return err
			}
			if follow && !doc.Deploy.Ended() {
				return a.newWaiter(client, doc.Deploy).finish(cmd.Context(), true, 0)
			}
			if err := a.document(doc, func() error { return a.printDeploy(doc) }); err != nil {
				return err
			}
			if follow && doc.Deploy.State != "live" {
				return exitWith(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, a.t("wait until it has ended"))
	return cmd
}

func (a *app) deploysCancelCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cancel ID",
		Short: a.t("Stop a deploy that is queued or running"),
		Long: a.t(`Stop a deploy that is queued or running: what it started is ended, and the old release keeps serving. A deploy
that has ended already is a conflict (exit code 7).`),
		Example: a.examples(a.t("Cancel deploy 12"), "aictl deploys cancel 12"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.deployID(cmd, args[0])
			if err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.CancelDeploy(cmd.Context(), id)
			if err != nil {
				return err
			}
			return a.document(doc, func() error {
				_, err := fmt.Fprintln(a.out, a.t("deploy %d is being cancelled", id))
				return err
			})
		},
	}
}

func (a *app) deployID(cmd *cobra.Command, text string) (int64, error) {
	id, err := strconv.ParseInt(strings.TrimPrefix(text, "#"), 10, 64)
	if err != nil || id <= 0 {
		return 0, a.usageError(cmd, a.errorf("%q is not the number of a deploy; `aictl deploys` lists them", text))
	}
	return id, nil
}

func (a *app) deployOf(cmd *cobra.Command, text string) (*api.Client, api.DeployDocument, error) {
	id, err := a.deployID(cmd, text)
	if err != nil {
		return nil, api.DeployDocument{}, err
	}
	client, err := a.connect()
	if err != nil {
		return nil, api.DeployDocument{}, err
	}
	doc, err := client.GetDeploy(cmd.Context(), id)
	return client, doc, err
}

func (a *app) printDeploy(doc api.DeployDocument) error {
	d := doc.Deploy
	state := a.outcome(d.State)
	var b strings.Builder
	fmt.Fprintf(&b, "%s  %s\n", a.out.paint(bold, a.t("deploy %d of %s", d.ID, orDash(d.Service))), a.out.paint(state.style, state.text))
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s%s %s\n", a.out.paint(dim, name), strings.Repeat(" ", max(0, 9-columns(name))), printable(value))
		}
	}
	field(a.t("source"), sourceText(d.Source))
	field(a.t("commit"), strings.TrimSpace(d.Commit+"  "+d.Subject))
	field(a.t("release"), d.Release)
	field(a.t("by"), strings.TrimSpace(fmt.Sprintf("%s (%s)", d.Actor, d.Trigger)))
	field(a.t("why"), d.Reason)
	field(a.t("from"), d.Origin)
	field(a.t("created"), d.CreatedAt.Local().Format(time.DateTime)+" ("+a.ago(d.CreatedAt, a.now())+")")
	if !d.StartedAt.IsZero() {
		field(a.t("took"), latency(time.Duration(d.DurationSeconds*float64(time.Second))))
	}
	field(a.t("status"), a.reportText(doc.Status))
	b.WriteByte('\n')
	steps := *a
	steps.err = a.out // the same drawing, on stdout
	b.WriteString(steps.live(&progress{steps: doc.Steps}, a.now(), 0))
	for _, warning := range d.Warnings {
		fmt.Fprintf(&b, "\n%s %s\n", a.out.paint(yellow, a.t("warning:")), printable(warning))
	}
	b.WriteString(a.reportWarning(doc.Status))
	if d.Error != "" {
		fmt.Fprintf(&b, "\n%s %s\n", a.out.paint(red, a.t("error:")), strings.TrimSpace(d.Error))
	}
	if len(doc.Tail) > 0 {
		fmt.Fprintf(&b, "\n%s\n", a.t("last lines of its log:"))
		for _, line := range doc.Tail {
			fmt.Fprintf(&b, "  %s %s\n", a.out.paint(dim, "│"), printable(line))
		}
	}
	if doc.Verified != nil {
		fmt.Fprintf(&b, "\n%s\n", a.out.paint(bold, a.t("Verification")))
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil || doc.Verified == nil {
		return err
	}
	return a.printReport(*doc.Verified)
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}

// completeServices offers the names of services for the first most arguments (-1 is all). It must be quick and
// quiet: a daemon that does not answer offers nothing.
func (a *app) completeServices(most int) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if most >= 0 && len(args) >= most {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		if err := a.prepare(cmd); err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		client, err := a.connect()
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Second)
		defer cancel()
		list, err := client.Services(ctx, nil, true)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return serviceNames(list.Services, args, prefix, most < 0), cobra.ShellCompDirectiveNoFileComp
	}
}

// serviceNames are the names (and, for patterns, the groups) that start with prefix and are not used yet.
func serviceNames(services []api.Service, used []string, prefix string, groups bool) []string {
	taken := make(map[string]bool)
	for _, name := range used {
		taken[name] = true
	}
	var names []string
	offer := func(name, description string) {
		if !taken[name] && strings.HasPrefix(name, prefix) {
			taken[name] = true
			names = append(names, cobra.CompletionWithDesc(name, description))
		}
	}
	for _, s := range services {
		offer(s.Name, s.State)
	}
	for _, s := range services {
		if groups && s.Detail != nil {
			for _, g := range s.Detail.Groups {
				offer("@"+g, "group")
			}
		}
	}
	return names
}
