package interchange

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"aictl/store/records"
)

// Format is a file format that records are exported in.
type Format string

// The formats. JSON lines are the only one that nothing is lost in.
const (
	JSONL   Format = "jsonl"
	CSV     Format = "csv"
	Parquet Format = "parquet"
	HAR     Format = "har"
)

// Options of an export.
type Options struct {
	Format  Format
	Bodies  Bodies
	Columns []string // of CSV and Parquet; none are the usual ones
	// Exact leaves CSV cells as they are. Otherwise a text that a spreadsheet would take for a formula gets an
	// apostrophe before it.
	Exact   bool
	Program string // who writes: name and version, for HAR and Parquet
}

// Writer writes records to a file. What is written is whole only after Close.
type Writer interface {
	Write(x *records.Exchange, labels ...records.Label) error
	Close() error
}

// NewWriter begins a file. An error says which option cannot be.
func NewWriter(to io.Writer, o Options) (Writer, error) {
	switch o.Bodies {
	case BodiesNone, BodiesText, BodiesBase64:
	default:
		return nil, fmt.Errorf("bodies %q: use none, text or base64", o.Bodies)
	}
	if len(o.Columns) > 0 && o.Format != CSV && o.Format != Parquet {
		return nil, fmt.Errorf("columns are of csv and parquet: %s has every field", o.Format)
	}
	switch o.Format {
	case JSONL:
		return newLinesWriter(to, o.Bodies), nil
	case HAR:
		return newHARWriter(to, o), nil
	case CSV, Parquet:
		cols, err := chooseColumns(o.Columns, o.Bodies)
		if err != nil {
			return nil, err
		}
		if o.Format == CSV {
			return newCSVWriter(to, cols, o)
		}
		return newParquetWriter(to, cols, o), nil
	}
	return nil, fmt.Errorf("format %q: use jsonl, csv, parquet or har", o.Format)
}

// ContentType is the media type of a format.
func (f Format) ContentType() string {
	switch f {
	case JSONL:
		return "application/x-ndjson"
	case CSV:
		return "text/csv; charset=utf-8"
	case Parquet:
		return "application/vnd.apache.parquet"
	}
	return "application/json"
}

type linesWriter struct {
	buf    *bufio.Writer
	enc    *json.Encoder
	bodies Bodies
}

func newLinesWriter(to io.Writer, bodies Bodies) *linesWriter {
	w := &linesWriter{buf: bufio.NewWriterSize(to, 64<<10), bodies: bodies}
	w.enc = json.NewEncoder(w.buf)
	w.enc.SetEscapeHTML(false)
	return w
}

func (w *linesWriter) Write(x *records.Exchange, labels ...records.Label) error {
	e := Of(x, w.bodies)
	e.Labels = entryLabels(labels)
	return w.enc.Encode(e)
}

func (w *linesWriter) Close() error { return w.buf.Flush() }

// chooseColumns finds columns by name; none are the usual ones.
func chooseColumns(names []string, bodies Bodies) ([]column, error) {
	if len(names) == 0 {
		return slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
			return c.extra || bodies == BodiesNone && c.body
		}), nil
	}
	var chosen []column
	for i, name := range names {
		at := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		switch {
		case at < 0:
			return nil, fmt.Errorf("there is no column %q: use some of %s", clip(name), strings.Join(ColumnNames(), ", "))
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("column %s is named twice", name)
		case columns[at].body && bodies == BodiesNone:
			return nil, fmt.Errorf("column %s needs bodies: use text or base64 instead of none", name)
		}
		chosen = append(chosen, columns[at])
	}
	return chosen, nil
}

// ColumnNames are the columns that CSV and Parquet can have.
func ColumnNames() []string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = c.name
	}
	return names
}
