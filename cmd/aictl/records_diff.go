package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/replay"
	"aictl/replay/compare"
)

func (a *app) recordsDiffCommand() *cobra.Command {
	var filter *recordFilter
	var send *sendFlags
	var what *compareFlags
	var req api.DiffRequest
	var maxDiff, maxSlower, page string
	cmd := &cobra.Command{
		Use:   "diff --baseline A --candidate B",
		Short: a.t("Compare how two releases answer recorded requests, without the noise"),
		Long: a.t(`Send recorded requests to two releases or addresses and show what truly changed. The baseline is asked twice: what
differs between its own answers (times, random ids, jitter, lists in any order) is noise, and a field counts only where the candidate
differs more than that. Releases that are not live are started for it. --baseline recorded takes the recorded answers; then the
candidate is asked twice.

Exit code 0: the same. 1: it differs by more than --max-diff. 8: it could not be compared.`),
		Example: a.examples(
			a.t("The last 500 requests, the live release against the next"), "aictl records diff --service ocr -n 500 --baseline ocr@live --candidate ocr@r12 --force",
			a.t("Against what was recorded, with a page to pass on"), "aictl records diff --service ocr --since 1h --baseline recorded --candidate ocr@r12 --html report.html",
			a.t("Scores may move a little, half a percent of the answers may differ"), "aictl records diff --service ocr --baseline ocr@r11 --candidate ocr@r12 --tolerance '$.score=0.01' --max-diff 0.5%"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			q, err := filter.query()
			if err == nil && (req.Baseline == "" || req.Candidate == "") {
				err = a.errorf("--baseline and --candidate are needed: SERVICE@RELEASE or a URL; the baseline may be `recorded`")
			}
			for _, step := range []func() error{
				func() (err error) { req.SendOptions, err = send.read(a); return err },
				func() (err error) { req.CompareOptions, err = what.read(a); return err },
				func() (err error) { req.MaxDiff, err = a.readShare("max-diff", maxDiff, 1); return err },
				func() (err error) { req.MaxSlower, err = a.readShare("max-slower", maxSlower, 1000); return err },
			} {
				if err == nil {
					err = step()
				}
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			return a.diffRecords(cmd, q, req, page)
		},
	}
	filter, send, what = a.recordFilter(cmd), a.sendFlags(cmd, "max"), a.compareFlags(cmd)
	flags := cmd.Flags()
	flags.StringVar(&req.Baseline, "baseline", "", a.t("what is compared with: SERVICE@RELEASE, a URL, or recorded"))
	flags.StringVar(&req.Candidate, "candidate", "", a.t("what is compared: SERVICE@RELEASE, or a URL"))
	flags.StringVar(&maxDiff, "max-diff", "0%", a.t("the share of requests that may differ, such as 0.5%"))
	flags.StringVar(&maxSlower, "max-slower", "0%", a.t("how much slower it may be, such as 20% (default: latency does not count)"))
	flags.StringVar(&page, "html", "", a.t("also write the report to this file, as a page that stands alone"))
	return cmd
}

func (a *app) diffRecords(cmd *cobra.Command, q api.RecordsQuery, req api.DiffRequest, page string) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	j := &job{a: a}
	rep, err := client.Diff(cmd.Context(), q, req, j.tell)
	j.end(err)
	if err != nil {
		return incomparable(err)
	}
	a.warnAll(rep.Warnings)
	if page != "" {
		if err := a.writePage(page, rep); err != nil {
			return incomparable(err)
		}
	}
	if err := a.document(rep, func() error { return a.printReport(rep) }); err != nil {
		return incomparable(err)
	}
	if !rep.Same {
		return exitWith(exitFailed)
	}
	return nil
}

// incomparable keeps a failure apart from the answer "it differs", whose code is the one of plain failures.
func incomparable(err error) error {
	var f *failure
	if code := codeOf(err); code != exitFailed || errors.As(err, &f) {
		return err
	}
	return fail(exitIncomparable, err, "")
}

func (a *app) writePage(path string, rep replay.Report) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return a.errorf("write the report: %w", err)
	}
	if err := errors.Join(replay.WriteHTML(f, rep, string(a.lang)), f.Close()); err != nil {
		return a.errorf("write the report to %s: %w", path, err)
	}
	a.say("%s", a.t("the report is in %s", path))
	return nil
}

