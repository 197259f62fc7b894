package records

import (
	"bytes"
	"crypto/sha256"
	"database/sql/driver"
	"encoding/hex"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Flag bits of a message.
const (
	flagTruncated = 1 << iota
	flagOmitted
	flagZstd
	flagFile
)

const (
	flagBits = 8
	flagMask = 1<<flagBits - 1
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// encoded is one exchange ready to be inserted.
type encoded struct {
	day            day
	row            [columnCount]driver.Value
	files          []string // names of its body files
	trace, session string
}

// encode packs bodies and writes the large ones to files, which must be durable before their row is.
func (a *Archive) encode(x *Exchange, id uuid.UUID, e *encoded) error {
	reqBody, reqFlags, err := a.encodeBody(&x.Request, e)
	if err != nil {
		return err
	}
	respBody, respFlags, err := a.encodeBody(&x.Response, e)
	if err != nil {
		return err
	}
	e.day, e.trace, e.session = dayOf(x.StartedAt), canonicalTrace(x.TraceID), x.Session
	e.row = [columnCount]driver.Value{
		id[:], x.Service, x.Release, x.Instance, optional(x.Session), encodeTrace(e.trace), x.Method, x.Path, x.Query, x.Remote,
		int64(x.Status), x.StartedAt.UnixMicro(), x.FirstByte.Microseconds(), x.Duration.Microseconds(), string(x.End), x.Error,
		x.Request.Size, x.Request.SHA256[:], reqFlags, x.Response.Size, x.Response.SHA256[:], respFlags,
		encodeHeader(x.Request.Header), encodeHeader(x.Response.Header), reqBody, respBody,
	}
	return nil
}

func (a *Archive) encodeBody(m *Message, e *encoded) (stored driver.Value, flags int64, err error) {
	flags = int64(crc32.Checksum(m.Body, castagnoli)) << flagBits
	if m.Truncated {
		flags |= flagTruncated
	}
	if m.Omitted {
		flags |= flagOmitted
	}
	if len(m.Body) == 0 {
		return nil, flags, nil
	}
	data := m.Body
	if a.o.CompressMin >= 0 && len(data) >= a.o.CompressMin {
		if packed, pays := a.codec.pack(data); pays {
			data, flags = packed, flags|flagZstd
		}
	}
	if len(m.Body) <= a.o.InlineMax {
		return data, flags, nil
	}
	sum := sha256.Sum256(m.Body)
	name := bodyName(sum[:], flags&flagZstd != 0)
	if err := a.bodies.keep(name, data); err != nil {
		return nil, 0, err
	}
	e.files = append(e.files, name)
	return sum[:], flags | flagFile, nil
}

func optional(text string) driver.Value {
	if text == "" {
		return nil
	}
	return text
}

// canonicalTrace makes hex digits small; another text stays as it came.
func canonicalTrace(id string) string {
	if _, err := hex.DecodeString(id); err == nil && len(id) == 32 {
		return strings.ToLower(id)
	}
	return id
}

// encodeTrace stores a canonical id.
func encodeTrace(id string) driver.Value {
	if raw, err := hex.DecodeString(id); err == nil && len(raw) == 16 {
		return raw
	}
	return optional(id)
}

func decodeTrace(v any) string {
	switch v := v.(type) {
	case []byte:
		return hex.EncodeToString(v)
	case string:
		return v
	}
	return ""
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
