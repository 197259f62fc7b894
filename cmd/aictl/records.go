package main

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsCommand() *cobra.Command {
	return a.parent(&cobra.Command{
		Use:   "records",
		Short: a.t("Search and show recorded requests and responses"),
		Long: a.t(`Every request that passes the gateway is recorded with its response: both bodies, headers, times, how it
ended, and which instance of which release answered.`),
		Example: a.examples(
			a.t("The latest, the failed, one in full"), "aictl records list",
			"", "aictl records list --service ocr --status error --since 1h",
			"", "aictl records show 0193f0c2-7a4e-7c55-b1f5-2c8d0f7c9a31"),
	}, a.recordsListCommand(), a.recordsShowCommand(), a.recordsStatsCommand(), a.recordsLabelCommand(), a.recordsSQLCommand(), a.recordsReplayCommand(), a.recordsDiffCommand(), a.recordsVerifyCommand(), a.recordsSealsCommand(), a.recordsEraseCommand(),
		a.recordsSessionsCommand(), a.recordsSessionCommand(), a.recordsExportCommand(), a.recordsImportCommand())
}

func (a *app) recordsListCommand() *cobra.Command {
	return a.paged(&cobra.Command{
		Use:     "list",
		Aliases: []string{"ls"},
		Short:   a.t("List records, newest first"),
		Long: a.t(`List records, newest first. Every filter narrows the list. When there are more than --limit, a cursor is told
with which the next page begins.`),
		Example: a.examples(
			a.t("Everything that went wrong today"), "aictl records list --status error --since 24h",
			a.t("One session, one trace"), "aictl records list --session user-17",
			"", "aictl records list --trace 4bf92f3577b34da6a3ce929d0e0e4736",
			a.t("Slow answers as JSON"), "aictl records list --min-duration 2s -o json",
			a.t("What the model said, and was unsure of"), `aictl records list --where '$.result.label == "spam" and $.result.score < 0.6'`),
	}, func(ctx context.Context, client *api.Client, q api.RecordsQuery) error {
		page, err := a.searchRecords(ctx, client, q)
		if err != nil {
			return err
		}
		a.warnAll(page.Warnings)
		return a.document(page, func() error { return a.recordsTable(page) })
	})
}

func (a *app) recordsTable(page api.RecordList) error {
	if len(page.Records) == 0 {
		a.say("%s", a.t("no records match"))
		return nil
	}
	t := newTable(column{title: a.t("ID")}, column{title: a.t("TIME")}, column{title: a.t("SERVICE"), flex: true},
		column{title: a.t("REQUEST"), flex: true}, column{title: a.t("STATUS")}, column{title: a.t("TOOK"), right: true},
		column{title: a.t("IN"), right: true}, column{title: a.t("OUT"), right: true}, column{title: a.t("END"), flex: true},
		column{title: a.t("INSTANCE"), wide: true}, column{title: a.t("RELEASE"), wide: true},
		column{title: a.t("SESSION"), wide: true}, column{title: a.t("TRACE"), wide: true})
	for _, r := range page.Records {
		t.row(cell{r.ID, dim}, a.recordTime(r.StartedAt), cell{r.Service, bold}, r.Method+" "+r.Path, a.statusCell(r.Status),
			latency(milliseconds(r.DurationMS)), a.messageSize(r.Request), a.messageSize(r.Response), a.endCell(r.End),
			orDash(r.Instance), orDash(r.Release), orDash(r.Session), orDash(r.TraceID))
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if page.Next != "" {
		a.say("%s", a.t("there are more: add --cursor %s", page.Next))
	}
	return nil
}

// recordTime is exact in wide tables and where nobody looks, relative for people.
func (a *app) recordTime(at time.Time) string {
	if a.wide() || !a.out.tty {
		return at.Local().Format("2006-01-02 15:04:05.000")
	}
	return a.ago(at, a.now())
}

func (a *app) messageSize(m api.RecordMessage) string {
	if m.Truncated {
		return humanSize(m.Size) + "+"
	}
	return humanSize(m.Size)
}

func (a *app) statusCell(status int) cell {
	switch {
	case status == 0:
		return cell{"-", red}
	case status >= 500:
		return cell{strconv.Itoa(status), red}
	case status >= 400:
		return cell{strconv.Itoa(status), yellow}
	}
	return cell{strconv.Itoa(status), green}
}

func (a *app) endCell(end string) cell {
	if end == "complete" {
		return cell{a.t(end), dim}
	}
	return cell{a.t(end), yellow}
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
