package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/spf13/cobra"

	"aictl/api"
	"aictl/interchange"
)

func (a *app) recordsImportCommand() *cobra.Command {
	var o api.PostOptions
	var format string
	cmd := &cobra.Command{
		Use:   "import FILE|-",
		Short: a.t("Read records from JSON lines or HAR"),
		Long: a.t(`Read records from a file that records export wrote, or from a HAR file of a browser or a proxy; gzip and zstd are recognized.
A record that is there already is passed over, so that a file can be read again. Faults are told with their line, and the rest
is taken. HAR files of browsers need --service.

Records keep their times: those that are older than the retention are removed at the next clean-up.`),
		Example: a.examples(
			"", "aictl records import ocr.jsonl.zst",
			a.t("What a browser has recorded"), "aictl records import --service web session.har",
			a.t("See first what would happen"), "aictl records import --dry-run old.jsonl"),
		Args: a.args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if format != "" && format != "jsonl" && format != "har" {
				return a.usageError(cmd, a.errorf("--format %s: use jsonl or har", format))
			}
			o.Import = true
			return a.importRecords(cmd.Context(), args[0], format, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVarP(&o.Service, "service", "s", "", a.t("the service of every record, instead of the one that it names"))
	flags.StringVar(&format, "format", "", a.t("jsonl or har; without it by the file's beginning"))
	flags.BoolVar(&o.DryRun, "dry-run", false, a.t("check everything and store nothing"))
	for name, offer := range map[string]cobra.CompletionFunc{"format": oneOf("jsonl", "har"), "service": a.completeServices(-1)} {
		if err := cmd.RegisterFlagCompletionFunc(name, offer); err != nil {
			panic(err) // the flag's name is misspelt
		}
	}
	return cmd
}

// ImportResult is the document of `records import -o json`.
type ImportResult struct {
	SchemaVersion int      `json:"schemaVersion"`
	Accepted      int      `json:"accepted"`
	Duplicates    int      `json:"duplicates"`
	Rejected      int      `json:"rejected"`
	DryRun        bool     `json:"dry_run,omitempty"`
	Warnings      []string `json:"warnings"`
}

// importer sends what it reads in posts of bounded size, and tells faults by their place in the file.
type importer struct {
	a      *app
	client *api.Client
	o      api.PostOptions
	meter  *meter

	har    bool
	batch  bytes.Buffer
	places []int // of each record in the batch: its line, or its number from 1
	sum    ImportResult
	told   int // faults
}

// Bounds of one post.
const (
	importRecords = 1000
	importBytes   = 8 << 20
	toldFaults    = 20
)

func (a *app) importRecords(ctx context.Context, file, format string, o api.PostOptions) error {
	client, err := a.connect()
	if err != nil {
		return err
	}
	m := a.meter(a.t("importing"))
	defer m.stop()
	from, done, err := a.openImport(file, m)
	if err != nil {
		return err
	}
	defer done()
	head, err := from.Peek(512)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", file, err)
	}
	in := &importer{a: a, client: client, o: o, meter: m, sum: ImportResult{SchemaVersion: api.SchemaVersion, DryRun: o.DryRun, Warnings: []string{}}}
	in.har = format == "har" || format == "" && interchange.LooksLikeHAR(head)
	began := time.Now()
	err = in.read(ctx, from)
	m.stop()
	if err != nil {
		in.tell(time.Since(began))
		return fmt.Errorf("read %s: %w", file, err)
	}
	return in.report(time.Since(began))
}

// openImport opens a file, or stdin, and looks through its compression.
func (a *app) openImport(file string, m *meter) (*bufio.Reader, func(), error) {
	from, done := a.in, func() {}
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, nil, err
		}
		from, done = f, func() { f.Close() }
	}
	raw := bufio.NewReaderSize(io.TeeReader(from, m), 64<<10)
	magic, err := raw.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, done, fmt.Errorf("read %s: %w", file, err)
	}
	switch {
	case bytes.HasPrefix(magic, []byte("\x1f\x8b")):
		z, err := gzip.NewReader(raw)
		if err != nil {
			return nil, done, fmt.Errorf("read %s: %w", file, err)
		}
		return bufio.NewReaderSize(z, 64<<10), done, nil
	case bytes.Equal(magic, []byte("\x28\xb5\x2f\xfd")):
		z, err := zstd.NewReader(raw, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return nil, done, fmt.Errorf("read %s: %w", file, err)
		}
		return bufio.NewReaderSize(z, 64<<10), func() { z.Close(); done() }, nil
	}
	return raw, done, nil
}

