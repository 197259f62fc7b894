package main

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) algorithmsCommand() *cobra.Command {
	return a.parent(&cobra.Command{
		Use:     "algorithms",
		Aliases: []string{"algorithm", "alg"},
		Short:   a.t("List algorithms, their versions and what each changed for callers"),
		Long: a.t(`Every service is an algorithm of the registry: its manifest says title, task, owner and tags, every release is a version. When a
release is deployed, its /info and OpenAPI document are kept and compared with those of the live release.`),
		Example: a.examples(
			a.t("Those for a task"), "aictl algorithms list --task ocr",
			a.t("One with its versions"), "aictl algorithms show ocr",
			a.t("What the live version changed for callers"), "aictl algorithms diff ocr"),
	}, a.algorithmsListCommand(), a.algorithmsShowCommand(), a.algorithmsDiffCommand())
}

func (a *app) algorithmsListCommand() *cobra.Command {
	var q api.AlgorithmsQuery
	cmd := &cobra.Command{
		Use:     "list [TEXT]",
		Aliases: []string{"ls"},
		Short:   a.t("List algorithms"),
		Long:    a.t("List the algorithms, those whose name, title, task, owner or tags hold TEXT, with the version that serves."),
		Example: a.examples("", "aictl algorithms list", a.t("Those of a team, with the columns that do not fit otherwise"), "aictl algorithms list --owner nlp -o wide"),
		Args:    a.args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Text = args[0]
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			list, err := client.Algorithms(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.algorithmsTable(list) })
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&q.Task, "task", "", a.t("of one task"))
	flags.StringVar(&q.Owner, "owner", "", a.t("of one owner"))
	flags.StringVar(&q.Tag, "tag", "", a.t("with this tag"))
	return cmd
}

func (a *app) algorithmsTable(list api.AlgorithmList) error {
	if len(list.Algorithms) == 0 {
		a.say("%s", a.t("no algorithms match; `aictl deploy SOURCE` makes one"))
		return nil
	}
	t := newTable(column{title: a.t("ALGORITHM")}, column{title: a.t("TITLE"), flex: true}, column{title: a.t("TASK")}, column{title: a.t("OWNER")},
		column{title: a.t("VERSION")}, column{title: a.t("RELEASE")}, column{title: a.t("SINCE")}, column{title: a.t("VERSIONS"), right: true},
		column{title: a.t("OPERATIONS"), right: true, wide: true}, column{title: a.t("TAGS"), flex: true, wide: true}, column{title: a.t("INTERFACE"), wide: true},
		column{title: a.t("SOURCE"), wide: true})
	for _, al := range list.Algorithms {
		version, release, since, operations := "-", "-", "-", "-"
		if v := al.Live; v != nil {
			version, release, since, operations = orDash(v.Version), v.Release, a.ago(v.LiveAt, a.now()), strconv.Itoa(v.Operations)
		}
		t.row(cell{al.Service, bold}, printable(al.Title), orDash(printable(al.Task)), orDash(printable(al.Owner)), printable(version), release, since,
			strconv.Itoa(al.Versions), operations, orDash(strings.Join(al.Tags, ", ")), a.t(al.Interface), sourceText(al.Source))
	}
	return t.render(a.out, a.wide())
}

func (a *app) algorithmsShowCommand() *cobra.Command {
	var limit int
	var openapi, info bool
	var release string
	cmd := &cobra.Command{
		Use:   "show NAME",
		Short: a.t("Show one algorithm: versions, operations, changes"),
		Long: a.t(`Show one algorithm: what its manifest says, what callers can ask of the live version, and its versions with what each changed for
callers. --openapi and --info print what a version answered when it was deployed.`),
		Example: a.examples("", "aictl algorithms show ocr", a.t("The OpenAPI document of release 12"), "aictl algorithms show ocr --openapi --release r12"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := a.notBoth(cmd, "openapi", "info"); err != nil {
				return err
			}
			if release != "" && !openapi && !info {
				return a.usageError(cmd, a.errorf("--release belongs to --openapi or --info: give one of them, too"))
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			if openapi || info {
				return a.printInterface(cmd.Context(), client, args[0], release, openapi)
			}
			doc, err := client.Algorithm(cmd.Context(), args[0], limit)
			if err != nil {
				return err
			}
			return a.document(doc, func() error { return a.printAlgorithm(doc) })
		},
		ValidArgsFunction: a.completeServices(1),
	}
	flags := cmd.Flags()
	flags.IntVarP(&limit, "limit", "n", 10, a.t("at most so many versions; 0 is all"))
	flags.BoolVar(&openapi, "openapi", false, a.t("print the OpenAPI document"))
	flags.BoolVar(&info, "info", false, a.t("print what /info answered"))
	flags.StringVar(&release, "release", "", a.t("of this release, number or commit; the live one when left out"))
	return cmd
}

// printInterface writes one document as it was answered.
func (a *app) printInterface(ctx context.Context, client *api.Client, name, release string, openapi bool) error {
	doc, err := client.Interface(ctx, name, release)
	if err != nil {
		return err
	}
	text, path := doc.Info, "/info"
	if openapi {
		text, path = doc.OpenAPI, "/openapi.json"
	}
	if text == nil {
		return fail(exitNotFound, a.errorf("release %s of %s did not answer %s when it was deployed", doc.Release, name, path), "")
	}
	if a.output == formatYAML {
		return writeYAML(a.out, text)
	}
	pretty, err := json.MarshalIndent(text, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.out, string(pretty))
	return err
}

func (a *app) printAlgorithm(doc api.AlgorithmDocument) error {
	al := doc.Algorithm
	var b strings.Builder
	fmt.Fprintf(&b, "%s", a.out.paint(bold, printable(al.Service)))
	if al.Title != al.Service {
		fmt.Fprintf(&b, "  %s", printable(al.Title))
	}
	b.WriteByte('\n')
	field := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "  %s%s %s\n", a.out.paint(dim, name), strings.Repeat(" ", max(0, 11-columns(name))), printable(value))
		}
	}
	for line := range strings.Lines(al.Description) {
		fmt.Fprintf(&b, "  %s\n", printable(strings.TrimRight(line, "\n")))
	}
	field(a.t("task"), al.Task)
	field(a.t("owner"), al.Owner)
	field(a.t("tags"), strings.Join(al.Tags, ", "))
	field(a.t("source"), sourceText(al.Source))
	field(a.t("interface"), a.t(al.Interface))
	if al.Live != nil {
		field(a.t("live"), strings.TrimSpace(al.Live.Release+" "+al.Live.Version))
	}
	if len(doc.Operations) > 0 {
		fmt.Fprintf(&b, "\n%s\n", a.out.paint(bold, a.t("Operations")))
		for _, o := range doc.Operations {
			fmt.Fprintf(&b, "  %s  %s\n", printable(o.Name), a.out.paint(dim, printable(o.Summary)))
		}
	}
	if len(doc.History) > 0 {
		fmt.Fprintf(&b, "\n%s\n", a.out.paint(bold, a.t("Versions")))
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil || len(doc.History) == 0 {
		return err
	}
	if err := a.versionsTable(doc.History); err != nil {
		return err
	}
	if v := al.Live; v != nil && len(v.Changes) > 0 {
		return a.printChanges(a.t("%s, compared with %s", v.Release, v.ComparedTo), v.Changes)
	}
	return nil
}

