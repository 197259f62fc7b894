package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/replay"
)

func (a *app) recordsReplayCommand() *cobra.Command {
	var filter *recordFilter
	var send *sendFlags
	var to string
	cmd := &cobra.Command{
		Use:   "replay --to SERVICE@RELEASE|URL",
		Short: a.t("Send recorded requests again"),
		Long: a.t(`Send recorded requests again, in the order of their arrival, to another release or an address. A release that is not
live is started for it and stopped afterwards. What has side effects has them again. What cannot be sent as it was (cut off, masked,
without its body) is not sent, and counted. Ctrl-C ends it.`),
		Example: a.examples(
			a.t("Yesterday's requests to the release before, at twice their pace"), "aictl records replay --service ocr --since 24h --to ocr@r11 --speed 2x",
			a.t("Load: 200 requests a second, the last 10,000"), "aictl records replay --service ocr -n 10000 --to http://test-server:8001 --speed 200/s",
			a.t("Conversations, each in its order"), "aictl records replay --service chat --to chat@r4 --sessions --speed max"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := filter.query()
			if err == nil && to == "" {
				err = a.errorf("--to is missing: give SERVICE@RELEASE (`aictl rollback SERVICE --list` shows them) or a URL")
			}
			options, ferr := send.read(a)
			if err == nil {
				err = ferr
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			j := &job{a: a}
			sum, err := client.Replay(cmd.Context(), q, api.ReplayRequest{To: to, SendOptions: options}, j.tell)
			j.end(err)
			if err != nil {
				return err
			}
			a.warnAll(sum.Warnings)
			return a.document(sum, func() error { return a.printReplay(sum) })
		},
	}
	filter, send = a.recordFilter(cmd), a.sendFlags(cmd, "1x")
	cmd.Flags().StringVar(&to, "to", "", a.t("where to: SERVICE@RELEASE, or a URL"))
	return cmd
}

func (a *app) printReplay(s replay.Summary) error {
	var b strings.Builder
	mark := a.out.paint(green, "✓")
	if s.Sent != s.Expected || len(s.Failures) > 0 {
		mark = a.out.paint(red, "✗")
	}
	fmt.Fprintf(&b, "%s %s\n", mark, a.t("%d of %d requests sent to %s in %s (%s, %.1f a second)", s.Sent, s.Expected, s.To,
		latency(time.Duration(s.Seconds*float64(time.Second))), s.Speed, s.Rate))
	field := a.fields(&b)
	field(a.t("status"), counts(s.Statuses, nil))
	field(a.t("not answered"), counts(s.Failures, a.failureWord))
	if s.Sent > 0 {
		field(a.t("as recorded"), a.t("status %d, body %d of %d", s.SameAs.Status, s.SameAs.Body, s.SameAs.BodyKnow))
		field(a.t("latency"), a.times(s.Latency))
	}
	if s.Lag != (replay.Times{}) {
		field(a.t("sent late by"), a.times(s.Lag))
	}
	field(a.t("not sent"), a.refusedReasons(s.Refused))
	if s.Bare > 0 {
		field(a.t("note"), a.t("%d were sent without credentials, which are masked when they are recorded; --header supplies them", s.Bare))
	}
	field(a.t("run"), s.Run)
	_, err := fmt.Fprint(a.out, b.String())
	return err
}

// fields writes one name and value a line, names in a column.
func (a *app) fields(b *strings.Builder) func(name, value string) {
	return func(name, value string) {
		if value != "" {
			fmt.Fprintf(b, "  %s%s %s\n", a.out.paint(dim, name), strings.Repeat(" ", max(0, 13-columns(name))), printable(value))
		}
	}
}

func (a *app) times(t replay.Times) string {
	return a.t("p50 %s, p90 %s, p99 %s, most %s", latency(milliseconds(t.P50)), latency(milliseconds(t.P90)), latency(milliseconds(t.P99)), latency(milliseconds(t.Max)))
}

// failureWord says why there was no answer.
func (a *app) failureWord(name string) string {
	return map[string]string{
		"timeout": a.t("timeout"), "connection refused": a.t("connection refused"), "connection broken": a.t("connection broken"),
		"malformed request": a.t("malformed request"), "host not found": a.t("host not found"), "not HTTP or not reachable": a.t("not HTTP or not reachable"),
	}[name]
}
