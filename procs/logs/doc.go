// Package logs keeps the output of instances in files and reads it back.
//
// A file is in the CRI log format that Kubernetes uses, one record a line:
//
//	2026-11-21T08:30:00.123456789Z stdout F ready on port 8001
//
// that is: the time in UTC with nine fractional digits, the stream, F for the last (or only) part of a line
// and P for a part that goes on, and the content. Content never holds a newline, so any byte can be kept.
// The time of a line is the time at which its end was seen.
//
// Path is the current file; rotated ones are named path.000001, path.000002 … in the order they were written.
package logs
