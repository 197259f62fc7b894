package records

import (
	"bytes"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"
)

// canonicalTrace makes hex digits small; another text stays as it came.
func canonicalTrace(id string) string {
	if _, err := hex.DecodeString(id); err == nil && len(id) == 32 {
		return strings.ToLower(id)
	}
	return id
}

// encodeHeader writes "Name: value" lines by name; a name with several values has several lines.
func encodeHeader(h http.Header) string {
	if len(h) == 0 {
		return ""
	}
	names := make([]string, 0, 32)
	size := 0
	for name, values := range h {
		names = append(names, name)
		for _, v := range values {
			size += len(name) + len(v) + 3
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.Grow(size)
	for _, name := range names {
		for _, v := range h[name] {
			escape(&b, name, nameEscapes)
			b.WriteString(": ")
			escape(&b, v, valueEscapes)
			b.WriteByte('\n')
		}
	}
	return b.String()
}

const (
	nameEscapes  = "\\\n\r:"
	valueEscapes = "\\\n\r"
)

func escape(b *strings.Builder, text, special string) {
	if !strings.ContainsAny(text, special) {
		b.WriteString(text)
		return
	}
	for i := range len(text) {
		switch c := text[i]; {
		case c == '\n':
			b.WriteString(`\n`)
		case c == '\r':
			b.WriteString(`\r`)
		case strings.IndexByte(special, c) >= 0:
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
}

func decodeHeader(text string) http.Header {
	if text == "" {
		return nil
	}
	h := http.Header{}
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, rest := unescape(line, ':')
		value, _ := unescape(strings.TrimPrefix(rest, " "), 0)
		h[name] = append(h[name], value)
	}
	return h
}

// unescape reads up to the first bare stop and returns what follows it.
func unescape(text string, stop byte) (plain, rest string) {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == stop && stop != 0 {
			return b.String(), text[i+1:]
		}
		if c == '\\' && i+1 < len(text) {
			i++
			switch c = text[i]; c {
			case 'n':
				c = '\n'
			case 'r':
				c = '\r'
			}
		}
		b.WriteByte(c)
	}
	return b.String(), ""
}

// packedAlready knows the first bytes of formats that do not shrink.
func packedAlready(body []byte) bool {
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "\x89PNG", "\xff\xd8\xff", "PK\x03\x04", "\x00\x00\x00\x1cftyp", "\x00\x00\x00\x20ftyp", "OggS", "ID3", "BZh", "\xfd7zXZ"} {
		if bytes.HasPrefix(body, []byte(magic)) {
			return true
		}
	}
	return false
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
