package main

import (
	"encoding/json"
	"os"
	"strconv"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsVerifyCommand() *cobra.Command {
	var since, until, seals string
	cmd := &cobra.Command{
		Use:   "verify",
		Short: a.t("Prove that records are what was recorded"),
		Long: a.t(`Read every record of the days from --since to --until and compare it with the hash chain of its day, with its row, with the files
of its bodies, and with the seals that were taken of days that are over. The first record that was changed, moved or taken away is
named for each day, and the exit code is 1. Records that were erased on request or removed by the retention are no fault.

With --seals, the seals are also compared with a file that records seals wrote earlier: so a change of the server's own
database is found, too.`),
		Example: a.examples(
			a.t("The last week"), "aictl records verify --since 7d",
			a.t("Against seals that were kept elsewhere"), "aictl records verify --seals seals.json"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			from, err := a.timeOr(since)
			if err != nil {
				return a.usageError(cmd, err)
			}
			to, err := a.timeOr(until)
			if err != nil {
				return a.usageError(cmd, err)
			}
			kept, err := a.readSeals(seals)
			if err != nil {
				return err
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			spin := a.spin(a.t("Reading every record"))
			v, err := client.VerifyRecords(cmd.Context(), from, to)
			spin.stop()
			if err != nil {
				return err
			}
			if seals != "" {
				now, err := client.RecordSeals(cmd.Context())
				if err != nil {
					return err
				}
				a.compareSeals(&v, kept.Seals, now.Seals)
			}
			if err := a.document(v, func() error { return a.verdictTable(v) }); err != nil {
				return err
			}
			if !v.Sound {
				return exitWith(exitFailed)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "", a.t("since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	cmd.Flags().StringVar(&until, "until", "", a.t("until a span back or a time"))
	cmd.Flags().StringVar(&seals, "seals", "", a.t("compare with the seals in a `FILE`, too"))
	return cmd
}

func (a *app) readSeals(path string) (kept api.RecordSeals, err error) {
	if path == "" {
		return kept, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return kept, err
	}
	if err := json.Unmarshal(data, &kept); err != nil || len(kept.Seals) == 0 {
		return kept, a.errorf("%s holds no seals: write it with `aictl records seals -o json`", path)
	}
	return kept, nil
}

// compareSeals marks the days whose seals were changed. Seals of days that are not among those verified say nothing.
func (a *app) compareSeals(v *api.RecordVerdict, kept, now []api.RecordSeal) {
	type place struct {
		day   string
		count int64
	}
	heads := map[place]string{}
	for _, s := range now {
		heads[place{s.Day, s.Count}] = s.Head
	}
	for i := range v.Days {
		d := &v.Days[i]
		for _, s := range kept {
			if s.Day == d.Day && d.Bad == nil && heads[place{s.Day, s.Count}] != s.Head {
				d.Bad = &api.BadRecord{Seq: s.Count, Reason: a.t("the server's seal of %d records is not the one in the file", s.Count)}
				v.Sound = false
			}
		}
	}
}

func (a *app) verdictTable(v api.RecordVerdict) error {
	if len(v.Days) == 0 {
		a.say("%s", a.t("no records match"))
		return nil
	}
	t := newTable(column{title: a.t("DAY")}, column{title: a.t("RECORDS"), right: true}, column{title: a.t("SEALED"), right: true},
		column{title: a.t("ERASED"), right: true}, column{title: a.t("REMOVED"), right: true}, column{title: a.t("VERDICT"), flex: true})
	for _, d := range v.Days {
		verdict := cell{a.t("sound"), green}
		if d.Bad != nil {
			verdict = cell{a.badRecord(*d.Bad), red}
		}
		t.row(d.Day, number(d.Records), number(d.Sealed), number(d.Erased), number(d.Removed), verdict)
	}
	return t.render(a.out, a.wide())
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

func (a *app) badRecord(b api.BadRecord) string {
	switch {
	case b.ID != "":
		return a.t("record %d (%s): %s", b.Seq, b.ID, b.Reason)
	case b.Seq > 0:
		return a.t("record %d: %s", b.Seq, b.Reason)
	}
	return b.Reason
}

func (a *app) recordsSealsCommand() *cobra.Command {
	var now bool
	cmd := &cobra.Command{
		Use:   "seals",
		Short: a.t("Show the seals of days, to keep them elsewhere"),
		Long: a.t(`Show the seals: for each day, after how many records its hash chain had which head. Every day is sealed when it is over; with --now,
every day is sealed as it is, today's too. Kept on another machine, they prove later that nothing was changed: see records verify --seals.`),
		Example: a.examples(a.t("Export them"), "aictl records seals --now -o json > seals.json"),
		Args:    a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := a.connect()
			if err != nil {
				return err
			}
			ask := client.RecordSeals
			if now {
				ask = client.SealRecords
			}
			list, err := ask(cmd.Context())
			if err != nil {
				return err
			}
			return a.document(list, func() error { return a.sealsTable(list.Seals) })
		},
	}
	cmd.Flags().BoolVar(&now, "now", false, a.t("seal every day as it is now"))
	return cmd
}

func (a *app) sealsTable(seals []api.RecordSeal) error {
	if len(seals) == 0 {
		a.say("%s", a.t("no day is sealed yet"))
		return nil
	}
	t := newTable(column{title: a.t("DAY")}, column{title: a.t("RECORDS"), right: true}, column{title: a.t("SEALED AT")}, column{title: a.t("HEAD"), flex: true})
	for _, s := range seals {
		t.row(s.Day, number(s.Count), a.recordTime(s.SealedAt), s.Head)
	}
	return t.render(a.out, a.wide())
}
