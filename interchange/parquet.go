package interchange

import (
	"fmt"
	"io"
	"reflect"
	"time"

	"github.com/parquet-go/parquet-go"

	"aictl/store/records"
)

// Bounds of one row group, which is held in memory until it is written.
const (
	rowGroupRows  = 50000
	rowGroupBytes = 16 << 20
)

// parquetWriter writes Parquet: one required column a field, zstd, row groups of bounded size.
type parquetWriter struct {
	out   *parquet.GenericWriter[any]
	cols  []column
	row   parquet.Row // reused
	o     Options
	rows  int
	bytes int
}

func newParquetWriter(to io.Writer, cols []column, o Options) *parquetWriter {
	return &parquetWriter{cols: cols, o: o, row: make(parquet.Row, len(cols)),
		out: parquet.NewGenericWriter[any](to, schemaOf(cols), parquet.Compression(&parquet.Zstd), parquet.CreatedBy(o.Program, "", ""))}
}

// schemaOf keeps the order of the columns, which a map of them would not.
func schemaOf(cols []column) *parquet.Schema {
	fields := make([]reflect.StructField, len(cols))
	for i, c := range cols {
		kind, tag := reflect.TypeOf(c.zero), c.name
		switch c.zero.(type) {
		case time.Time:
			kind, tag = reflect.TypeFor[int64](), tag+",timestamp(microsecond)"
		case string:
			if c.few {
				tag += ",dict"
			}
		}
		fields[i] = reflect.StructField{Name: fmt.Sprintf("F%d", i), Type: kind, Tag: reflect.StructTag(`parquet:"` + tag + `"`)}
	}
	return parquet.NewSchema("records", parquet.SchemaOf(reflect.New(reflect.StructOf(fields)).Interface()))
}

func (w *parquetWriter) Write(x *records.Exchange, labels ...records.Label) error {
	row := &flat{x, labels}
	for i, c := range w.cols {
		v := c.get(row, w.o.Bodies)
		switch t := v.(type) {
		case time.Time:
			v = t.UnixMicro()
		case string:
			w.bytes += len(t)
		}
		w.bytes += 8
		w.row[i] = parquet.ValueOf(v).Level(0, 0, i)
	}
	if _, err := w.out.WriteRows([]parquet.Row{w.row}); err != nil {
		return err
	}
	if w.rows++; w.rows < rowGroupRows && w.bytes < rowGroupBytes {
		return nil
	}
	w.rows, w.bytes = 0, 0
	return w.out.Flush()
}

func (w *parquetWriter) Close() error { return w.out.Close() }
