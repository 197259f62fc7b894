package api

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/klauspost/compress/zstd"

	"aictl/interchange"
	"aictl/store/records"
)

// The trailers of an export. A file without them is not whole.
const (
	trailerRecords  = "Aictl-Records"  // how many
	trailerWarnings = "Aictl-Warnings" // day files that could not be read, as a JSON array
)

type exportInput struct {
	RecordsInput
	Format   string   `query:"format" enum:"jsonl,csv,parquet,har" default:"jsonl"`
	Bodies   string   `query:"bodies" enum:"none,text,base64" default:"text" doc:"text: base64 where a body is not UTF-8, and it says so"`
	Columns  []string `query:"columns" maxItems:"100" doc:"Of CSV and Parquet; the usual ones when absent"`
	Exact    bool     `query:"exact" doc:"CSV: no apostrophe before texts that a spreadsheet would run as formulas"`
	Compress string   `query:"compress" enum:"gzip,zstd" doc:"The file itself; Parquet is compressed by nature"`
	Order    string   `query:"order" enum:"oldest,newest" default:"oldest"`
	Limit    int      `query:"limit" minimum:"0" doc:"At most so many; 0 is all"`
}

// exportRoute registers the download of records.
func (s *Server) exportRoute(path, tag string) {
	op := operation(http.MethodGet, Prefix+path, tag, "exportRecords",
		"Records as a file; its trailer "+trailerRecords+" tells how many they are, and without it the file is not whole")
	binary := &huma.MediaType{Schema: &huma.Schema{}}
	content := map[string]*huma.MediaType{"application/gzip": binary, "application/zstd": binary}
	for _, f := range []interchange.Format{interchange.JSONL, interchange.CSV, interchange.Parquet, interchange.HAR} {
		content[f.ContentType()] = binary
	}
	op.Responses = map[string]*huma.Response{"200": {Description: "The file", Content: content}}
	huma.Register(s.api, op, func(ctx context.Context, in *exportInput) (*lines, error) {
		f, err := in.selection()
		if err != nil {
			return nil, s.problemOf(err)
		}
		if in.Compress != "" && in.Format == string(interchange.Parquet) {
			return nil, invalid("query.compress", "parquet is compressed by nature: leave it out")
		}
		f.OldestFirst, f.Limit = in.Order == "oldest", in.Limit
		return &lines{Body: func(hc huma.Context) {
			ctx, cancel := context.WithCancelCause(ctx)
			defer cancel(nil)
			defer context.AfterFunc(s.draining, func() { cancel(stopping()) })()
			s.export(ctx, in, f, humagin.Unwrap(hc).Writer)
		}}, nil
	})
}

// export writes the file. Once it has begun, a failure cuts the connection: the client sees that the file is not whole.
func (s *Server) export(ctx context.Context, in *exportInput, f records.Filter, w http.ResponseWriter) {
	out := &lateWriter{w: w}
	file, err := openExport(in, out, s.deps.Info.Version().Version)
	if err != nil {
		s.refuse(w, invalid("query", err.Error()))
		return
	}
	n := 0
	labels, err := newLabelled(s.deps.Records, f)
	if err != nil {
		s.refuse(w, s.problemOf(err))
		return
	}
	warnings, err := s.deps.Records.Each(ctx, f, func(x *records.Exchange) error {
		n++
		of, err := labels.of(ctx, x)
		if err != nil {
			return err
		}
		return file.Write(x, of...)
	})
	if err == nil {
		err = file.Close()
	}
	switch {
	case err == nil:
		out.begin()
		out.trail(n, warnings)
	case !out.began && ctx.Err() == nil:
		s.refuse(w, s.problemOf(err))
	default:
		s.log.Warn("export of records ended early", "records", n, "error", err)
		panic(http.ErrAbortHandler)
	}
}

// exportFile is a file in its format, and around it the compression.
type exportFile struct {
	interchange.Writer
	around io.Closer
}

func (e exportFile) Close() error {
	err := e.Writer.Close()
	if e.around != nil {
		err = errors.Join(err, e.around.Close())
	}
	return err
}

func openExport(in *exportInput, out *lateWriter, version string) (file exportFile, err error) {
	format := interchange.Format(in.Format)
	name := "records." + in.Format
	out.contentType = format.ContentType()
	var to io.Writer = out
	switch in.Compress {
	case "gzip":
		z := gzip.NewWriter(to)
		to, file.around, out.contentType, name = z, z, "application/gzip", name+".gz"
	case "zstd":
		z, err := zstd.NewWriter(to, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return file, err
		}
		to, file.around, out.contentType, name = z, z, "application/zstd", name+".zst"
	}
	out.name = name
	file.Writer, err = interchange.NewWriter(to, interchange.Options{Format: format, Bodies: interchange.Bodies(in.Bodies), Columns: columnsOf(in.Columns),
		Exact: in.Exact, Program: "aictl " + version})
	return file, err
}

// columnsOf takes names one by one or separated by commas.
func columnsOf(given []string) (names []string) {
	for _, text := range given {
		for name := range strings.SplitSeq(text, ",") {
			if name = strings.TrimSpace(name); name != "" {
				names = append(names, name)
			}
		}
	}
	return names
}

// lateWriter sends the head with the first byte, so that what fails before it is answered with its own status.
type lateWriter struct {
	w                 http.ResponseWriter
	contentType, name string
	began             bool
}

func (l *lateWriter) begin() {
	if l.began {
		return
	}
	l.began = true
	h := l.w.Header()
	h.Set("Content-Type", l.contentType)
	h.Set("Content-Disposition", `attachment; filename="`+l.name+`"`)
	h.Set("Trailer", trailerRecords+", "+trailerWarnings)
	l.w.WriteHeader(http.StatusOK)
}

func (l *lateWriter) Write(p []byte) (int, error) {
	l.begin()
	return l.w.Write(p)
}

func (l *lateWriter) trail(n int, warnings []string) {
	if warnings == nil {
		warnings = []string{}
	}
	text, err := json.Marshal(warnings)
	if err != nil {
		panic(err) // texts are always encoded
	}
	l.w.Header().Set(trailerRecords, strconv.Itoa(n))
	l.w.Header().Set(trailerWarnings, strconv.QuoteToASCII(string(text)))
}
