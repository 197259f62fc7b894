package records

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
)

// recordAt reads a record by its number.
func (a *Archive) recordAt(ctx context.Context, d day, seq int64) (rec *record, err error) {
	err = a.readers.with(ctx, d, func(db *sql.DB) error {
		b, err := a.blockWith(ctx, d, db, seq)
		if err == nil {
			rec = &b.recs[seq-b.first]
		}
		return err
	})
	if err == nil && rec == nil {
		err = fmt.Errorf("record %d of %s: %w", seq, d, ErrNotFound)
	}
	return rec, err
}

// viewColumns are the columns of the view records: SQL over a day's row e, with d for the day's schema and N for its number.
// Those that call record_part read the record's block, and only when a query asks for them.
var viewColumns = [][2]string{
	{"id", "lower(substr(hex(e.id), 1, 8) || '-' || substr(hex(e.id), 9, 4) || '-' || substr(hex(e.id), 13, 4) || '-' || substr(hex(e.id), 17, 4) || '-' || substr(hex(e.id), 21))"},
	{"started_at", "strftime('%Y-%m-%dT%H:%M:%f', e.started_at / 1000000.0, 'unixepoch') || 'Z'"},
	{"day", "'DAY'"},
	{"hour", "strftime('%Y-%m-%dT%H', e.started_at / 1000000, 'unixepoch')"},
	{"service", columnName("service")}, {"release", columnName("release")}, {"instance", columnName("instance")}, {"method", columnName("method")}, {"path", columnName("path")},
	{"model", columnName("model")}, {"user", columnName("user")},
	{"source", "CASE e.source WHEN 0 THEN 'gateway' ELSE " + columnName("source") + " END"},
	{"end", columnName(`"end"`)},
	{"status", "e.status"},
	{"duration_ms", "e.duration / 1000.0"}, {"first_byte_ms", "e.first_byte / 1000.0"},
	{"request_bytes", "e.req_size"}, {"response_bytes", "e.resp_size"},
	{"cached", fmt.Sprintf("(e.flags & %d) <> 0", rowCached)},
	{"session", columnPart(partSession)}, {"trace_id", columnPart(partTrace)}, {"query", columnPart(partQuery)}, {"remote", columnPart(partRemote)},
	{"error", columnPart(partError)}, {"tags", columnPart(partTags)},
	{"request_body", columnPart(partRequestBody)}, {"response_body", columnPart(partResponseBody)},
}

func columnName(column string) string {
	return "(SELECT text FROM DB.names WHERE n = e." + column + ")"
}

func columnPart(what string) string { return "record_part(N, e.seq, '" + what + "')" }

// labelColumns are the columns of the view labels.
var labelColumns = [][2]string{
	{"id", viewColumns[0][1]}, {"name", "e.name"}, {"truth", "e.truth"}, {"thumb", "e.thumb"}, {"note", "e.note"}, {"by", "e.by"},
	{"at", "strftime('%Y-%m-%dT%H:%M:%f', e.at / 1000000.0, 'unixepoch') || 'Z'"},
}

// views are the statements that make the views over the attached days.
func views(list []day, q Query) string {
	within := ""
	if !q.Since.IsZero() {
		id := idAt(q.Since.Add(-idSlack))
		within += fmt.Sprintf(" AND e.started_at >= %d AND e.id >= x'%x'", q.Since.UnixMicro(), id[:])
	}
	if !q.Until.IsZero() {
		id := idAt(q.Until.Add(idSlack))
		within += fmt.Sprintf(" AND e.started_at < %d AND e.id < x'%x'", q.Until.UnixMicro(), id[:])
	}
	return view("records", "exchanges", viewColumns, list, within) + view("labels", "labels", labelColumns, list, "")
}

func view(name, table string, columns [][2]string, list []day, within string) string {
	var days []string
	for i, d := range list {
		var values []string
		for _, c := range columns {
			value := strings.NewReplacer("DB.", fmt.Sprintf("d%d.", i), "N,", fmt.Sprintf("%d,", d), "DAY", d.String()).Replace(c[1])
			values = append(values, value+` AS "`+c[0]+`"`)
		}
		days = append(days, fmt.Sprintf("SELECT %s FROM d%d.%s e WHERE TRUE%s", strings.Join(values, ", "), i, table, within))
	}
	if len(days) == 0 {
		var none []string
		for _, c := range columns {
			none = append(none, `NULL AS "`+c[0]+`"`)
		}
		days = []string{"SELECT " + strings.Join(none, ", ") + " WHERE FALSE"}
	}
	return "CREATE TEMP VIEW " + name + " AS " + strings.Join(days, " UNION ALL ") + "; "
}
