package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

type logsFlags struct {
	follow, stderr, stdout, times bool
	lines                         int
	since, grep, instance         string
}

func (a *app) logsCommand() *cobra.Command {
	var f logsFlags
	cmd := &cobra.Command{
		Use:   "logs SERVICE…",
		Short: a.t("Show what services print"),
		Long: a.t(`Show what services print, both streams in the order it was written. Several instances are told apart by a
coloured prefix. SERVICE may be a glob or @group.

With -f new lines are shown as they come, until Ctrl-C. -o json gives one JSON object per line.`),
		Example: a.examples(
			a.t("The last lines, and all that follow"), "aictl logs ocr -f",
			a.t("What went wrong in the last ten minutes"), "aictl logs ocr --since 10m --stderr",
			"", "aictl logs '*' --grep 'error|warn'",
			a.t("One instance only"), "aictl logs ocr --instance ocr/2"),
		Args:              a.args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: a.completeServices(-1),
		RunE:              func(cmd *cobra.Command, args []string) error { return a.logs(cmd, args, f) },
	}
	flags := cmd.Flags()
	flags.BoolVarP(&f.follow, "follow", "f", false, a.t("show new lines as they come"))
	flags.IntVarP(&f.lines, "lines", "n", 100, a.t("last so many lines of all instances together; -1 is all"))
	flags.StringVar(&f.since, "since", "", a.t("lines since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	flags.StringVar(&f.grep, "grep", "", a.t("lines that match a regular expression"))
	flags.BoolVar(&f.stderr, "stderr", false, a.t("standard error only"))
	flags.BoolVar(&f.stdout, "stdout", false, a.t("standard output only"))
	flags.BoolVarP(&f.times, "timestamps", "t", false, a.t("show each line's time"))
	flags.StringVar(&f.instance, "instance", "", a.t("one instance only, such as ocr/2"))
	return cmd
}

func (a *app) logs(cmd *cobra.Command, services []string, f logsFlags) error {
	if err := a.notBoth(cmd, "stderr", "stdout"); err != nil {
		return err
	}
	query, err := a.logsQuery(services, f, cmd.Flags().Changed("lines"))
	if err != nil {
		return a.usageError(cmd, err)
	}
	client, err := a.connect()
	if err != nil {
		return err
	}
	p := &logPrinter{app: a, times: f.times || a.wide(), colors: make(map[string]style)}
	p.prefix = f.instance == "" && a.manyInstances(cmd.Context(), client, services)
	for line, err := range client.Logs(cmd.Context(), query) {
		if err != nil {
			if errors.Is(err, context.Canceled) {
				return exitWith(exitInterrupted)
			}
			return err
		}
		if err := p.print(line); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) logsQuery(services []string, f logsFlags, linesGiven bool) (api.LogsQuery, error) {
	query := api.LogsQuery{Services: services, Instance: f.instance, Lines: f.lines, Grep: f.grep, Follow: f.follow}
	switch {
	case f.lines == 0 && f.follow:
		query.Lines, query.Since = -1, a.now() // nothing of what was before
	case f.lines < -1 || f.lines == 0:
		return query, a.errorf("-n %d shows nothing: use a number above 0, or -1 for all lines", f.lines)
	}
	switch {
	case f.stderr:
		query.Stream = "stderr"
	case f.stdout:
		query.Stream = "stdout"
	}
	if f.since != "" {
		since, err := parseSince(f.since, a.now())
		if err != nil {
			return query, err
		}
		query.Since = since
		if !linesGiven {
			query.Lines = -1 // everything since then, not the last of it
		}
	}
	if _, err := regexp.Compile(f.grep); err != nil {
		return query, a.errorf("--grep: %w", err)
	}
	return query, nil
}

// manyInstances reports whether lines of more than one instance can come, so that a prefix is of use. Without an
// answer it says yes: a prefix too many does no harm.
func (a *app) manyInstances(ctx context.Context, client *api.Client, services []string) bool {
	list, err := client.Services(ctx, services, false)
	if err != nil {
		return true
	}
	n := 0
	for _, s := range list.Services {
		n += max(len(s.Instances), 1)
	}
	return n > 1
}

// logPrinter writes log lines, each instance with a colour of its own.
type logPrinter struct {
	app    *app
	prefix bool
	times  bool
	colors map[string]style
	widest int
}

var prefixColors = []style{cyan, green, yellow, blue, purple, "96", "92", "93", "94", "95"}

func (p *logPrinter) print(line api.LogLine) error {
	a := p.app
	switch a.output {
	case formatJSON:
		return writeLine(a.out, line)
	case formatYAML:
		if _, err := fmt.Fprintln(a.out, "---"); err != nil {
			return err
		}
		return writeYAML(a.out, line)
	}
	var b strings.Builder
	if p.times {
		b.WriteString(a.out.paint(dim, line.Time.Local().Format("2006-01-02 15:04:05.000")) + " ")
	}
	if p.prefix {
		b.WriteString(p.label(line.Instance) + " ")
	}
	text := line.Text
	if a.out.tty {
		text = safeForTerminal(text)
	}
	if line.Stream == "stderr" {
		text = a.out.paint(red, text)
	}
	b.WriteString(text)
	_, err := fmt.Fprintln(a.out, b.String())
	return err
}

func (p *logPrinter) label(instance string) string {
	color, ok := p.colors[instance]
	if !ok {
		color = prefixColors[len(p.colors)%len(prefixColors)]
		p.colors[instance] = color
	}
	p.widest = max(p.widest, columns(instance))
	return p.app.out.paint(color, instance+strings.Repeat(" ", p.widest-columns(instance))+" |")
}

var colorSequence = regexp.MustCompile("\x1b\\[[0-9;:]*m")

var otherSequence = regexp.MustCompile("\x1b(\\[[0-9;?<=>:]*[ -/]*[@-~]|[\\]PX^_][^\x07\x1b]*(\x07|\x1b\\\\)?|[ -/]*[0-~])?")

// safeForTerminal keeps a service's colours and takes away every other control: what a service prints must not move
// the cursor, set the title or answer questions in someone's terminal.
func safeForTerminal(text string) string {
	var b strings.Builder
	at, colored := 0, false
	for _, color := range colorSequence.FindAllStringIndex(text, -1) {
		b.WriteString(withoutControls(text[at:color[0]]))
		b.WriteString(text[color[0]:color[1]])
		at, colored = color[1], true
	}
	b.WriteString(withoutControls(text[at:]))
	if colored {
		b.WriteString("\x1b[0m")
	}
	return b.String()
}

func withoutControls(text string) string {
	return strings.Map(func(r rune) rune {
		if r != '\t' && (r < 0x20 || r >= 0x7f && r < 0xa0) {
			return -1
		}
		return r
	}, otherSequence.ReplaceAllString(text, ""))
}

// timeOr is the time text names, or zero for "".
func (a *app) timeOr(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return parseSince(text, a.now())
}
