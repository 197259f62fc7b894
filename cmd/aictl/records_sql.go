package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

func (a *app) recordsSQLCommand() *cobra.Command {
	var since, until string
	var q api.RecordsSQL
	var timeout time.Duration
	var asCSV bool
	cmd := &cobra.Command{
		Use:   "sql QUERY",
		Short: a.t("Ask the records in SQL"),
		Long: a.t(`Run one SELECT over the views records and labels. Nothing can be written. QUERY is - for the standard input.

records has: id, started_at, day, hour, service, release, instance, method, path, model, user, source, end, status, duration_ms,
first_byte_ms, request_bytes, response_bytes, cached, session, trace_id, query, remote, error, tags (JSON), request_body, response_body.
labels has: id, name, truth (JSON), thumb, note, by, at.`),
		Example: a.examples(
			a.t("Answers by what they say"), `aictl records sql "SELECT json_extract(response_body, '$.label') AS label, count(*) FROM records GROUP BY label"`,
			a.t("How often the model was right"), `aictl records sql "SELECT model, avg(truth = json_extract(response_body, '$.label')) FROM records JOIN labels USING (id) GROUP BY model"`),
		Args: a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			if q.Since, err = a.timeOr(since); err == nil {
				q.Until, err = a.timeOr(until)
			}
			if err == nil && (timeout < time.Second || timeout > 300*time.Second) {
				err = a.errorf("--timeout %s: use 1s to 300s", timeout)
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			if q.Query, q.Seconds = args[0], int(timeout.Seconds()); q.Query == "-" {
				text, err := io.ReadAll(io.LimitReader(cmd.InOrStdin(), 1<<20))
				if err != nil {
					return err
				}
				q.Query = string(text)
			}
			client, err := a.connect()
			if err != nil {
				return err
			}
			table, err := client.RecordsSQL(cmd.Context(), q)
			if err != nil {
				return err
			}
			return a.showTable(table, asCSV)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&since, "since", "", a.t("since a span (10m, 2h, 3d) or a time (2006-01-02 15:04)"))
	flags.StringVar(&until, "until", "", a.t("until a span back or a time"))
	flags.IntVar(&q.Rows, "rows", 1000, a.t("at most so many"))
	flags.DurationVar(&timeout, "timeout", 30*time.Second, a.t("how long it may take, at most 300s"))
	flags.BoolVar(&asCSV, "csv", false, a.t("write CSV"))
	return cmd
}

func (a *app) showTable(t api.RecordsTable, asCSV bool) error {
	a.warnAll(t.Warnings)
	if t.Truncated {
		a.say("%s %s", a.err.paint(yellow, a.t("warning:")), a.t("there are more rows: add a LIMIT, or give --rows"))
	}
	if asCSV {
		return writeCSV(a.out, t)
	}
	return a.document(t, func() error {
		columns := make([]column, len(t.Columns))
		for i, name := range t.Columns {
			columns[i] = column{title: name, right: numeric(t.Rows, i)}
		}
		out := newTable(columns...)
		for _, row := range t.Rows {
			cells := make([]any, len(row))
			for i, v := range row {
				cells[i] = cell{printable(valueText(v)), plain}
			}
			out.row(cells...)
		}
		return out.render(a.out, a.wide())
	})
}

// numeric reports whether a column has numbers only.
func numeric(rows [][]any, column int) bool {
	for _, row := range rows {
		switch row[column].(type) {
		case float64, json.Number, nil:
		default:
			return false
		}
	}
	return true
}

func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return fmt.Sprint(v)
}

func writeCSV(w io.Writer, t api.RecordsTable) error {
	out := csv.NewWriter(w)
	if err := out.Write(t.Columns); err != nil {
		return err
	}
	for _, row := range t.Rows {
		texts := make([]string, len(row))
		for i, v := range row {
			texts[i] = strings.ReplaceAll(valueText(v), "\x00", "")
		}
		if err := out.Write(texts); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}
