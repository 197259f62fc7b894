// Package interchange is how exchanges leave aictl and come into it: one JSON object a record, which posters send and
// exports write, and beside it CSV, Parquet and HAR. Everything streams: one record is held at a time.
package interchange