func (a *app) printReport(r replay.Report) error {
	var b strings.Builder
	o := r.Result
	verdict := a.out.paint(green, "✓ "+a.t("the same"))
	switch {
	case r.Slower && o.Rate <= r.MaxDiff:
		verdict = a.out.paint(red, "✗ "+a.t("slower"))
	case !r.Same:
		verdict = a.out.paint(red, "✗ "+a.t("it differs"))
	case len(o.Fields) > 0:
		verdict = a.out.paint(green, "✓ "+a.t("differs within what is allowed"))
	}
	fmt.Fprintf(&b, "%s: %s\n", verdict, a.t("%s against %s: %d of %d requests differ (%s, allowed %s)", r.Candidate, r.Baseline, o.Differ, o.Compared, percentage(o.Rate), percentage(r.MaxDiff)))
	field := a.fields(&b)
	field(a.t("not sent"), a.refusedReasons(r.Refused))
	field(a.t("not answered"), counts(r.Failures, a.failureWord))
	if r.Bare > 0 {
		field(a.t("note"), a.t("%d were sent without credentials, which are masked when they are recorded; --header supplies them", r.Bare))
	}
	if l := o.Latency; l != nil {
		field(a.t("latency"), a.t("p50 %s → %s (%s), p95 %s → %s (%s), 95%% confidence", ms(l.Base.P50), ms(l.Candidate.P50), times(l.P50), ms(l.Base.P95), ms(l.Candidate.P95), times(l.P95)))
	}
	field(a.t("no order"), strings.Join(o.Unordered, ", "))
	field(a.t("names vary"), strings.Join(o.Dynamic, ", "))
	for _, w := range o.Warnings {
		field(a.t("note"), w)
	}
	if _, err := fmt.Fprint(a.out, b.String()); err != nil {
		return err
	}
	if err := a.fieldTable(a.t("CHANGED"), o.Fields, o.Compared, true); err != nil {
		return err
	}
	return a.fieldTable(a.t("NOISE"), o.Noise, o.Compared, a.wide())
}

// maxNoise is how many paths of noise are shown without -o wide.
const maxNoise = 10

func (a *app) fieldTable(title string, fields []compare.Field, compared int, all bool) error {
	if len(fields) == 0 {
		return nil
	}
	more := 0
	if !all && len(fields) > maxNoise {
		more, fields = len(fields)-maxNoise, fields[:maxNoise]
	}
	t := newTable(column{title: title, flex: true}, column{title: a.t("HOW")}, column{title: a.t("DIFFERS"), right: true}, column{title: a.t("NOISE"), right: true},
		column{title: a.t("BASELINE"), flex: true}, column{title: a.t("CANDIDATE"), flex: true}, column{title: a.t("RECORD")})
	for _, f := range fields {
		how := a.kindWord(f.Kind)
		switch {
		case f.Unconfirmed:
			how = a.t("once, not again")
		case f.Tolerance > 0:
			how = fmt.Sprintf("±%.3g", f.Tolerance)
		}
		var ex compare.Example
		if len(f.Examples) > 0 {
			ex = f.Examples[0]
		}
		t.row(cell{f.Path, bold}, how, portion(f.Differs, compared), portion(f.Noisy, compared), orDash(ex.Base), orDash(ex.Candidate), orDash(ex.Record))
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	if err := t.render(a.out, a.wide()); err != nil {
		return err
	}
	if more > 0 {
		a.say("%s", a.t("%d more: -o wide", more))
	}
	return nil
}

// kindWord says how answers differ.
func (a *app) kindWord(k compare.Kind) string {
	return map[compare.Kind]string{
		compare.KindValue: a.t("value"), compare.KindType: a.t("type"), compare.KindMissing: a.t("missing"), compare.KindNew: a.t("new"), compare.KindLength: a.t("length"),
	}[k]
}

func percentage(share float64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.2f", 100*share), "0"), ".") + "%"
}

func portion(n, of int) string {
	if of == 0 || n == 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d (%s)", n, percentage(float64(n)/float64(of)))
}

func ms(n float64) string { return latency(milliseconds(n)) }

func times(i compare.Interval) string {
	return fmt.Sprintf("×%.2f, %.2f–%.2f", i.Estimate, i.Low, i.High)
}