func (a *app) versionsTable(all []api.AlgorithmVersion) error {
	t := newTable(column{title: a.t("RELEASE")}, column{title: a.t("VERSION")}, column{title: a.t("COMMIT")}, column{title: a.t("STATE")},
		column{title: a.t("LIVE SINCE")}, column{title: a.t("CREATED"), wide: true}, column{title: a.t("INTERFACE"), flex: true})
	for _, v := range all {
		since := "-"
		if !v.LiveAt.IsZero() {
			since = v.LiveAt.Local().Format(time.DateTime)
		}
		t.row(v.Release, orDash(printable(v.Version)), shortCommit(v.Commit), a.versionState(v), since, a.ago(v.CreatedAt, a.now()), a.verdict(v))
	}
	return t.render(a.out, a.wide())
}

func (a *app) versionState(v api.AlgorithmVersion) cell {
	switch {
	case v.Live:
		return cell{a.out.glyph("●") + a.t("live"), green}
	case v.Kept:
		return cell{a.t("kept"), plain}
	}
	return cell{a.t("removed"), dim}
}

// verdict is what a version changed for callers, in a few words.
func (a *app) verdict(v api.AlgorithmVersion) cell {
	switch {
	case v.ComparedTo == "":
		return cell{"-", dim}
	case v.Breaking > 0:
		return cell{a.t("%d changes break callers of %s", v.Breaking, v.ComparedTo), red}
	case len(v.Changes) > 0:
		return cell{a.t("%d changes, none breaks callers", len(v.Changes)), plain}
	}
	return cell{a.t("unchanged"), dim}
}

func (a *app) algorithmsDiffCommand() *cobra.Command {
	var strict bool
	cmd := &cobra.Command{
		Use:   "diff NAME [FROM [TO]]",
		Short: a.t("Show what changed for callers between two versions"),
		Long: a.t(`Compare the OpenAPI documents and /info of two versions whose releases are kept. Without FROM and TO these are the live version and
the one before it. Versions are named by release (r12-1a2b3c4d), number (r12) or commit.`),
		Example: a.examples(
			a.t("The live version and the one before"), "aictl algorithms diff ocr",
			a.t("Two others; exit code 1 when callers break"), "aictl algorithms diff ocr r8 r12 --exit-code"),
		Args:              a.args(cobra.RangeArgs(1, 3)),
		ValidArgsFunction: a.completeServices(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "", "")
			client, err := a.connect()
			if err != nil {
				return err
			}
			diff, err := client.DiffAlgorithm(cmd.Context(), args[0], args[1], args[2])
			if err != nil {
				return err
			}
			if err := a.document(diff, func() error { return a.printAlgorithmDiff(diff) }); err != nil {
				return err
			}
			if strict && diff.Breaking > 0 {
				return exitWith(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&strict, "exit-code", false, a.t("exit 1 when callers of FROM break"))
	return cmd
}

func (a *app) printAlgorithmDiff(d api.AlgorithmDiff) error {
	title := a.t("%s: %s → %s", d.Service, d.From.Release, d.To.Release)
	if len(d.Changes) == 0 {
		_, err := fmt.Fprintf(a.out, "%s\n%s\n", a.out.paint(bold, title), a.t("nothing changed for callers"))
		return err
	}
	if err := a.printChanges(title, d.Changes); err != nil {
		return err
	}
	if d.Cut {
		a.warnAll([]string{a.t("there is more than the bounds of a comparison allow")})
	}
	return nil
}

// printChanges lists changes under the operations they are of.
func (a *app) printChanges(title string, all []api.InterfaceChange) error {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s\n", a.out.paint(bold, title))
	for _, c := range all {
		mark, st := "✓", dim
		switch c.Level {
		case "breaks":
			mark, st = "✗", red
		case "may-break":
			mark, st = "▲", yellow
		}
		fmt.Fprintf(&b, "  %s  %s\n", a.out.paint(st, a.out.glyph(mark)+a.t(c.Level)), printable(c.Text))
	}
	_, err := fmt.Fprint(a.out, b.String())
	return err
}
