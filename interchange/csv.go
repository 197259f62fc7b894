package interchange

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"

	"aictl/store/records"
)

// csvWriter writes RFC 4180: a line of names, then a record a line, with CRLF at their ends. The standard library's writer
// would turn the line breaks within bodies into CRLF, too.
type csvWriter struct {
	out  *bufio.Writer
	cols []column
	o    Options
}

func newCSVWriter(to io.Writer, cols []column, o Options) (*csvWriter, error) {
	w := &csvWriter{out: bufio.NewWriterSize(to, 64<<10), cols: cols, o: o}
	return w, w.line(func(c column) string { return c.name })
}

func (w *csvWriter) Write(x *records.Exchange, labels ...records.Label) error {
	row := &flat{x, labels}
	return w.line(func(c column) string { return w.cell(c.get(row, w.o.Bodies)) })
}

func (w *csvWriter) Close() error { return w.out.Flush() }

func (w *csvWriter) line(cell func(column) string) error {
	for i, c := range w.cols {
		text := cell(c)
		if i > 0 {
			text = "," + quoted(text)
		} else if text = quoted(text); text == "" && len(w.cols) == 1 {
			text = `""` // an empty line would not be a record
		}
		if _, err := w.out.WriteString(text); err != nil {
			return err
		}
	}
	_, err := w.out.WriteString("\r\n")
	return err
}

func quoted(text string) string {
	if !strings.ContainsAny(text, "\",\r\n") && strings.TrimSpace(text) == text {
		return text
	}
	return `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
}

func (w *csvWriter) cell(v any) string {
	switch v := v.(type) {
	case string:
		if w.o.Exact {
			return v
		}
		return inert(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format("2006-01-02T15:04:05.000000Z")
	}
	panic("a column has a type of its own")
}

// inert keeps spreadsheets from running what a stranger put into a request: a text that begins like a formula gets an
// apostrophe before it, which they show as text.
func inert(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}
