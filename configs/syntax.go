package configs

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

var (
	syntaxLine    = regexp.MustCompile(`(?s)^line (\d+): (.*)$`)
	unknownAnchor = regexp.MustCompile(`^unknown anchor '(.*)' referenced$`)
	// structural are the faults that the YAML parser itself finds; it counts their lines from 0, those of its
	// scanner from 1.
	structural = regexp.MustCompile(`^did not find expected (node content|key|'-' indicator|',' or|<)`)
)

// syntax reports what the YAML parser says, at the line it means.
func (d *decoder) syntax(data []byte, err error) {
	msg := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 1 // the parser leaves out the first
	if m := syntaxLine.FindStringSubmatch(msg); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			line, msg = n, m[2]
		}
		if structural.MatchString(msg) {
			line++
		}
	} else if m := unknownAnchor.FindStringSubmatch(msg); m != nil {
		line = lineOf(data, bytes.Index(data, []byte("*"+m[1])))
	} else if strings.Contains(msg, "UTF-8") || strings.Contains(msg, "control characters") {
		line = lineOf(data, firstOdd(data))
	}
	if strings.Contains(msg, "character that cannot start any token") {
		msg += " (indent with spaces, not tabs; quote values that begin with @ ` or %)"
	}
	d.fault(min(line, lineOf(data, len(data))), "", "is not valid YAML: %s", msg)
}

// lineOf is the line that the byte at offset is on; a newline at the very end begins none.
func lineOf(data []byte, offset int) int {
	if offset < 0 {
		return 1
	}
	if offset == len(data) {
		data = bytes.TrimSuffix(data, []byte{'\n'})
		offset = len(data)
	}
	return 1 + bytes.Count(data[:offset], []byte{'\n'})
}

// firstOdd finds the first byte that is no UTF-8 or a control character.
func firstOdd(data []byte) int {
	for i := 0; i < len(data); {
		r, n := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\n' && r != '\r' && r != '\t' || r == 0x7f {
			return i
		}
		i += n
	}
	return -1
}
