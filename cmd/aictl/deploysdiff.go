package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) deploysDiffCommand() *cobra.Command {
	var service string
	cmd := &cobra.Command{
		Use:   "diff FROM TO",
		Short: a.t("Show what lies between two deploys"),
		Long: a.t(`Show what lies between two versions of a service: the commits, what differs in the manifest, and which dependencies are
others. A version is a deploy (12), a kept release (r12) or a commit; with none of the first, --service says whose they are.`),
		Example: a.examples(
			a.t("What a deploy brought"), "aictl deploys diff 11 12",
			a.t("From a release to a commit"), "aictl deploys diff r4 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d --service ocr"),
		Args: a.args(cobra.ExactArgs(2)),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.DiffDeploys(cmd.Context(), service, args[0], args[1])
			if err != nil {
				return err
			}
			return a.document(doc, func() error { return a.showComparison(doc) })
		},
	}
	cmd.Flags().StringVar(&service, "service", "", a.t("whose releases and commits they are"))
	return cmd
}

func (a *app) showComparison(c api.Comparison) error {
	var b strings.Builder
	fmt.Fprintln(&b, a.t("%s: from %s to %s", a.out.paint(bold, c.Service), a.versionText(c.From), a.versionText(c.To)))
	a.commitLines(&b, a.t("commits that come:"), "+", c.Added, green)
	a.commitLines(&b, a.t("commits that go:"), "-", c.Removed, red)
	if c.More {
		fmt.Fprintln(&b, "  "+a.t("… and more"))
	}
	if len(c.Added)+len(c.Removed) == 0 && c.From.Commit == c.To.Commit {
		fmt.Fprintln(&b, a.t("the commit is the same"))
	}
	for _, note := range c.Notes {
		fmt.Fprintf(&b, "%s %s\n", a.out.paint(yellow, a.t("not compared:")), printable(note))
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil {
		return err
	}
	if err := a.manifestTable(c.Manifest); err != nil {
		return err
	}
	if len(c.Dependencies) == 0 && len(c.Notes) > 0 {
		return nil // they may not have been compared
	}
	return a.dependencyTable(c.Dependencies)
}

// versionText names a version: its deploy, its release, its commit, as far as there are any.
func (a *app) versionText(v api.ComparedVersion) string {
	var parts []string
	if v.Deploy != 0 {
		parts = append(parts, a.t("deploy %d", v.Deploy))
	}
	if v.Release != "" {
		parts = append(parts, v.Release)
	} else {
		parts = append(parts, shortCommit(v.Commit))
	}
	return strings.Join(parts, ", ")
}

func (a *app) commitLines(b *strings.Builder, title, mark string, commits []api.ComparedCommit, st style) {
	if len(commits) == 0 {
		return
	}
	fmt.Fprintln(b, title)
	for _, c := range commits {
		fmt.Fprintf(b, "  %s %s %s %s\n", a.out.paint(st, mark), shortCommit(c.Commit), printable(c.Subject),
			a.out.paint(dim, "("+printable(c.Author)+", "+a.ago(c.At, a.now())+")"))
	}
}

func (a *app) manifestTable(changes []api.PreviewChange) error {
	if len(changes) == 0 {
		a.say("%s", a.t("the manifest is the same"))
		return nil
	}
	t := newTable(column{title: a.t("KEY")}, column{title: a.t("FROM")}, column{title: a.t("TO")}, column{title: a.t("EFFECT"), flex: true})
	for _, c := range changes {
		t.row(c.Key, orDash(c.Old), orDash(c.New), a.previewEffect(c.Effect))
	}
	return t.render(a.out, a.wide())
}

func (a *app) dependencyTable(changes []api.DependencyCompare) error {
	if len(changes) == 0 {
		a.say("%s", a.t("the dependencies are the same"))
		return nil
	}
	t := newTable(column{title: a.t("DEPENDENCY")}, column{title: a.t("FROM")}, column{title: a.t("TO")}, column{title: a.t("FILE"), flex: true})
	for _, c := range changes {
		t.row(c.Name, orDash(c.Old), orDash(c.New), c.File)
	}
	return t.render(a.out, a.wide())
}

func (a *app) deploysLogsCommand() *cobra.Command {
	var follow bool
	lines := 1000
	cmd := &cobra.Command{
		Use:     "logs ID",
		Aliases: []string{"log"},
		Short:   a.t("Show the log of a deploy"),
		Long: a.t(`Show what a deploy and the programs that it ran wrote: the last lines, or with --follow everything from now on until it has
ended; then the exit code is 1 when it did not go live. With -o json one object per line.`),
		Example: a.examples(a.t("The whole build"), "aictl deploys logs 12 -n 100000", a.t("As it goes"), "aictl deploys logs 12 -f"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := a.deployID(cmd, args[0])
			if err != nil {
				return err
			}
			if lines < 1 || lines > 100_000 {
				return a.usageError(cmd, a.errorf("--lines %d is not between 1 and 100000", lines))
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			doc, err := client.DeployLog(cmd.Context(), id, lines)
			if err != nil {
				return err
			}
			if follow && (doc.State == "queued" || doc.State == "running") {
				return a.followDeployLog(cmd, client, id)
			}
			err = a.document(doc, func() error {
				for _, line := range doc.Lines {
					if _, err := fmt.Fprintln(a.out, printable(line)); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil && follow && doc.State != "live" {
				return exitWith(exitFailed)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, a.t("go on until it has ended"))
	cmd.Flags().IntVarP(&lines, "lines", "n", lines, a.t("at most so many of the last lines"))
	return cmd
}

// followDeployLog writes lines as they come, and each step as it begins and ends.
func (a *app) followDeployLog(cmd *cobra.Command, client *api.Client, id int64) error {
	for ev, err := range client.DeployEvents(cmd.Context(), id) {
		if err != nil {
			return err
		}
		if a.output == formatJSON {
			err = writeLine(a.out, ev)
		} else {
			err = a.deployLogLine(ev)
		}
		if err != nil {
			return err
		}
		if ev.Type == api.EventEnd && ev.Deploy.State != "live" {
			return exitWith(exitFailed)
		}
	}
	return nil
}

func (a *app) deployLogLine(ev api.DeployEvent) error {
	text := ""
	switch {
	case ev.Step != nil && ev.Step.State != "running":
		text = a.out.paint(bold, a.stepLine(*ev.Step, a.now()))
	case ev.Type == api.EventLog:
		text = a.out.paint(dim, a.t(ev.Name)+" │") + " " + printable(ev.Line)
	case ev.Type == api.EventEnd:
		text = a.t("deploy %d of %s", ev.Deploy.ID, orDash(ev.Deploy.Service)) + ": " + a.t(ev.Deploy.State)
	default:
		return nil
	}
	_, err := fmt.Fprintln(a.out, text)
	return err
}

// why is what is known of a deploy's reason, for the list: what was said, else the commit's message.
func why(d api.Deploy) string {
	switch {
	case d.Reason != "" && d.Subject != "":
		return d.Reason + ": " + strconv.Quote(d.Subject)
	case d.Reason != "":
		return d.Reason
	}
	return d.Subject
}
