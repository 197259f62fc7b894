package h1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"strings"
)

// field is one header line: the name in its canonical form, the value without white space around it.
type field struct{ name, value string }

// head is the first part of an answer.
type head struct {
	status int
	minor  int // of HTTP/1.minor
	fields []field
}

// MalformedError says what makes an answer unusable.
type MalformedError struct{ Reason string }

func (e *MalformedError) Error() string { return "malformed answer: " + e.Reason }

func malformed(format string, args ...any) error {
	return &MalformedError{Reason: fmt.Sprintf(format, args...)}
}

// errNoAnswer is a connection that ended before the first byte of an answer.
var errNoAnswer = errors.New("the connection ended before an answer began")

// readLines appends to buf what br has up to the empty line that ends a head, the empty line included. A buf that comes back
// empty with an error says that nothing was read.
func readLines(br *bufio.Reader, buf []byte, limit int) ([]byte, error) {
	begin := 0 // of the current line
	for {
		part, err := br.ReadSlice('\n')
		buf = append(buf, part...)
		if len(buf) > limit {
			return buf, malformed("head above %d bytes", limit)
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return buf, err
		}
		if line := buf[begin:]; len(line) == 1 || len(line) == 2 && line[0] == '\r' {
			return buf, nil
		}
		begin = len(buf)
	}
}

// parse reads the lines of an answer's head, which end with an empty one. What it returns does not refer to lines.
func (h *head) parse(lines []byte) error {
	text := string(lines)
	first, rest, _ := strings.Cut(text, "\n")
	if err := h.parseStatus(strings.TrimSuffix(first, "\r")); err != nil {
		return err
	}
	return h.parseFields(rest)
}

// parseStatus reads "HTTP/1.1 200 OK". The text after the number means nothing.
func (h *head) parseStatus(line string) error {
	rest, ok := strings.CutPrefix(line, "HTTP/1.")
	if !ok || len(rest) < 5 || !digit(rest[0]) || rest[1] != ' ' || !digit(rest[2]) || !digit(rest[3]) || !digit(rest[4]) ||
		len(rest) > 5 && rest[5] != ' ' {
		return malformed("status line %.80q", line)
	}
	h.minor = int(rest[0] - '0')
	h.status = int(rest[2]-'0')*100 + int(rest[3]-'0')*10 + int(rest[4]-'0')
	if h.status < 100 {
		return malformed("status line %.80q", line)
	}
	return nil
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// parseFields reads header lines up to the empty one.
func (h *head) parseFields(text string) error {
	h.fields = h.fields[:0]
	for text != "" {
		line, rest, _ := strings.Cut(text, "\n")
		text = rest
		line = strings.TrimSuffix(line, "\r")
		if line == "" {
			return nil
		}
		if line[0] == ' ' || line[0] == '\t' {
			if err := h.fold(line); err != nil {
				return err
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimRight(name, " \t") // RFC 9112, 5.1: a proxy removes it from an answer
		if !ok || !token(name) || !printable(value) {
			return malformed("header line %.80q", line)
		}
		h.fields = append(h.fields, field{textproto.CanonicalMIMEHeaderKey(name), textproto.TrimString(value)})
	}
	return malformed("head without an end")
}

// fold joins a continuation line to the field before it, with one space in place of the break (RFC 9112, 5.2).
func (h *head) fold(line string) error {
	if len(h.fields) == 0 || !printable(line) {
		return malformed("header line %.80q", line)
	}
	last := &h.fields[len(h.fields)-1]
	last.value = textproto.TrimString(last.value + " " + textproto.TrimString(line))
	return nil
}

// token reports whether s is a token of RFC 9110, 5.6.2.
func token(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= 0x80 || !tokenChars[c] {
			return false
		}
	}
	return s != ""
}

var tokenChars = func() (set [0x80]bool) {
	for _, c := range "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ" {
		set[c] = true
	}
	return set
}()

// printable reports whether s may be a field's value: no control characters but the tab.
func printable(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	return true
}

// header makes a map of the fields that keep accepts.
func (h *head) header(keep func(name string) bool) http.Header {
	m := make(http.Header, len(h.fields))
	values := make([]string, 0, len(h.fields))
	for _, f := range h.fields {
		if !keep(f.name) {
			continue
		}
		if had, ok := m[f.name]; ok {
			m[f.name] = append(had, f.value)
			continue
		}
		values = append(values, f.value)
		m[f.name] = values[len(values)-1 : len(values) : len(values)]
	}
	return m
}

// listed calls f with each element of the comma-separated lists in the fields of a name.
func (h *head) listed(name string, f func(element string)) {
	for _, field := range h.fields {
		if field.name != name {
			continue
		}
		for element := range strings.SplitSeq(field.value, ",") {
			if element = textproto.TrimString(element); element != "" {
				f(element)
			}
		}
	}
}

// blankEnd reports whether p holds all of a trailer.
func blankEnd(p []byte) bool {
	return bytes.HasPrefix(p, []byte("\r\n")) || bytes.Contains(p, []byte("\r\n\r\n"))
}

// bareLF reports whether a line of p ends without a carriage return.
func bareLF(p []byte) bool { return bytes.Count(p, []byte("\n")) != bytes.Count(p, []byte("\r\n")) }
