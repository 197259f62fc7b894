package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
)

// groupings are what `records stats --by` takes.
var groupings = []string{"service", "release", "instance", "model", "method", "path", "source", "end", "status", "hour", "day"}

func (a *app) recordsStatsCommand() *cobra.Command {
	var filter *recordFilter
	var by string
	cmd := &cobra.Command{
		Use:   "stats",
		Short: a.t("Show how much is recorded, how fast and how well, and whether anything was lost"),
		Long: a.t(`Show what is kept on disk by day, or with --by in groups: how many records, errors (no answer, or 400 and above), how long
answers took, and how much passed. Every filter of records list narrows it.

Without a filter the recorder's ledger of all runs is shown, too: every exchange that was accepted is recorded, in flight,
or dropped for a reason that is counted.`),
		Example: a.examples(
			a.t("Which release is slower"), "aictl records stats --service ocr --by release --since 24h",
			a.t("As JSON, for monitoring"), "aictl records stats -o json"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := filter.query()
			if err == nil && by != "" && !slices.Contains(groupings, by) {
				err = a.errorf("--by %q is not known: use %s", by, strings.Join(groupings, ", "))
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			stats, err := client.RecordSums(cmd.Context(), q, by)
			if err != nil {
				return err
			}
			a.warnAll(stats.Warnings)
			return a.document(stats, func() error { return a.printStats(stats, by, !filter.any(cmd)) })
		},
	}
	filter = a.recordFilter(cmd)
	cmd.Flags().StringVar(&by, "by", "", a.t("in groups, by one of: %s", strings.Join(groupings, ", ")))
	if err := cmd.RegisterFlagCompletionFunc("by", oneOf(groupings...)); err != nil {
		panic(err) // the flag's name is misspelt
	}
	return cmd
}

func (a *app) printStats(s api.RecordStats, by string, ledger bool) error {
	show := a.printDays
	if by != "" {
		show = a.printGroups
	}
	if err := show(s); err != nil || !ledger {
		return err
	}
	return a.printLedger(s)
}

func (a *app) printDays(s api.RecordStats) error {
	t := newTable(column{title: a.t("DAY")}, column{title: a.t("RECORDS"), right: true}, column{title: a.t("SIZE"), right: true})
	for _, d := range s.Days {
		t.row(d.Day, strconv.FormatInt(d.Records, 10), humanSize(d.Bytes))
	}
	t.row(cell{a.t("total"), bold}, cell{strconv.FormatInt(s.Records, 10), bold}, cell{humanSize(s.Bytes), bold})
	if err := t.render(a.out, a.wide()); err != nil || s.Records == 0 {
		return err
	}
	d := s.Duration
	_, err := fmt.Fprintf(a.out, "\n%s\n", a.t("%d errors; answers took p50 %s, p95 %s, p99 %s, at most %s", s.Errors,
		latency(milliseconds(d.P50)), latency(milliseconds(d.P95)), latency(milliseconds(d.P99)), latency(milliseconds(d.Max))))
	return err
}

func (a *app) printGroups(s api.RecordStats) error {
	t := newTable(column{title: a.t("GROUP"), flex: true}, column{title: a.t("RECORDS"), right: true}, column{title: a.t("ERRORS"), right: true},
		column{title: "P50", right: true}, column{title: "P95", right: true}, column{title: "P99", right: true}, column{title: a.t("MAX"), right: true, wide: true},
		column{title: a.t("IN"), right: true}, column{title: a.t("OUT"), right: true})
	for _, g := range s.Groups {
		t.row(a.statsRow(plain, orDash(g.Key), g.Records, g.RecordSum)...)
	}
	t.row(a.statsRow(bold, a.t("total"), s.Records, s.RecordSum)...)
	return t.render(a.out, a.wide())
}

func (a *app) statsRow(look style, key string, n int64, s api.RecordSum) []any {
	errors := cell{strconv.FormatInt(s.Errors, 10), look}
	if s.Errors > 0 {
		errors.style = red
	}
	return []any{cell{key, look}, cell{strconv.FormatInt(n, 10), look}, errors, latency(milliseconds(s.Duration.P50)), latency(milliseconds(s.Duration.P95)),
		latency(milliseconds(s.Duration.P99)), latency(milliseconds(s.Duration.Max)), humanSize(s.RequestBytes), humanSize(s.ResponseBytes)}
}

func (a *app) printLedger(s api.RecordStats) error {
	l := s.Ledger
	line := a.t("in all: %d accepted, %d recorded, %d in flight", l.Accepted, l.Recorded, l.InFlight)
	if l.NoBody > 0 {
		line += ", " + a.t("%d without bodies", l.NoBody)
	}
	dropped := a.out.paint(green, a.t("none lost"))
	if lost := reasons(l.Dropped); lost != "" {
		dropped = a.out.paint(red, a.t("lost: %s", lost))
	}
	if refused := reasons(l.Refused); refused != "" {
		dropped += "; " + a.out.paint(yellow, a.t("answered 503: %s", refused))
	}
	_, err := fmt.Fprintf(a.out, "\n%s; %s\n", line, dropped)
	return err
}

// reasons lists the counts that are not 0.
func reasons(counts map[string]int64) string {
	var all []string
	for reason, n := range counts {
		if n > 0 {
			all = append(all, fmt.Sprintf("%s %d", reason, n))
		}
	}
	return strings.Join(sorted(all), ", ")
}
