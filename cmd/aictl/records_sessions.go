package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsSessionsCommand() *cobra.Command {
	return a.paged(&cobra.Command{
		Use:   "sessions",
		Short: a.t("List sessions, the latest first"),
		Long: a.t(`List the sessions of the records that the flags select, with how many there are, from when to when, of which services and
users, and how many failed. The flags are those of records list.`),
		Example: a.examples(
			a.t("Today's sessions of one user"), "aictl records sessions --since 24h --user ann",
			a.t("One of them, as it goes on"), "aictl records session ann-42 -f"),
	}, func(ctx context.Context, client *api.Client, q api.RecordsQuery) error {
		page, err := client.Sessions(ctx, q)
		if err != nil {
			return err
		}
		a.warnAll(page.Warnings)
		return a.document(page, func() error { return a.sessionsTable(page) })
	})
}

func (a *app) sessionsTable(page api.SessionList) error {
	if len(page.Sessions) == 0 {
		a.say("%s", a.t("no sessions match"))
		return nil
	}
	t := newTable(column{title: a.t("SESSION"), flex: true}, column{title: a.t("RECORDS"), right: true}, column{title: a.t("ERRORS"), right: true},
		column{title: a.t("FIRST")}, column{title: a.t("LAST")}, column{title: a.t("SERVICES"), flex: true}, column{title: a.t("USERS"), flex: true},
		column{title: a.t("MODELS"), wide: true})
	for _, s := range page.Sessions {
		failed := cell{strconv.FormatInt(s.Errors, 10), dim}
		if s.Errors > 0 {
			failed.style = red
		}
		t.row(cell{s.ID, bold}, strconv.FormatInt(s.Records, 10), failed, a.recordTime(s.First), a.recordTime(s.Last),
			orDash(strings.Join(s.Services, ", ")), orDash(strings.Join(s.Users, ", ")), orDash(strings.Join(s.Models, ", ")))
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if page.Next != "" {
		a.say("%s", a.t("there are more: add --cursor %s", page.Next))
	}
	return nil
}

func (a *app) recordsSessionCommand() *cobra.Command {
	var q api.RecordsQuery
	var since, until string
	var follow bool
	var body int
	cmd := &cobra.Command{
		Use:   "session ID",
		Short: a.t("Show the records of one session in order"),
		Long: a.t(`Show the records of one session in the order they began, with the beginning of their bodies. With -f new ones are shown as they
come, until Ctrl-C. -o json gives one JSON object per line, with whole bodies up to --body-bytes.`),
		Example: a.examples("", "aictl records session ann-42", "", "aictl records session ann-42 -f"),
		Args:    a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if q.Since, err = a.timeOr(since); err == nil {
				q.Until, err = a.timeOr(until)
			}
			if err == nil && (body < 0 || body > 1<<20) {
				err = a.errorf("--body-bytes %d: use 0 to %d", body, 1<<20)
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			if !cmd.Flags().Changed("body-bytes") && a.machine() {
				body = 64 << 10
			}
			return a.session(cmd.Context(), args[0], q, body, follow)
		},
	}
	flags := cmd.Flags()
	flags.BoolVarP(&follow, "follow", "f", false, a.t("show new records as they come"))
	flags.StringVarP(&q.Service, "service", "s", "", a.t("of one service"))
	flags.StringVar(&since, "since", "", a.t("since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	flags.StringVar(&until, "until", "", a.t("until a span back or a time"))
	flags.IntVar(&body, "body-bytes", 400, a.t("of each body at most so many bytes"))
	if err := cmd.RegisterFlagCompletionFunc("service", a.completeServices(-1)); err != nil {
		panic(err) // the flag's name is misspelt
	}
	return cmd
}

func (a *app) session(ctx context.Context, id string, q api.RecordsQuery, body int, follow bool) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	n := 0
	for x, err := range client.Session(ctx, id, q, body, follow) {
		if errors.Is(err, context.Canceled) {
			return exitWith(exitInterrupted)
		}
		if err == nil {
			n++
			err = a.printTurn(x)
		}
		if err != nil {
			return err
		}
	}
	if n == 0 {
		return fail(exitNotFound, a.errorf("there are no records of session %s", id), a.t("`aictl records sessions` lists those there are"))
	}
	return nil
}

// printTurn shows one record of a session: a line about it, and the beginnings of both bodies.
func (a *app) printTurn(x api.RecordFull) error {
	if a.machine() {
		if a.output == formatJSON {
			return writeLine(a.out, x)
		}
		if _, err := fmt.Fprintln(a.out, "---"); err != nil {
			return err
		}
		return writeYAML(a.out, x)
	}
	var b strings.Builder
	status := a.statusCell(x.Status)
	fmt.Fprintf(&b, "%s  %s %s %s  %s  %s  %s\n", a.out.paint(dim, x.StartedAt.Local().Format("2006-01-02 15:04:05.000")), a.out.paint(bold, printable(x.Service)),
		printable(x.Method), printable(x.Path), a.out.paint(status.style, status.text), latency(milliseconds(x.DurationMS)), a.out.paint(dim, x.ID))
	if x.End != "complete" || x.Error != "" {
		fmt.Fprintf(&b, "  %s %s\n", a.out.paint(yellow, a.t(x.End)), printable(x.Error))
	}
	a.writeTurn(&b, "→", x.Request)
	a.writeTurn(&b, "←", x.Response)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

func (a *app) writeTurn(b *strings.Builder, arrow string, m api.RecordMessageFull) {
	text := printable(strings.Join(strings.Fields(m.Body), " "))
	switch {
	case m.Size == 0 && m.Body == "":
		return
	case m.Body == "":
		text = a.out.paint(dim, a.t("%s, not kept", humanSize(m.Size)))
	case m.BodyEncoding != "text":
		text = a.out.paint(dim, a.t("%s of bytes", humanSize(m.Size)))
	case m.Truncated:
		text += a.out.paint(dim, " … "+humanSize(m.Size))
	}
	fmt.Fprintf(b, "  %s %s\n", a.out.paint(cyan, arrow), text)
}
