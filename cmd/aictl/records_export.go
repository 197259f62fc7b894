package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"aictl/api"
)

// exportFormats are the formats by the end of a file's name.
var exportFormats = map[string]string{".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet", ".har": "har"}

// compressions are the compressions by the end of a file's name.
var compressions = map[string]string{".gz": "gzip", ".zst": "zstd"}

func (a *app) recordsExportCommand() *cobra.Command {
	var q api.ExportQuery
	var file string
	var filter *recordFilter
	cmd := &cobra.Command{
		Use:   "export",
		Short: a.t("Write records to a file: JSON lines, CSV, Parquet or HAR"),
		Long: a.t(`Write records with headers and bodies to a file or to the standard output, oldest first. The flags that select records are
those of records list.

JSON lines hold everything, and records import reads them. The file gets its name only when it is whole.`),
		Example: a.examples(
			a.t("A week as Parquet"), "aictl records export --service ocr --since 7d -O ocr.parquet",
			a.t("Some columns for a spreadsheet"), "aictl records export --status error --columns id,started_at,path,status,error -O errors.csv",
			a.t("Everything, to another machine"), "aictl records export --compress zstd | ssh other aictl records import -"),
		Args: a.args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			selected, err := filter.query()
			if err == nil {
				err = a.settleExport(&q, file)
			}
			if err != nil {
				return a.usageError(cmd, err)
			}
			selected.Limit = q.Limit
			q.RecordsQuery = selected
			return a.exportRecords(cmd, q, file)
		},
	}
	filter = a.recordFilter(cmd)
	flags := cmd.Flags()
	flags.StringVar(&q.Format, "format", "", a.t("jsonl, csv, parquet or har; without it by the file's name, else jsonl"))
	flags.StringVarP(&file, "out", "O", "-", a.t("the `FILE` to write; - is the standard output"))
	flags.StringVar(&q.Bodies, "bodies", "text", a.t("none, text (base64 where a body is not UTF-8), or base64"))
	flags.StringSliceVar(&q.Columns, "columns", nil, a.t("the columns of CSV and Parquet, separated by commas"))
	flags.BoolVar(&q.Exact, "exact", false, a.t("CSV: no apostrophe before texts that a spreadsheet would run as formulas"))
	flags.StringVar(&q.Compress, "compress", "", a.t("gzip or zstd; without it by the file's name"))
	flags.BoolVar(&q.Newest, "newest", false, a.t("newest first"))
	flags.IntVarP(&q.Limit, "limit", "n", 0, a.t("at most so many; 0 is all"))
	for name, offer := range map[string]cobra.CompletionFunc{
		"format": oneOf("jsonl", "csv", "parquet", "har"), "bodies": oneOf("none", "text", "base64"), "compress": oneOf("gzip", "zstd"),
	} {
		if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
			panic(err) // the flag's name is misspelt
		}
	}
	return cmd
}

// settleExport reads from the file's name what was not given.
func (a *app) settleExport(q *api.ExportQuery, file string) error {
	name := strings.ToLower(file)
	if by, ok := compressions[filepath.Ext(name)]; ok {
		name = strings.TrimSuffix(name, filepath.Ext(name))
		if q.Compress == "" {
			q.Compress = by
		}
	}
	if q.Format == "" {
		q.Format = exportFormats[filepath.Ext(name)]
	}
	if q.Format == "" {
		q.Format = "jsonl"
	}
	switch {
	case q.Limit < 0:
		return a.errorf("-n %d: use a number from 0 up; 0 is all", q.Limit)
	case file == "-" && a.out.tty && (q.Format == "parquet" || q.Compress != ""):
		return a.errorf("that is not for a terminal: name a file with -O FILE, or send the output elsewhere")
	}
	return nil
}

func (a *app) exportRecords(cmd *cobra.Command, q api.ExportQuery, file string) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	began := time.Now()
	m := a.meter(a.t("exporting"))
	var told api.Exported
	err = writeWhole(file, a.out, func(to io.Writer) (err error) {
		told, err = client.ExportRecords(cmd.Context(), q, io.MultiWriter(to, m))
		return err
	})
	m.stop()
	if err != nil {
		return err
	}
	a.warnAll(told.Warnings)
	where := file
	if file == "-" {
		where = a.t("the standard output")
	}
	a.say("%s", a.t("%d records, %s, in %s to %s", told.Records, humanSize(m.bytes.Load()), latency(time.Since(began)), where))
	return nil
}

// writeWhole has a file written beside its place and moves it there once it is whole and on the disk; "-" is stdout.
// It may hold what people said: only its owner reads it.
func writeWhole(file string, stdout io.Writer, write func(io.Writer) error) (err error) {
	if file == "-" {
		return write(stdout)
	}
	part, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".part-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(part.Name()))
		}
	}()
	if err := write(part); err != nil {
		return errors.Join(err, part.Close())
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	if err := os.Rename(part.Name(), file); err != nil {
		return fmt.Errorf("write %s: %w", file, err)
	}
	return nil
}