func (in *importer) read(ctx context.Context, from io.Reader) error {
	var err error
	if in.har {
		err = interchange.ReadHAR(from, func(item interchange.HARItem) error {
			if item.Err != nil {
				in.fault(item.Index+1, interchange.Reason(item.Err))
				return nil
			}
			raw, err := json.Marshal(item.Entry)
			if err != nil {
				return err
			}
			return in.add(ctx, item.Index+1, raw)
		})
	} else {
		err = interchange.Lines(from, func(item interchange.Item) error {
			if item.Err != nil {
				in.fault(item.Line, interchange.Reason(item.Err))
				return nil
			}
			return in.add(ctx, item.Line, item.Raw)
		})
	}
	return errors.Join(err, in.send(ctx)) // what stands before a break is good
}

func (in *importer) add(ctx context.Context, place int, raw []byte) error {
	in.batch.Write(raw)
	in.batch.WriteByte('\n')
	in.places = append(in.places, place)
	if len(in.places) < importRecords && in.batch.Len() < importBytes {
		return nil
	}
	return in.send(ctx)
}

// send posts the batch, again when the daemon asks for that.
func (in *importer) send(ctx context.Context) error {
	if len(in.places) == 0 {
		return nil
	}
	z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	packed := z.EncodeAll(in.batch.Bytes(), nil)
	receipt, err := in.post(ctx, packed)
	if err != nil {
		return err
	}
	in.sum.Accepted += receipt.Accepted
	in.sum.Duplicates += receipt.Duplicates
	for _, r := range receipt.Rejected {
		in.fault(in.places[r.Index], r.Reason)
	}
	if receipt.Broken != "" {
		return errors.New(receipt.Broken)
	}
	if len(receipt.Warnings) > 0 && len(in.sum.Warnings) == 0 {
		in.sum.Warnings = receipt.Warnings
	}
	in.meter.items.Add(int64(len(in.places)))
	in.batch.Reset()
	in.places = in.places[:0]
	return nil
}

// importTries bounds how often a batch is sent to a daemon that is short of memory or disk.
const importTries = 5

func (in *importer) post(ctx context.Context, packed []byte) (receipt api.PostReceipt, err error) {
	for try := range importTries {
		receipt, err = in.client.PostRecords(ctx, "application/x-ndjson", "zstd", bytes.NewReader(packed), in.o)
		var p *api.Error
		if err == nil || !errors.As(err, &p) || p.Code != api.CodeUnavailable {
			return receipt, err
		}
		select {
		case <-time.After(time.Duration(try+1) * time.Second):
		case <-ctx.Done():
			return receipt, ctx.Err()
		}
	}
	return receipt, err
}

// fault tells of one record that is not taken.
func (in *importer) fault(place int, reason string) {
	in.sum.Rejected++
	if in.told++; in.told > toldFaults {
		return
	}
	a := in.a
	at := a.t("line %d: %s", place, reason)
	if in.har {
		at = a.t("entry %d: %s", place, reason)
	}
	a.say("%s", a.err.paint(yellow, at))
}

// tell says how far it came.
func (in *importer) tell(took time.Duration) {
	a, s := in.a, in.sum
	if in.told > toldFaults {
		a.say("%s", a.t("… and %d more faults", in.told-toldFaults))
	}
	a.warnAll(s.Warnings)
	text := a.t("%d stored, %d were there already, %d rejected, in %s", s.Accepted, s.Duplicates, s.Rejected, latency(took))
	if s.DryRun {
		text = a.t("%d would be stored, %d are there already, %d would be rejected; nothing was changed", s.Accepted, s.Duplicates, s.Rejected)
	}
	a.say("%s", text)
}

func (in *importer) report(took time.Duration) error {
	in.tell(took)
	if in.a.machine() {
		if err := in.a.document(in.sum, func() error { return nil }); err != nil {
			return err
		}
	}
	if in.sum.Rejected > 0 {
		return exitWith(exitFailed)
	}
	return nil
}
