package logs

import (
	"bytes"
	"fmt"
	"time"
)

// Stream is one of the two output streams of a process.
type Stream uint8

// The streams.
const (
	Stdout Stream = iota
	Stderr
)

// streams is how many there are.
const streams = 2

// String is the stream's name in the file: "stdout" or "stderr".
func (s Stream) String() string {
	if s == Stderr {
		return "stderr"
	}
	return "stdout"
}

// ParseStream reads a stream's name.
func ParseStream(name string) (Stream, error) {
	switch name {
	case "stdout":
		return Stdout, nil
	case "stderr":
		return Stderr, nil
	}
	return 0, fmt.Errorf("%q is not a stream: want stdout or stderr", name)
}

// StreamSet is a choice of streams; the zero value means both.
type StreamSet uint8

// The sets worth naming.
const (
	OnlyStdout StreamSet = 1 << Stdout
	OnlyStderr StreamSet = 1 << Stderr
	Both                 = OnlyStdout | OnlyStderr
)

// Has reports whether the set holds s.
func (set StreamSet) Has(s Stream) bool { return set == 0 || set&(1<<s) != 0 }

const (
	timeLayout = "2006-01-02T15:04:05.000000000Z"
	// headLen is the length of what stands before the content: time, stream, tag, three spaces.
	headLen = 40
	// maxPart bounds the content of one record; a longer line goes out in P parts.
	maxPart = 64 << 10
	// maxRecord is the longest record the Writer makes, newline included.
	maxRecord = headLen + maxPart + 1
)

// record is one line of a log file.
type record struct {
	at      time.Time
	stream  Stream
	partial bool
	text    []byte
}

// appendHead appends what stands before a record's content.
func appendHead(dst []byte, at time.Time, s Stream, partial bool) []byte {
	dst = at.UTC().AppendFormat(dst, timeLayout)
	dst = append(dst, ' ')
	dst = append(dst, s.String()...)
	if partial {
		return append(dst, " P "...)
	}
	return append(dst, " F "...)
}

// parseRecord reads one line without its newline; ok is false when it is not a record.
// The text is part of line, not a copy.
func parseRecord(line []byte) (rec record, ok bool) {
	stamp, rest, found := bytes.Cut(line, []byte{' '})
	if !found {
		return rec, false
	}
	if rec.at, ok = parseTime(stamp); !ok {
		return rec, false
	}
	name, rest, found := bytes.Cut(rest, []byte{' '})
	if !found {
		return rec, false
	}
	switch string(name) {
	case "stdout":
	case "stderr":
		rec.stream = Stderr
	default:
		return rec, false
	}
	// The format allows further tags after a colon ("F:x"); only the first has a meaning.
	if len(rest) < 2 || (rest[0] != 'F' && rest[0] != 'P') || (rest[1] != ' ' && rest[1] != ':') {
		return rec, false
	}
	rec.partial = rest[0] == 'P'
	_, rec.text, found = bytes.Cut(rest, []byte{' '})
	return rec, found
}

// parseTime reads the fixed layout by hand, because it is done once per line; any other RFC 3339 time goes
// through the time package.
func parseTime(b []byte) (time.Time, bool) {
	if len(b) != len(timeLayout) || b[len(b)-1] != 'Z' {
		t, err := time.Parse(time.RFC3339Nano, string(b))
		return t.UTC(), err == nil
	}
	if b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':' || b[19] != '.' {
		return time.Time{}, false
	}
	year, ok1 := digits(b[0:4])
	month, ok2 := digits(b[5:7])
	day, ok3 := digits(b[8:10])
	hour, ok4 := digits(b[11:13])
	minute, ok5 := digits(b[14:16])
	sec, ok6 := digits(b[17:19])
	nsec, ok7 := digits(b[20:29])
	if !(ok1 && ok2 && ok3 && ok4 && ok5 && ok6 && ok7) ||
		month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || sec > 59 {
		return time.Time{}, false
	}
	return time.Date(year, time.Month(month), day, hour, minute, sec, nsec, time.UTC), true
}

func digits(b []byte) (n int, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}
